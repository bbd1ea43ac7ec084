#include "engine/openvino/openvino_session.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>

#include "engine/openvino/element_types.h"
#include "engine/openvino/onnx_outline.h"

namespace saccade::engine::openvino {
namespace {

using base::Code;

// Binding another memory costs about as much as copying this.
constexpr std::size_t kCopiedBytes = 16'384;
constexpr std::size_t kAlignment = 64;

base::Status check_device(Device device, const std::filesystem::path& model) {
  if (device == Device::kCpu) return {};
  return base::fail(Code::kUnavailable, model.string() +
                                            ": OpenVINO runs models on the CPU here; the device " +
                                            (device == Device::kCuda ? "cuda" : "tensorrt") +
                                            " takes an ONNX model and the engine onnxruntime");
}

base::Status check_there(Format format, const std::filesystem::path& model) {
  std::error_code ignored;
  const std::filesystem::path file =
      std::filesystem::is_directory(model, ignored) && format == Format::kSavedModel
          ? model / "saved_model.pb"
          : model;
  if (!std::filesystem::is_regular_file(file, ignored)) {
    return base::fail(Code::kNotFound, model.string() + ": no such file");
  }
  return {};
}

// A state that a request leaves behind for the next one would travel from one caller to another.
base::Status check_stateless(Format format, const std::filesystem::path& model) {
  if (format != Format::kIr) return {};
  std::ifstream in(model, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (text.find("type=\"ReadValue\"") == std::string::npos) return {};
  return base::invalid_argument(model.string() +
                                ": keeps a state from one run to the next (ReadValue), which is not served; "
                                "convert it with the state as inputs and outputs");
}

base::Result<Owned<ov_model_t>> read(ov_core_t& core, Format format, const std::filesystem::path& model) {
  ov_model_t* raw = nullptr;
  const ov_status_e status = api().ov_core_read_model(&core, to_open(format, model).c_str(), nullptr, &raw);
  if (status == OK) return Owned<ov_model_t>(raw);
  return base::invalid_argument(model.string() + ": is no " + std::string(describe(format)) +
                                " that OpenVINO can read: " + reason(status));
}

base::Result<Owned<ov_compiled_model_t>> compile(ov_core_t& core, const ov_model_t& model,
                                                 const std::filesystem::path& file, int threads) {
  const std::string count = std::to_string(threads);
  std::vector<ov_property_t> properties{
      // One stream: see the head of openvino_session.h.
      {"NUM_STREAMS", "1"},
      {"PERFORMANCE_HINT", "LATENCY"},
      // Event loops and instances are not bound to processors, so a run must not bind them either.
      {"ENABLE_CPU_PINNING", "NO"},
      // Answers must not depend on the engine: no bfloat16 where the processor has it.
      {"INFERENCE_PRECISION_HINT", "f32"},
  };
  if (threads > 0) properties.push_back({"INFERENCE_NUM_THREADS", count.c_str()});
  ov_compiled_model_t* raw = nullptr;
  const ov_status_e status =
      api().ov_core_compile_model_props(&core, &model, "CPU", properties.size(), properties.data(), &raw);
  if (status == OK) return Owned<ov_compiled_model_t>(raw);
  return base::invalid_argument(file.string() + ": can't be compiled by OpenVINO: " + reason(status));
}

ov_shape_t to_openvino(const tensor::Shape& shape) {
  return {static_cast<std::int64_t>(shape.rank()), const_cast<std::int64_t*>(shape.dims().data())};
}

std::string bounds_text(const std::vector<DimensionBounds>& bounds) {
  std::string text = "[";
  for (const DimensionBounds& bound : bounds) {
    if (text.size() > 1) text += ",";
    if (bound.least == bound.most) {
      text += std::to_string(bound.most);
    } else if (bound.least <= 0 && bound.most < 0) {
      text += "-1";
    } else {
      text += std::to_string(bound.least) + ".." + (bound.most < 0 ? "" : std::to_string(bound.most));
    }
  }
  return text + "]";
}

}  // namespace

base::Result<std::unique_ptr<Session>> OpenVinoSession::open(ov_core_t& core,
                                                             const std::filesystem::path& model,
                                                             const SessionOptions& options) {
  const auto format = format_of(model);
  if (!format) {
    return base::invalid_argument(model.string() +
                                  ": is none of the formats that OpenVINO reads (.onnx, .xml, "
                                  ".tflite, a SavedModel, .pb, .graphdef, .pdmodel)");
  }
  for (const base::Status& status :
       {check_device(options.device, model), check_there(*format, model), check_stateless(*format, model)}) {
    if (!status) return std::unexpected(status.error());
  }
  // OpenVINO's own reader speaks of a broken file on stderr, too.
  if (*format == Format::kOnnx) {
    const auto outline = read_outline(model);
    if (!outline || outline->outputs.empty()) {
      return base::invalid_argument(
          model.string() + ": is no ONNX model that OpenVINO can read: it has no graph, or is cut short");
    }
  }
  const auto read_model = read(core, *format, model);
  if (!read_model) return std::unexpected(read_model.error());
  auto facts = read_facts(**read_model, *format, model);
  if (!facts) return std::unexpected(std::move(facts.error()));
  auto compiled = compile(core, **read_model, model, options.threads);
  if (!compiled) return std::unexpected(std::move(compiled.error()));
  ov_infer_request_t* request = nullptr;
  if (const auto status = api().ov_compiled_model_create_infer_request(compiled->get(), &request);
      status != OK) {
    return base::fail(Code::kInternal, model.string() + ": no request could be made: " + reason(status));
  }
  return std::make_unique<OpenVinoSession>(*std::move(facts), *std::move(compiled),
                                           Owned<ov_infer_request_t>(request));
}

OpenVinoSession::OpenVinoSession(OpenVinoFacts facts, Owned<ov_compiled_model_t> compiled,
                                 Owned<ov_infer_request_t> request)
    : facts_(std::move(facts)),
      compiled_(std::move(compiled)),
      bindings_(facts_.facts.inputs.size()),
      request_(std::move(request)) {
  outputs_.resize(facts_.outputs.size());
}

base::Status OpenVinoSession::check(std::size_t index, const tensor::TensorView& view) const {
  const std::vector<DimensionBounds>& bounds = facts_.bounds[index];
  bool fits = view.shape.rank() == bounds.size() && view.type == facts_.facts.inputs[index].type;
  for (std::size_t axis = 0; fits && axis < bounds.size(); ++axis) {
    fits = view.shape[axis] >= bounds[axis].least &&
           (bounds[axis].most < 0 || view.shape[axis] <= bounds[axis].most);
  }
  if (fits) return {};
  const request::TensorSpec& input = facts_.facts.inputs[index];
  return base::invalid_argument("the model failed: input \"" + input.name + "\": got " +
                                std::string(tensor::data_type_name(view.type)) + " " + view.shape.text() +
                                ", the model takes " + std::string(tensor::data_type_name(input.type)) + " " +
                                bounds_text(bounds));
}

base::Status OpenVinoSession::bind(std::size_t index, const tensor::TensorView& view) {
  Binding& binding = bindings_[index];
  const std::size_t size = view.byte_size();
  const std::byte* data = view.data;
  if (size <= kCopiedBytes) {
    if (binding.capacity < size || binding.copy == nullptr) {
      // The old memory may still be bound; it goes after the new one is.
      binding.capacity = std::bit_ceil(std::max(size, kAlignment));
      binding.data = nullptr;
      binding.tensor.reset();
      binding.copy.reset(
          static_cast<std::byte*>(::operator new(binding.capacity, AlignedDelete::kAlignment)));
    }
    if (size > 0) std::memcpy(binding.copy.get(), view.data, size);
    data = binding.copy.get();
  }
  if (data == binding.data && view.shape == binding.shape) return {};
  const auto type = openvino::to_openvino(view.type);
  if (!type)
    return base::invalid_argument("OpenVINO does not know " + std::string(tensor::data_type_name(view.type)));
  ov_tensor_t* raw = nullptr;
  ov_status_e status = api().ov_tensor_create_from_host_ptr(*type, to_openvino(view.shape),
                                                            const_cast<std::byte*>(data), &raw);
  Owned<ov_tensor_t> tensor(raw);
  if (status == OK) {
    status = api().ov_infer_request_set_input_tensor_by_index(request_.get(), index, tensor.get());
  }
  if (status != OK) {
    binding.data = nullptr;
    return base::fail(Code::kInternal, "the model failed: input \"" + facts_.facts.inputs[index].name +
                                           "\" was refused: " + reason(status));
  }
  binding.data = data;
  binding.shape = view.shape;
  binding.tensor = std::move(tensor);
  return {};
}

// The request's own output memory is written anew by the next run, while answers of this one may still be on
// their way, so they get a copy.
base::Result<std::shared_ptr<RunOutputs>> OpenVinoSession::take_outputs() {
  auto outputs = std::make_shared<RunOutputs>();
  outputs->views.resize(outputs_.size());
  outputs->texts.resize(outputs_.size());
  std::size_t total = 0;
  const auto padded = [](std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; };
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    ov_tensor_t* raw = nullptr;
    ov_shape_t shape{};
    ov_status_e status =
        api().ov_infer_request_get_output_tensor_by_index(request_.get(), facts_.outputs[i], &raw);
    outputs_[i].reset(raw);
    if (status == OK) status = api().ov_tensor_get_shape(raw, &shape);
    if (status != OK) return base::fail(Code::kInternal, "the model failed: " + reason(status));
    const bool fits = shape.rank <= static_cast<std::int64_t>(tensor::Shape::kMaxRank);
    tensor::TensorView& view = outputs->views[i];
    view.type = facts_.facts.outputs[i].type;
    if (fits) view.shape = tensor::Shape(std::span(shape.dims, static_cast<std::size_t>(shape.rank)));
    api().ov_shape_free(&shape);
    if (!fits) {
      return base::fail(Code::kInternal, "output \"" + facts_.facts.outputs[i].name +
                                             "\" came with more dimensions than are served, 8");
    }
    total += padded(view.byte_size());
  }
  auto memory = std::make_shared_for_overwrite<std::byte[]>(total + kAlignment);
  std::byte* place = memory.get();
  place += padded(reinterpret_cast<std::uintptr_t>(place)) - reinterpret_cast<std::uintptr_t>(place);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    tensor::TensorView& view = outputs->views[i];
    const std::size_t size = view.byte_size();
    void* data = nullptr;
    if (size > 0) {
      if (const auto status = api().ov_tensor_data(outputs_[i].get(), &data); status != OK) {
        return base::fail(Code::kInternal, "the model failed: " + reason(status));
      }
      std::memcpy(place, data, size);
    }
    view.data = place;
    place += padded(size);
    outputs_[i].reset();
  }
  outputs->memory = std::move(memory);
  return outputs;
}

