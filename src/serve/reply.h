// One request's way from its decoded form to an answer that may leave: infer, encode, record. Every transport
// goes this way; what differs between them is a Reply.
//
// Everything of a Reply happens on its event loop: encode() once the model has answered, then send() once the
// log lets the answer go, or fail() instead of either. Exactly one of send() and fail() ends it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "request/inference_request.h"
#include "request/model_signature.h"
#include "serve/service.h"

namespace saccade::serve {

// An answer, as whoever writes it down sees it.
struct Answered {
  const request::InferenceResponse& response;
  const request::ModelSignature& model;
  const base::Uuid& id;          // ours; its row in the log has it
  std::int64_t unix_micros = 0;  // when the model answered
};

class Reply {
 public:
  virtual ~Reply() = default;
  // Makes the answer and keeps it. The outputs are valid during the call.
  virtual base::Status encode(const Answered& answered) = 0;
  // What the log keeps of it: a JSON object. Called after encode(), and only where there is a log.
  virtual std::string log_result(const Answered& answered) = 0;
  virtual void send() = 0;
  virtual void fail(base::Error error) = 0;
};

struct RecordOptions {
  std::optional<record::Wait> wait = {};  // absent: as the log's mode says
  std::string client_id = {};             // the caller's own id, as JSON; empty: none
  std::string input = {};                 // as JSON; only where Service::logs_inputs() says so
};

// Gives the request an id, where it has none, and takes it all the way.
void answer(Service& service, const Service::ModelPointer& model, request::InferenceRequest request,
            RecordOptions options, runtime::EventLoop& loop, std::unique_ptr<Reply> reply);

}  // namespace saccade::serve
