// One inference, of a unary call or of a stream: find the model, decode, infer; what differs is in the reply.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "grpc/call.h"
#include "protocol/infer_request.h"
#include "serve/reply.h"
#include "serve/service.h"

namespace inference {
class ModelInferRequest;
}

namespace saccade::grpc {

// Refuses, before memory is spent on it, a message with more parts than a request can mean.
base::Status check_parts(std::string_view message);

struct Decoded {
  serve::Service::ModelPointer model;
  protocol::InferRequest request;
};

// `call`: for its deadline and its end.
base::Result<Decoded> decode(serve::Service& service, Call& call,
                             const inference::ModelInferRequest& message);
// The same from the bytes of a request that is not rarer than infer_fields.h says; nothing for one that is.
// `client_id` is set where the bytes were read, whatever was wrong with them.
std::optional<base::Result<Decoded>> decode_plain(serve::Service& service, Call& call,
                                                  std::string_view message, std::string& client_id);
serve::RecordOptions record_options(serve::Service& service, const Decoded& decoded);

}  // namespace saccade::grpc
