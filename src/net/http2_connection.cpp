#include "net/http2_connection.h"

#include <utility>

namespace saccade::net {
namespace {

constexpr int kReadsPerTurn = 4;                              // for a peer that sends a lot
constexpr std::size_t kWriteBytes = std::size_t{256} * 1024;  // one write
constexpr std::size_t kKeptBytes =
    std::size_t{1024} * 1024;  // capacity that the loop's buffer of frames keeps
constexpr int kWritesPerTurn = 4;

}  // namespace

Http2Connection::Http2Connection(LoopState& state, Wire wire)
    : Connection(state, std::move(wire)), session_(state, *this, peer_) {
  state.metrics.http2_connections.add(1);
}

Http2Connection::~Http2Connection() {
  state_.metrics.http2_connections.add(-1);
}

void Http2Connection::start(std::string_view received) {
  const auto keep = shared_from_this();
  state_.add(keep);
  if (!watch()) return;
  if (!received.empty()) session_.feed(received);
  if (state_.draining()) session_.drain();
  on_output();  // our SETTINGS
  settle();
}

void Http2Connection::on_readable() {
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ReadResult read = read_into(state_.read_buffer.get(), LoopState::kReadBytes);
    if (read.kind == Read::kNothingYet) break;
    if (read.kind != Read::kBytes) return close();
    session_.feed({state_.read_buffer.get(), read.count});
    if (read.count < LoopState::kReadBytes) break;
  }
  settle();
}

void Http2Connection::on_output() {
  if (flush_posted_ || closed()) return;
  flush_posted_ = true;
  state_.loop.at_turn_end([this, keep = self()] {
    flush_posted_ = false;
    flush();
  });
}

void Http2Connection::flush() {
  if (closed() || lingering()) return;
  std::string& out = state_.frame_buffer;
  for (int i = 0; i < kWritesPerTurn && !sending(); ++i) {
    out.clear();
    session_.take(out, kWriteBytes);
    if (out.empty()) break;
    if (!send(out)) return;
  }
  out.clear();
  if (out.capacity() > kKeptBytes) std::string().swap(out);
  session_.taken();
  settle();
}

// What is next: more to write, the end, or more to read.
void Http2Connection::settle() {
  if (closed() || lingering() || sending()) return;
  if (session_.wants_write()) {
    on_output();
  } else if (session_.finished()) {
    session_.end();
    return linger();
  }
  set_deadline_at(session_.due());
  wait_readable();
}

void Http2Connection::on_deadline() {
  if (lingering() || sending()) return close();
  const auto keep = self();
  if (!session_.check()) return close();
  settle();
}

void Http2Connection::drain() {
  if (closed() || lingering()) return;
  const auto keep = self();
  session_.drain();
  if (!sending()) settle();
}

}  // namespace saccade::net
