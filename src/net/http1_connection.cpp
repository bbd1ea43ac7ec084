#include "net/http1_connection.h"

#include <charconv>
#include <utility>

#include "net/http2_connection.h"
#include "net/websocket_connection.h"
#include "net/websocket_handshake.h"
#include "runtime/memory_in_flight.h"

namespace saccade::net {
namespace {

constexpr std::size_t kReadAhead =
    std::size_t{64} * 1024;  // of further requests, while one is being answered
constexpr std::size_t kGrowth =
    std::size_t{1024} * 1024;  // a large body's buffer grows by at most so much ahead of its bytes

void append_number(std::string& out, std::size_t number) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace

Http1Connection::Http1Connection(LoopState& state, Wire wire)
    : Connection(state, std::move(wire)), parser_(state.limits) {
  state.metrics.http_connections.add(1);
}

Http1Connection::~Http1Connection() {
  state_.metrics.http_connections.add(-1);
}

void Http1Connection::start() {
  state_.add(shared_from_this());
  set_deadline(state_.limits.idle_timeout);
  if (watch()) wait_readable();
}

void Http1Connection::on_readable() {
  if (busy_) return read_ahead();
  const std::size_t before = buffer_.size();
  ReadResult read;
  if (before == 0) {
    read = read_into(state_.read_buffer.get(), LoopState::kReadBytes);
  } else {
    const std::size_t awaited =
        static_cast<std::size_t>(std::min<std::uint64_t>(parser_.content_length(), kGrowth));
    const std::size_t count = std::max(awaited, LoopState::kReadBytes);
    if (in_message_ && runtime::memory_in_flight().full(buffer_.growth(count))) return refuse_for_memory();
    const std::span<char> room = buffer_.prepare(count);
    read = read_into(room.data(), room.size());
    if (read.kind == Read::kBytes) buffer_.commit(read.count);
  }
  switch (read.kind) {
    case Read::kBytes:
      if (before == 0) return process({state_.read_buffer.get(), read.count}, 0);
      return process(buffer_.view(), before);
    case Read::kNothingYet:
      return wait_readable();
    case Read::kEndOfStream:
      if (!in_message_) return close();
      return refuse(400, "the connection ended in the middle of the request");
    case Read::kFailed:
      return close();
  }
}

// `bytes` begin where the message under way begins; those before `from` were parsed already. They lie in the
// loop's read buffer or in buffer_.
void Http1Connection::process(std::string_view bytes, std::size_t from) {
  if (first_ && bytes.starts_with(Http2Connection::kPreface)) return become_http2(bytes);
  for (;;) {
    if (!in_message_) {
      in_message_ = true;
      set_deadline(state_.limits.header_timeout);
    }
    const bool had_headers = parser_.headers_complete();
    switch (parser_.feed(bytes, from)) {
      case Http1Parser::State::kFailed:
        return refuse(parser_.failure().status, parser_.failure().message);
      case Http1Parser::State::kNeedMore:
        if (!had_headers && parser_.headers_complete()) set_deadline(state_.limits.body_timeout);
        return await_more(bytes);
      case Http1Parser::State::kComplete:
        break;
    }
    dispatch(bytes);
    if (closed() || busy_ || sending()) return;
    if (buffer_.empty()) return wait_readable();
    bytes = buffer_.view();
    from = 0;
  }
}

void Http1Connection::become_http2(std::string_view bytes) {
  const auto keep = self();  // and with it the bytes, which may be ours
  std::make_shared<Http2Connection>(state_, release_wire())->start(bytes);
}

void Http1Connection::await_more(std::string_view bytes) {
  const bool kept = bytes.data() == buffer_.data();
  if (!kept && parser_.headers_complete() && runtime::memory_in_flight().full(bytes.size())) {
    return refuse_for_memory();
  }
  if (!kept) buffer_.append(bytes);
  if (parser_.headers_complete() && parser_.expects_continue() && !continued_) {
    continued_ = true;
    if (!send("HTTP/1.1 100 Continue\r\n\r\n")) return;
  }
  wait_readable();
}

// Hands the complete request up and keeps what came behind it.
void Http1Connection::dispatch(std::string_view bytes) {
  const auto keep = shared_from_this();
  const HttpRequest& request = parser_.request();
  first_ = false;
  busy_ = true;
  head_ = request.method == "HEAD";
  close_after_ = !parser_.keep_alive();
  version_1_0_ = parser_.version_1_0();
  clear_deadline();
  behind_request_ = bytes.substr(parser_.consumed());
  dispatching_ = true;
  state_.handler.handle(request, keep);
  dispatching_ = false;
  if (closed()) return;  // or handed over to a WebSocket
  const std::size_t consumed = parser_.consumed();
  if (bytes.data() == buffer_.data()) {
    buffer_.consume(consumed);
  } else {
    buffer_.append(bytes.substr(consumed));
  }
  parser_.reset();
  in_message_ = false;
  continued_ = false;
  if (busy_) return wait_readable();     // to see a peer that leaves
  if (lingering() || sending()) return;  // the write's own deadline holds until the answer is out
  set_deadline(state_.limits.idle_timeout);
}

void Http1Connection::read_ahead() {
  if (buffer_.size() >= kReadAhead) return;  // next() reads on
  const ReadResult read = read_into(state_.read_buffer.get(), LoopState::kReadBytes);
  switch (read.kind) {
    case Read::kBytes:
      buffer_.append({state_.read_buffer.get(), read.count});
      return wait_readable();
    case Read::kNothingYet:
      return wait_readable();
    case Read::kEndOfStream:
      return peer_ended_sending();
    case Read::kFailed:
      return close();
  }
}

void Http1Connection::peer_ended_sending() {
  peer_ended_ = true;
  if (version_1_0_) return;
  if (!send("HTTP/1.1 102 Processing\r\n\r\n")) return;
  if (broken()) close();
}

void Http1Connection::on_broken() {
  if (peer_ended_ && busy_ && !version_1_0_) close();
}

void Http1Connection::respond(HttpResponse response) {
  if (closed() || !busy_) return;
  busy_ = false;
  const bool last = close_after_ || state_.draining() || (peer_ended_ && buffer_.empty());
  write(response, last);
  if (closed()) return;
  if (last) return linger();
  if (!dispatching_ && !sending()) next();
}

// After an answer that did not come during dispatch() has left: on to what is there already.
void Http1Connection::next() {
  if (closed() || busy_ || dispatching_) return;
  set_deadline(state_.limits.idle_timeout);
  if (!buffer_.empty()) return process(buffer_.view(), 0);
  if (peer_ended_) return linger();
  if (state_.draining()) return drain();
  wait_readable();
}

void Http1Connection::refuse(int status, std::string_view message) {
  head_ = false;
  write(state_.handler.refusal(status, message), true);
  linger();
}

void Http1Connection::refuse_for_memory() {
  buffer_ = {};
  refuse(503, kMemoryFull);
}

void Http1Connection::write(const HttpResponse& response, bool close_after) {
  std::string& out = state_.write_buffer;
  out.clear();
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status));
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\nDate: ";
  out += state_.date();
  if (!response.content_type.empty()) {
    out += "\r\nContent-Type: ";
    out += response.content_type;
  }
  if (response.status != 204 && response.status != 304) {
    out += "\r\nContent-Length: ";
    append_number(out, response.body.size());
  }
  if (response.id) {
    char id[base::kUuidTextLength];
    response.id->write(id);
    out += "\r\nX-Request-Id: ";
    out.append(id, sizeof id);
  }
  for (const auto& [name, value] : response.headers) {
    out += "\r\n";
    out += name;
    out += ": ";
    out += value;
  }
  if (close_after) {
    out += "\r\nConnection: close";
  } else if (version_1_0_) {
    out += "\r\nConnection: keep-alive";
  }
  out += "\r\n\r\n";
  if (!head_) out += response.body;
  send(out);
}

