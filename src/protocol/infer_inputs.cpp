#include "protocol/infer_inputs.h"

#include <algorithm>
#include <utility>

#include "protocol/binary_tensor.h"

namespace saccade::protocol {
namespace {

using tensor::DataType;

std::string named(std::string_view what, std::string_view name) {
  constexpr std::size_t kShown = 100;  // of a name that somebody made up
  return std::string(what) + " \"" + std::string(name.substr(0, kShown)) + "\"";
}

std::string names_of(const std::vector<request::TensorSpec>& specs) {
  std::string names;
  for (const request::TensorSpec& spec : specs) names += (names.empty() ? "\"" : ", \"") + spec.name + "\"";
  return names;
}

std::string text_of(std::span<const std::int64_t> dims) {
  constexpr std::size_t kShown = 16;
  std::string text = "[";
  for (std::size_t i = 0; i < std::min(dims.size(), kShown); ++i) {
    text += (i > 0 ? "," : "") + std::to_string(dims[i]);
  }
  return text + (dims.size() > kShown ? ",…]" : "]");
}

bool has_json_form(DataType type) {
  return type != DataType::kFp16 && type != DataType::kBf16;
}

bool can_be_classified(DataType type) {
  return has_json_form(type) && type != DataType::kBool && type != DataType::kBytes;
}

}  // namespace

std::string input_name(std::string_view name) {
  return named("input", name);
}
std::string output_name(std::string_view name) {
  return named("output", name);
}

InferInputs::InferInputs(const request::ModelSignature& model, const request::SharedRegions& regions)
    : model_(model), regions_(regions), seen_(model.inputs.size(), false) {
  request_.inference.inputs.resize(model.inputs.size());
}

base::Result<std::size_t> InferInputs::place(std::string_view name) {
  const int index = model_.find_input(name);
  if (index < 0) {
    return base::invalid_argument("there is no " + input_name(name) + "; model \"" + model_.name +
                                  "\" takes " + names_of(model_.inputs));
  }
  const auto place = static_cast<std::size_t>(index);
  if (seen_[place]) return base::invalid_argument(input_name(name) + " is there twice");
  seen_[place] = true;
  return place;
}

base::Result<tensor::Shape> InferInputs::check(std::size_t input, std::string_view datatype,
                                               std::span<const std::int64_t> dims) {
  const request::TensorSpec& spec = model_.inputs[input];
  const std::string_view wanted = tensor::data_type_name(spec.type);
  if (datatype != wanted) {
    return base::invalid_argument(input_name(spec.name) + ": \"datatype\" is \"" +
                                  std::string(datatype.substr(0, 100)) + "\", the model takes " +
                                  std::string(wanted));
  }
  const auto wrong = [&](const std::string& why) {
    return base::invalid_argument(input_name(spec.name) + ": \"shape\" is " + text_of(dims) +
                                  ", the model takes " + spec.shape.text() + why);
  };
  if (std::ranges::any_of(dims, [](std::int64_t dim) { return dim < 0; })) {
    return wrong(": a tensor's own sizes are 0 or more");
  }
  if (dims.size() != spec.shape.rank()) {
    return wrong(model_.batches() ? " (the first size is the batch's)" : " (the model does not batch)");
  }
  const tensor::Shape shape(dims);
  if (!spec.shape.accepts(shape)) return wrong("");
  if (!shape.elements()) return wrong(", and so many elements are more than any memory holds");
  if (base::Status batch = check_batch(input, shape); !batch)
    return std::unexpected(std::move(batch.error()));
  return shape;
}

base::Status InferInputs::check_batch(std::size_t input, const tensor::Shape& shape) {
  if (!model_.batches()) return {};
  const std::string& name = model_.inputs[input].name;
  const std::int64_t batch = shape[0];
  if (batch < 1 || batch > model_.max_batch_size) {
    return base::invalid_argument(input_name(name) + ": \"shape\" is " + shape.text() + ", a batch of " +
                                  std::to_string(batch) + "; model \"" + model_.name + "\" takes 1 to " +
                                  std::to_string(model_.max_batch_size) + " (max_batch_size)");
  }
  if (first_ < 0) {
    first_ = static_cast<int>(input);
    request_.inference.batch = batch;
  }
  if (batch == request_.inference.batch) return {};
  return base::invalid_argument(input_name(name) + ": \"shape\" is " + shape.text() + ", a batch of " +
                                std::to_string(batch) + ", but " +
                                input_name(model_.inputs[static_cast<std::size_t>(first_)].name) +
                                " has a batch of " + std::to_string(request_.inference.batch));
}

void InferInputs::set(std::size_t input, tensor::Tensor tensor) {
  request_.inference.inputs[input] = std::move(tensor);
}

base::Status InferInputs::set_from_region(std::size_t input, const request::RegionSlice& slice,
                                          const tensor::Shape& shape) {
  const request::TensorSpec& spec = model_.inputs[input];
  auto tensor = tensor_of_region(slice, spec.name, spec.type, shape, regions_);
  if (!tensor) {
    base::Error& error = tensor.error();
    if (!error.message.starts_with("input ")) error.message = input_name(spec.name) + ": " + error.message;
    return std::unexpected(std::move(error));
  }
  set(input, *std::move(tensor));
  return {};
}

base::Status InferInputs::add_output(std::string_view name, const TensorParameters& parameters) {
  const auto found = std::ranges::find(model_.outputs, name, &request::TensorSpec::name);
  if (found == model_.outputs.end()) {
    return base::invalid_argument("there is no " + output_name(name) + "; model \"" + model_.name +
                                  "\" gives " + names_of(model_.outputs));
  }
  RequestedOutput asked{.index = static_cast<int>(found - model_.outputs.begin()),
                        .binary = parameters.binary_data().value_or(false),
                        .classification = parameters.classification(),
                        .shared_memory = {}};
  if (std::ranges::find(request_.outputs, asked.index, &RequestedOutput::index) != request_.outputs.end()) {
    return {};
  }
  auto region = parameters.shared_memory(output_name(name));
  if (!region) return std::unexpected(std::move(region.error()));
  asked.shared_memory = *std::move(region);
  request_.outputs.push_back(std::move(asked));
  return {};
}

base::Status InferInputs::check_output(const RequestedOutput& asked, bool json) const {
  const request::TensorSpec& spec = model_.outputs[static_cast<std::size_t>(asked.index)];
  // Nearly every output: its messages need not be made.
  if (!asked.shared_memory && asked.classification <= 0 && has_json_form(spec.type)) return {};
  const std::string type(tensor::data_type_name(spec.type));
  const std::string name = output_name(spec.name);
  if (asked.shared_memory && asked.classification > 0) {
    return base::invalid_argument(name +
                                  ": \"shared_memory_region\" and \"classification\" exclude each other");
  }
  if (asked.shared_memory && asked.binary) {
    return base::invalid_argument(name + ": \"shared_memory_region\" and \"binary_data\" exclude each other");
  }
  if (asked.classification > 0 && !can_be_classified(spec.type)) {
    return base::invalid_argument(name + ": \"classification\" needs numbers, this output is " + type);
  }
  if (json && !asked.binary && !asked.shared_memory && !has_json_form(spec.type)) {
    return base::invalid_argument(name + " is " + type +
                                  ", which has no JSON form: ask for it with \"binary_data\": true, or for "
                                  "all outputs with \"binary_data_output\": true");
  }
  return {};
}

base::Result<InferRequest> InferInputs::finish(bool all_binary, bool json) {
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    if (seen_[i]) continue;
    return base::invalid_argument(input_name(model_.inputs[i].name) + " is missing; model \"" + model_.name +
                                  "\" takes " + names_of(model_.inputs));
  }
  if (request_.outputs.empty()) {
    request_.outputs.resize(model_.outputs.size());
    for (std::size_t i = 0; i < model_.outputs.size(); ++i) {
      request_.outputs[i].index = static_cast<int>(i);
      request_.outputs[i].binary = all_binary;
    }
  }
  // The answer names them; clients that count know this order from other servers.
  std::ranges::sort(request_.outputs, {}, &RequestedOutput::index);
  for (const RequestedOutput& asked : request_.outputs) {
    if (base::Status usable = check_output(asked, json); !usable)
      return std::unexpected(std::move(usable.error()));
  }
  return std::move(request_);
}

}  // namespace saccade::protocol
