#include "engine/onnxruntime/onnxruntime_session.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/utf8.h"
#include "engine/onnxruntime/devices.h"
#include "engine/onnxruntime/element_types.h"
#include "engine/onnxruntime/own_threads.h"

namespace saccade::engine::onnxruntime {
namespace {

using base::Code;

// The memory of one run's outputs. The values are released when the last answer of the batch has been sent.
struct OrtOutputs {
  std::vector<Ort::Value> values;
};

GraphOptimizationLevel to_onnx(GraphOptimization optimization) {
  switch (optimization) {
    case GraphOptimization::kNone:
      return ORT_DISABLE_ALL;
    case GraphOptimization::kBasic:
      return ORT_ENABLE_BASIC;
    case GraphOptimization::kExtended:
      return ORT_ENABLE_EXTENDED;
    case GraphOptimization::kAll:
      return ORT_ENABLE_ALL;
  }
  return ORT_ENABLE_ALL;
}

base::Result<request::TensorSpec> describe(const std::string& name, const Ort::TypeInfo& info) {
  if (info.GetONNXType() != ONNX_TYPE_TENSOR) return base::invalid_argument("is not a tensor");
  const auto tensor_info = info.GetTensorTypeAndShapeInfo();
  const auto type = from_onnx(tensor_info.GetElementType());
  if (!type) {
    return base::invalid_argument("has an element type that is not served (ONNX type " +
                                  std::to_string(static_cast<int>(tensor_info.GetElementType())) + ")");
  }
  std::vector<std::int64_t> dims = tensor_info.GetShape();
  if (dims.size() > tensor::Shape::kMaxRank) {
    return base::invalid_argument("has " + std::to_string(dims.size()) + " dimensions, the most served is " +
                                  std::to_string(tensor::Shape::kMaxRank));
  }
  return request::TensorSpec{name, *type, tensor::Shape(dims), {}};
}

base::Result<ModelFacts> read_facts(const Ort::Session& session, const std::filesystem::path& model) {
  ModelFacts facts;
  const Ort::AllocatorWithDefaultOptions allocator;
  for (std::size_t i = 0; i < session.GetInputCount(); ++i) {
    const std::string name = session.GetInputNameAllocated(i, allocator).get();
    auto spec = describe(name, session.GetInputTypeInfo(i));
    if (!spec) {
      return base::invalid_argument(model.string() + ": input \"" + name + "\" " + spec.error().message +
                                    "; every input must be a tensor");
    }
    facts.inputs.push_back(*std::move(spec));
  }
  for (std::size_t i = 0; i < session.GetOutputCount(); ++i) {
    const std::string name = session.GetOutputNameAllocated(i, allocator).get();
    auto spec = describe(name, session.GetOutputTypeInfo(i));
    if (spec) {
      facts.outputs.push_back(*std::move(spec));
    } else {
      facts.warnings.push_back("output \"" + name + "\" " + spec.error().message +
                               " and is left out (scikit-learn: export with options={'zipmap': False})");
    }
  }
  if (facts.outputs.empty())
    return base::invalid_argument(model.string() + ": has no output that is a tensor");
  const Ort::ModelMetadata metadata = session.GetModelMetadata();
  for (const auto& key : metadata.GetCustomMetadataMapKeysAllocated(allocator)) {
    if (const auto value = metadata.LookupCustomMetadataMapAllocated(key.get(), allocator)) {
      facts.metadata[key.get()] = value.get();
    }
  }
  return facts;
}

// Copies a tensor of strings out of ONNX Runtime, which keeps them in a form of its own.
std::vector<std::string> read_texts(const Ort::Value& value, std::size_t count) {
  std::vector<std::string> texts(count);
  for (std::size_t i = 0; i < count; ++i) texts[i] = value.GetStringTensorElement(i);
  return texts;
}

std::optional<std::size_t> input_that_is_not_utf8(std::span<const tensor::TensorView> inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].type != tensor::DataType::kBytes) continue;
    if (!std::ranges::all_of(inputs[i].texts(), base::is_utf8)) return i;
  }
  return std::nullopt;
}

}  // namespace

