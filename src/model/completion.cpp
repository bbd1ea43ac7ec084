#include "model/completion.h"

#include <algorithm>

#include <boost/json.hpp>

namespace saccade::model {
namespace {

using request::TensorSpec;
using tensor::Shape;

std::string where(const ModelSource& source) {
  return "model \"" + source.name + "\" version " + source.version;
}

const PortConfig* find_port(const std::vector<PortConfig>& ports, const std::string& name) {
  const auto found = std::ranges::find(ports, name, &PortConfig::name);
  return found == ports.end() ? nullptr : &*found;
}

std::string names_of(const std::vector<TensorSpec>& specs) {
  std::string names;
  for (const auto& spec : specs) names += (names.empty() ? "\"" : ", \"") + spec.name + "\"";
  return names;
}

class Completion {
 public:
  Completion(const ModelSource& source, engine::Session& session, const std::string& platform,
             const BatchDefaults& defaults)
      : source_(source), session_(session), facts_(session.facts()), defaults_(defaults) {
    signature_.name = source.name;
    signature_.version = source.version;
    signature_.platform = platform;
    signature_.inputs = facts_.inputs;
    signature_.outputs = facts_.outputs;
    for (const std::string& warning : facts_.warnings)
      result_.warnings.push_back(where(source_) + ": " + warning);
  }

  base::Result<CompletedModel> complete() {
    if (base::Status checked = check_names("input", source_.config.inputs, facts_.inputs); !checked) {
      return std::unexpected(checked.error());
    }
    if (base::Status checked = check_names("output", source_.config.outputs, facts_.outputs); !checked) {
      return std::unexpected(checked.error());
    }
    if (base::Status found = find_batching(); !found) return std::unexpected(found.error());
    if (base::Status applied = apply_ports(); !applied) return std::unexpected(applied.error());
    apply_labels();
    find_classes();
    if (base::Status set = set_policy(); !set) return std::unexpected(set.error());
    result_.signature = std::make_shared<const request::ModelSignature>(std::move(signature_));
    return std::move(result_);
  }

 private:
  base::Status check_names(const char* kind, const std::vector<PortConfig>& ports,
                           const std::vector<TensorSpec>& specs) const {
    for (const PortConfig& port : ports) {
      const auto spec = std::ranges::find(specs, port.name, &TensorSpec::name);
      if (spec == specs.end()) {
        return base::invalid_argument(where(source_) + ": config.pbtxt names the " + kind + " \"" +
                                      port.name + "\", the model has " + names_of(specs));
      }
      if (port.type && *port.type != spec->type) {
        return base::invalid_argument(where(source_) + ": config.pbtxt says that the " + kind + " \"" +
                                      port.name + "\" is " + std::string(tensor::data_type_name(*port.type)) +
                                      ", in the model it is " +
                                      std::string(tensor::data_type_name(spec->type)));
      }
    }
    return {};
  }

  static bool first_is_free(const TensorSpec& spec) { return spec.shape.rank() > 0 && spec.shape[0] < 0; }

  // A model batches where its configuration says so, or where the first dimension of every port is free and
  // the rows of a batch come out as each alone does.
  base::Status find_batching() {
    const auto& said = source_.config.max_batch_size;
    const bool may = std::ranges::all_of(facts_.inputs, first_is_free) && !facts_.inputs.empty() &&
                     std::ranges::all_of(facts_.outputs, [](const auto& o) {
                       return o.shape.rank() == 0 || first_is_free(o);
                     });
    if (said && *said > 0) {
      for (const TensorSpec& input : facts_.inputs) {
        if (first_is_free(input)) continue;
        return base::invalid_argument(where(source_) +
                                      ": config.pbtxt says max_batch_size: " + std::to_string(*said) +
                                      ", but the first dimension of input \"" + input.name +
                                      "\" is not free: " + input.shape.text() + "; use max_batch_size: 0");
      }
    }
    const bool wanted = said ? *said > 0 : may;
    result_.probed = probe(session_, item_shapes(wanted), wanted);
    if (!result_.probed.ran) {
      result_.warnings.push_back(where(source_) + ": could not be tried out with made-up inputs (" +
                                 result_.probed.failure + "); it is served as its files describe it");
    }
    if (said) {
      signature_.max_batch_size = *said;
      if (*said > 0 && result_.probed.ran && !result_.probed.batches) {
        result_.warnings.push_back(
            where(source_) + ": config.pbtxt says max_batch_size: " + std::to_string(*said) +
            ", but in a batch of two made-up items the rows come out otherwise than alone");
      }
    } else if (wanted && result_.probed.batches) {
      signature_.max_batch_size = defaults_.max_batch_size;
    }
    return {};
  }

