#include "protocol/predict_request.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "protocol/json_numbers.h"
#include "protocol/json_parser.h"
#include "protocol/json_tensor.h"
#include "protocol/predict_shape.h"

namespace saccade::protocol {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::ptrdiff_t kLongestId = 256;  // with its quotes

std::string names_of(const request::ModelSignature& model) {
  std::string names;
  for (const auto& input : model.inputs) names += (names.empty() ? "\"" : ", \"") + input.name + "\"";
  return names;
}

// A string or a number, kept as it was written.
base::Result<std::string> read_id(ondemand::value value) {
  ondemand::json_type kind{};
  std::string_view raw;
  raw = value.raw_json_token();  // before the value is read, which moves on
  if (value.type().get(kind) ||
      (kind != ondemand::json_type::string && kind != ondemand::json_type::number)) {
    return base::invalid_argument("\"id\" must be a string or a number");
  }
  if (kind == ondemand::json_type::string) {
    std::string_view text;
    if (value.get_string().get(text)) return base::invalid_argument("\"id\" is not a valid string");
  } else {
    double number = 0;
    if (value.get_double().get(number)) return base::invalid_argument("\"id\" is not a valid number");
  }
  while (!raw.empty() && static_cast<unsigned char>(raw.back()) <= ' ') raw.remove_suffix(1);
  if (std::ssize(raw) > kLongestId) return base::invalid_argument("\"id\" is longer than 256 characters");
  return std::string(raw);
}

bool blank(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

void skip_blanks(const char*& at) {
  while (blank(*at)) ++at;
}

// A name or text without escapes, in ASCII; nothing where it is of another kind. `at` is at its first quote
// and moves behind its last. The bytes end with a brace.
std::optional<std::string_view> plain_string(const char*& at, const char* end) {
  const char* const first = at + 1;
  const char* p = first;
  const auto plain = [](char c) {
    return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= 0x20 &&
           static_cast<unsigned char>(c) < 0x80;
  };
  while (p < end && plain(*p)) ++p;
  if (p == end || *p != '"') return std::nullopt;
  at = p + 1;
  return std::string_view(first, static_cast<std::size_t>(p - first));
}

// The inputs as they are read, and whether together they are what the model takes.
class Gathered {
 public:
  explicit Gathered(const request::ModelSignature& model) : model_(model) {
    request_.inputs.resize(model.inputs.size());
  }

  // Whether input `index` has come already; it counts as come from now on.
  bool twice(std::size_t index) {
    if (index >= 64) return std::exchange(more_seen_[index], true);
    const std::uint64_t bit = std::uint64_t{1} << index;
    return (std::exchange(seen_, seen_ | bit) & bit) != 0;
  }

  std::int64_t expected_elements(std::size_t index) const {
    const request::TensorSpec& spec = model_.inputs[index];
    const tensor::Shape item = model_.batches() ? spec.shape.without_first() : spec.shape;
    return std::min<std::int64_t>(item.elements().value_or(64), 1 << 16);
  }

  base::Status place(std::size_t index, tensor::Tensor read) {
    const request::TensorSpec& spec = model_.inputs[index];
    const auto fitted = fit_shape(read.shape(), spec.shape, model_.batches());
    if (!fitted) {
      return base::invalid_argument("input \"" + spec.name + "\": got shape " + read.shape().text() +
                                    ", the model takes " + describe_shape(spec.shape, model_.batches()));
    }
    if (fitted->batch == 0) return base::invalid_argument("input \"" + spec.name + "\": the batch is empty");
    if (model_.batches() && fitted->batch > model_.max_batch_size) {
      return base::invalid_argument(
          "input \"" + spec.name + "\": a batch of " + std::to_string(fitted->batch) +
          " is more than the model's max_batch_size of " + std::to_string(model_.max_batch_size));
    }
    if (first_ != nullptr && fitted->batch != request_.batch) {
      return base::invalid_argument("input \"" + spec.name + "\" has " + std::to_string(fitted->batch) +
                                    " items, input \"" + first_->name + "\" has " +
                                    std::to_string(request_.batch));
    }
    if (first_ == nullptr) first_ = &spec;
    request_.batch = fitted->batch;
    request_.single = request_.single && fitted->single;
    read.reshape(fitted->shape);
    request_.inputs[index] = std::move(read);
    return {};
  }

  bool has_id() const { return !request_.id.empty(); }
  void set_id(std::string id) { request_.id = std::move(id); }

  base::Result<PredictRequest> finish() {
    for (std::size_t i = 0; i < model_.inputs.size(); ++i) {
      if (!twice(i)) {
        return base::invalid_argument("input \"" + model_.inputs[i].name + "\" is missing; the model takes " +
                                      names_of(model_));
      }
    }
    return std::move(request_);
  }

 private:
  const request::ModelSignature& model_;
  PredictRequest request_;
  std::uint64_t seen_ = 0;                      // the first 64 inputs
  std::map<std::size_t, bool> more_seen_;       // those beyond them
  const request::TensorSpec* first_ = nullptr;  // the first input that was read
};

// Reads the usual body in one pass over its bytes: an object whose members are numbers, in lists or alone,
// and maybe an id. Strings, escapes, mistakes: whatever else there is makes it give up, and Decoder, which
// knows all of JSON and what to say, begins anew.
class PlainDecoder {
 public:
  explicit PlainDecoder(const request::ModelSignature& model) : model_(model), gathered_(model) {}

  std::optional<PredictRequest> decode(std::string_view json) {
    while (!json.empty() && blank(json.back())) json.remove_suffix(1);
    while (!json.empty() && blank(json.front())) json.remove_prefix(1);
    if (json.size() < 2 || json.front() != '{' || json.back() != '}') return std::nullopt;
    at_ = json.data() + 1;
    end_ = json.data() + json.size();
    for (;;) {
      if (!member()) return std::nullopt;
      skip_blanks(at_);
      if (*at_++ == ',') continue;
      if (at_ != end_ || at_[-1] != '}') return std::nullopt;
      auto request = gathered_.finish();
      if (!request) return std::nullopt;
      return *std::move(request);
    }
  }

 private:
  bool member() {
    skip_blanks(at_);
    if (*at_ != '"') return false;
    const auto name = plain_string(at_, end_);
    if (!name) return false;
    skip_blanks(at_);
    if (*at_++ != ':') return false;
    if (at_ >= end_) return false;
    skip_blanks(at_);
    const int index = model_.find_input(*name);
    if (index >= 0) return input(static_cast<std::size_t>(index));
    return *name == "id" && id();
  }

  bool input(std::size_t index) {
    const request::TensorSpec& spec = model_.inputs[index];
    if (spec.type == tensor::DataType::kBytes || gathered_.twice(index)) return false;
    auto read = read_front_numbers(at_, end_, spec.name, spec.type, gathered_.expected_elements(index));
    return read && gathered_.place(index, *std::move(read));
  }

  bool id() {
    if (*at_ != '"' || gathered_.has_id()) return false;
    const char* const first = at_;
    if (!plain_string(at_, end_) || at_ - first > kLongestId) return false;
    gathered_.set_id({first, at_});
    return true;
  }

  const request::ModelSignature& model_;
  Gathered gathered_;
  const char* at_ = nullptr;
  const char* end_ = nullptr;  // behind the brace that ends the object
};

class Decoder {
 public:
  explicit Decoder(const request::ModelSignature& model) : model_(model), gathered_(model) {}

  base::Result<PredictRequest> decode(std::string_view json) {
    ondemand::document document;
    if (const auto error = own_parser()
                               .iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING)
                               .get(document)) {
      return std::unexpected(json_error(error));
    }
    ondemand::object object;
    if (const auto error = document.get_object().get(object)) {
      if (error != simdjson::INCORRECT_TYPE) return std::unexpected(json_error(error));
      return base::invalid_argument("the body must be a JSON object with the inputs by name: " +
                                    names_of(model_));
    }
    for (auto entry : object) {
      ondemand::field field;
      std::string_view key;
      if (const auto error = std::move(entry).get(field)) return std::unexpected(json_error(error));
      if (const auto error = field.unescaped_key().get(key)) return std::unexpected(json_error(error));
      const std::string name(key);
      if (base::Status read = member(name, field.value()); !read) return std::unexpected(read.error());
    }
    if (!at_end(document)) return base::invalid_argument("there is something behind the JSON object");
    return gathered_.finish();
  }

 private:
  base::Status member(const std::string& name, ondemand::value value) {
    const int index = model_.find_input(name);
    if (index >= 0) return input(static_cast<std::size_t>(index), value);
    if (name != "id") {
      return base::invalid_argument("there is no input \"" + name.substr(0, 100) + "\"; the model takes " +
                                    names_of(model_));
    }
    if (gathered_.has_id()) return base::invalid_argument("\"id\" is there twice");
    auto id = read_id(value);
    if (!id) return std::unexpected(id.error());
    gathered_.set_id(*std::move(id));
    return {};
  }

  base::Status input(std::size_t index, ondemand::value value) {
    const request::TensorSpec& spec = model_.inputs[index];
    if (gathered_.twice(index)) return base::invalid_argument("input \"" + spec.name + "\" is there twice");
    auto read = read_tensor(value, spec.name, spec.type, gathered_.expected_elements(index));
    if (!read) return std::unexpected(read.error());
    return gathered_.place(index, *std::move(read));
  }

  const request::ModelSignature& model_;
  Gathered gathered_;
};

}  // namespace

