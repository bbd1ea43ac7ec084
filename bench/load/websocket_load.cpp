// A small WebSocket load generator: N connections, M messages in flight on each, for a fixed time.
//
//     bench_websocket_load PORT PATH FILE [--connections N] [--in-flight M] [--seconds S] [--warm-up S]
//
// Sends FILE as one text message over and over to 127.0.0.1 and prints one line of JSON: requests per second,
// latency percentiles in microseconds and errors. An error is a connection that broke, an answer that holds
// `"error"`, or one still missing two seconds after the end.
//
// It shares the machine with the server that it measures, so it is kept light: one thread, epoll, one masked
// frame made once and written as it is, the frames due on a connection written together, an answer's payload
// only searched for `"error"`. Answers come in the order of the messages, so a message's start time is the
// oldest one waiting. Latencies count from the moment before the message is written until its answer has been
// read.

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint16_t port = 0;
  std::string path;
  std::string file;
  unsigned connections = 1;
  unsigned in_flight = 1;
  double seconds = 5;
  double warm_up = 1;
};

// What all connections count into. Warm-up answers are not counted; nor are those that come after the end.
struct Tally {
  Clock::time_point begin;
  Clock::time_point end;
  std::vector<std::uint32_t> latencies_ns;
  std::uint64_t errors = 0;

  void answered(Clock::time_point sent, Clock::time_point now, bool good) {
    if (!good) ++errors;
    if (now < begin || now >= end) return;
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now - sent).count();
    latencies_ns.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(ns, UINT32_MAX)));
  }
};

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// A final text frame with a mask, as a client must send (RFC 6455, 5.2). The same mask each time: no proxy
// listens here.
std::string masked_frame(std::string_view payload) {
  std::string frame;
  frame.push_back(static_cast<char>(0x81));
  const std::size_t size = payload.size();
  const unsigned length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  frame.push_back(static_cast<char>(0x80 | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127)));
  for (unsigned i = length_bytes; i-- > 0;) frame.push_back(static_cast<char>(size >> (8 * i)));
  std::random_device random;
  std::array<char, 4> mask{};
  for (char& byte : mask) byte = static_cast<char>(random());
  frame.append(mask.data(), mask.size());
  for (std::size_t i = 0; i < size; ++i) frame.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
  return frame;
}

