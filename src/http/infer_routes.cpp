#include <charconv>
#include <optional>
#include <utility>

#include "http/cache_headers.h"
#include "http/deadline.h"
#include "http/routes.h"
#include "protocol/infer_request.h"
#include "protocol/infer_response.h"
#include "protocol/json_writer.h"
#include "protocol/log_result.h"
#include "serve/reply.h"

namespace saccade::http {
namespace {

constexpr std::string_view kLengthHeader = "Inference-Header-Content-Length";

// One request's answer on its way back.
class InferReply final : public serve::Reply {
 public:
  InferReply(Call call, std::vector<protocol::RequestedOutput> asked, std::string client_id,
             const request::SharedRegions& regions, std::optional<CacheNote> note)
      : call_(std::move(call)),
        note_(std::move(note)),
        asked_(std::move(asked)),
        client_id_(std::move(client_id)),
        regions_(regions) {}

  base::Status encode(const serve::Answered& answered) override {
    auto encoded =
        protocol::encode_infer_json(answered.response, asked_, client_id_, answered.model, regions_);
    if (!encoded) return std::unexpected(std::move(encoded.error()));
    encoded_ = *std::move(encoded);
    if (note_) [[unlikely]] {
      note_->freshness = answered.response.freshness;
      note_->tag = entity_tag(encoded_.body, true);
    }
    return {};
  }

  std::string log_result(const serve::Answered& answered) override {
    std::string result;
    protocol::append_log_result(result, answered.response, answered.model);
    return result;
  }

  void send() override {
    net::HttpResponse response{.body = std::move(encoded_.body), .headers = {}};
    if (encoded_.json_bytes) {
      response.content_type = "application/octet-stream";
      response.headers.emplace_back(kLengthHeader, std::to_string(*encoded_.json_bytes));
    }
    if (note_) [[unlikely]]
      add_cache_headers(response, *note_);
    call_.respond(std::move(response), 0);
  }

  void fail(base::Error error) override { call_.fail(error); }

 private:
  const Call call_;
  std::optional<CacheNote> note_;  // where the model's answers are cached
  const std::vector<protocol::RequestedOutput> asked_;
  const std::string client_id_;
  const request::SharedRegions& regions_;
  protocol::EncodedInfer encoded_;
};

// How many bytes of the body are JSON.
base::Result<std::size_t> json_bytes_of(const net::HttpRequest& request) {
  for (const auto& [name, value] : request.headers) {
    if (!net::equal_ignoring_case(name, kLengthHeader)) continue;
    std::size_t length = 0;
    const char* const end = value.data() + value.size();
    const auto [read, error] = std::from_chars(value.data(), end, length);
    if (!value.empty() && error == std::errc{} && read == end && length <= request.body.size()) return length;
    return base::invalid_argument(std::string(kLengthHeader) + " is \"" + std::string(value.substr(0, 100)) +
                                  "\"; it takes a whole number from 0 to the body's length, " +
                                  std::to_string(request.body.size()));
  }
  if (request.body.empty()) {
    return base::invalid_argument("the body is empty; send a JSON object with \"inputs\"");
  }
  return request.body.size();
}

class InferRoute {
 public:
  explicit InferRoute(serve::Service& service) : service_(service) {}

  void operator()(const Call& call, const net::HttpRequest& request, const PathParameters& parameters) const {
    const auto model = service_.catalog().find(parameters[0], parameters[1]);
    if (!model) return call.fail(model.error());
    if (const auto refused = (*model)->would_refuse(call.loop(), call.arrived())) return call.fail(*refused);
    const auto deadline = deadline_of(request, call.arrived());
    if (!deadline) return call.fail(deadline.error());
    const auto json_bytes = json_bytes_of(request);
    if (!json_bytes) return call.fail(json_bytes.error());
    auto decoded =
        protocol::decode_infer_json(request.body, *json_bytes, *(*model)->signature(), service_.regions());
    if (!decoded) return call.fail(decoded.error());

    request::InferenceRequest& inference = decoded->inference;
    inference.id = call.id();
    inference.trace = call.trace();
    inference.caller = call.caller();
    inference.caller_gone = call.gone();
    inference.arrived = call.arrived();
    inference.deadline = *deadline;
    std::optional<CacheNote> note;
    if ((*model)->cache_identity() != nullptr) [[unlikely]] {
      inference.cache = cache_wishes(request);
      note.emplace().for_one = speaks_for_itself(request, call.peer().certificate);
    }
    serve::RecordOptions record;
    if (!inference.client_id.empty()) protocol::append_string(record.client_id, inference.client_id);
    if (service_.logs_inputs()) record.input = protocol::log_input(request.body.substr(0, *json_bytes));
    auto reply = std::make_unique<InferReply>(call, std::move(decoded->outputs), inference.client_id,
                                              service_.regions(), std::move(note));
    serve::answer(service_, *model, std::move(inference), std::move(record), call.loop(), std::move(reply));
  }

 private:
  serve::Service& service_;
};

Operation infer_operation(std::string summary) {
  const std::string bytes = "how many bytes of the body are JSON; binary tensors follow them";
  return {.tag = "v2",
          .right = Right::kPredict,
          .summary = std::move(summary),
          .description = "Tensors travel as JSON, as bytes behind the JSON, or in shared memory.",
          .parameters = {in_header(std::string(kLengthHeader), bytes, schema::kWhole), in_timeout_header()},
          .body = {json("V2InferRequest"), {"application/octet-stream", schema::kBytes, {}}},
          .answers = {{.status = 200,
                       .description = "The outputs.",
                       .content = {json("V2InferAnswer"), {"application/octet-stream", schema::kBytes, {}}},
                       .headers = {in_header(std::string(kLengthHeader), bytes, schema::kWhole)}}},
          .errors = {404, 415, 500, 503, 504}};
}

}  // namespace

void add_infer_routes(Router& router, serve::Service& service) {
  const InferRoute infer(service);
  router.add("POST", "/v2/models/{model}/infer",
             infer_operation("Infer with a model, by the Open Inference Protocol."), infer);
  router.add("POST", "/v2/models/{model}/versions/{version}/infer",
             infer_operation("Infer with one version of a model, by the Open Inference Protocol."), infer);
}

}  // namespace saccade::http