  // The model's own shapes of one item (or of all, without batching), narrowed by what the configuration
  // says.
  std::vector<Shape> item_shapes(bool batches) const {
    std::vector<Shape> shapes;
    for (const TensorSpec& input : facts_.inputs) {
      Shape shape = batches ? input.shape.without_first() : input.shape;
      if (const PortConfig* port = find_port(source_.config.inputs, input.name)) {
        const std::optional<Shape>& narrowed = port->reshape ? port->reshape : port->dims;
        if (narrowed && narrowed->rank() == shape.rank()) {
          for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
            if (shape[axis] < 0) shape[axis] = (*narrowed)[axis];
          }
        }
      }
      shapes.push_back(shape);
    }
    return shapes;
  }

  base::Status apply_ports() {
    for (std::size_t i = 0; i < signature_.inputs.size(); ++i) {
      TensorSpec& input = signature_.inputs[i];
      const PortConfig* port = find_port(source_.config.inputs, input.name);
      if (port == nullptr) continue;
      const Shape own = signature_.batches() ? input.shape.without_first() : input.shape;
      if (base::Status applied = apply_shape("input", *port, input); !applied) return applied;
      if (port->reshape) {
        result_.input_reshapes.resize(signature_.inputs.size());
        result_.input_reshapes[i] = own;
      }
    }
    for (TensorSpec& output : signature_.outputs) {
      if (const PortConfig* port = find_port(source_.config.outputs, output.name)) {
        if (base::Status applied = apply_shape("output", *port, output); !applied) return applied;
      }
    }
    return {};
  }

  base::Status apply_shape(const char* kind, const PortConfig& port, TensorSpec& spec) const {
    if (!port.dims) return {};
    const bool batches = signature_.batches();
    const Shape model_item = batches ? spec.shape.without_first() : spec.shape;
    const Shape& inner = port.reshape ? *port.reshape : *port.dims;
    bool fits = inner.rank() == model_item.rank();
    for (std::size_t axis = 0; fits && axis < inner.rank(); ++axis) {
      fits = inner[axis] < 0 || model_item[axis] < 0 || inner[axis] == model_item[axis];
    }
    // Without a batch the field's habit is to give the dimensions in full, with a free one for the first.
    if (!fits) {
      return base::invalid_argument(where(source_) + ": config.pbtxt gives the " + kind + " \"" + port.name +
                                    "\" the dims " + inner.text() + ", the model has " + model_item.text() +
                                    (batches ? " behind the batch dimension" : ""));
    }
    if (batches && port.dims->rank() == Shape::kMaxRank) {
      return base::invalid_argument(where(source_) + ": config.pbtxt gives the " + kind + " \"" + port.name +
                                    "\" the dims " + port.dims->text() + ", which with the batch dimension " +
                                    "are more than " + std::to_string(Shape::kMaxRank));
    }
    spec.shape = batches ? port.dims->with_first(-1) : *port.dims;
    return {};
  }

  void apply_labels() {
    for (TensorSpec& output : signature_.outputs) {
      if (const auto found = source_.labels.find(output.name); found != source_.labels.end()) {
        output.labels = found->second;
      }
    }
  }

