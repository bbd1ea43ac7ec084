#include "model/port_checks.h"

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/data_types.h"
#include "model/names.h"
#include "model/text_file.h"
#include "tensor/shape.h"

namespace saccade::model {

namespace {

using inference::ModelConfig;
using inference::ModelInput;
using inference::ModelOutput;

// The numbers of elements between the free dimensions: [2,3,-1,4] has {6, 4}. Nothing where one overflows.
using Chunks = std::optional<std::vector<std::int64_t>>;
Chunks chunks_between_free(const google::protobuf::RepeatedField<std::int64_t>& dims) {
  std::vector<std::int64_t> chunks = {1};
  for (const std::int64_t dim : dims) {
    if (dim < 0) {
      chunks.push_back(1);
    } else if (__builtin_mul_overflow(chunks.back(), dim, &chunks.back())) {
      return std::nullopt;
    }
  }
  return chunks;
}

std::string shape_text(const google::protobuf::RepeatedField<std::int64_t>& dims) {
  std::string text = "[";
  for (const std::int64_t dim : dims) {
    if (text.size() > 1) text += ',';
    text += std::to_string(dim);
  }
  return text + "]";
}

// `subject` is "input \"image\": dims".
base::Status check_dims(const google::protobuf::RepeatedField<std::int64_t>& dims, std::size_t most_rank,
                        const std::string& subject) {
  if (static_cast<std::size_t>(dims.size()) > most_rank) {
    return base::invalid_argument(subject + " has " + std::to_string(dims.size()) + " dimensions; at most " +
                                  std::to_string(most_rank) + " are served");
  }
  for (int i = 0; i < dims.size(); ++i) {
    if (dims[i] > 0 || dims[i] == -1) continue;
    return base::invalid_argument(subject + "[" + std::to_string(i) + "] is " + std::to_string(dims[i]) +
                                  "; it must be 1 or more, or -1 for any size");
  }
  const Chunks chunks = chunks_between_free(dims);
  std::int64_t product = 1;
  bool overflow = !chunks;
  if (chunks) {
    for (const std::int64_t chunk : *chunks) overflow |= __builtin_mul_overflow(product, chunk, &product);
  }
  if (!overflow) return {};
  return base::invalid_argument(subject + " is " + shape_text(dims) + ", more elements than can be counted");
}

template <typename Port>
base::Status check_reshape(const Port& port, std::size_t most_rank, const Place& place,
                           const std::string& subject) {
  if (!port.has_reshape()) return {};
  const std::string at = place.of(Port::kReshapeFieldNumber) + subject;
  const auto& shape = port.reshape().shape();
  if (port.dims().empty()) {
    return base::invalid_argument(at + ": reshape without dims; give the dims that it reshapes");
  }
  if (auto status = check_dims(shape, most_rank, at + ": reshape"); !status) return status;
  if (chunks_between_free(port.dims()) == chunks_between_free(shape)) return {};
  return base::invalid_argument(at + ": reshape to " + shape_text(shape) +
                                " disagrees with the number of elements of dims " + shape_text(port.dims()) +
                                "; both must hold as many, with the same free dimensions");
}

template <typename Port>
base::Status check_port(const Port& port, std::size_t most_rank, const Place& place, std::string_view kind) {
  if (port.name().empty()) {
    return base::invalid_argument(place.of(Port::kNameFieldNumber) + "an " + std::string(kind) +
                                  " without a name; give the name that the model has for it");
  }
  const std::string subject = std::string(kind) + " " + in_quotes(port.name());
  if (place.says(Port::kDataTypeFieldNumber) && !from_config_type(port.data_type())) {
    return base::invalid_argument(place.of(Port::kDataTypeFieldNumber) + subject + ": data_type " +
                                  std::to_string(port.data_type()) +
                                  " is no type; known are TYPE_BOOL, TYPE_UINT8 to TYPE_UINT64, TYPE_INT8 to "
                                  "TYPE_INT64, TYPE_FP16, TYPE_BF16, TYPE_FP32, TYPE_FP64 and TYPE_STRING");
  }
  if (auto status = check_dims(port.dims(), most_rank, place.of(Port::kDimsFieldNumber) + subject + ": dims");
      !status) {
    return status;
  }
  return check_reshape(port, most_rank, place, subject);
}

base::Status check_label_file(const ModelOutput& output, const Place& place) {
  const std::string& file = output.label_filename();
  if (file.empty() || stays_inside(file)) return {};
  return base::invalid_argument(place.of(ModelOutput::kLabelFilenameFieldNumber) + "output " +
                                in_quotes(output.name()) + ": label_filename " + in_quotes(file) +
                                " leads out of the model's directory; name a file inside it");
}

base::Status check_format(const ModelInput& input, const Place& place) {
  const std::string at = place.of(ModelInput::kFormatFieldNumber) + "input " + in_quotes(input.name());
  if (!ModelInput::Format_IsValid(input.format())) {
    return base::invalid_argument(at + ": format " + std::to_string(input.format()) +
                                  "; known are FORMAT_NONE, FORMAT_NHWC and FORMAT_NCHW");
  }
  if (input.format() != ModelInput::FORMAT_NONE && !input.dims().empty() && input.dims_size() != 3) {
    return base::invalid_argument(at + ": " + ModelInput::Format_Name(input.format()) +
                                  " is for three dims, not " + shape_text(input.dims()));
  }
  return {};
}

template <typename Ports>
base::Status check_unique(const Ports& ports, int field, const Place& place, std::string_view kind) {
  std::set<std::string_view> names;
  for (int i = 0; i < ports.size(); ++i) {
    if (names.insert(ports[i].name()).second) continue;
    constexpr int kName = std::decay_t<decltype(ports[0])>::kNameFieldNumber;
    return base::invalid_argument(place.inside(field, i).of(kName) + "two " + std::string(kind) +
                                  "s have the name " + in_quotes(ports[i].name()) + "; each needs its own");
  }
  return {};
}

}  // namespace

base::Status check_ports(const ModelConfig& config, const Place& place) {
  const std::size_t most_rank = tensor::Shape::kMaxRank - (config.max_batch_size() > 0 ? 1 : 0);
  for (int i = 0; i < config.input_size(); ++i) {
    const Place inside = place.inside(ModelConfig::kInputFieldNumber, i);
    if (auto status = check_port(config.input(i), most_rank, inside, "input"); !status) return status;
    if (auto status = check_format(config.input(i), inside); !status) return status;
  }
  for (int i = 0; i < config.output_size(); ++i) {
    const Place inside = place.inside(ModelConfig::kOutputFieldNumber, i);
    if (auto status = check_port(config.output(i), most_rank, inside, "output"); !status) return status;
    if (auto status = check_label_file(config.output(i), inside); !status) return status;
  }
  if (auto status = check_unique(config.input(), ModelConfig::kInputFieldNumber, place, "input"); !status) {
    return status;
  }
  return check_unique(config.output(), ModelConfig::kOutputFieldNumber, place, "output");
}

}  // namespace saccade::model
