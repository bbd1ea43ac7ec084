// ModelStreamInfer: requests of one stream run side by side, their answers leave in the order of the
// requests. What is wrong with one request is said in its answer, and the stream goes on.
//
// Belongs to the call's loop.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "grpc/call.h"
#include "grpc/conversation.h"
#include "serve/service.h"

namespace saccade::grpc {

class InferStream final : public Conversation {
 public:
  InferStream(serve::Service& service, Call& call) : service_(service), call_(call) {}

  void on_message(std::string_view bytes) override;
  bool takes_more() const override { return answers_.size() < call_.context().limits.stream_in_flight; }
  void on_end() override;
  void on_drain() override;

  // Puts an answer into its place in the row, and sends what is ready at the front.
  void answer(std::uint64_t ticket, std::string frame);
  // `model_name`: empty where the request did not reach its model.
  void fail(std::uint64_t ticket, const std::string& message, std::string_view client_id,
            std::string_view model_name);

 private:
  void settle();

  serve::Service& service_;
  Call& call_;
  std::deque<std::optional<std::string>> answers_;  // frames, the oldest request's first
  std::uint64_t first_ = 0;                         // the ticket of the oldest
  bool ended_ = false;                              // the peer has asked all it will
  bool draining_ = false;
};

}  // namespace saccade::grpc