  // Labels written into the model's own metadata under "labels" or "names", as a JSON list or one per line.
  std::vector<std::string> labels_in_metadata() const {
    for (const char* key : {"labels", "names"}) {
      const auto entry = facts_.metadata.find(key);
      if (entry == facts_.metadata.end()) continue;
      std::vector<std::string> labels;
      boost::system::error_code error;
      const auto value = boost::json::parse(entry->second, error);
      if (!error && value.is_array()) {
        for (const auto& item : value.get_array()) {
          if (item.is_string()) labels.emplace_back(item.get_string());
        }
      } else if (error && entry->second.find('{') == std::string::npos) {
        std::size_t begin = 0;
        while (begin < entry->second.size()) {
          const std::size_t end = std::min(entry->second.find('\n', begin), entry->second.size());
          labels.push_back(entry->second.substr(begin, end - begin));
          begin = end + 1;
        }
      }
      if (!labels.empty()) return labels;
    }
    return {};
  }

  // A classifier is a model whose probe gave probabilities, or one whose only output has labels and the form
  // for it.
  void find_classes() {
    signature_.probabilities = result_.probed.probabilities;
    if (signature_.probabilities < 0) return;
    auto& output = signature_.outputs[static_cast<std::size_t>(signature_.probabilities)];
    if (output.labels.empty()) {
      output.labels = labels_in_metadata();
      // A file may leave its output's shape out; the number of classes is not known then.
      const std::int64_t classes = output.shape.rank() == 0 ? -1 : output.shape[output.shape.rank() - 1];
      if (classes > 0 && static_cast<std::int64_t>(output.labels.size()) != classes) output.labels.clear();
    }
    // scikit-learn's exports give the class itself beside the probabilities. A model with further outputs is
    // more than a classifier, and all of them are shown.
    for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
      if (static_cast<int>(i) == signature_.probabilities) continue;
      const TensorSpec& other = signature_.outputs[i];
      const bool label = other.shape.rank() == 1 &&
                         (other.type == tensor::DataType::kInt64 || other.type == tensor::DataType::kBytes);
      if (label && signature_.predicted_label < 0) {
        signature_.predicted_label = static_cast<int>(i);
      } else {
        signature_.probabilities = -1;
        signature_.predicted_label = -1;
        return;
      }
    }
  }

  base::Status set_policy() {
    schedule::BatchPolicy& policy = result_.policy;
    policy.max_batch_size = signature_.max_batch_size;
    policy.max_queue_delay = defaults_.max_queue_delay;
    policy.max_queue = defaults_.max_queue;
    if (base::Status applied =
            apply_schedule_settings(source_.config, defaults_.schedule, where(source_), policy);
        !applied) {
      return applied;
    }
    if (!source_.config.dynamic_batching) return {};
    const DynamicBatching& said = *source_.config.dynamic_batching;
    policy.preferred_batch_sizes = said.preferred_batch_sizes;
    policy.max_queue_delay = said.max_queue_delay.value_or(defaults_.max_queue_delay);
    policy.preserve_ordering = said.preserve_ordering;
    policy.priority_levels = said.priority_levels;
    policy.default_priority = said.default_priority;
    policy.queue = said.queue;
    policy.level_queues = said.level_queues;
    // What a file says of its own queue goes before what the server's flag says of all.
    policy.max_queue = std::max(policy.max_queue, policy.queue.max_size);
    for (const auto& [level, queue] : policy.level_queues) {
      policy.max_queue = std::max(policy.max_queue, queue.max_size);
    }
    if (!policy.preferred_batch_sizes.empty() && policy.max_queue_delay.count() == 0) {
      result_.warnings.push_back(where(source_) +
                                 ": preferred_batch_size has no effect without max_queue_delay_microseconds, "
                                 "because no batch waits to be filled up");
    }
    return check_preferred_batch_sizes(source_.config, signature_.max_batch_size, where(source_));
  }

  const ModelSource& source_;
  engine::Session& session_;
  const engine::ModelFacts& facts_;
  const BatchDefaults& defaults_;
  request::ModelSignature signature_;
  CompletedModel result_;
};

}  // namespace

base::Result<CompletedModel> complete(const ModelSource& source, engine::Session& session,
                                      const std::string& platform, const BatchDefaults& defaults) {
  return Completion(source, session, platform, defaults).complete();
}

}  // namespace saccade::model
