#include "model/config_text.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <boost/json.hpp>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/json_util.h>

#include "base/utf8.h"
#include "model/text_file.h"

namespace saccade::model {

namespace {

namespace pb = google::protobuf;

// The deepest sensible file has eight levels; past this the parser would only spend stack.
constexpr int kMostNested = 32;

// The two texts in double quotes that protobuf's messages name the culprit and its surroundings by.
std::optional<std::pair<std::string_view, std::string_view>> two_quoted(std::string_view message) {
  std::string_view found[2];
  for (auto& part : found) {
    const std::size_t open = message.find('"');
    if (open == std::string_view::npos) return std::nullopt;
    message.remove_prefix(open + 1);
    const std::size_t close = message.find('"');
    if (close == std::string_view::npos) return std::nullopt;
    part = message.substr(0, close);
    message.remove_prefix(close + 1);
  }
  return std::pair(found[0], found[1]);
}

// The type of the first enumeration field of this name. The parser doesn't say in which message the field
// stood; the only name that several have is `kind`, and there the first, an instance group's, is the one that
// is served.
const pb::EnumDescriptor* find_enum(const pb::Descriptor& message, std::string_view field) {
  for (int i = 0; i < message.field_count(); ++i) {
    const pb::EnumDescriptor* type = message.field(i)->enum_type();
    if (type != nullptr && message.field(i)->name() == field) return type;
  }
  for (int i = 0; i < message.nested_type_count(); ++i) {
    if (const auto* type = find_enum(*message.nested_type(i), field)) return type;
  }
  return nullptr;
}

// What a field of this name may say: "KIND_AUTO, KIND_GPU, …".
std::string values_of(std::string_view field) {
  const pb::FileDescriptor& file = *inference::ModelConfig::descriptor()->file();
  const pb::EnumDescriptor* type = nullptr;
  for (int i = 0; type == nullptr && i < file.message_type_count(); ++i) {
    type = find_enum(*file.message_type(i), field);
  }
  std::string text;
  for (int i = 0; type != nullptr && i < type->value_count(); ++i) {
    // The zero of DataType stands for "not said" and is no answer to anything.
    if (type->value(i)->name() == "TYPE_INVALID") continue;
    if (!text.empty()) text += ", ";
    text += type->value(i)->name();
  }
  return text;
}

// protobuf's sentence, with what would be right where it only says what is wrong.
std::string explain(std::string message) {
  while (message.ends_with('.')) message.pop_back();
  if (message.starts_with("Unknown enumeration value")) {
    if (const auto parts = two_quoted(message)) {
      const std::string values = values_of(parts->second);
      return "unknown value " + in_quotes(parts->first) + " of " + std::string(parts->second) +
             (values.empty() ? "" : "; known are " + values);
    }
  }
  if (message.ends_with("got: ")) message += "the end of the file";
  if (message.find("another member of oneof") != std::string::npos) message += "; keep one of the two";
  if (message.find("is specified multiple times") != std::string::npos) message += "; keep one of them";
  return printable(message);
}

class Collector : public pb::io::ErrorCollector {
 public:
  Collector(std::string_view text, std::string_view where, std::vector<std::string>& warnings)
      : text_(text), where_(where), warnings_(warnings) {}

  void AddError(int line, pb::io::ColumnNumber column, const std::string& message) override {
    // What comes after the first is mostly its echo.
    if (!error_.empty()) return;
    const auto parts = two_quoted(message);
    const bool about_value = parts && message.starts_with("Unknown enumeration value");
    error_ =
        (about_value ? place_before(line, column, parts->first) : place(line, column)) + explain(message);
  }
  void AddWarning(int line, pb::io::ColumnNumber column, const std::string& message) override {
    const auto parts = two_quoted(message);
    if (!parts || message.find("has no field named") == std::string::npos) {
      warnings_.push_back(place(line, column) + explain(message));
      return;
    }
    std::string_view type = parts->first;
    type.remove_prefix(type.rfind('.') + 1);
    warnings_.push_back(place_before(line, column, parts->second) + "unknown field " +
                        in_quotes(parts->second) + " in " + std::string(type) + " is ignored");
  }

  std::string take_error() { return error_.empty() ? std::string(where_) + ": not text format" : error_; }

 private:
  // protobuf counts from zero, people from one.
  std::string place(std::size_t line, std::size_t column) const {
    return std::string(where_) + ":" + std::to_string(line + 1) + ":" + std::to_string(column + 1) + ": ";
  }
  // The parser complains about a word when it stands at the next one, perhaps lines further: looks back for
  // it.
  std::string place_before(int line, int column, std::string_view word) const {
    std::size_t begin = 0;
    for (int i = 0; i < line; ++i) begin = text_.find('\n', begin) + 1;
    const std::size_t found = text_.rfind(word, begin + static_cast<std::size_t>(column));
    if (found == std::string_view::npos) return place(line, column);
    const std::string_view before = text_.substr(0, found);
    const auto lines = static_cast<std::size_t>(std::ranges::count(before, '\n'));
    return place(lines, found - (before.rfind('\n') + 1));
  }

