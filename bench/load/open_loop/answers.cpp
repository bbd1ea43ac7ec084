#include "answers.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace open_loop {
namespace {

constexpr std::size_t kKept = 1000;  // bytes of an error that are kept to be shown
constexpr std::size_t kMostHead = 65'536;

bool same(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() && std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) {
           return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
         });
}

class HttpAnswers : public AnswerReader {
 public:
  std::optional<Answer> take(std::string_view& bytes) override {
    if (!in_body_ && !read_head(bytes)) return std::nullopt;
    const std::size_t size = std::min(bytes.size(), body_left_);
    if (answer_.verdict == Verdict::kWrong && answer_.text.size() < kKept)
      answer_.text += bytes.substr(0, std::min(size, kKept - answer_.text.size()));
    bytes.remove_prefix(size);
    body_left_ -= size;
    if (body_left_ > 0) return std::nullopt;
    in_body_ = false;
    return std::move(answer_);
  }

 private:
  // False while the head is not there whole.
  bool read_head(std::string_view& bytes) {
    if (bytes.empty()) return false;
    if (!held_.empty()) {  // the rest of one that came in parts: the slow path
      const std::size_t before = held_.size();
      held_ += bytes;
      const std::size_t end = held_.find("\r\n\r\n");
      if (end == std::string::npos) return hold("", bytes);
      bytes.remove_prefix(end + 4 - before);
      parse(std::string_view(held_).substr(0, end));
      held_.clear();
      return true;
    }
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return hold(bytes, bytes);
    parse(bytes.substr(0, end));
    bytes.remove_prefix(end + 4);
    return true;
  }

  bool hold(std::string_view part, std::string_view& bytes) {
    held_ += part;
    bytes = {};
    if (held_.size() > kMostHead) throw std::runtime_error("an answer's head does not end");
    return false;
  }

  void parse(std::string_view head) {
    answer_ = {};
    const std::string_view first = head.substr(0, head.find("\r\n"));
    int status = 0;
    if (first.size() < 12 || !first.starts_with("HTTP/1.") ||
        std::from_chars(first.data() + 9, first.data() + 12, status).ec != std::errc{}) {
      throw std::runtime_error("no answer of HTTP/1.1: " + std::string(first.substr(0, 80)));
    }
    answer_.verdict = status == 200                    ? Verdict::kDone
                      : status == 503 || status == 429 ? Verdict::kRefused
                      : status == 504                  ? Verdict::kExpired
                                                       : Verdict::kWrong;
    if (answer_.verdict == Verdict::kWrong) answer_.text = std::string(first) + ": ";
    bool sized = status == 204 || status == 304;
    body_left_ = 0;
    for (std::size_t at = first.size(); at < head.size();) {
      at += 2;
      const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
      at += line.size();
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      std::string_view value = line.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      if (same(line.substr(0, colon), "content-length")) {
        sized = std::from_chars(value.data(), value.data() + value.size(), body_left_).ec == std::errc{};
      } else if (same(line.substr(0, colon), "connection")) {
        answer_.last = same(value, "close");
      }
    }
    if (!sized) throw std::runtime_error("an answer without Content-Length: " + std::string(first));
    in_body_ = true;
  }

  std::string held_;  // of a head that came in parts
  std::size_t body_left_ = 0;
  bool in_body_ = false;
  Answer answer_;
};

class WebSocketAnswers : public AnswerReader {
 public:
  std::optional<Answer> take(std::string_view& bytes) override {
    while (!bytes.empty()) {
      if (!in_payload_ && !read_head(bytes)) return std::nullopt;
      const std::size_t size = std::min<std::size_t>(bytes.size(), payload_left_);
      if (message_.size() < kKept) message_ += bytes.substr(0, std::min(size, kKept - message_.size()));
      bytes.remove_prefix(size);
      payload_left_ -= size;
      if (payload_left_ > 0) return std::nullopt;
      in_payload_ = false;
      if (operation_ == 0x8) throw std::runtime_error("the server closed the WebSocket");
      if (operation_ >= 0x8) {  // a ping goes unanswered: no run is long enough for that to matter
        message_.clear();
        continue;
      }
      if (!final_) continue;
      Answer answer = judge();
      message_.clear();
      return answer;
    }
    return std::nullopt;
  }

 private:
  bool read_head(std::string_view& bytes) {
    while (!bytes.empty()) {
      held_ += bytes.front();
      bytes.remove_prefix(1);
      if (held_.size() < 2) continue;
      const auto at = [&](std::size_t i) { return static_cast<unsigned char>(held_[i]); };
      const unsigned short_length = at(1) & 0x7FU;
      const std::size_t extra = short_length < 126 ? 0 : short_length == 126 ? 2 : 8;
      if (held_.size() < 2 + extra) continue;
      payload_left_ = extra == 0 ? short_length : 0;
      for (std::size_t i = 0; i < extra; ++i) payload_left_ = payload_left_ << 8U | at(2 + i);
      if ((at(1) & 0x80U) != 0) throw std::runtime_error("a masked frame from a server");
      operation_ = at(0) & 0x0FU;
      final_ = (at(0) & 0x80U) != 0;
      in_payload_ = true;
      held_.clear();
      return true;
    }
    return false;
  }

  Answer judge() {
    const std::string_view text = message_;
    if (!text.starts_with("{\"error\"")) return {};
    const auto has_code = [&](std::string_view name) {
      return text.find("\"code\":\"" + std::string(name) + '"') != std::string_view::npos;
    };
    if (has_code("unavailable") || has_code("rate_limited")) return Answer{Verdict::kRefused, false, {}};
    if (has_code("deadline_exceeded")) return Answer{Verdict::kExpired, false, {}};
    return Answer{Verdict::kWrong, false, message_};
  }

  std::string held_;     // of a frame's head
  std::string message_;  // its first bytes
  std::uint64_t payload_left_ = 0;
  bool in_payload_ = false;
  bool final_ = false;
  unsigned operation_ = 0;
};

}  // namespace

std::unique_ptr<AnswerReader> http_answers() {
  return std::make_unique<HttpAnswers>();
}
std::unique_ptr<AnswerReader> websocket_answers() {
  return std::make_unique<WebSocketAnswers>();
}

}  // namespace open_loop
