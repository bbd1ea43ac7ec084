#include "protocol/json_tensor.h"

#include <utility>
#include <vector>

#include "base/base64.h"
#include "protocol/json_numbers.h"
#include "protocol/json_parser.h"
#include "protocol/nesting.h"

namespace saccade::protocol {
namespace {

using tensor::DataType;
namespace ondemand = simdjson::ondemand;

class StringReader {
 public:
  StringReader(std::string_view name, Dialect dialect)
      : nesting_(name, DataType::kBytes), dialect_(dialect) {}

  base::Result<tensor::Tensor> read(ondemand::value value) {
    if (base::Status status = level(value, 0); !status) return std::unexpected(status.error());
    return tensor::Tensor(nesting_.shape(), std::move(strings_));
  }

 private:
  base::Status level(ondemand::value value, std::size_t depth) {
    ondemand::json_type kind{};
    if (const auto error = value.type().get(kind)) return nesting_.not_json(json_reason(error), depth);
    if (kind == ondemand::json_type::array) return list(value, depth);
    if (base::Status status = nesting_.value_at(depth); !status) return status;
    if (kind == ondemand::json_type::object && dialect_ == Dialect::kTensorFlow) return base64(value, depth);
    std::string_view text;
    if (value.get_string().get(text)) return nesting_.not_a("a string", value.raw_json_token(), depth);
    strings_.emplace_back(text);
    return {};
  }

  base::Status base64(ondemand::value value, std::size_t depth) {
    ondemand::object object;
    if (const auto error = value.get_object().get(object)) {
      return nesting_.not_json(json_reason(error), depth);
    }
    bool found = false;
    std::string bytes;
    for (auto entry : object) {
      ondemand::field field;
      if (const auto error = std::move(entry).get(field)) {
        return nesting_.not_json(json_reason(error), depth);
      }
      std::string_view key;
      if (field.unescaped_key().get(key) || key != "b64" || found) {
        return nesting_.wrong("has an object that is not of the form {\"b64\": \"…\"}", depth);
      }
      std::string_view text;
      if (field.value().get_string().get(text) || !base::decode_base64(text, bytes)) {
        return nesting_.wrong("has a \"b64\" that is no string of base64", depth);
      }
      found = true;
    }
    if (!found) return nesting_.wrong("has an object that is not of the form {\"b64\": \"…\"}", depth);
    strings_.push_back(std::move(bytes));
    return {};
  }

  base::Status list(ondemand::value value, std::size_t depth) {
    if (base::Status status = nesting_.list_at(depth); !status) return status;
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) {
      return nesting_.not_json(json_reason(error), depth);
    }
    std::int64_t count = 0;
    for (auto item : array) {
      ondemand::value member;
      if (const auto error = std::move(item).get(member)) {
        return nesting_.not_json(json_reason(error), depth);
      }
      nesting_.item(depth, count);
      if (base::Status status = level(member, depth + 1); !status) return status;
      ++count;
    }
    return nesting_.end_list(depth, count);
  }

  Nesting nesting_;
  const Dialect dialect_;
  std::vector<std::string> strings_;
};

// The text of a value, which is thereby consumed.
base::Result<std::string_view> text_of(ondemand::value value, std::string_view name, DataType type,
                                       Dialect dialect) {
  ondemand::json_type kind{};
  std::string_view text = value.raw_json_token();
  auto error = value.type().get(kind);
  if (error && dialect == Dialect::kTensorFlow)
    return text;  // maybe a NaN, which the reader of numbers knows
  if (!error && kind == ondemand::json_type::array) {
    ondemand::array array;
    error = value.get_array().get(array);
    if (!error) error = array.raw_json().get(text);
  }
  if (error) return std::unexpected(Nesting(name, type).not_json(json_reason(error), 0).error());
  return text;
}

}  // namespace

base::Result<tensor::Tensor> read_tensor(ondemand::value value, std::string_view name, DataType type,
                                         std::int64_t expected_elements, Dialect dialect) {
  if (type == DataType::kBytes) return StringReader(name, dialect).read(value);
  const auto text = text_of(value, name, type, dialect);
  if (!text) return std::unexpected(text.error());
  return read_numbers(*text, name, type, expected_elements,
                      dialect == Dialect::kTensorFlow ? Reals::kWithNonFinite : Reals::kFinite);
}

}  // namespace saccade::protocol
