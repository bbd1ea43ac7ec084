#include "engine/openvino/facts.h"

#include <utility>

#include "engine/openvino/element_types.h"
#include "engine/openvino/onnx_outline.h"

namespace saccade::engine::openvino {
namespace {

using Port = Owned<ov_output_const_port_t>;

struct Described {
  request::TensorSpec spec;
  std::vector<DimensionBounds> bounds;
};

// Some graphs leave their tensors without any name.
std::string name_of(const Port& port, const std::string& otherwise) {
  char* name = nullptr;
  if (api().ov_port_get_any_name(port.get(), &name) != OK) return otherwise;
  const Owned<char> owner(name);
  return *name == '\0' ? otherwise : std::string(name);
}

base::Result<Described> describe_port(const Port& port, std::string name) {
  Described described;
  ov_element_type_e type{};
  ov_partial_shape_t partial{};
  ov_status_e status = api().ov_port_get_element_type(port.get(), &type);
  if (status == OK) status = api().ov_port_get_partial_shape(port.get(), &partial);
  if (status != OK) return base::invalid_argument("can't be described: " + reason(status));
  const struct Release {
    ov_partial_shape_t& shape;
    ~Release() { api().ov_partial_shape_free(&shape); }
  } release{partial};

  const auto ours = from_openvino(type);
  if (!ours) return base::invalid_argument("has " + describe(type) + ", which OpenVINO does not serve here");
  if (partial.rank.min != partial.rank.max) {
    return base::invalid_argument("has no fixed number of dimensions");
  }
  if (partial.rank.max > static_cast<std::int64_t>(tensor::Shape::kMaxRank)) {
    return base::invalid_argument("has " + std::to_string(partial.rank.max) +
                                  " dimensions, the most served is " +
                                  std::to_string(tensor::Shape::kMaxRank));
  }
  described.spec.name = std::move(name);
  described.spec.type = *ours;
  for (std::int64_t axis = 0; axis < partial.rank.max; ++axis) {
    const ov_dimension_t& dimension = partial.dims[axis];
    described.spec.shape.push_back(dimension.min == dimension.max ? dimension.max : -1);
    described.bounds.push_back({dimension.min, dimension.max});
  }
  return described;
}

base::Status read_inputs(const ov_model_t& model, const OnnxOutline& outline,
                         const std::filesystem::path& file, OpenVinoFacts& into) {
  std::size_t count = 0;
  if (const auto status = api().ov_model_inputs_size(&model, &count); status != OK) {
    return base::invalid_argument(file.string() + ": can't be described: " + reason(status));
  }
  for (std::size_t i = 0; i < count; ++i) {
    ov_output_const_port_t* raw = nullptr;
    if (const auto status = api().ov_model_const_input_by_index(&model, i, &raw); status != OK) {
      return base::invalid_argument(file.string() + ": input " + std::to_string(i) +
                                    " can't be described: " + reason(status));
    }
    const Port port(raw);
    std::string name =
        outline.inputs.size() == count ? outline.inputs[i] : name_of(port, "input_" + std::to_string(i));
    auto described = describe_port(port, name);
    if (!described) {
      return base::invalid_argument(file.string() + ": input \"" + name + "\" " + described.error().message);
    }
    into.facts.inputs.push_back(std::move(described->spec));
    into.bounds.push_back(std::move(described->bounds));
  }
  return {};
}

base::Status read_outputs(const ov_model_t& model, const OnnxOutline& outline,
                          const std::filesystem::path& file, OpenVinoFacts& into) {
  std::size_t count = 0;
  if (const auto status = api().ov_model_outputs_size(&model, &count); status != OK) {
    return base::invalid_argument(file.string() + ": can't be described: " + reason(status));
  }
  for (std::size_t i = 0; i < count; ++i) {
    ov_output_const_port_t* raw = nullptr;
    if (const auto status = api().ov_model_const_output_by_index(&model, i, &raw); status != OK) {
      return base::invalid_argument(file.string() + ": output " + std::to_string(i) +
                                    " can't be described: " + reason(status));
    }
    const Port port(raw);
    std::string name =
        outline.outputs.size() == count ? outline.outputs[i] : name_of(port, "output_" + std::to_string(i));
    auto described = describe_port(port, name);
    if (!described) {
      into.facts.warnings.push_back("output \"" + name + "\" " + described.error().message +
                                    " and is left out");
      continue;
    }
    into.facts.outputs.push_back(std::move(described->spec));
    into.outputs.push_back(i);
  }
  if (into.facts.outputs.empty()) {
    std::string message = file.string() + ": has no output that can be served";
    for (const std::string& warning : into.facts.warnings) message += "; " + warning;
    return base::invalid_argument(std::move(message));
  }
  return {};
}

}  // namespace

base::Result<OpenVinoFacts> read_facts(const ov_model_t& model, Format format,
                                       const std::filesystem::path& file) {
  OnnxOutline outline;
  if (format == Format::kOnnx) {
    if (auto read = read_outline(file)) outline = *std::move(read);
  }
  OpenVinoFacts facts;
  facts.facts.metadata = std::move(outline.metadata);
  if (base::Status read = read_inputs(model, outline, file, facts); !read) {
    return std::unexpected(std::move(read.error()));
  }
  if (base::Status read = read_outputs(model, outline, file, facts); !read) {
    return std::unexpected(std::move(read.error()));
  }
  return facts;
}

}  // namespace saccade::engine::openvino