base::Result<std::unique_ptr<Session>> OnnxRuntimeSession::open(const Ort::Env& environment,
                                                                const std::filesystem::path& model,
                                                                const SessionOptions& options) {
  std::error_code missing;
  if (!std::filesystem::is_regular_file(model, missing)) {
    return base::fail(Code::kNotFound, model.string() + ": no such file");
  }
  try {
    Ort::SessionOptions settings;
    settings.SetIntraOpNumThreads(options.threads);
    settings.SetInterOpNumThreads(options.threads_between);
    settings.SetExecutionMode(options.parallel ? ORT_PARALLEL : ORT_SEQUENTIAL);
    settings.SetGraphOptimizationLevel(to_onnx(options.optimization));
    // A pool that spins while it waits would take the cores from the event loops.
    settings.AddConfigEntry("session.intra_op.allow_spinning", "0");
    if (options.nice > 0) use_nice_threads(settings, options.nice);
    if (base::Status device = use_device(settings, options); !device) return std::unexpected(device.error());
    auto loaded = std::make_shared<OnnxModel>();
    loaded->session = Ort::Session(environment, model.c_str(), settings);
    auto facts = read_facts(loaded->session, model);
    if (!facts) return std::unexpected(facts.error());
    loaded->facts = *std::move(facts);
    loaded->runs_on_caller = options.threads == 1 && !options.parallel && options.device == Device::kCpu;
    return std::make_unique<OnnxRuntimeSession>(std::move(loaded));
  } catch (const Ort::Exception& error) {
    const bool unreadable = error.GetOrtErrorCode() == ORT_INVALID_PROTOBUF;
    // Without the device the driver speaks first when the session is made.
    if (options.device != Device::kCpu && !unreadable) {
      return base::fail(Code::kUnavailable, model.string() + ": can't be loaded on the device " +
                                                std::string(device_name(options.device)) + " " +
                                                std::to_string(options.device_id) + ": " + error.what());
    }
    return base::invalid_argument(
        model.string() + ": " +
        (unreadable ? "is not an ONNX model, or is cut short: " : "can't be loaded: ") + error.what());
  }
}

OnnxRuntimeSession::OnnxRuntimeSession(std::shared_ptr<OnnxModel> model)
    : model_(std::move(model)),
      session_(model_->session),
      facts_(model_->facts),
      memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)) {
  for (const auto& input : facts_.inputs) input_names_.push_back(input.name.c_str());
  for (const auto& output : facts_.outputs) output_names_.push_back(output.name.c_str());
}

// An input that ONNX Runtime reads in place; only strings are copied, into its own form.
Ort::Value OnnxRuntimeSession::borrow(const tensor::TensorView& view) const {
  const auto dims = view.shape.dims();
  if (view.type != tensor::DataType::kBytes) {
    return Ort::Value::CreateTensor(memory_, const_cast<std::byte*>(view.data), view.byte_size(), dims.data(),
                                    dims.size(), to_onnx(view.type));
  }
  const Ort::AllocatorWithDefaultOptions allocator;
  Ort::Value value =
      Ort::Value::CreateTensor(allocator, dims.data(), dims.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING);
  const auto texts = view.texts();
  for (std::size_t i = 0; i < texts.size(); ++i) {
    char* place = value.GetResizedStringTensorElementBuffer(i, texts[i].size());
    if (!texts[i].empty()) std::memcpy(place, texts[i].data(), texts[i].size());
  }
  return value;
}

base::Result<std::shared_ptr<RunOutputs>> OnnxRuntimeSession::run(
    std::span<const tensor::TensorView> inputs) {
  try {
    values_.clear();
    for (const auto& view : inputs) values_.push_back(borrow(view));
    auto memory = std::make_shared<OrtOutputs>();
    memory->values.reserve(output_names_.size());
    for (std::size_t i = 0; i < output_names_.size(); ++i) memory->values.emplace_back(nullptr);
    session_.Run(Ort::RunOptions{nullptr}, input_names_.data(), values_.data(), values_.size(),
                 output_names_.data(), memory->values.data(), output_names_.size());

    auto outputs = std::make_shared<RunOutputs>();
    outputs->views.resize(output_names_.size());
    outputs->texts.resize(output_names_.size());
    for (std::size_t i = 0; i < output_names_.size(); ++i) {
      const Ort::Value& value = memory->values[i];
      const auto info = value.GetTensorTypeAndShapeInfo();
      const std::size_t rank = info.GetDimensionsCount();
      if (rank > tensor::Shape::kMaxRank) {
        return base::fail(Code::kInternal, "output \"" + facts_.outputs[i].name + "\" came with " +
                                               std::to_string(rank) + " dimensions, the most served is 8");
      }
      std::array<std::int64_t, tensor::Shape::kMaxRank> dims{};
      Ort::ThrowOnError(Ort::GetApi().GetDimensions(info, dims.data(), rank));
      auto& view = outputs->views[i];
      view.type = facts_.outputs[i].type;
      view.shape = tensor::Shape(std::span(dims.data(), rank));
      if (view.type == tensor::DataType::kBytes) {
        outputs->texts[i] = read_texts(value, info.GetElementCount());
        view.strings = outputs->texts[i].data();
      } else {
        view.data = static_cast<const std::byte*>(value.GetTensorRawData());
      }
    }
    outputs->memory = std::move(memory);
    return outputs;
  } catch (const Ort::Exception& error) {
    const std::string message = std::string("the model failed: ") + error.what();
    // Most operators on texts want UTF-8 and say so in no code of its own.
    if (const auto input = input_that_is_not_utf8(inputs)) {
      return base::invalid_argument("input \"" + facts_.inputs[*input].name + "\" is not UTF-8; " + message);
    }
    const bool bad_input = error.GetOrtErrorCode() == ORT_INVALID_ARGUMENT;
    return base::fail(bad_input ? Code::kInvalidArgument : Code::kInternal, message);
  }
}

}  // namespace saccade::engine::onnxruntime
