#include "protocol/message_json.h"

#include <algorithm>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "base/base64.h"
#include "protocol/json_writer.h"

namespace saccade::protocol {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void append_text(std::string& out, const FieldDescriptor& field, const std::string& text) {
  if (field.type() == FieldDescriptor::TYPE_BYTES) {
    out += '"';
    base::append_base64(out, text);
    out += '"';
    return;
  }
  append_string(out, text);
}

// A number of an enumeration that has no name (a client's newer copy) stays a number.
void append_enumeration(std::string& out, const FieldDescriptor& field, int number) {
  const auto* value = field.enum_type()->FindValueByNumber(number);
  if (value == nullptr) return append_number(out, std::int64_t{number});
  append_string(out, value->name());
}

// A field's value, or the index-th of a list's (index -1: the field is no list).
void append_value(std::string& out, const Message& message, const FieldDescriptor& field, int index,
                  Unset unset) {
  const Reflection& reflection = *message.GetReflection();
  const bool list = index >= 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return append_number(out, std::int64_t{list ? reflection.GetRepeatedInt32(message, &field, index)
                                                  : reflection.GetInt32(message, &field)});
    case FieldDescriptor::CPPTYPE_INT64:
      return append_number(out, std::int64_t{list ? reflection.GetRepeatedInt64(message, &field, index)
                                                  : reflection.GetInt64(message, &field)});
    case FieldDescriptor::CPPTYPE_UINT32:
      return append_number(out, std::uint64_t{list ? reflection.GetRepeatedUInt32(message, &field, index)
                                                   : reflection.GetUInt32(message, &field)});
    case FieldDescriptor::CPPTYPE_UINT64:
      return append_number(out, std::uint64_t{list ? reflection.GetRepeatedUInt64(message, &field, index)
                                                   : reflection.GetUInt64(message, &field)});
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return append_number(out, list ? reflection.GetRepeatedDouble(message, &field, index)
                                     : reflection.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return append_number(out, list ? reflection.GetRepeatedFloat(message, &field, index)
                                     : reflection.GetFloat(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      out += (list ? reflection.GetRepeatedBool(message, &field, index) : reflection.GetBool(message, &field))
                 ? "true"
                 : "false";
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      return append_enumeration(out, field,
                                list ? reflection.GetRepeatedEnumValue(message, &field, index)
                                     : reflection.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return append_text(out, field,
                         list ? reflection.GetRepeatedString(message, &field, index)
                              : reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return append_message(out,
                            list ? reflection.GetRepeatedMessage(message, &field, index)
                                 : reflection.GetMessage(message, &field),
                            unset);
  }
}

void append_list(std::string& out, const Message& message, const FieldDescriptor& field, Unset unset) {
  out += '[';
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    if (i > 0) out += ',';
    append_value(out, message, field, i, unset);
  }
  out += ']';
}

// Reflection shows a map as a list of entries, in no order: they are sorted, so that an answer stays the
// same.
void append_map(std::string& out, const Message& message, const FieldDescriptor& field, Unset unset) {
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  std::vector<std::pair<std::string, std::string>> members;
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    std::string name;
    append_value(name, entry, key, -1, unset);
    if (!name.starts_with('"')) name = "\"" + name + "\"";
    std::string content;
    append_value(content, entry, value, -1, unset);
    members.emplace_back(std::move(name), std::move(content));
  }
  std::ranges::sort(members);
  out += '{';
  for (const auto& [name, content] : members) {
    if (name != members.front().first) out += ',';
    out += name;
    out += ':';
    out += content;
  }
  out += '}';
}

bool is_written(const Message& message, const FieldDescriptor& field, Unset unset) {
  if (field.is_repeated()) {
    return unset == Unset::kPrint || message.GetReflection()->FieldSize(message, &field) > 0;
  }
  // A field with presence (a message, a member of a oneof) that nobody has set says nothing.
  if (field.has_presence() || unset == Unset::kSkip)
    return message.GetReflection()->HasField(message, &field);
  return true;
}

}  // namespace

void append_message(std::string& out, const Message& message, Unset unset) {
  out += '{';
  bool first = true;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (!is_written(message, field, unset)) continue;
    if (!first) out += ',';
    first = false;
    append_string(out, field.name());
    out += ':';
    if (field.is_map()) {
      append_map(out, message, field, unset);
    } else if (field.is_repeated()) {
      append_list(out, message, field, unset);
    } else {
      append_value(out, message, field, -1, unset);
    }
  }
  out += '}';
}

std::string message_json(const Message& message, Unset unset) {
  std::string out;
  append_message(out, message, unset);
  return out;
}

}  // namespace saccade::protocol
