// An engine to which any file is a model that answers with its input, rows of two numbers.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "engine/engine.h"

namespace saccade::serve {

class EchoSession final : public engine::Session {
 public:
  EchoSession() {
    facts_.inputs = {{"x", tensor::DataType::kFp32, {-1, 2}, {}}};
    facts_.outputs = {{"y", tensor::DataType::kFp32, {-1, 2}, {}}};
  }
  const engine::ModelFacts& facts() const override { return facts_; }
  base::Result<std::shared_ptr<engine::RunOutputs>> run(std::span<const tensor::TensorView> inputs) override {
    auto copy = std::make_shared<tensor::Tensor>(inputs[0].type, inputs[0].shape);
    std::copy_n(inputs[0].data, inputs[0].byte_size(), copy->data());
    auto outputs = std::make_shared<engine::RunOutputs>();
    outputs->views.push_back(copy->view());
    outputs->memory = copy;
    return outputs;
  }

 private:
  engine::ModelFacts facts_;
};

class EchoEngine final : public engine::Engine {
 public:
  std::string name() const override { return "onnxruntime"; }
  bool reads(const std::filesystem::path&) const override { return true; }
  std::string platform(const std::filesystem::path&) const override { return name() + "_onnx"; }
  std::string version() const override { return "1"; }
  base::Result<std::unique_ptr<engine::Session>> open(const std::filesystem::path&,
                                                      const engine::SessionOptions&) override {
    return std::make_unique<EchoSession>();
  }
};

}  // namespace saccade::serve
