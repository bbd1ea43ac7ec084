// One non-blocking connection to the server: its socket, what is still to be written, and which requests it
// owes answers for. It says what happened; the load decides what to do.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "answers.h"
#include "options.h"

namespace open_loop {

class Connection {
 public:
  // `handshake` is written first, if it is not empty, and a 101 must come back; `message` is one request.
  // Both must outlive the connection.
  Connection(const Options& options, const std::string& handshake, const std::string& message);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int descriptor() const { return descriptor_; }
  // Open, shaken hands, and with room for one more request.
  bool free() const { return state_ == State::kOpen && waiting_ < owed_.size() && !ending_; }
  bool opening() const { return state_ == State::kConnecting || state_ == State::kShaking; }
  bool broken() const { return state_ == State::kBroken; }
  const std::string& why() const { return why_; }

  // One more for `request`; only where free(). It leaves with the next flush().
  void put(std::size_t request);
  // Writes what is due, as far as the socket takes it.
  void flush();
  // The socket may be ready: goes on writing, reads what there is into `scratch`, and calls
  // `on_answer(request, answer)` for each.
  template <class OnAnswer>
  void ready(bool readable, std::span<char> scratch, OnAnswer on_answer);

  // Requests that still wait for an answer, oldest first.
  std::vector<std::size_t> owed() const;

  std::size_t place = kNowhere;  // in the load's list of free connections
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);

 private:
  enum class State : std::uint8_t { kConnecting, kShaking, kOpen, kBroken };
  void connected();
  // The part of `bytes` behind the answer to the handshake.
  std::string_view shake(std::string_view bytes);
  std::string_view receive(std::span<char> scratch);
  void break_off(std::string why);

  const std::string& handshake_;
  const std::string& message_;
  int descriptor_ = -1;
  State state_ = State::kConnecting;
  bool ending_ = false;        // the server has said that it closes
  bool more_ = false;          // the last read filled the buffer
  std::size_t unwritten_ = 0;  // bytes of messages due; the last byte due is the last of a message
  std::size_t handshake_written_ = 0;
  std::string shaken_;
  std::unique_ptr<AnswerReader> answers_;
  std::vector<std::size_t> owed_;  // a ring
  std::size_t oldest_ = 0;
  std::size_t waiting_ = 0;
  std::string why_;
};

template <class OnAnswer>
void Connection::ready(bool readable, std::span<char> scratch, OnAnswer on_answer) {
  if (state_ == State::kConnecting) connected();
  if (state_ != State::kBroken) flush();
  if (!readable) return;
  do {
    std::string_view bytes = receive(scratch);
    if (state_ == State::kShaking) bytes = shake(bytes);
    try {
      while (!bytes.empty() && !broken()) {
        const auto answer = answers_->take(bytes);
        if (!answer) break;
        if (waiting_ == 0) return break_off("an answer that nobody asked for");
        const std::size_t request = owed_[oldest_];
        oldest_ = (oldest_ + 1) % owed_.size();
        --waiting_;
        ending_ = ending_ || answer->last;
        on_answer(request, *answer);
      }
    } catch (const std::exception& error) {
      break_off(error.what());
    }
  } while (more_ && !broken());
  if (ending_ && waiting_ == 0) break_off("");
}

}  // namespace open_loop
