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
#include "http/cache_headers.h"
#include "serve/service.h"
#include "trace/tracing.h"

namespace saccade::http {

struct PredictCall {
  std::string_view payload;  // valid during predict(), followed by 64 readable bytes
  bool binary = false;       // raw elements instead of JSON
  bool probabilities = false;
  bool id_in_failure = false;  // a failure says the request's own id
  bool binary_answer = false;  // the outputs' raw elements, one after the other, instead of JSON
  bool bare_answer = false;    // without the prediction's id and time: the same for the same input
  request::CacheWishes cache = {};
  std::shared_ptr<CacheNote> note =
      {};  // null: nothing is said of keeping the answer; else set before the answer comes
  // Whether the answer waits for its row in the log; absent: as the server's log mode says.
  std::optional<record::Wait> wait;
  base::Uuid id{};                                     // the prediction's; all zero: it gets one
  std::shared_ptr<request::Trace> trace;               // null: none
  std::shared_ptr<const request::Caller> caller = {};  // null: nobody said who asks
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

  // `tracing` may be null; it is for messages of WebSockets, which come here without a route.
  explicit Predictor(serve::Service& service, trace::Tracing* tracing = nullptr)
      : service_(service), tracing_(tracing) {}
  trace::Tracing* tracing() const { return tracing_; }
  void predict(const serve::Service::ModelPointer& model, const PredictCall& call, Answer answer);

 private:
  serve::Service& service_;
  trace::Tracing* const tracing_;
};

}  // namespace saccade::http