base::Result<PredictRequest> decode_predict(std::string_view json, const request::ModelSignature& model) {
  if (json.empty()) {
    return base::invalid_argument("the body is empty; send a JSON object with the inputs by name: " +
                                  names_of(model));
  }
  if (auto plain = PlainDecoder(model).decode(json)) return *std::move(plain);
  return Decoder(model).decode(json);
}

std::string find_id(std::string_view json) {
  if (!json.contains("\"id\"")) return {};  // most have none
  ondemand::document document;
  ondemand::value value;
  if (own_parser().iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING).get(document))
    return {};
  if (document["id"].get(value)) return {};
  return read_id(value).value_or("");
}

base::Result<PredictRequest> decode_raw(std::string_view bytes, const request::ModelSignature& model) {
  if (model.inputs.size() != 1) {
    return base::invalid_argument("raw bytes are taken only by models with a single input; this one has " +
                                  std::to_string(model.inputs.size()) + ": send JSON");
  }
  const request::TensorSpec& spec = model.inputs.front();
  PredictRequest request;
  if (spec.type == tensor::DataType::kBytes) {
    const auto fitted = fit_shape({}, spec.shape, model.batches());
    if (!fitted)
      return base::invalid_argument("input \"" + spec.name + "\" takes more than one string: send JSON");
    request.inputs.emplace_back(fitted->shape, std::vector<std::string>{std::string(bytes)});
    return request;
  }
  const tensor::Shape item = model.batches() ? spec.shape.without_first() : spec.shape;
  const auto elements = item.elements();
  if (!elements) {
    return base::invalid_argument("input \"" + spec.name + "\" has free dimensions " + spec.shape.text() +
                                  ", which raw bytes don't tell: send JSON");
  }
  const std::size_t item_bytes = static_cast<std::size_t>(*elements) * tensor::element_size(spec.type);
  const std::size_t items = item_bytes == 0 ? 0 : bytes.size() / item_bytes;
  const std::size_t most = model.batches() ? static_cast<std::size_t>(model.max_batch_size) : 1;
  if (items == 0 || items * item_bytes != bytes.size() || items > most) {
    return base::invalid_argument("input \"" + spec.name + "\": got " + std::to_string(bytes.size()) +
                                  " bytes, one item has " + std::to_string(item_bytes) + " (" + item.text() +
                                  " of " + std::string(tensor::data_type_name(spec.type)) +
                                  ") and a message at most " + std::to_string(most) + " of them");
  }
  request.batch = static_cast<std::int64_t>(items);
  request.single = items == 1;
  tensor::Tensor tensor(spec.type, model.batches() ? item.with_first(request.batch) : item);
  std::memcpy(tensor.data(), bytes.data(), bytes.size());
  request.inputs.push_back(std::move(tensor));
  return request;
}

}  // namespace saccade::protocol
