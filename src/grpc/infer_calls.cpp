#include "grpc/infer_calls.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "grpc/infer_stream.h"
#include "grpc/inference_service.h"
#include "grpc/services.h"
#include "grpc_service.pb.h"
#include "protocol/infer_fields.h"
#include "protocol/infer_response.h"
#include "protocol/json_writer.h"
#include "protocol/log_result.h"
#include "serve/door.h"

namespace saccade::grpc {
namespace {

// The answer of a ModelInfer on its way back.
class UnaryReply final : public serve::Reply {
 public:
  UnaryReply(std::shared_ptr<Call> call, std::vector<protocol::RequestedOutput> asked, std::string client_id,
             const request::SharedRegions& regions)
      : call_(std::move(call)),
        asked_(std::move(asked)),
        client_id_(std::move(client_id)),
        regions_(regions) {}

  base::Status encode(const serve::Answered& answered) override {
    if (call_->over()) return {};  // nobody waits for it, but the log keeps it
    inference::ModelInferResponse& message = call_->context().response;
    const base::Status encoded = protocol::encode_infer_message(answered.response, asked_, client_id_,
                                                                answered.model, regions_, message);
    if (encoded) frame_ = frame_of(message);
    LoopContext::trim(message, frame_.size());
    return encoded;
  }

  std::string log_result(const serve::Answered& answered) override {
    std::string result;
    protocol::append_log_result(result, answered.response, answered.model);
    return result;
  }

  void send() override { call_->answer_frame(std::move(frame_)); }
  void fail(base::Error error) override { call_->fail(error); }

 private:
  const std::shared_ptr<Call> call_;
  const std::vector<protocol::RequestedOutput> asked_;
  const std::string client_id_;
  const request::SharedRegions& regions_;
  std::string frame_;
};

void answer(serve::Service& service, const std::shared_ptr<Call>& call, base::Result<Decoded> decoded) {
  if (!decoded) return call->fail(decoded.error());
  serve::RecordOptions record = record_options(service, *decoded);
  auto reply = std::make_unique<UnaryReply>(call, std::move(decoded->request.outputs),
                                            decoded->request.inference.client_id, service.regions());
  serve::answer(service, decoded->model, std::move(decoded->request.inference), std::move(record),
                call->loop(), std::move(reply));
}

void infer(serve::Service& service, const std::shared_ptr<Call>& call, std::string_view bytes) {
  std::string client_id;  // also within what was decoded
  std::optional<base::Result<Decoded>> decoded = decode_plain(service, *call, bytes, client_id);
  if (!decoded) {
    if (const base::Status parts = check_parts(bytes); !parts) return call->fail(parts.error());
    inference::ModelInferRequest& message = call->context().request;
    if (!call->parse(bytes, message)) return LoopContext::trim(message, bytes.size());
    decoded = decode(service, *call, message);
    LoopContext::trim(message, bytes.size());
  }
  answer(service, call, *std::move(decoded));
}

}  // namespace

base::Status check_parts(std::string_view message) {
  using google::protobuf::internal::WireFormatLite;
  constexpr std::size_t kMostParts = 4096;  // inputs, outputs, raw tensors and parameters together
  if (message.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return base::invalid_argument("the message has more than 2 GiB");
  }
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(message.data()),
                                            static_cast<int>(message.size()));
  // What is wrong beyond this is seen by the parser.
  for (std::size_t parts = 0;; ++parts) {
    const std::uint32_t tag = in.ReadTag();
    if (tag == 0) return {};
    if (parts == kMostParts) {
      return base::invalid_argument("the message has more than " + std::to_string(kMostParts) +
                                    " inputs, outputs, raw tensors and parameters");
    }
    if (!WireFormatLite::SkipField(&in, tag)) return {};
  }
}

namespace {

base::Result<serve::Service::ModelPointer> find_model(serve::Service& service, std::string_view name,
                                                      std::string_view version) {
  if (const base::Status right = check_version(version); !right) return std::unexpected(right.error());
  if (name.empty()) return base::invalid_argument("model_name is empty; name the model to ask");
  return service.catalog().find(name, version);
}

// What would be refused anyway is, before work is spent on its tensors.
base::Result<serve::Service::ModelPointer> open_model(serve::Service& service, Call& call,
                                                      std::string_view name, std::string_view version) {
  auto model = find_model(service, name, version);
  if (model && call.caller() && !call.caller()->may_use((*model)->signature()->name)) [[unlikely]]
    return std::unexpected(serve::Door::wrong_model(*call.caller(), name));
  if (!model || !(*model)->policy().objective.stated()) return model;
  if (auto refused = (*model)->would_refuse(call.loop(), base::now()))
    return std::unexpected(*std::move(refused));
  return model;
}

base::Result<Decoded> decoded_for(Call& call, serve::Service::ModelPointer model,
                                  base::Result<protocol::InferRequest> request) {
  if (!request) return std::unexpected(std::move(request.error()));
  request->inference.caller_gone = call.gone();
  request->inference.trace = call.trace();
  request->inference.caller = call.caller();
  request->inference.arrived = base::now();
  request->inference.deadline = call.deadline();
  // Where no objective is stated the call's deadline means what it does everywhere in gRPC: it is waited for.
  request->inference.refuse_early = model->policy().objective.stated();
  return Decoded{std::move(model), *std::move(request)};
}

}  // namespace

base::Result<Decoded> decode(serve::Service& service, Call& call,
                             const inference::ModelInferRequest& message) {
  auto model = open_model(service, call, message.model_name(), message.model_version());
  if (!model) return std::unexpected(std::move(model.error()));
  return decoded_for(call, *model,
                     protocol::decode_infer_message(message, *(*model)->signature(), service.regions()));
}

std::optional<base::Result<Decoded>> decode_plain(serve::Service& service, Call& call,
                                                  std::string_view message, std::string& client_id) {
  protocol::InferFields fields;
  if (!protocol::read_infer_fields(message, fields)) return std::nullopt;
  client_id = std::string(fields.id);
  auto model = open_model(service, call, fields.model_name, fields.model_version);
  if (!model) return base::Result<Decoded>(std::unexpected(std::move(model.error())));
  return decoded_for(call, *model,
                     protocol::decode_infer_fields(fields, *(*model)->signature(), service.regions()));
}

serve::RecordOptions record_options(serve::Service& service, const Decoded& decoded) {
  serve::RecordOptions options;
  const std::string& client_id = decoded.request.inference.client_id;
  if (service.logs() && !client_id.empty()) protocol::append_string(options.client_id, client_id);
  return options;
}

void add_infer_calls(Methods& methods, serve::Service& service) {
  methods.add(inference_service(), "ModelInfer",
              Unary([&service](const std::shared_ptr<Call>& call, std::string_view message) {
                infer(service, call, message);
              }));
  methods.add(inference_service(), "ModelStreamInfer", Open([&service](Call& call) {
                return std::unique_ptr<Conversation>(std::make_unique<InferStream>(service, call));
              }));
}

}  // namespace saccade::grpc
