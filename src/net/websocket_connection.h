// One WebSocket connection (RFC 6455): messages up, replies down in the order of the messages. Belongs to its
// loop's thread.
//
// Backpressure: a peer with too many unanswered messages, or that leaves too many bytes of answers unread, is
// not read until that changes. Replies that become ready in one turn of the loop leave in one write.
#pragma once

#include <deque>
#include <string>

#include "net/connection.h"
#include "net/http_handler.h"
#include "net/receive_buffer.h"
#include "net/websocket_frames.h"

namespace saccade::net {

class WebSocketConnection final : public Connection, public WebSocketPeer {
 public:
  WebSocketConnection(LoopState& state, Wire wire, std::unique_ptr<WebSocketSession> session);
  ~WebSocketConnection() override;
  // `received`: bytes that came behind the handshake.
  void start(std::string_view received);

  void on_deadline() override;
  void drain() override;

  void reply(std::uint64_t ticket, bool binary, std::string payload) override;
  void close(std::uint64_t ticket, std::uint16_t code, std::string_view reason) override;
  using Connection::close;
  runtime::EventLoop& loop() override { return state_.loop; }
  std::shared_ptr<const std::atomic<bool>> gone() const override { return gone_; }
  const Peer& peer() const override { return *peer_; }

 private:
  struct Slot {
    bool ready = false;
    bool binary = false;
    std::string payload;
  };

  std::shared_ptr<Connection> self() override;
  void on_readable() override;
  void on_sent() override { go_on(); }

  // Each returns how many bytes it consumed.
  std::size_t process(std::span<char> bytes);
  void on_frame(const FrameHeader& header, std::string_view payload);
  void on_data(const FrameHeader& header, std::string_view payload);
  void deliver(bool binary, std::string_view payload);
  void on_close_frame(std::string_view payload);

  void flush_ready();
  void flush();
  void go_on();
  bool saturated() const;
  void close_with(std::uint16_t code, std::string_view reason);
  void violate(const ProtocolViolation& violation);
  void close_when_answered();

  std::unique_ptr<WebSocketSession> session_;
  ReceiveBuffer buffer_;
  ReceiveBuffer message_;                          // the fragments so far
  Opcode message_opcode_ = Opcode::kContinuation;  // of the fragmented message under way; kContinuation: none
  std::deque<Slot> slots_;                         // unanswered messages, oldest first
  std::uint64_t first_ticket_ = 0;                 // of slots_.front()
  std::string ready_;                              // frames to be sent at the end of this turn
  bool flush_posted_ = false;
  bool processing_ = false;
  bool stopped_reading_ = false;    // a close is under way: no more messages are taken
  std::uint16_t closing_code_ = 0;  // sent once all messages are answered; 0: none is waiting
  std::string closing_reason_;
  bool pinged_ = false;
};

}  // namespace saccade::net
