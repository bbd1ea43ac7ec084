// What is watched of one version of a model.
//
// Safe from any thread; a mutex is held for about a microsecond, a few hundred times a second at most.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "quality/drift.h"
#include "request/inference_request.h"
#include "request/model_signature.h"

namespace saccade::quality {

class ModelQuality {
 public:
  static constexpr std::size_t kMostInputs = 32;      // those beyond them are not watched
  static constexpr std::size_t kValuesOfSample = 64;  // of one input, spread over it

  ModelQuality(std::shared_ptr<const request::ModelSignature> signature, WindowSizes sizes);

  void add_inputs(const std::vector<tensor::Tensor>& inputs);
  // The first item of the answer.
  void add_answer(const request::InferenceResponse& response);

  const request::ModelSignature& signature() const { return *signature_; }
  bool served() const { return signature_.use_count() > 1; }  // by others than this
  std::size_t inputs() const { return inputs_.size(); }

  struct InputFigures {
    std::optional<double> drift;
    double mean = 0;
    double deviation = 0;
  };
  InputFigures input(std::size_t index) const;
  std::optional<double> output_drift() const;
  std::uint64_t samples() const;

 private:
  const std::shared_ptr<const request::ModelSignature> signature_;
  mutable std::mutex mutex_;
  std::vector<ValueDrift> inputs_;     // guarded by mutex_, as all below
  std::optional<ClassDrift> classes_;  // of classifiers
  std::uint64_t samples_ = 0;
};

}  // namespace saccade::quality