// Which dimension a model can't do with is known only to its operators, and OpenVINO has no code of its own
// for it. A failure that speaks of shapes is the request's where the request had a choice of them.
base::Error OpenVinoSession::failed(ov_status_e status, std::span<const tensor::TensorView> inputs) const {
  const std::string why = reason(status);
  const bool free = std::ranges::any_of(
      facts_.facts.inputs, [](const request::TensorSpec& input) { return input.shape.has_free_dimension(); });
  const bool about_shapes =
      why.find("hape") != std::string::npos || why.find("imension") != std::string::npos;
  std::string message = "the model failed: " + why;
  if (!free || !about_shapes) return {Code::kInternal, std::move(message)};
  message += " (inputs:";
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    message += " \"" + facts_.facts.inputs[i].name + "\" " + inputs[i].shape.text();
  }
  return {Code::kInvalidArgument, message + ")"};
}

base::Result<std::shared_ptr<RunOutputs>> OpenVinoSession::run(std::span<const tensor::TensorView> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (base::Status fits = check(i, inputs[i]); !fits) return std::unexpected(std::move(fits.error()));
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (base::Status bound = bind(i, inputs[i]); !bound) return std::unexpected(std::move(bound.error()));
  }
  // Not ov_infer_request_infer(): on the caller's thread OpenVINO 2026.4 loses what a failing run throws,
  // says OK, and leaves the task of that run behind for the next one, whosever it is (seen as crashes and as
  // outputs of an earlier run).
  ov_status_e status = api().ov_infer_request_start_async(request_.get());
  if (status == OK) status = api().ov_infer_request_wait(request_.get());
  if (status != OK) return std::unexpected(failed(status, inputs));
  return take_outputs();
}

}  // namespace saccade::engine::openvino
