// HTTP/2 (RFC 9113) as bytes in and bytes out, on nghttp2, without a socket: streams, flow control, the
// limits of what one peer may cost, the orderly end.
//
//   session.feed(received)  →  requests go up to the handler, their answers come back into the streams
//   session.take(out, room) →  frames to be sent
//
// Belongs to its loop's thread. Not re-entrant: neither of the two is called from within the handler. What a
// handler sends later is announced by the owner's on_output(), and leaves when the owner takes it.
//
// Flow control, what comes in: the connection's window is wide and given back at once, a stream's window is
// given back as its conversation consumes, or as a collected body grows within its limits. What goes out:
// frames are made only when the owner asks for them, which it does while its socket takes them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "base/clock.h"
#include "net/http2_frames.h"
#include "net/http2_guard.h"
#include "net/http2_head.h"
#include "net/http2_stream.h"
#include "net/loop_state.h"

namespace saccade::net {

class Http2Session {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // There is something to take(). May come many times in a turn, from within feed(), too.
    virtual void on_output() = 0;
  };

  Http2Session(LoopState& state, Owner& owner, PeerPointer peer = std::make_shared<const Peer>());
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  void feed(std::string_view bytes);
  // Appends frames until there are none or at least `room` bytes were added.
  void take(std::string& out, std::size_t room);
  // After what was taken has been sent: conversations with room again hear of it.
  void taken();
  bool wants_write() const;
  // Both sides are done: nothing is read any more, and nothing is left to be taken.
  bool finished() const;

  // GOAWAY in two steps: first without an end, so that requests on their way are still taken, then, once the
  // peer has seen it, with the last stream's number.
  void drain();
  // The connection is gone: every stream hears so. Idempotent.
  void end();

  // When check() has something to do, at the latest. It only falls between two checks.
  base::TimePoint due() const { return due_; }
  // Ends what took too long. False: the peer is dead and the connection is to be closed at once.
  bool check();

 private:
  friend class Http2Stream;
  struct Callbacks;

  void open(std::int32_t id, bool ends);
  void close(Http2Stream& stream);
  void link(Http2Stream& stream);
  void unlink(Http2Stream& stream);
  void terminate(std::uint32_t error_code);
  void feed_counted(std::string_view bytes);
  void count_frame(const Http2FrameHeader& header);
  void stream_given_up();
  // Whether a frame that opens or fills a stream came for one that the peer itself has ended.
  bool names_ended_stream(std::int32_t id) const;
  void remember_reset(std::int32_t id);
  void final_goaway();
  void due_by(base::TimePoint when) {
    if (when < due_) due_ = when;
  }
  bool full(std::size_t more) const;

  LoopState& state_;
  Owner& owner_;
  const PeerPointer peer_;
  nghttp2_session* session_ = nullptr;
  Http2Guard guard_;
  Http2FrameWalk walk_;
  Http2Head head_;       // of the header block under way
  HttpRequest request_;  // reused; valid during one call of the handler
  Http2Stream* first_ = nullptr;
  std::size_t streams_ = 0;
  std::size_t collected_ = 0;         // bytes in the bodies of all streams
  std::size_t unsent_ = 0;            // bytes of answers not yet in frames, of all streams
  std::size_t block_bytes_ = 0;       // of the header block under way
  std::int32_t last_opened_ = 0;      // the highest stream that the peer has opened
  std::vector<std::int32_t> resets_;  // streams that we reset lately: the peer may not know yet
  std::size_t next_reset_ = 0;        // of the ring resets_
  std::int32_t forgotten_ = 0;        // the highest that has dropped out of it
  std::vector<std::shared_ptr<Http2Stream>> sendable_;  // told so by taken()

  base::TimePoint now_;  // of the call under way: one look at the clock for all its frames
  base::TimePoint due_;
  base::TimePoint heard_;        // the last bytes of the peer
  base::TimePoint block_since_;  // max: no header block is under way
  base::TimePoint drain_by_;     // max: no final GOAWAY is due
  bool greeted_ = false;         // the peer's SETTINGS have come
  bool pinged_ = false;          // and nothing has been heard since
  bool block_open_ = false;      // its END_HEADERS has not come
  bool block_last_ = false;      // the last frame belongs to one
  bool draining_ = false;
  bool terminated_ = false;
  bool broken_ = false;  // nghttp2 can't go on
};

}  // namespace saccade::net
