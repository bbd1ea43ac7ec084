#include "compare.h"

#include <array>
#include <cstdint>

#include <google/protobuf/util/json_util.h>

namespace {

const Json kNull;

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
  return text;
}

std::string base64_of_four_bytes(std::uint32_t value) {
  static const char* const kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::array<std::uint32_t, 6> bytes{
      value & 255, value >> 8 & 255, value >> 16 & 255, value >> 24, 0, 0};
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t three = bytes[i] << 16 | bytes[i + 1] << 8 | bytes[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) text += kDigits[three >> shift & 63];
  }
  return text.substr(0, 6) + "==";
}

std::string to_text(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  require(status.ok(), status.ToString());
  return text;
}

bool is_empty(const Json& found) {
  switch (found.kind_case()) {
    case Json::kNumberValue:
      return found.number_value() == 0;
    case Json::kStringValue:
      return found.string_value().empty() || found.string_value() == "0";
    case Json::kBoolValue:
      return !found.bool_value();
    case Json::kStructValue:
      return found.struct_value().fields().empty();
    case Json::kListValue:
      return found.list_value().values().empty();
    default:
      return true;
  }
}

std::string list_difference(const Json& wanted, const Json& found, const std::string& place) {
  const auto& list = wanted.list_value().values();
  const auto& elements = found.list_value().values();
  if (list.size() != elements.size()) {
    return place + " has " + std::to_string(elements.size()) + " elements instead of " +
           std::to_string(list.size());
  }
  for (int i = 0; i < list.size(); ++i) {
    std::string one = difference(list[i], elements[i], place + "[" + std::to_string(i) + "]");
    if (!one.empty()) return one;
  }
  return {};
}

}  // namespace

void require(bool condition, const std::string& what) {
  if (!condition) throw Failed(what);
}

const Json& member(const Json& object, const std::string& name) {
  const auto& fields = object.struct_value().fields();
  const auto found = fields.find(name);
  return found == fields.end() ? kNull : found->second;
}

bool has(const Json& object, const std::string& name) {
  return object.struct_value().fields().contains(name);
}

int number(const Json& object, const std::string& name, int otherwise) {
  return has(object, name) ? static_cast<int>(member(object, name).number_value()) : otherwise;
}

std::string text(const Json& object, const std::string& name) {
  return member(object, name).string_value();
}

Json parse(const std::string& text) {
  Json value;
  const auto status = google::protobuf::util::JsonStringToMessage(text, &value);
  require(status.ok(), status.ToString());
  return value;
}

static std::string filled_text(const Json& pattern, int number) {
  return replaced(
      replaced(to_text(pattern), "$raw", base64_of_four_bytes(static_cast<std::uint32_t>(number))), "$i",
      std::to_string(number));
}

Json filled(const Json& pattern, int number) {
  return parse(filled_text(pattern, number));
}

void fill(google::protobuf::Message& message, const Json& pattern, int number) {
  if (pattern.kind_case() == Json::KIND_NOT_SET) return;
  const auto status = google::protobuf::util::JsonStringToMessage(filled_text(pattern, number), &message);
  require(status.ok(), status.ToString());
}

Json as_json(const google::protobuf::Message& message) {
  return parse(to_text(message));
}

std::string difference(const Json& wanted, const Json& found, const std::string& place) {
  if (wanted.has_list_value()) return list_difference(wanted, found, place);
  if (wanted.has_struct_value()) {
    for (const auto& [name, value] : wanted.struct_value().fields()) {
      std::string one = difference(value, member(found, name), place + "." + name);
      if (!one.empty()) return one;
    }
    return {};
  }
  if (wanted.string_value() == "*") return is_empty(found) ? place + " is empty" : "";
  if (is_empty(wanted) && is_empty(found)) return {};
  if (found.kind_case() == Json::KIND_NOT_SET) return place + " is missing instead of " + to_text(wanted);
  const std::string want = to_text(wanted);
  const std::string got = to_text(found);
  return want == got ? "" : place + " is " + got + " instead of " + want;
}

void check_answer(const Json& wanted, const google::protobuf::Message& answer, int number) {
  const std::string found = difference(filled(wanted, number), as_json(answer), "answer");
  require(found.empty(), found);
}

std::string code_name(grpc::StatusCode code) {
  static const std::array<const char*, 17> kNames{
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  return kNames.at(static_cast<std::size_t>(code));
}

std::string describe(const grpc::Status& status) {
  return code_name(status.error_code()) + ": " + status.error_message();
}

bool check_end(const Json& one, const grpc::Status& status) {
  if (!has(one, "error")) {
    require(status.ok(), describe(status));
    return true;
  }
  const Json& wanted = member(one, "error");
  const std::string code = text(wanted, "code");
  require(!status.ok(), "an answer instead of " + code);
  require(code_name(status.error_code()) == code, describe(status) + " instead of " + code);
  require(!status.error_message().empty(), code + " came without a message");
  const std::string part = text(wanted, "message");
  require(status.error_message().find(part) != std::string::npos,
          "the message lacks '" + part + "': " + status.error_message());
  return false;
}
