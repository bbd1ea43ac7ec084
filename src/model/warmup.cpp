#include "model/warmup.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "model/data_types.h"
#include "model/names.h"
#include "model/probe.h"
#include "model/reshape.h"
#include "model/text_file.h"
#include "model_config.pb.h"

namespace saccade::model {
namespace {

using tensor::DataType;
using tensor::Shape;
using tensor::Tensor;

constexpr std::int64_t kMostBytes = std::int64_t{1} << 31;  // of one input of a sample
constexpr std::uint32_t kMostRuns = 10'000;                 // of one sample

base::Status run(engine::Session& session, const std::vector<Tensor>& inputs) {
  if (const auto outputs = session.run(tensor::views_of(inputs)); !outputs)
    return std::unexpected(outputs.error());
  return {};
}

class Samples {
 public:
  Samples(const ModelSource& source, const CompletedModel& model)
      : source_(source), model_(model), signature_(*model.signature) {}

  base::Result<std::vector<Tensor>> make(const inference::ModelWarmup& sample) const {
    const std::string where = "model \"" + source_.name + "\" version " + source_.version +
                              ": model_warmup " + in_quotes(sample.name()) + ": ";
    const std::int64_t rows = std::max<std::int64_t>(sample.batch_size(), 1);
    if (rows > 1 && rows > signature_.max_batch_size) {
      return base::invalid_argument(where + "batch_size is " + std::to_string(rows) +
                                    ", the model's max_batch_size is " +
                                    std::to_string(signature_.max_batch_size));
    }
    for (const auto& [name, input] : sample.inputs()) {
      if (signature_.find_input(name) >= 0) continue;
      return base::invalid_argument(where + "the model has no input " + in_quotes(name));
    }
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < signature_.inputs.size(); ++i) {
      const auto said = sample.inputs().find(signature_.inputs[i].name);
      if (said == sample.inputs().end()) {
        return base::invalid_argument(where + "nothing is said of the model's input " +
                                      in_quotes(signature_.inputs[i].name));
      }
      auto input = make_input(i, said->second, rows);
      if (!input) {
        return base::invalid_argument(where + "input " + in_quotes(said->first) + " " +
                                      input.error().message);
      }
      inputs.push_back(*std::move(input));
    }
    return inputs;
  }

 private:
  base::Result<Tensor> make_input(std::size_t at, const inference::ModelWarmup::Input& said,
                                  std::int64_t rows) const {
    const request::TensorSpec& spec = signature_.inputs[at];
    if (from_config_type(said.data_type()) != spec.type) {
      return base::invalid_argument("has the data_type " + inference::DataType_Name(said.data_type()) +
                                    ", the model takes " +
                                    inference::DataType_Name(to_config_type(spec.type)));
    }
    const auto dims = std::span(said.dims().data(), static_cast<std::size_t>(said.dims_size()));
    const Shape declared = signature_.batches() ? spec.shape.without_first() : spec.shape;
    if (dims.size() > Shape::kMaxRank || !declared.accepts(Shape(dims)) || Shape(dims).has_free_dimension()) {
      return base::invalid_argument("has the dims " +
                                    Shape(dims.first(std::min(dims.size(), Shape::kMaxRank))).text() +
                                    ", the model takes " + declared.text());
    }
    const Shape item(dims);
    const Shape whole = signature_.batches() ? item.with_first(rows) : item;
    const auto count = whole.elements();
    if (!count || *count > kMostBytes / static_cast<std::int64_t>(
                                            std::max<std::size_t>(tensor::element_size(spec.type), 4))) {
      return base::invalid_argument("is larger than a warm-up may be, " + whole.text());
    }
    auto tensor = fill(spec.type, item, whole, said);
    if (tensor) reshape_input(model_, at, *tensor);
    return tensor;
  }

  base::Result<Tensor> fill(DataType type, const Shape& item, const Shape& whole,
                            const inference::ModelWarmup::Input& said) const {
    switch (said.input_data_type_case()) {
      case inference::ModelWarmup::Input::kRandomData:
        return make_sample(type, whole, 1);
      case inference::ModelWarmup::Input::kZeroData: {
        Tensor zeros(type, whole);
        if (type != DataType::kBytes) std::memset(zeros.data(), 0, zeros.byte_size());
        return zeros;
      }
      case inference::ModelWarmup::Input::kInputDataFile:
        return read(type, item, whole, said.input_data_file());
      default:
        return base::invalid_argument("needs one of zero_data, random_data and input_data_file");
    }
  }

