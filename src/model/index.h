// What a model repository holds, and how each version is: the protocol's repository index.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace saccade::model {

enum class ModelState : std::uint8_t { kUnknown, kReady, kLoading, kUnloading, kUnavailable };

// "READY", "LOADING", "UNLOADING", "UNAVAILABLE"; empty for kUnknown (in the repository, never loaded).
std::string_view state_name(ModelState state);

struct IndexEntry {
  std::string name;
  std::string version;  // empty: the model as a whole, none of whose versions was ever loaded
  ModelState state = ModelState::kUnknown;
  std::string reason;  // why it is not ready, for the person who has to act on it
};

// What a load request says besides the model's name.
struct LoadOverride {
  std::optional<std::string> config_json;    // stands in for config.pbtxt: ModelConfig as JSON
  std::map<std::string, std::string> files;  // "1/model.onnx" -> its bytes; then nothing is read from disk
};

}  // namespace saccade::model
