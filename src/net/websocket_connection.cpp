#include "net/websocket_connection.h"

#include <algorithm>
#include <utility>

#include <simdjson.h>

#include "runtime/memory_in_flight.h"

namespace saccade::net {

WebSocketConnection::WebSocketConnection(LoopState& state, Wire wire,
                                         std::unique_ptr<WebSocketSession> session)
    : Connection(state, std::move(wire)), session_(std::move(session)) {
  state.metrics.websocket_connections.add(1);
}

WebSocketConnection::~WebSocketConnection() {
  state_.metrics.websocket_connections.add(-1);
}

std::shared_ptr<Connection> WebSocketConnection::self() {
  return std::static_pointer_cast<WebSocketConnection>(shared_from_this());
}

void WebSocketConnection::start(std::string_view received) {
  const auto keep = self();
  state_.add(keep);
  if (!watch()) return;
  set_deadline(state_.limits.websocket_ping_after);
  buffer_.append(received);
  if (state_.draining()) return drain();
  go_on();
}

void WebSocketConnection::on_readable() {
  ReadResult read;
  if (buffer_.empty()) {
    read = read_into(state_.read_buffer.get(), LoopState::kReadBytes);
  } else {
    const std::span<char> room = buffer_.prepare(LoopState::kReadBytes);
    read = read_into(room.data(), room.size());
    if (read.kind == Read::kBytes) buffer_.commit(read.count);
  }
  if (read.kind == Read::kNothingYet) return wait_readable();
  if (read.kind != Read::kBytes) return close();
  pinged_ = false;
  if (!sending()) set_deadline(state_.limits.websocket_ping_after);
  if (!buffer_.empty()) return go_on();
  const std::span<char> bytes(state_.read_buffer.get(), read.count);
  const std::size_t consumed = process(bytes);
  if (closed()) return;
  buffer_.append({bytes.data() + consumed, bytes.size() - consumed});
  if (!saturated() && !stopped_reading_) wait_readable();
}

// Works through what has been received, then asks for more.
void WebSocketConnection::go_on() {
  if (closed() || stopped_reading_ || processing_) return;
  if (!sending()) set_deadline(state_.limits.websocket_ping_after);
  const auto keep = self();
  if (!buffer_.empty()) {
    const std::size_t consumed = process({buffer_.data(), buffer_.size()});
    if (closed()) return;
    buffer_.consume(consumed);
  }
  if (!saturated() && !stopped_reading_) wait_readable();
}

bool WebSocketConnection::saturated() const {
  return slots_.size() >= state_.limits.websocket_in_flight ||
         unsent_bytes() + ready_.size() >= state_.limits.websocket_unsent_bytes;
}

std::size_t WebSocketConnection::process(std::span<char> bytes) {
  std::size_t consumed = 0;
  processing_ = true;
  while (!closed() && !stopped_reading_ && !saturated()) {
    const auto header = parse_frame_header({bytes.data() + consumed, bytes.size() - consumed});
    if (!header) {
      violate(header.error());
      break;
    }
    if (header->size == 0) break;
    const bool data = header->opcode < Opcode::kClose;
    if (data && header->length + message_.size() > state_.limits.body_bytes) {
      violate({kCloseTooBig, "the message is larger than the server takes"});
      break;
    }
    const std::size_t there = bytes.size() - consumed - header->size;
    if (data && (there < header->length || !header->final) &&
        runtime::memory_in_flight().full(std::min<std::size_t>(there, header->length))) {
      violate({kCloseTryAgainLater, kMemoryFull});
      break;
    }
    if (there < header->length) break;
    const std::span<char> payload = bytes.subspan(consumed + header->size, header->length);
    unmask(payload, header->mask);
    on_frame(*header, {payload.data(), payload.size()});
    consumed += header->size + header->length;
  }
  processing_ = false;
  return consumed;
}

void WebSocketConnection::on_frame(const FrameHeader& header, std::string_view payload) {
  switch (header.opcode) {
    case Opcode::kPing:
      append_frame(ready_, Opcode::kPong, payload);
      flush_ready();
      break;
    case Opcode::kPong:
      break;
    case Opcode::kClose:
      on_close_frame(payload);
      break;
    default:
      on_data(header, payload);
      break;
  }
}

void WebSocketConnection::on_data(const FrameHeader& header, std::string_view payload) {
  const bool continues = header.opcode == Opcode::kContinuation;
  const bool fragmented = message_opcode_ != Opcode::kContinuation;
  if (continues != fragmented) {
    return violate({kCloseProtocolError,
                    continues ? "a continuation of no message" : "a new message inside a fragmented one"});
  }
  if (!fragmented && header.final) return deliver(header.opcode == Opcode::kBinary, payload);
  if (!continues) message_opcode_ = header.opcode;
  message_.append(payload);
  if (!header.final) return;
  const bool binary = message_opcode_ == Opcode::kBinary;
  message_opcode_ = Opcode::kContinuation;
  const ReceiveBuffer whole = std::move(message_);
  deliver(binary, whole.view());
}

void WebSocketConnection::deliver(bool binary, std::string_view payload) {
  if (!binary && !simdjson::validate_utf8(payload.data(), payload.size())) {
    return violate({kCloseInvalidData, "a text message that is not UTF-8"});
  }
  state_.metrics.websocket_messages.add();
  const std::uint64_t ticket = first_ticket_ + slots_.size();
  slots_.emplace_back();
  session_->on_message(shared_from_this(), ticket, binary, payload);
}

void WebSocketConnection::reply(std::uint64_t ticket, bool binary, std::string payload) {
  if (closed() || lingering() || ticket < first_ticket_) return;
  const bool was_saturated = saturated();
  Slot& slot = slots_[ticket - first_ticket_];
  slot = {true, binary, std::move(payload)};
  while (!slots_.empty() && slots_.front().ready) {
    append_frame(ready_, slots_.front().binary ? Opcode::kBinary : Opcode::kText, slots_.front().payload);
    slots_.pop_front();
    ++first_ticket_;
  }
  flush_ready();
  if (was_saturated && !closed()) go_on();
}

void WebSocketConnection::close(std::uint64_t ticket, std::uint16_t code, std::string_view reason) {
  if (closed() || lingering() || stopped_reading_ || ticket < first_ticket_) return;
  slots_.resize(ticket - first_ticket_);
  stopped_reading_ = true;
  closing_code_ = code;
  closing_reason_ = reason;
  close_when_answered();
}

// Sends at once when nothing more is to come this turn, else leaves it to a flush at the turn's end.
void WebSocketConnection::flush_ready() {
  if (ready_.empty()) return;
  if (slots_.empty() && !processing_) return flush();
  if (flush_posted_) return;
  flush_posted_ = true;
  state_.loop.at_turn_end([this, keep = self()] {
    flush_posted_ = false;
    flush();
  });
}

void WebSocketConnection::flush() {
  if (closed() || lingering()) return;
  if (!ready_.empty()) {
    const bool sent = send(ready_);
    ready_.clear();
    if (ready_.capacity() > 4096) ready_.shrink_to_fit();
    if (!sent) return;
  }
  if (slots_.empty() && closing_code_ != 0) return close_with(closing_code_, closing_reason_);
  go_on();
}

void WebSocketConnection::on_close_frame(std::string_view payload) {
  const auto code = parse_close(payload);
  if (!code) return violate(code.error());
  stopped_reading_ = true;
  closing_code_ = *code;
  close_when_answered();
}

void WebSocketConnection::close_when_answered() {
  if (slots_.empty() && !flush_posted_ && closing_code_ != 0) {
    if (!ready_.empty() && !send(std::exchange(ready_, {}))) return;
    close_with(closing_code_, closing_reason_);
  }
}

void WebSocketConnection::violate(const ProtocolViolation& violation) {
  close_with(violation.close_code, violation.reason);
}

// The last frame; what the peer still sends is read over until it closes too.
void WebSocketConnection::close_with(std::uint16_t code, std::string_view reason) {
  if (closed() || lingering()) return;
  stopped_reading_ = true;
  std::string out = std::exchange(ready_, {});
  append_frame(out, Opcode::kClose, code == kCloseNoStatus ? std::string() : close_payload(code, reason));
  if (!send(out)) return;
  gone_->store(true, std::memory_order_relaxed);
  linger();
}

void WebSocketConnection::on_deadline() {
  if (lingering() || sending() || pinged_) return close();
  pinged_ = true;
  set_deadline(state_.limits.websocket_ping_after);
  append_frame(ready_, Opcode::kPing, "");
  flush();
}

void WebSocketConnection::drain() {
  if (closed() || stopped_reading_) return;
  stopped_reading_ = true;
  closing_code_ = kCloseGoingAway;
  close_when_answered();
}

}  // namespace saccade::net
