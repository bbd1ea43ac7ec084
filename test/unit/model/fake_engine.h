// Models made of a function, for what is found out by running them.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "engine/engine_set.h"

namespace saccade::model {

using Inputs = std::span<const tensor::TensorView>;
using Outputs = base::Result<std::vector<tensor::Tensor>>;

class FunctionSession final : public engine::Session {
 public:
  FunctionSession(engine::ModelFacts facts, std::function<Outputs(Inputs)> function)
      : facts_(std::move(facts)), function_(std::move(function)) {}
  const engine::ModelFacts& facts() const override { return facts_; }
  base::Result<std::shared_ptr<engine::RunOutputs>> run(Inputs inputs) override {
    ++runs;
    auto made = function_(inputs);
    if (!made) return std::unexpected(made.error());
    auto memory = std::make_shared<std::vector<tensor::Tensor>>(*std::move(made));
    auto outputs = std::make_shared<engine::RunOutputs>();
    for (const auto& output : *memory) outputs->views.push_back(output.view());
    outputs->memory = memory;
    return outputs;
  }

  int runs = 0;

 private:
  engine::ModelFacts facts_;
  std::function<Outputs(Inputs)> function_;
};

// One output, made by a function of the row's number of elements' first one: row by row, so that it batches.
inline Outputs one_output(tensor::Tensor output) {
  std::vector<tensor::Tensor> list;
  list.push_back(std::move(output));
  return list;
}

inline tensor::Tensor floats(const tensor::Shape& shape, const std::vector<float>& values) {
  tensor::Tensor tensor(tensor::DataType::kFp32, shape);
  if (!values.empty()) {  // Nothing has no address, which memcpy may not be given.
    std::memcpy(tensor.data(), values.data(), tensor.byte_size());
  }
  return tensor;
}

// Probabilities of two classes out of the first element of each row.
inline Outputs two_classes(Inputs inputs) {
  const auto& x = inputs[0];
  const std::int64_t rows = x.shape[0];
  const std::size_t width = x.as<float>().size() / static_cast<std::size_t>(rows);
  std::vector<float> p;
  for (std::int64_t row = 0; row < rows; ++row) {
    const float value = x.as<float>()[static_cast<std::size_t>(row) * width];
    p.push_back(value);
    p.push_back(1 - value);
  }
  return one_output(floats({rows, 2}, p));
}

inline engine::ModelFacts classifier_facts() {
  engine::ModelFacts facts;
  facts.inputs = {{"x", tensor::DataType::kFp32, {-1, 3}, {}}};
  facts.outputs = {{"p", tensor::DataType::kFp32, {-1, 2}, {}}};
  return facts;
}

// Opens any file as the classifier above.
class ClassifierEngine final : public engine::Engine {
 public:
  std::string name() const override { return "fake"; }
  bool reads(const std::filesystem::path&) const override { return true; }
  std::string platform(const std::filesystem::path&) const override { return name() + "_onnx"; }
  std::string version() const override { return "1"; }
  base::Result<std::unique_ptr<engine::Session>> open(const std::filesystem::path&,
                                                      const engine::SessionOptions&) override {
    ++opened;
    return std::make_unique<FunctionSession>(classifier_facts(), two_classes);
  }

  int opened = 0;
};

// An engine of a set, for a test that goes on looking at it.
template <typename Engine, typename... Arguments>
Engine& add_engine(engine::EngineSet& engines, Arguments&&... arguments) {
  auto engine = std::make_unique<Engine>(std::forward<Arguments>(arguments)...);
  Engine& looked_at = *engine;
  engines.add(std::move(engine));
  return looked_at;
}

}  // namespace saccade::model
