// A session of a loaded ONNX model. Not safe from two threads at once; different sessions are independent,
// also where share() made them of one loaded model: ONNX Runtime's own run() may be called by several
// threads.
#pragma once

#include "engine/engine.h"
#include "engine/onnxruntime/ort.h"

namespace saccade::engine::onnxruntime {

// What sessions share. Constant after it was opened.
struct OnnxModel {
  Ort::Session session{nullptr};
  ModelFacts facts;
  bool runs_on_caller = false;
};

class OnnxRuntimeSession final : public Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(const Ort::Env& environment,
                                                     const std::filesystem::path& model,
                                                     const SessionOptions& options);

  explicit OnnxRuntimeSession(std::shared_ptr<OnnxModel> model);
  const ModelFacts& facts() const override { return facts_; }
  base::Result<std::shared_ptr<RunOutputs>> run(std::span<const tensor::TensorView> inputs) override;
  bool runs_on_caller() const override { return model_->runs_on_caller; }
  std::unique_ptr<Session> share() override { return std::make_unique<OnnxRuntimeSession>(model_); }

 private:
  Ort::Value borrow(const tensor::TensorView& view) const;

  const std::shared_ptr<OnnxModel> model_;
  Ort::Session& session_;                  // model_'s
  const ModelFacts& facts_;                // model_'s
  std::vector<const char*> input_names_;   // into facts_
  std::vector<const char*> output_names_;  // into facts_
  Ort::MemoryInfo memory_;
  std::vector<Ort::Value> values_;  // the inputs of the run under way; kept for its capacity
};

}  // namespace saccade::engine::onnxruntime
