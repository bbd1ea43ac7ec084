#include "protocol/json_parser.h"

#include <memory>
#include <string_view>

namespace saccade::protocol {

namespace ondemand = simdjson::ondemand;

namespace {

ondemand::parser& kept(std::unique_ptr<ondemand::parser>& parser) {
  constexpr std::size_t kKept = std::size_t{1024} * 1024;
  if (parser == nullptr || parser->capacity() > kKept) parser = std::make_unique<ondemand::parser>();
  return *parser;
}

}  // namespace

ondemand::parser& own_parser() {
  thread_local std::unique_ptr<ondemand::parser> parser;
  return kept(parser);
}

ondemand::parser& own_inner_parser() {
  thread_local std::unique_ptr<ondemand::parser> parser;
  return kept(parser);
}

bool at_end(ondemand::document& document) {
  const char* place = nullptr;
  return document.current_location().get(place) == simdjson::OUT_OF_BOUNDS;
}

std::string_view json_reason(simdjson::error_code error) {
  switch (error) {
    case simdjson::EMPTY:
      return "it is empty";
    case simdjson::UTF8_ERROR:
      return "it is not UTF-8";
    case simdjson::UNESCAPED_CHARS:
      return "a string holds a control character that is not escaped";
    case simdjson::UNCLOSED_STRING:
      return "a string has no closing quote";
    case simdjson::STRING_ERROR:
      return "a string holds an escape that there is not";
    case simdjson::NUMBER_ERROR:
      return "a number is malformed";
    case simdjson::T_ATOM_ERROR:
    case simdjson::F_ATOM_ERROR:
    case simdjson::N_ATOM_ERROR:
      return "there is a word other than true, false and null";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return "a list or an object has no end";
    case simdjson::DEPTH_ERROR:
      return "it is nested too deeply";
    case simdjson::INCORRECT_TYPE:
      return "a value has another type than is taken here";
    case simdjson::CAPACITY:
      return "it is too large";
    default:
      return "it breaks off, or a comma, a colon, a bracket or a value is missing or misplaced";
  }
}

base::Error json_error(simdjson::error_code error) {
  return {base::Code::kInvalidArgument, "the body is not valid JSON: " + std::string(json_reason(error))};
}

namespace {

simdjson::error_code pass_over_object(ondemand::value value, int depth) {
  ondemand::object object;
  if (const auto error = value.get_object().get(object)) return error;
  for (auto entry : object) {
    ondemand::field field;
    std::string_view key;
    if (const auto error = std::move(entry).get(field)) return error;
    if (const auto error = field.unescaped_key().get(key)) return error;
    if (const auto error = pass_over(field.value(), depth)) return error;
  }
  return simdjson::SUCCESS;
}

simdjson::error_code pass_over_array(ondemand::value value, int depth) {
  ondemand::array array;
  if (const auto error = value.get_array().get(array)) return error;
  for (auto item : array) {
    ondemand::value member;
    if (const auto error = std::move(item).get(member)) return error;
    if (const auto error = pass_over(member, depth)) return error;
  }
  return simdjson::SUCCESS;
}

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion): as deep as `depth` allows
simdjson::error_code pass_over(ondemand::value value, int depth) {
  if (depth == 0) return simdjson::DEPTH_ERROR;
  ondemand::json_type kind{};
  if (const auto error = value.type().get(kind)) return error;
  std::string_view text;
  double number = 0;
  bool truth = false;
  switch (kind) {
    case ondemand::json_type::object:
      return pass_over_object(value, depth - 1);
    case ondemand::json_type::array:
      return pass_over_array(value, depth - 1);
    case ondemand::json_type::string:
      return value.get_string().get(text);
    case ondemand::json_type::number:
      return value.get_double().get(number);
    case ondemand::json_type::boolean:
      return value.get_bool().get(truth);
    case ondemand::json_type::null: {
      const simdjson::simdjson_result<bool> null = value.is_null();  // older versions say it without an error
      if (null.error()) return null.error();
      return null.value_unsafe() ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
    }
  }
  return simdjson::TAPE_ERROR;
}

}  // namespace saccade::protocol
