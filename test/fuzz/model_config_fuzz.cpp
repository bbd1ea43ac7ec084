// Any bytes as a config.pbtxt, and as a label file: refused with a message, or structs that keep their
// promises.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "model/config.h"
#include "model/labels.h"
#include "model/names.h"
#include "model/text_file.h"
#include "model_config.pb.h"

namespace {

using namespace saccade;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_shape(const tensor::Shape& shape) {
  for (const std::int64_t dim : shape.dims()) require(dim == -1 || dim >= 1);
  require(shape.has_free_dimension() || shape.elements());
}

void check_port(const model::PortConfig& port) {
  require(!port.name.empty());
  require(port.label_filename.empty() || model::stays_inside(port.label_filename));
  if (port.dims) check_shape(*port.dims);
  if (!port.reshape) return;
  check_shape(*port.reshape);
  require(port.dims && port.dims->elements() == port.reshape->elements());
}

void check_config(const model::ModelConfig& config) {
  require(config.name.empty() || model::is_model_name(config.name));
  require(!config.max_batch_size || *config.max_batch_size >= 0);
  require(model::stays_inside(config.default_model_filename));
  require(config.instance_count >= 0);
  for (const auto& port : config.inputs) check_port(port);
  for (const auto& port : config.outputs) check_port(port);
  if (config.dynamic_batching) {
    require(config.dynamic_batching->max_queue_delay.value_or(std::chrono::microseconds(0)).count() >= 0);
    for (const std::int64_t size : config.dynamic_batching->preferred_batch_sizes) {
      require(size >= 1 && size <= config.max_batch_size.value_or(size));
    }
  }
  for (const std::int64_t version : config.version_policy.versions) require(version >= 1);
  require(config.version_policy.latest >= 1);
  // Whatever shows the message later writes it in protobuf's other formats, which take no text but UTF-8.
  require(config.message != nullptr);
  inference::ModelConfig again;
  require(again.ParseFromString(config.message->SerializeAsString()));
}

void check_said(std::string_view message) {
  require(!message.empty() && base::is_utf8(message) && message.find('\n') == std::string_view::npos);
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto file = model::parse_config(text, "config.pbtxt")) {
    check_config(file->config);
    for (const auto& warning : file->warnings) check_said(warning);
  } else {
    check_said(file.error().message);
  }
  if (const auto labels = model::parse_labels(text, "labels.txt")) {
    require(!labels->empty() && !labels->back().empty());
  } else {
    check_said(labels.error().message);
  }
  return 0;
}
