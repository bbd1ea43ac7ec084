// A model's answer as it is kept: the outputs, before any protocol has written them down, so that what came
// in by gRPC answers REST too. Constant; shared by all that are answered with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "request/inference_request.h"

namespace saccade::cache {

class StoredAnswer final : public request::OutputOwner {
 public:
  // `made`: when the model answered; `lifetime`: how long from then on it is good.
  StoredAnswer(std::vector<tensor::Tensor> outputs, base::TimePoint made, base::Duration lifetime);
  // A copy of the outputs, which may be part of a larger batch's memory.
  static std::shared_ptr<const StoredAnswer> copy_of(const request::InferenceResponse& response,
                                                     base::TimePoint made, base::Duration lifetime);

  const std::vector<tensor::Tensor>& outputs() const { return outputs_; }
  std::size_t bytes() const { return bytes_; }
  base::TimePoint made() const { return made_; }
  base::Duration lifetime() const { return lifetime_; }
  base::TimePoint expires() const { return made_ + lifetime_; }

  // The answer of a request that comes now; it looks at this one's memory and keeps it alive.
  static request::InferenceResponse respond(const std::shared_ptr<const StoredAnswer>& answer,
                                            base::TimePoint now);

 private:
  const std::vector<tensor::Tensor> outputs_;
  const base::TimePoint made_;
  const base::Duration lifetime_;
  std::size_t bytes_ = 0;
};

using AnswerPointer = std::shared_ptr<const StoredAnswer>;

}  // namespace saccade::cache