class Connection {
 public:
  Connection(const Options& options, const std::string& frame, Tally& tally)
      : frame_(frame), tally_(tally), sent_at_(options.in_flight) {
    descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor_ < 0) fail("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fail("connect");
    const int on = 1;
    ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    upgrade(options);
    ::fcntl(descriptor_, F_SETFL, O_NONBLOCK);
  }
  ~Connection() { ::close(descriptor_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int descriptor() const { return descriptor_; }
  unsigned waiting() const { return waiting_; }
  bool wants_to_write() const { return unsent_ > 0; }
  bool broken() const { return broken_; }

  // Puts `count` more messages in flight.
  void send(unsigned count) {
    const auto now = Clock::now();
    for (unsigned i = 0; i < count; ++i) sent_at_[(oldest_ + waiting_++) % sent_at_.size()] = now;
    unsent_ += count * frame_.size();
    flush();
  }

  // Writes what is due; what the socket doesn't take now is written when epoll says so.
  void flush() {
    while (unsent_ > 0 && !broken_) {
      std::array<iovec, 16> parts{};
      unsigned count = 0;
      std::size_t offset = (frame_.size() - unsent_ % frame_.size()) % frame_.size();
      for (std::size_t left = unsent_; left > 0 && count < parts.size(); offset = 0) {
        const std::size_t size = frame_.size() - offset;
        parts[count++] = {const_cast<char*>(frame_.data()) + offset, size};
        left -= size;
      }
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = count;
      const ssize_t written = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
      if (written > 0) {
        unsent_ -= static_cast<std::size_t>(written);
      } else if (errno == EAGAIN) {
        return;
      } else if (errno != EINTR) {
        broken_ = true;
      }
    }
  }

  // Reads once what is there and returns how many messages it answered.
  unsigned receive() {
    const ssize_t size = ::recv(descriptor_, buffer_.data() + held_, buffer_.size() - held_, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (size <= 0) {
      broken_ = true;
      return 0;
    }
    held_ += static_cast<std::size_t>(size);
    const auto now = Clock::now();
    unsigned answers = 0;
    std::size_t at = 0;
    for (std::size_t used = 0; (used = frame_at(at, now, answers)) > 0;) at += used;
    held_ -= at;
    if (at > 0 && held_ > 0) std::memmove(buffer_.data(), buffer_.data() + at, held_);
    if (held_ == buffer_.size()) broken_ = true;  // an answer larger than this program takes
    return answers;
  }

 private:
  void upgrade(const Options& options) {
    const std::string request =
        "GET " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: c2FjY2FkZS1iZW5jaC0wMQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    if (::send(descriptor_, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
      fail("send");
    std::string answer;
    while (!answer.ends_with("\r\n\r\n")) {  // the server says nothing more until it is asked
      std::array<char, 1024> part{};
      const ssize_t size = ::recv(descriptor_, part.data(), part.size(), 0);
      if (size <= 0 || answer.size() > 65536) throw std::runtime_error("connection ended during the upgrade");
      answer.append(part.data(), static_cast<std::size_t>(size));
    }
    if (!answer.starts_with("HTTP/1.1 101"))
      throw std::runtime_error("no upgrade: " + answer.substr(0, answer.find('\r')));
  }

  // Takes the frame at `at` and returns its size, or 0 if it is not there whole.
  std::size_t frame_at(std::size_t at, Clock::time_point now, unsigned& answers) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(buffer_.data()) + at;
    const std::size_t held = held_ - at;
    if (held < 2) return 0;
    std::size_t length = bytes[1] & 0x7FU;
    std::size_t head = 2;
    if (length >= 126) {
      const std::size_t length_bytes = length == 126 ? 2 : 8;
      if (held < 2 + length_bytes) return 0;
      length = 0;
      for (std::size_t i = 0; i < length_bytes; ++i) length = length << 8U | bytes[2 + i];
      head += length_bytes;
    }
    if (held < head || held - head < length) return 0;
    const unsigned operation = bytes[0] & 0x0FU;
    if (operation == 0x8) {
      broken_ = true;
    } else if (operation < 0x8 && (bytes[0] & 0x80U) != 0) {
      const std::string_view text{buffer_.data() + at + head, length};
      if (waiting_ > 0) {
        tally_.answered(sent_at_[oldest_], now, text.find("\"error\"") == std::string_view::npos);
        oldest_ = (oldest_ + 1) % sent_at_.size();
        --waiting_;
        ++answers;
      } else {
        broken_ = true;
      }
    }  // a server's ping goes unanswered: no run is long enough for that to matter
    return head + length;
  }

  const std::string& frame_;
  Tally& tally_;
  int descriptor_ = -1;
  bool broken_ = false;
  std::vector<Clock::time_point> sent_at_;  // a ring as long as the most messages in flight
  std::size_t oldest_ = 0;
  unsigned waiting_ = 0;
  std::size_t unsent_ = 0;  // bytes of frames due; the last byte due is the last of a frame
  std::size_t held_ = 0;
  std::array<char, 16384> buffer_{};
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options), frame_(read_frame(options.file)) {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (poll_ < 0) fail("epoll");
    for (unsigned i = 0; i < options.connections; ++i) {
      auto& connection = *connections_.emplace_back(std::make_unique<Connection>(options, frame_, tally_));
      watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
  }

  void run() {
    const auto length = [](double seconds) {
      return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    };
    tally_.begin = Clock::now() + length(options_.warm_up);
    tally_.end = tally_.begin + length(options_.seconds);
    tally_.latencies_ns.reserve(static_cast<std::size_t>(400'000 * options_.seconds));
    for (auto& connection : connections_) {
      connection->send(options_.in_flight);
      if (connection->wants_to_write()) watch(*connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
    const auto patience = tally_.end + std::chrono::seconds(2);
    for (auto now = Clock::now(); now < patience && (now < tally_.end || unanswered() > 0);
         now = Clock::now())
      turn(now < tally_.end);
    tally_.errors += unanswered();
  }

  void print() {
    auto& values = tally_.latencies_ns;
    std::ranges::sort(values);
    const auto at = [&](double quantile) {
      if (values.empty()) return 0.0;
      const auto rank = static_cast<std::size_t>(std::ceil(quantile * static_cast<double>(values.size())));
      return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1] / 1e3;
    };
    std::printf(
        "{\"requests\":%zu,\"seconds\":%.3f,\"requests_per_s\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_"
        "us\":%.1f,"
        "\"max_us\":%.1f,\"errors\":%llu,\"broken_connections\":%u}\n",
        values.size(), options_.seconds, static_cast<double>(values.size()) / options_.seconds, at(0.5),
        at(0.9), at(0.99), at(1), static_cast<unsigned long long>(tally_.errors), broken_);
  }

 private:
  static std::string read_frame(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("can't read " + path);
    return masked_frame(std::string{std::istreambuf_iterator<char>(file), {}});
  }

  void watch(Connection& connection, int operation, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &connection;
    if (::epoll_ctl(poll_, operation, connection.descriptor(), &event) != 0) fail("epoll_ctl");
  }

  void turn(bool send_more) {
    std::array<epoll_event, 64> events{};
    const int count = ::epoll_wait(poll_, events.data(), events.size(), 100);
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      const bool wrote = (events[i].events & EPOLLOUT) != 0;
      if (wrote) connection.flush();
      const unsigned answers = (events[i].events & ~EPOLLOUT) != 0 ? connection.receive() : 0;
      if (send_more && answers > 0) connection.send(answers);
      if (connection.broken()) {
        watch(connection, EPOLL_CTL_DEL, 0);
        ++broken_;
        ++tally_.errors;
      } else if (wrote || connection.wants_to_write()) {
        watch(connection, EPOLL_CTL_MOD, connection.wants_to_write() ? EPOLLIN | EPOLLOUT : EPOLLIN);
      }
    }
  }

  std::uint64_t unanswered() const {
    std::uint64_t sum = 0;
    for (const auto& connection : connections_)
      if (!connection->broken()) sum += connection->waiting();
    return sum;
  }

  const Options options_;
  const std::string frame_;
  Tally tally_;
  int poll_ = -1;
  unsigned broken_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
};

template <class Number>
void parse(std::string_view text, Number& value) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) throw std::invalid_argument(std::string(text));
}

Options parse(int argc, char** argv) {
  Options options;
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  if (words.size() < 3 || words.size() % 2 == 0)
    throw std::invalid_argument("PORT PATH FILE [--option value]...");
  parse(words[0], options.port);
  options.path = words[1];
  options.file = words[2];
  for (std::size_t i = 3; i < words.size(); i += 2) {
    const auto name = words[i];
    const auto value = words[i + 1];
    if (name == "--connections")
      parse(value, options.connections);
    else if (name == "--in-flight")
      parse(value, options.in_flight);
    else if (name == "--seconds")
      parse(value, options.seconds);
    else if (name == "--warm-up")
      parse(value, options.warm_up);
    else
      throw std::invalid_argument(std::string(name));
  }
  if (options.connections == 0 || options.in_flight == 0 || options.seconds <= 0)
    throw std::invalid_argument("a number of nothing");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Load load(parse(argc, argv));
    load.run();
    load.print();
    return 0;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr,
                 "bench_websocket_load: wrong argument: %s\nusage: bench_websocket_load PORT PATH FILE "
                 "[--connections N] "
                 "[--in-flight M] [--seconds S] [--warm-up S]\n",
                 error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_websocket_load: %s\n", error.what());
    return 1;
  }
}