  // The file holds one item, in the protocol's binary form; each row of the batch is a copy of it.
  base::Result<Tensor> read(DataType type, const Shape& item, const Shape& whole,
                            const std::string& name) const {
    if (source_.directory.empty() || !stays_inside(name)) {
      return base::invalid_argument("names the file " + in_quotes(name) +
                                    "; it must lie in the model's directory, in warmup/");
    }
    const std::filesystem::path file = source_.directory / "warmup" / name;
    std::ifstream in(file, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    if (!in && !in.eof()) return base::invalid_argument("needs " + file.string() + ", which can't be read");
    Tensor tensor(type, whole);
    const auto items = static_cast<std::size_t>(item.elements().value_or(0));
    const auto rows = items == 0 ? 0 : static_cast<std::size_t>(whole.elements().value_or(0)) / items;
    if (type == DataType::kBytes) {
      const auto texts = read_texts(bytes, items);
      if (!texts) return std::unexpected(texts.error());
      for (std::size_t i = 0; i < tensor.strings().size(); ++i) tensor.strings()[i] = (*texts)[i % items];
      return tensor;
    }
    const std::size_t expected = items * tensor::element_size(type);
    if (bytes.size() != expected) {
      return base::invalid_argument("needs " + std::to_string(expected) + " bytes, " + file.string() +
                                    " has " + std::to_string(bytes.size()));
    }
    for (std::size_t row = 0; row < rows; ++row) {
      std::memcpy(tensor.data() + row * expected, bytes.data(), expected);
    }
    return tensor;
  }

  // Each text behind its length, four bytes, the least first.
  static base::Result<std::vector<std::string>> read_texts(std::string_view bytes, std::size_t count) {
    std::vector<std::string> texts;
    while (bytes.size() >= 4 && texts.size() < count) {
      std::uint32_t length = 0;
      std::memcpy(&length, bytes.data(), sizeof length);
      bytes.remove_prefix(4);
      if (length > bytes.size()) break;
      texts.emplace_back(bytes.substr(0, length));
      bytes.remove_prefix(length);
    }
    if (texts.size() == count && bytes.empty()) return texts;
    return base::invalid_argument("needs a file of exactly " + std::to_string(count) +
                                  " texts, each behind its length in four bytes");
  }

  const ModelSource& source_;
  const CompletedModel& model_;
  const request::ModelSignature& signature_;
};

// The first session has been tried out already.
base::Status run_made_up(const CompletedModel& model,
                         const std::vector<std::unique_ptr<engine::Session>>& sessions) {
  if (!model.probed.ran) return {};
  for (std::size_t i = 1; i < sessions.size(); ++i) {
    if (base::Status ran = run(*sessions[i], model.probed.sample); !ran) return ran;
  }
  return {};
}

}  // namespace

base::Status warm_up(const ModelSource& source, const CompletedModel& model,
                     const std::vector<std::unique_ptr<engine::Session>>& sessions) {
  if (base::Status ran = run_made_up(model, sessions); !ran) return ran;
  if (source.config.message == nullptr) return {};
  const Samples samples(source, model);
  for (const inference::ModelWarmup& sample : source.config.message->model_warmup()) {
    auto inputs = samples.make(sample);
    if (!inputs) return std::unexpected(std::move(inputs.error()));
    const std::uint32_t times = std::clamp<std::uint32_t>(sample.count(), 1, kMostRuns);
    for (const auto& session : sessions) {
      for (std::uint32_t i = 0; i < times; ++i) {
        if (base::Status ran = run(*session, *inputs); !ran) {
          return base::invalid_argument("model \"" + source.name + "\" version " + source.version +
                                        ": model_warmup " + in_quotes(sample.name()) + ": " +
                                        ran.error().message);
        }
      }
    }
  }
  return {};
}

}  // namespace saccade::model
