// The kinds of model files that OpenVINO reads, told apart by their names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace saccade::engine::openvino {

enum class Format : std::uint8_t { kOnnx, kIr, kTensorFlowLite, kSavedModel, kGraphDef, kPaddle };

// A SavedModel is a directory with a saved_model.pb in it, or that file. Looks at the disk only for a
// directory.
std::optional<Format> format_of(const std::filesystem::path& model);

// What the protocol calls it: the names that Triton has for the formats that it knows, whatever runs them.
std::string_view platform_of(Format format);

// For messages: "ONNX model".
std::string_view describe(Format format);

// What OpenVINO is to open for it: of a SavedModel the directory.
std::filesystem::path to_open(Format format, const std::filesystem::path& model);

}  // namespace saccade::engine::openvino
