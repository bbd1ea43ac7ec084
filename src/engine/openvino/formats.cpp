#include "engine/openvino/formats.h"

#include <algorithm>
#include <string>
#include <system_error>

namespace saccade::engine::openvino {
namespace {

constexpr const char* kSavedModelName = "saved_model.pb";

std::string extension_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return extension;
}

}  // namespace

std::optional<Format> format_of(const std::filesystem::path& model) {
  std::error_code ignored;
  if (model.filename() == kSavedModelName) return Format::kSavedModel;
  if (std::filesystem::is_directory(model, ignored)) {
    if (std::filesystem::is_regular_file(model / kSavedModelName, ignored)) return Format::kSavedModel;
    return std::nullopt;
  }
  const std::string extension = extension_of(model);
  if (extension == ".onnx") return Format::kOnnx;
  if (extension == ".xml") return Format::kIr;
  if (extension == ".tflite") return Format::kTensorFlowLite;
  if (extension == ".pb" || extension == ".graphdef") return Format::kGraphDef;
  if (extension == ".pdmodel") return Format::kPaddle;
  return std::nullopt;
}

std::string_view platform_of(Format format) {
  switch (format) {
    case Format::kOnnx:
      return "onnxruntime_onnx";
    case Format::kIr:
      return "openvino_ir";
    case Format::kTensorFlowLite:
      return "tensorflow_tflite";
    case Format::kSavedModel:
      return "tensorflow_savedmodel";
    case Format::kGraphDef:
      return "tensorflow_graphdef";
    case Format::kPaddle:
      return "paddle_pdmodel";
  }
  return "openvino";
}

std::string_view describe(Format format) {
  switch (format) {
    case Format::kOnnx:
      return "ONNX model";
    case Format::kIr:
      return "model in OpenVINO's format";
    case Format::kTensorFlowLite:
      return "TensorFlow Lite model";
    case Format::kSavedModel:
      return "TensorFlow SavedModel";
    case Format::kGraphDef:
      return "frozen TensorFlow graph";
    case Format::kPaddle:
      return "Paddle model";
  }
  return "model";
}

std::filesystem::path to_open(Format format, const std::filesystem::path& model) {
  if (format != Format::kSavedModel || model.filename() != kSavedModelName) return model;
  return model.has_parent_path() ? model.parent_path() : std::filesystem::path(".");
}

}  // namespace saccade::engine::openvino
