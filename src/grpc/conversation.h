// What a streaming method does with one call's messages. Owned by the call, and outlived by nothing of it.
#pragma once

#include <string_view>

namespace saccade::grpc {

class Conversation {
 public:
  virtual ~Conversation() = default;
  // `bytes`: one message, decompressed, valid during the call.
  virtual void on_message(std::string_view bytes) = 0;
  // False: no message is handed on, and the peer is held back, until Call::resume().
  virtual bool takes_more() const { return true; }
  virtual void on_end() = 0;  // the peer sends no more messages
  virtual void on_drain() {}  // the server ends: a call without an end of its own should end
  virtual void on_over() {}   // the last call: finished, cancelled or gone
};

}  // namespace saccade::grpc
