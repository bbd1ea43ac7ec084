// What one peer may cost. Constant after the server has started.
#pragma once

#include <chrono>
#include <cstddef>

namespace saccade::net {

struct Limits {
  std::size_t connections = 20'000;                        // open at once, over all listeners
  std::size_t header_bytes = std::size_t{64} * 1024;       // request line and headers together
  std::size_t headers = 128;                               // header fields of one request
  std::size_t body_bytes = std::size_t{64} * 1024 * 1024;  // of one request, or one WebSocket message
  std::chrono::milliseconds idle_timeout{75'000};          // between requests
  std::chrono::milliseconds header_timeout{10'000};  // first byte of a request to the end of its headers
  std::chrono::milliseconds body_timeout{30'000};    // end of the headers to the end of the body
  std::chrono::milliseconds write_timeout{30'000};   // for a peer that reads nothing
  std::chrono::milliseconds websocket_ping_after{
      30'000};                            // a silent peer is asked whether it lives, then closed
  std::size_t websocket_in_flight = 256;  // messages of one connection not yet answered
  std::size_t websocket_unsent_bytes =
      std::size_t{1024} * 1024;  // answers that a peer may leave unread before it is not read
  // One gRPC channel carries a whole client's calls; more than so many wait at the client, which is better
  // than here. The memory of as many idle streams is about a megabyte.
  std::size_t http2_streams = 1024;
  // Bodies not yet whole and answers not yet sent, of one connection; at least two bodies always fit.
  std::size_t http2_buffered_bytes = std::size_t{256} * 1024 * 1024;
  // Streams given up before their answer: so many at once, so many a second. Deadlines that expire under
  // load are honest; a flood (CVE-2023-44487, CVE-2025-8671) is far above.
  std::size_t http2_resets = 4096;
  std::size_t http2_resets_per_second = 1024;
  // Frames that carry no request (PING, SETTINGS, PRIORITY, empty DATA …): so many at once, so many a
  // second, and some for each frame that carries one. A client that measures the line with a PING for each
  // round trip stays below.
  std::size_t http2_idle_frames = 10'000;
  std::size_t http2_idle_frames_per_second = 1'000;
};

}  // namespace saccade::net
