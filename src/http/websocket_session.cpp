#include "http/websocket_session.h"

#include "protocol/json_writer.h"

namespace saccade::http {
namespace {

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

}  // namespace

void PredictSession::on_message(const std::shared_ptr<net::WebSocketPeer>& peer, std::uint64_t ticket,
                                bool binary, std::string_view payload) {
  const auto model = service_.catalog().find(options_.model, options_.version);
  if (!model) return peer->reply(ticket, false, error_message(model.error(), ""));
  const base::TimePoint arrived = base::now();
  const bool ends = options_.timeout.count() > 0 && options_.timeout < base::TimePoint::max() - arrived;
  const PredictCall call{.payload = payload,
                         .binary = binary,
                         .probabilities = options_.probabilities,
                         .id_in_failure = true,
                         .binary_answer = options_.binary_answers,
                         .wait = {},
                         .loop = &peer->loop(),
                         .gone = peer->gone(),
                         .arrived = arrived,
                         .deadline = ends ? arrived + options_.timeout : base::TimePoint::max()};
  predictor_.predict(
      *model, call,
      [peer, ticket,
       binary_answer = options_.binary_answers](std::expected<std::string, PredictFailure> answer) {
        if (answer) return peer->reply(ticket, binary_answer, *std::move(answer));
        peer->reply(ticket, false, error_message(answer.error().error, answer.error().client_id));
      });
}

}  // namespace saccade::http
