#include "protocol/v1_request.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "protocol/json_parser.h"
#include "protocol/json_tensor.h"
#include "protocol/predict_shape.h"
#include "protocol/v1_columns.h"

namespace saccade::protocol {
namespace {

namespace ondemand = simdjson::ondemand;

// The context is copied into every example: so many bytes may that make.
constexpr std::size_t kMostContextBytes = std::size_t{64} * 1024 * 1024;

std::string names_of(const request::ModelSignature& model) {
  std::string names;
  for (const auto& input : model.inputs) names += (names.empty() ? "\"" : ", \"") + input.name + "\"";
  return names;
}

bool blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

ondemand::json_type kind_of(ondemand::value& value) {
  ondemand::json_type kind{};
  return value.type().get(kind) ? ondemand::json_type::null : kind;
}

std::size_t size_of(const tensor::Tensor& tensor) {
  std::size_t bytes = tensor.byte_size();
  for (const std::string& text : tensor.strings()) bytes += text.size() + sizeof(std::string);
  return bytes;
}

class Decoder {
 public:
  explicit Decoder(const request::ModelSignature& model, bool examples)
      : model_(model), examples_(examples), context_(model.inputs.size()) {}

  base::Result<V1Request> decode(std::string_view json) {
    end_ = json.data() + json.size();
    if (base::Status status = examples_ ? find_context(json) : base::Status(); !status) {
      return std::unexpected(status.error());
    }
    ondemand::document document;
    if (const auto error = begin(json, document)) return std::unexpected(json_error(error));
    ondemand::object object;
    if (const auto error = document.get_object().get(object)) {
      if (error != simdjson::INCORRECT_TYPE) return std::unexpected(json_error(error));
      return base::invalid_argument("the body must be a JSON object with " + wanted());
    }
    for (auto entry : object) {
      ondemand::field field;
      std::string_view key;
      if (const auto error = std::move(entry).get(field)) return std::unexpected(json_error(error));
      if (const auto error = field.unescaped_key().get(key)) return std::unexpected(json_error(error));
      if (base::Status read = member(key, field.value()); !read) return std::unexpected(read.error());
    }
    if (!at_end(document)) return base::invalid_argument("there is something behind the JSON object");
    if (source_.empty()) return base::invalid_argument("the body has no " + wanted());
    return std::move(request_);
  }

 private:
  std::string wanted() const { return examples_ ? "\"examples\"" : "\"instances\" or \"inputs\""; }
  bool takes(std::string_view key) const {
    return examples_ ? key == "examples" : key == "instances" || key == "inputs";
  }

  base::Status member(std::string_view key, ondemand::value value) {
    if (key == "signature_name") return signature(value);
    if (!takes(key)) {
      if (const auto error = pass_over(value)) return std::unexpected(json_error(error));
      return {};
    }
    if (!source_.empty()) {
      return base::invalid_argument(source_ == key ? "\"" + source_ + "\" is there twice"
                                                   : "there is \"" + source_ + "\" and \"" +
                                                         std::string(key) + "\"; a request has one of them");
    }
    source_ = key;
    request_.rows = key != "inputs";
    base::Status status = request_.rows ? rows(value) : columns(value);
    if (status) return status;
    return base::fail(status.error().code, "\"" + source_ + "\": " + status.error().message);
  }

  static base::Status signature(ondemand::value value) {
    std::string_view name;
    if (value.get_string().get(name)) return base::invalid_argument("\"signature_name\" must be a string");
    if (name.empty() || name == kV1Signature) return {};
    return base::invalid_argument("there is no signature \"" + std::string(name.substr(0, 100)) +
                                  "\"; the model has \"" + std::string(kV1Signature) + "\"");
  }

  static simdjson::error_code begin(std::string_view json, ondemand::document& document) {
    return own_parser()
        .iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING)
        .get(document);
  }

  // Read before all else, wherever it stands: the examples need it. What is wrong elsewhere is said when the
  // body is read in full.
  base::Status find_context(std::string_view json) {
    ondemand::document document;
    ondemand::object object;
    if (begin(json, document) || document.get_object().get(object)) return {};
    for (auto entry : object) {
      ondemand::field field;
      std::string_view key;
      if (std::move(entry).get(field) || field.unescaped_key().get(key))
        break;  // said when it is read in full
      if (key != "context") continue;
      base::Status status = by_name(field.value(), [this](std::size_t input, ondemand::value value) {
        auto tensor = read(input, value);
        if (!tensor) return base::Status(std::unexpected(tensor.error()));
        if (context_[input]) return wrong_twice(input);
        context_bytes_ += size_of(*tensor);
        context_[input] = *std::move(tensor);
        return base::Status();
      });
      if (!status) return base::fail(status.error().code, "\"context\": " + status.error().message);
    }
    return {};
  }

  base::Status wrong_twice(std::size_t input) const {
    return base::invalid_argument("input \"" + model_.inputs[input].name + "\" is there twice");
  }

