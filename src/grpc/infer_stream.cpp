#include "grpc/infer_stream.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "grpc/infer_calls.h"
#include "grpc_service.pb.h"
#include "protocol/infer_response.h"
#include "protocol/log_result.h"

namespace saccade::grpc {
namespace {

// Each request has one answer here, and that is the last: clients of models that may answer several times
// look for this mark.
constexpr const char* kFinalResponse = "triton_final_response";

void mark_final(inference::ModelInferResponse& response) {
  (*response.mutable_parameters())[kFinalResponse].set_bool_param(true);
}

// One request's answer on its way into the stream.
class StreamReply final : public serve::Reply {
 public:
  StreamReply(std::shared_ptr<Call> call, InferStream& stream, std::uint64_t ticket,
              std::vector<protocol::RequestedOutput> asked, std::string client_id, std::string model_name,
              const request::SharedRegions& regions)
      : call_(std::move(call)),
        stream_(stream),
        ticket_(ticket),
        asked_(std::move(asked)),
        client_id_(std::move(client_id)),
        model_name_(std::move(model_name)),
        regions_(regions) {}

  base::Status encode(const serve::Answered& answered) override {
    if (call_->over()) return {};
    inference::ModelStreamInferResponse& message = call_->context().stream_response;
    const base::Status encoded = protocol::encode_infer_message(
        answered.response, asked_, client_id_, answered.model, regions_, *message.mutable_infer_response());
    if (encoded) {
      mark_final(*message.mutable_infer_response());
      frame_ = frame_of(message);
    }
    LoopContext::trim(message, frame_.size());
    return encoded;
  }

  std::string log_result(const serve::Answered& answered) override {
    std::string result;
    protocol::append_log_result(result, answered.response, answered.model);
    return result;
  }

  // The stream lives as long as its call, which we keep; over or not, it is asked.
  void send() override { stream_.answer(ticket_, std::move(frame_)); }
  void fail(base::Error error) override { stream_.fail(ticket_, error.message, client_id_, model_name_); }

 private:
  const std::shared_ptr<Call> call_;
  InferStream& stream_;
  const std::uint64_t ticket_;
  const std::vector<protocol::RequestedOutput> asked_;
  const std::string client_id_;
  const std::string model_name_;
  const request::SharedRegions& regions_;
  std::string frame_;
};

}  // namespace

void InferStream::on_message(std::string_view bytes) {
  const std::uint64_t ticket = first_ + answers_.size();
  answers_.emplace_back();
  std::string client_id;
  std::optional<base::Result<Decoded>> read = decode_plain(service_, call_, bytes, client_id);
  if (!read) {
    if (const base::Status parts = check_parts(bytes); !parts)
      return fail(ticket, parts.error().message, "", "");
    inference::ModelInferRequest& message = call_.context().request;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      LoopContext::trim(message, bytes.size());
      return fail(ticket, "the message is no inference.ModelInferRequest", "", "");
    }
    read = decode(service_, call_, message);
    client_id = message.id();
    LoopContext::trim(message, bytes.size());
  }
  base::Result<Decoded>& decoded = *read;
  if (!decoded) return fail(ticket, decoded.error().message, client_id, "");
  serve::RecordOptions record = record_options(service_, *decoded);
  auto reply = std::make_unique<StreamReply>(call_.shared_from_this(), *this, ticket,
                                             std::move(decoded->request.outputs), client_id,
                                             decoded->model->signature()->name, service_.regions());
  serve::answer(service_, decoded->model, std::move(decoded->request.inference), std::move(record),
                call_.loop(), std::move(reply));
}

void InferStream::answer(std::uint64_t ticket, std::string frame) {
  if (call_.over()) return;
  answers_[ticket - first_] = std::move(frame);
  while (!answers_.empty() && !call_.over()) {
    std::optional<std::string>& oldest = answers_.front();
    if (!oldest) break;
    call_.send_frame(*std::move(oldest));
    answers_.pop_front();
    ++first_;
  }
  settle();
}

void InferStream::fail(std::uint64_t ticket, const std::string& message, std::string_view client_id,
                       std::string_view model_name) {
  inference::ModelStreamInferResponse response;
  response.set_error_message(clean_utf8(message));
  response.mutable_infer_response()->set_id(std::string(client_id));
  if (!model_name.empty()) {
    response.mutable_infer_response()->set_model_name(std::string(model_name));
    mark_final(*response.mutable_infer_response());
  }
  answer(ticket, frame_of(response));
}

void InferStream::on_end() {
  ended_ = true;
  settle();
}

void InferStream::on_drain() {
  draining_ = true;
  settle();
}

// Once all is answered: the end, where one is near, or the next requests.
void InferStream::settle() {
  if (call_.over()) return;
  if (answers_.empty() && ended_) return call_.finish({});
  if (answers_.empty() && draining_) {
    return call_.finish(
        {StatusCode::kUnavailable, "the server is ending; what was asked so far is answered"});
  }
  call_.resume();
}

}  // namespace saccade::grpc
