// Bytes to answers: what came back on one connection, told apart. Bodies are not looked at beyond what says
// why something was refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace open_loop {

enum class Verdict : std::uint8_t {
  kDone,     // a prediction
  kRefused,  // HTTP 503 or 429; over WebSocket the codes of those: come back later
  kExpired,  // HTTP 504: the deadline had passed
  kWrong,    // any other error
};

struct Answer {
  Verdict verdict = Verdict::kDone;
  bool last = false;  // the server closes the connection after it
  std::string text;   // of kWrong: what it said, a part
};

class AnswerReader {
 public:
  virtual ~AnswerReader() = default;
  // Takes bytes off the front of `bytes`, up to the end of an answer, which it returns. Throws
  // std::runtime_error where they are none.
  virtual std::optional<Answer> take(std::string_view& bytes) = 0;
};

// Answers with Content-Length, as every server here sends.
std::unique_ptr<AnswerReader> http_answers();
// Frames of a server (RFC 6455), after the handshake.
std::unique_ptr<AnswerReader> websocket_answers();

}  // namespace open_loop
