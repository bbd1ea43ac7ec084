// What a model's config.pbtxt says, in our own words: Triton's inference.ModelConfig in, plain structs out.
// Only this room sees the protobuf message; it is kept for whoever has to show the whole configuration.
//
// "Not said" and "said" are told apart throughout (std::optional, 0 for instance_count, empty lists), because
// what the file leaves out is completed from the model itself. That goes for max_batch_size too: absent,
// batching is found from the model; an explicit `max_batch_size: 0` means that the model has no batch
// dimension.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "schedule/batch_policy.h"
#include "tensor/data_type.h"
#include "tensor/shape.h"

namespace inference {
class ModelConfig;
}

namespace saccade::model {

// One input or output.
struct PortConfig {
  std::string name;
  std::optional<tensor::DataType> type;
  // Without the batch dimension where max_batch_size > 0. Where max_batch_size is not said the file may have
  // meant either; compare the rank with the model's.
  std::optional<tensor::Shape> dims;
  // The shape that the model itself has where callers see `dims`: as many elements, free dimensions in the
  // same order. Rank 0 (`reshape { shape: [] }`) is a model that takes one scalar per item.
  std::optional<tensor::Shape> reshape;
  std::string label_filename;  // of an output; inside the model's directory; empty: none
  bool optional = false;       // of an input
};

struct DynamicBatching {
  std::vector<std::int64_t> preferred_batch_sizes;  // each >= 1, ascending; empty: none preferred
  std::optional<std::chrono::microseconds> max_queue_delay;
  bool preserve_ordering = false;
  std::uint64_t priority_levels = 0;
  std::uint64_t default_priority = 0;
  schedule::QueuePolicy queue;
  std::map<std::uint64_t, schedule::QueuePolicy> level_queues;  // levels are within priority_levels
};

// Which of the versions on disk are served.
struct VersionPolicy {
  enum class Kind : std::uint8_t { kLatest, kAll, kSpecific };
  Kind kind = Kind::kLatest;
  std::uint32_t latest = 1;            // kLatest: this many of the highest numbers
  std::vector<std::int64_t> versions;  // kSpecific: these, ascending
};

struct ModelConfig {
  std::string name;  // empty: not said, the directory's name
  std::optional<std::int64_t> max_batch_size;
  std::vector<PortConfig> inputs;   // empty: not said
  std::vector<PortConfig> outputs;  // empty: not said
  std::string default_model_filename = "model.onnx";
  bool filename_said = false;  // default_model_filename is the configuration's
  std::string platform;        // what the file must be, "tensorflow_savedmodel"; empty: not said
  std::optional<DynamicBatching> dynamic_batching;
  int instance_count = 0;  // of all instance groups together; 0: not said
  VersionPolicy version_policy;
  std::map<std::string, std::string> parameters;
  // The file as it was parsed, unknown fields dropped, nothing completed. Null where there was no file.
  std::shared_ptr<const inference::ModelConfig> message;
};

struct ConfigFile {
  ModelConfig config;
  std::vector<std::string> warnings;  // each complete with file and line
};

// Reads a config.pbtxt. Errors (kInvalidArgument, or kNotFound where there is no such file) name the file,
// the line and what would be right. What needs the model's directory to be judged, its name and its label
// files, is judged by find_models (model/repository.h).
base::Result<ConfigFile> read_config(const std::filesystem::path& file);

// The same for text that is here already; `where` stands in messages as the file's name. Pure; safe from any
// thread.
base::Result<ConfigFile> parse_config(std::string_view text, std::string_view where);

// The same for a configuration in protobuf's JSON form, as a load request brings it. A member that
// inference.ModelConfig does not have is an error.
base::Result<ConfigFile> parse_config_json(std::string_view json, std::string_view where);

// For whoever completes max_batch_size from the model: whether the preferred batch sizes fit under it.
// parse_config has checked that already where the file says max_batch_size.
base::Status check_preferred_batch_sizes(const ModelConfig& config, std::int64_t max_batch_size,
                                         std::string_view where);

}  // namespace saccade::model