  // What stands behind the first character of a value, without reading the value: five characters, some of
  // them of the padding where the document ends.
  std::string_view behind_bracket(std::string_view token) const {
    const char* p = token.data() + 1;
    while (p < end_ && blank(*p)) ++p;
    return {p, 5};
  }

  bool single() const { return model_.inputs.size() == 1; }
  // {"b64": "…"} in the place of a model's only input, which is no object of inputs by name.
  bool is_base64(std::string_view token) const {
    return single() && model_.inputs.front().type == tensor::DataType::kBytes &&
           model_.find_input("b64") < 0 && token.starts_with('{') && behind_bracket(token) == "\"b64\"";
  }

  base::Result<tensor::Tensor> read(std::size_t input, ondemand::value value) const {
    const request::TensorSpec& spec = model_.inputs[input];
    const tensor::Shape item = model_.batches() ? spec.shape.without_first() : spec.shape;
    return read_tensor(value, spec.name, spec.type,
                       std::min<std::int64_t>(item.elements().value_or(64), 1 << 16), Dialect::kTensorFlow);
  }

  template <typename Take>
  base::Status by_name(ondemand::value value, const Take& take) {
    ondemand::object object;
    if (const auto error = value.get_object().get(object)) {
      if (error != simdjson::INCORRECT_TYPE) return std::unexpected(json_error(error));
      return base::invalid_argument("must be an object with the inputs by name: " + names_of(model_));
    }
    for (auto entry : object) {
      ondemand::field field;
      std::string_view key;
      if (const auto error = std::move(entry).get(field)) return std::unexpected(json_error(error));
      if (const auto error = field.unescaped_key().get(key)) return std::unexpected(json_error(error));
      const int input = model_.find_input(key);
      if (input < 0) {
        return base::invalid_argument("there is no input \"" + std::string(key.substr(0, 100)) +
                                      "\"; the model takes " + names_of(model_));
      }
      if (base::Status status = take(static_cast<std::size_t>(input), field.value()); !status) return status;
    }
    return {};
  }

  // "instances", "examples"
  base::Status rows(ondemand::value value) {
    if (kind_of(value) != ondemand::json_type::array) return base::invalid_argument("must be a list");
    const std::string_view token = value.raw_json_token();
    const std::string_view first = behind_bracket(token);
    if (!examples_ && single() && (!first.starts_with('{') || is_base64(first))) return whole(value);

    V1Columns columns(model_);
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) return std::unexpected(json_error(error));
    for (auto entry : array) {
      ondemand::value item;
      if (const auto error = std::move(entry).get(item)) return std::unexpected(json_error(error));
      if (model_.batches() && columns.items() == model_.max_batch_size) {
        return base::invalid_argument("has more items than the model's max_batch_size of " +
                                      std::to_string(model_.max_batch_size));
      }
      const std::string place = "item " + std::to_string(columns.items()) + ": ";
      if (base::Status status = row(columns, item); !status) {
        return base::fail(status.error().code, place + status.error().message);
      }
    }
    if (columns.items() == 0) return base::invalid_argument("is empty");
    std::vector<tensor::Tensor> inputs = columns.take();
    for (std::size_t input = 0; input < inputs.size(); ++input) {
      if (base::Status status = fit(input, std::move(inputs[input])); !status) return status;
    }
    return {};
  }

  base::Status row(V1Columns& columns, ondemand::value item) {
    const auto add = [&](std::size_t input, ondemand::value value) {
      if (context_[input]) {
        return base::Status(
            base::invalid_argument("input \"" + model_.inputs[input].name + "\" is in \"context\" already"));
      }
      auto tensor = read(input, value);
      if (!tensor) return base::Status(std::unexpected(tensor.error()));
      if (model_.batches()) {
        const auto shape = item_shape(tensor->shape(), model_.inputs[input].shape.without_first());
        if (shape) tensor->reshape(*shape);
      }
      return columns.add(input, *std::move(tensor));
    };
    const bool object = kind_of(item) == ondemand::json_type::object;
    const std::string_view token = item.raw_json_token();
    const bool bare = !examples_ && single() && (!object || is_base64(token));
    if (base::Status status = bare ? add(0, item) : by_name(item, add); !status) return status;
    if (context_bytes_ * static_cast<std::size_t>(columns.items() + 1) > kMostContextBytes) {
      return base::invalid_argument("\"context\" is too large for so many examples");
    }
    for (std::size_t input = 0; input < context_.size(); ++input) {
      const std::optional<tensor::Tensor>& shared = context_[input];
      if (!shared) continue;
      if (base::Status status = columns.add(input, copy(*shared)); !status) return status;
    }
    return columns.end_item();
  }

