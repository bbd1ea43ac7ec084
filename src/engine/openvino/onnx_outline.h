// What an ONNX file says of itself that OpenVINO's C API does not pass on: the names of its inputs and
// outputs (OpenVINO gives any one of a tensor's names) and its metadata.
//
// Reads protobuf's wire format directly, passing over the weights; field numbers are those of onnx.proto.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace saccade::engine::openvino {

struct OnnxOutline {
  std::vector<std::string> inputs;  // without those that have their value in the file
  std::vector<std::string> outputs;
  std::map<std::string, std::string> metadata;
};

// Nothing where the file can't be read as a protobuf message; whoever opens it next says why.
std::optional<OnnxOutline> read_outline(const std::filesystem::path& file);

}  // namespace saccade::engine::openvino