base::Status Http1Connection::accept_websocket(const HttpRequest& request,
                                               std::unique_ptr<WebSocketSession> session) {
  if (version_1_0_) return base::invalid_argument("WebSocket needs HTTP/1.1; this request is HTTP/1.0's");
  const base::Result<std::string> accept = websocket_accept(request);
  if (!accept) return std::unexpected(accept.error());
  std::string out = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  out += "Sec-WebSocket-Accept: " + *accept + "\r\n\r\n";
  if (!send(out)) return {};
  const auto keep = self();
  auto websocket = std::make_shared<WebSocketConnection>(state_, release_wire(), std::move(session));
  websocket->start(dispatching_ ? behind_request_ : buffer_.view());  // answered later: what came since
  return {};
}

void Http1Connection::on_deadline() {
  if (lingering() || sending()) return close();
  if (!in_message_) return close();
  clear_deadline();
  refuse(408, parser_.headers_complete() ? "the body did not arrive in time"
                                         : "the headers did not arrive in time");
}

// A request that is already on its way in is still answered; an idle connection ends.
void Http1Connection::drain() {
  if (busy_ || sending() || lingering()) return;
  const auto keep = self();
  if (!in_message_) on_readable();
  if (!closed() && !busy_ && !in_message_ && !lingering() && !sending()) close();
}

}  // namespace saccade::net
