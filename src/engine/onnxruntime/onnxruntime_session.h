// One loaded ONNX model. Not safe from two threads at once; different sessions are independent.
#pragma once

#include "engine/engine.h"
#include "engine/onnxruntime/ort.h"

namespace saccade::engine::onnxruntime {

class OnnxRuntimeSession final : public Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(const Ort::Env& environment,
                                                     const std::filesystem::path& model,
                                                     const SessionOptions& options);

  OnnxRuntimeSession(Ort::Session session, ModelFacts facts, bool runs_on_caller);
  const ModelFacts& facts() const override { return facts_; }
  base::Result<std::shared_ptr<RunOutputs>> run(std::span<const tensor::TensorView> inputs) override;
  bool runs_on_caller() const override { return runs_on_caller_; }

 private:
  Ort::Value borrow(const tensor::TensorView& view) const;

  Ort::Session session_;
  const ModelFacts facts_;
  const bool runs_on_caller_;
  std::vector<const char*> input_names_;   // into facts_
  std::vector<const char*> output_names_;  // into facts_
  Ort::MemoryInfo memory_;
  std::vector<Ort::Value> values_;  // the inputs of the run under way; kept for its capacity
};

}  // namespace saccade::engine::onnxruntime
