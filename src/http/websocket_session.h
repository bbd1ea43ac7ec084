// Predictions over one WebSocket connection: a message in, an answer or an error message out. A bad message
// never ends the connection. Belongs to the connection's loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "http/predictor.h"
#include "net/http_handler.h"
#include "trace/tracing.h"

namespace saccade::http {

class PredictSession final : public net::WebSocketSession {
 public:
  struct Options {
    std::string model;
    std::string version;  // empty: the newest at each message
    bool probabilities = false;
    bool binary_answers = false;
    base::Duration timeout{0};                           // of each message, from its arrival; 0: none
    trace::Tracing* tracing = nullptr;                   // null: messages have no spans
    std::optional<request::TraceContext> parent = {};    // of every message: came with the handshake
    std::shared_ptr<const request::Caller> caller = {};  // of the handshake; null: nobody was asked
    std::string route = {};                              // of the handshake, for the spans
  };

  PredictSession(serve::Service& service, Predictor& predictor, Options options)
      : service_(service), predictor_(predictor), options_(std::move(options)) {}

  void on_message(const std::shared_ptr<net::WebSocketPeer>& peer, std::uint64_t ticket, bool binary,
                  std::string_view payload) override;

 private:
  // Null: the message has none.
  std::shared_ptr<trace::ServerSpan> begin_span(const net::WebSocketPeer& peer,
                                                base::TimePoint arrived) const;

  serve::Service& service_;
  Predictor& predictor_;
  const Options options_;
};

}  // namespace saccade::http