  std::string_view text_;
  std::string_view where_;
  std::vector<std::string>& warnings_;
  std::string error_;
};

// The name of a string field anywhere in the message that is not UTF-8, which only an escape ("\xff") can
// bring about: protobuf's text format lets it pass and its other formats choke on it.
std::optional<std::string> find_broken_string(const pb::Message& message) {
  const pb::Reflection& reflection = *message.GetReflection();
  std::string scratch;
  std::vector<const pb::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const pb::FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING) {
        const std::string& text = field->is_repeated()
                                      ? reflection.GetRepeatedStringReference(message, field, i, &scratch)
                                      : reflection.GetStringReference(message, field, &scratch);
        if (!base::is_utf8(text)) return field->name() + " " + in_quotes(text);
      } else if (field->cpp_type() == pb::FieldDescriptor::CPPTYPE_MESSAGE) {
        auto found =
            find_broken_string(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                                    : reflection.GetMessage(message, field));
        if (found) return found;
      }
    }
  }
  return std::nullopt;
}

// Whether a JSON object, known to be one, has one of these members.
bool says_member(std::string_view json, std::initializer_list<std::string_view> names) {
  boost::system::error_code failure;
  const auto value = boost::json::parse(boost::json::string_view(json.data(), json.size()), failure);
  if (failure || !value.is_object()) return false;
  return std::ranges::any_of(names, [&](std::string_view name) {
    return value.get_object().contains(boost::json::string_view(name.data(), name.size()));
  });
}

}  // namespace

base::Result<ConfigText> parse_config_text(std::string_view text, std::string_view where) {
  const auto checked = check_text(text, where);
  if (!checked) return std::unexpected(checked.error());
  ConfigText result{
      std::make_shared<inference::ModelConfig>(), std::make_unique<pb::TextFormat::ParseInfoTree>(), {}};
  Collector collector(*checked, where, result.warnings);
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.WriteLocationsTo(result.lines.get());
  parser.AllowUnknownField(true);
  parser.SetRecursionLimit(kMostNested);
  pb::io::ArrayInputStream stream(checked->data(), static_cast<int>(checked->size()));
  if (!parser.Parse(&stream, result.message.get())) return base::invalid_argument(collector.take_error());
  if (const auto broken = find_broken_string(*result.message)) {
    return base::invalid_argument(std::string(where) + ": " + *broken + " is not UTF-8");
  }
  return result;
}

// By way of the text format, which keeps apart what is said and what is not.
base::Result<ConfigText> parse_config_json_text(std::string_view json, std::string_view where) {
  const auto checked = check_text(json, where);
  if (!checked) return std::unexpected(checked.error());
  inference::ModelConfig message;
  const auto status =
      pb::util::JsonStringToMessage(pb::StringPiece(checked->data(), checked->size()), &message, {});
  if (!status.ok()) {
    return base::invalid_argument(
        std::string(where) + ": " +
        printable(std::string_view(status.message().data(), status.message().size())));
  }
  std::string text;
  pb::TextFormat::PrintToString(message, &text);
  // Zero is a value that the text format leaves out and that means something here.
  if (message.max_batch_size() == 0 && says_member(*checked, {"max_batch_size", "maxBatchSize"})) {
    text += "max_batch_size: 0\n";
  }
  auto parsed = parse_config_text(text, where);
  if (parsed) parsed->shows_lines = false;
  return parsed;
}

int Place::line_of(int field, int index) const {
  const pb::FieldDescriptor* descriptor = message_->GetDescriptor()->FindFieldByNumber(field);
  if (descriptor == nullptr || lines_ == nullptr) return 0;
  if (!descriptor->is_repeated()) return lines_->GetLocation(descriptor, -1).line + 1;
  // `dims: [1, 2]` is one place for all its values.
  const int line = lines_->GetLocation(descriptor, index).line;
  return (line >= 0 ? line : lines_->GetLocation(descriptor, 0).line) + 1;
}

std::string Place::of(int field, int index) const {
  const int line = line_of(field, index);
  const int shown = !shows_lines_ ? 0 : line > 0 ? line : own_line_;
  return std::string(where_) + (shown > 0 ? ":" + std::to_string(shown) : "") + ": ";
}

Place Place::inside(int field, int index) const {
  Place place = *this;
  const pb::FieldDescriptor* descriptor = message_->GetDescriptor()->FindFieldByNumber(field);
  const pb::Reflection& reflection = *message_->GetReflection();
  const bool repeated = descriptor->is_repeated();
  place.message_ = repeated ? &reflection.GetRepeatedMessage(*message_, descriptor, index)
                            : &reflection.GetMessage(*message_, descriptor);
  place.lines_ = lines_ == nullptr ? nullptr : lines_->GetTreeForNested(descriptor, repeated ? index : -1);
  if (const int line = line_of(field, index); line > 0) place.own_line_ = line;
  // `input [ {…}, {…} ]` is one place for all its messages; the first field inside is nearer.
  int first = 0;
  for (int i = 0; i < place.message_->GetDescriptor()->field_count(); ++i) {
    const int line = place.line_of(place.message_->GetDescriptor()->field(i)->number(), 0);
    if (line > 0 && (first == 0 || line < first)) first = line;
  }
  if (first > 0) place.own_line_ = first;
  return place;
}

}  // namespace saccade::model
