#include "http/websocket_session.h"

#include "http/call.h"
#include "protocol/json_writer.h"

namespace saccade::http {
namespace {

constexpr std::uint16_t kPolicyViolation = 1008;  // RFC 6455, 7.4.1

// {"error": "…", "code": "invalid_argument"} with the message's own id where it could be read.
std::string error_message(const base::Error& error, const std::string& id) {
  std::string out = "{\"error\":";
  protocol::append_string(out, error.message);
  out += ",\"code\":\"";
  out += base::code_name(error.code);
  out += '"';
  if (error.retry_after.count() > 0) {
    out += ",\"retry_after_ms\":";
    protocol::append_number(out, static_cast<std::int64_t>(error.retry_after.count()));
  }
  if (!id.empty()) out += ",\"id\":" + id;
  return out + "}";
}

void end_span(trace::ServerSpan& span, const base::Error& error) {
  span.set("error.type", base::code_name(error.code));
  const bool ours = status_of(error.code) >= 500;
  span.end(ours ? std::optional<std::string>(error.message) : std::nullopt);
}

}  // namespace

std::shared_ptr<trace::ServerSpan> PredictSession::begin_span(const net::WebSocketPeer& peer,
                                                              base::TimePoint arrived) const {
  if (options_.tracing == nullptr) return nullptr;
  auto span = options_.tracing->begin(options_.parent ? &*options_.parent : nullptr, arrived);
  if (!span) return nullptr;
  span->rename("message " + options_.route);
  span->set("network.protocol.name", "websocket");
  span->set("http.route", options_.route);
  span->set("client.address", peer.peer().address);
  return span;
}

void PredictSession::on_message(const std::shared_ptr<net::WebSocketPeer>& peer, std::uint64_t ticket,
                                bool binary, std::string_view payload) {
  if (options_.caller && !options_.caller->may_go_on()) [[unlikely]] {
    return peer->close(ticket, kPolicyViolation, "the key or token of this connection is not valid any more");
  }
  const base::TimePoint arrived = base::now();
  const std::shared_ptr<trace::ServerSpan> span = begin_span(*peer, arrived);
  const auto model = service_.catalog().find(options_.model, options_.version);
  if (!model) {
    if (span) end_span(*span, model.error());
    return peer->reply(ticket, false, error_message(model.error(), ""));
  }
  const bool ends = options_.timeout.count() > 0 && options_.timeout < base::TimePoint::max() - arrived;
  const PredictCall call{.payload = payload,
                         .binary = binary,
                         .probabilities = options_.probabilities,
                         .id_in_failure = true,
                         .binary_answer = options_.binary_answers,
                         .wait = {},
                         .trace = span,
                         .caller = options_.caller,
                         .loop = &peer->loop(),
                         .gone = peer->gone(),
                         .arrived = arrived,
                         .deadline = ends ? arrived + options_.timeout : base::TimePoint::max()};
  predictor_.predict(
      *model, call,
      [peer, ticket, span,
       binary_answer = options_.binary_answers](std::expected<std::string, PredictFailure> answer) {
        if (span && answer) span->end(std::nullopt);
        if (span && !answer) end_span(*span, answer.error().error);
        if (answer) return peer->reply(ticket, binary_answer, *std::move(answer));
        peer->reply(ticket, false, error_message(answer.error().error, answer.error().client_id));
      });
}

}  // namespace saccade::http
