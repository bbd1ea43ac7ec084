// One model compiled by OpenVINO, with one request of it. Not safe from two threads at once; different
// sessions are independent.
//
// A run is handed to the thread of the compiled model's one stream and waited for. To run on the caller's own
// thread would be quicker for small models, but a run that fails is not seen to fail there (run()).
// One stream has one graph, so every session compiles its own and share() is not offered.
#pragma once

#include <new>

#include "engine/engine.h"
#include "engine/openvino/facts.h"

namespace saccade::engine::openvino {

// Memory as the CPU's widest loads like it.
struct AlignedDelete {
  static constexpr std::align_val_t kAlignment{64};
  void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
};
using AlignedMemory = std::unique_ptr<std::byte, AlignedDelete>;

class OpenVinoSession final : public Session {
 public:
  static base::Result<std::unique_ptr<Session>> open(ov_core_t& core, const std::filesystem::path& model,
                                                     const SessionOptions& options);

  OpenVinoSession(OpenVinoFacts facts, Owned<ov_compiled_model_t> compiled,
                  Owned<ov_infer_request_t> request);
  const ModelFacts& facts() const override { return facts_.facts; }
  base::Result<std::shared_ptr<RunOutputs>> run(std::span<const tensor::TensorView> inputs) override;

 private:
  // What the request reads an input from: memory of ours for small ones, where copying costs less than making
  // a tensor known to OpenVINO, and the caller's for others.
  struct Binding {
    AlignedMemory copy;
    std::size_t capacity = 0;
    const std::byte* data = nullptr;  // what `tensor` lies over
    tensor::Shape shape;
    Owned<ov_tensor_t> tensor;
  };

  base::Status check(std::size_t index, const tensor::TensorView& view) const;
  base::Status bind(std::size_t index, const tensor::TensorView& view);
  base::Result<std::shared_ptr<RunOutputs>> take_outputs();
  base::Error failed(ov_status_e status, std::span<const tensor::TensorView> inputs) const;

  const OpenVinoFacts facts_;
  const Owned<ov_compiled_model_t> compiled_;
  std::vector<Binding> bindings_;  // before the request, which reads from them
  const Owned<ov_infer_request_t> request_;
  std::vector<Owned<ov_tensor_t>> outputs_;  // of the run under way; kept for its capacity
};

}  // namespace saccade::engine::openvino