  static tensor::Tensor copy(const tensor::Tensor& tensor) {
    if (tensor.type() == tensor::DataType::kBytes) return {tensor.shape(), tensor.strings()};
    tensor::Tensor copy(tensor.type(), tensor.shape());
    std::copy_n(tensor.data(), tensor.byte_size(), copy.data());
    return copy;
  }

  // "inputs"
  base::Status columns(ondemand::value value) {
    const std::string_view token = value.raw_json_token();
    const bool object = kind_of(value) == ondemand::json_type::object;
    if (single() && (!object || is_base64(token))) return whole(value);
    base::Status status = by_name(value, [this](std::size_t input, ondemand::value member) {
      auto tensor = read(input, member);
      return tensor ? fit(input, *std::move(tensor)) : base::Status(std::unexpected(tensor.error()));
    });
    if (!status) return status;
    for (std::size_t input = 0; input < model_.inputs.size(); ++input) {
      if (request_.inputs.empty() || !seen_[input]) {
        return base::invalid_argument("input \"" + model_.inputs[input].name +
                                      "\" is missing; the model takes " + names_of(model_));
      }
    }
    return {};
  }

  base::Status whole(ondemand::value value) {
    auto tensor = read(0, value);
    if (!tensor) return std::unexpected(tensor.error());
    return fit(0, *std::move(tensor));
  }

  // The tensor of all items, put into the shape that the model takes.
  base::Status fit(std::size_t input, tensor::Tensor tensor) {
    const request::TensorSpec& spec = model_.inputs[input];
    request_.inputs.resize(model_.inputs.size());
    seen_.resize(model_.inputs.size());
    if (seen_[input]) return wrong_twice(input);
    seen_[input] = true;
    if (model_.batches() && tensor.shape().rank() > 0 && tensor.shape()[0] == 0) {
      return base::invalid_argument("input \"" + spec.name + "\": the batch is empty");
    }
    const std::optional<tensor::Shape> shape = shape_for(tensor.shape(), spec.shape);
    if (!shape) {
      const tensor::Shape item = model_.batches() ? spec.shape.without_first() : spec.shape;
      return base::invalid_argument(
          "input \"" + spec.name + "\": got the shape " + tensor.shape().text() + ", the model takes " +
          (model_.batches() ? "a list of items, each " + (item.rank() == 0 ? "a single value" : item.text())
                            : item.text()));
    }
    if (model_.batches()) {
      const std::int64_t items = (*shape)[0];
      if (items > model_.max_batch_size) {
        return base::invalid_argument("input \"" + spec.name + "\": a batch of " + std::to_string(items) +
                                      " is more than the model's max_batch_size of " +
                                      std::to_string(model_.max_batch_size));
      }
      if (!first_) first_ = spec.name, request_.batch = items;
      if (items != request_.batch) {
        return base::invalid_argument("input \"" + spec.name + "\" has " + std::to_string(items) +
                                      " items, input \"" + *first_ + "\" has " +
                                      std::to_string(request_.batch));
      }
    }
    tensor.reshape(*shape);
    request_.inputs[input] = std::move(tensor);
    return {};
  }

  std::optional<tensor::Shape> shape_for(const tensor::Shape& sent, const tensor::Shape& wanted) const {
    if (!model_.batches()) {
      const auto fitted = fit_shape(sent, wanted, false);
      return fitted ? std::optional(fitted->shape) : std::nullopt;
    }
    if (sent.rank() == 0) return std::nullopt;
    const auto item = item_shape(sent.without_first(), wanted.without_first());
    return item ? std::optional(item->with_first(sent[0])) : std::nullopt;
  }

  std::optional<tensor::Shape> item_shape(const tensor::Shape& sent, const tensor::Shape& wanted) const {
    if (const auto fitted = fit_shape(sent, wanted, false)) return fitted->shape;
    if (examples_ && sent.rank() == 1 && wanted.elements() == sent[0]) return wanted;
    return std::nullopt;
  }

  const request::ModelSignature& model_;
  const bool examples_;
  std::vector<std::optional<tensor::Tensor>> context_;
  std::size_t context_bytes_ = 0;
  const char* end_ = nullptr;  // of the document
  V1Request request_;
  std::vector<bool> seen_;
  std::string source_;                // "instances", "inputs" or "examples", once it was read
  std::optional<std::string> first_;  // the first input that was read
};

base::Result<V1Request> decode(std::string_view json, const request::ModelSignature& model, bool examples) {
  if (json.empty()) {
    return base::invalid_argument(std::string("the body is empty; send a JSON object with ") +
                                  (examples ? "\"examples\"" : "\"instances\" or \"inputs\""));
  }
  return Decoder(model, examples).decode(json);
}

}  // namespace

base::Result<V1Request> decode_v1_predict(std::string_view json, const request::ModelSignature& model) {
  return decode(json, model, false);
}

base::Result<V1Request> decode_v1_classify(std::string_view json, const request::ModelSignature& model) {
  return decode(json, model, true);
}

}  // namespace saccade::protocol
