// From a payload to an answer, the same for HTTP and WebSocket: decode, infer, encode, record.
//
// Safe from every event loop; the answer comes on the loop that asked, exactly once.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "serve/service.h"

namespace saccade::http {

struct PredictCall {
  std::string_view payload;  // valid during predict(), followed by 64 readable bytes
  bool binary = false;       // raw elements instead of JSON
  bool probabilities = false;
  bool id_in_failure = false;  // a failure says the request's own id
  bool binary_answer = false;  // the outputs' raw elements, one after the other, instead of JSON
  // Whether the answer waits for its row in the log; absent: as the server's log mode says.
  std::optional<record::Wait> wait;
  runtime::EventLoop* loop = nullptr;
  std::shared_ptr<const std::atomic<bool>> gone;
  base::TimePoint arrived{};
  base::TimePoint deadline = base::TimePoint::max();
};

struct PredictFailure {
  base::Error error;
  std::string client_id;  // as JSON, where it could be read
};

class Predictor {
 public:
  // The answer's payload: JSON, or raw elements.
  using Answer = std::move_only_function<void(std::expected<std::string, PredictFailure>)>;

  explicit Predictor(serve::Service& service) : service_(service) {}
  void predict(const serve::Service::ModelPointer& model, const PredictCall& call, Answer answer);

 private:
  serve::Service& service_;
};

}  // namespace saccade::http
