// The raw loop: how fast a prediction over HTTP can be on this machine when the server does next to nothing.
//
// epoll, the least HTTP that works for a load generator, and one engine run for all requests of a loop's
// turn. No routes, no limits but the buffer's size, no time-outs, no log, no metrics, no TLS, one input
// shape. It is not a server to use: a yardstick that says what is left to be had.
//
//     bench_raw_loop MODEL.onnx PORT [THREADS=2]
//
// POST (any path)   {"image": 28 rows of 28 numbers}  -> {"prediction":"7","class":7,"confidence":0.998}
//
// Threads: each has its own epoll, its own engine session and its own connections; the main thread accepts
// and deals connections out in turn. One turn: wait once, read every ready socket once, decode straight into
// the batch's memory, run the engine once, write each answer once. Nothing is allocated per request.

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <netinet/tcp.h>
#include <optional>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <onnxruntime_cxx_api.h>

namespace {

constexpr std::size_t side = 28;
constexpr std::size_t pixels = side * side;
constexpr std::size_t classes = 10;
constexpr std::size_t most = 64;        // requests in one run
constexpr std::size_t largest = 16384;  // bytes of one request, head and body

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

unsigned digit(char c) {
  return static_cast<unsigned char>(c) - unsigned{'0'};
}

// Reads 28 × 28 numbers, whatever stands between them. A NUL byte ends the text. Pixels are whole numbers as
// a rule; anything else is left to from_chars.
bool decode(const char* at, const char* end, float* out) {
  float* const last = out + pixels;
  while (out < last) {
    while (digit(*at) > 9 && *at != '-') {
      if (*at == '\0') return false;
      ++at;
    }
    unsigned value = digit(*at);
    const char* p = at + 1;
    while (digit(*p) <= 9 && p < at + 6) value = value * 10 + digit(*p++);
    if (*at != '-' && digit(*p) > 9 && *p != '.' && *p != 'e' && *p != 'E') {
      *out++ = static_cast<float>(value);
      at = p;
      continue;
    }
    const auto [rest, error] = std::from_chars(at, end, *out++);
    if (error != std::errc{}) return false;
    at = rest;
  }
  return true;
}

struct Request {
  std::size_t size = 0;  // head and body; 0: not all here yet
  std::string_view body;
};

Request parse(std::string_view bytes) {
  const std::size_t head = bytes.find("\r\n\r\n");
  if (head == bytes.npos) return {};
  constexpr std::string_view name =
      "ontent-";  // Content-Length or content-length, in front of Length or length
  std::size_t length = 0;
  for (std::size_t at = bytes.find(name); at < head; at = bytes.find(name, at + 1)) {
    if ((bytes[at + name.size()] | 0x20) != 'l') continue;
    at = bytes.find(':', at) + 1;
    while (bytes[at] == ' ') ++at;
    std::from_chars(bytes.data() + at, bytes.data() + head, length);
  }
  const std::size_t size = head + 4 + length;
  if (bytes.size() < size) return {};
  return {size, bytes.substr(head + 4, length)};
}

// The engine with inputs and outputs bound to this object's memory, for every size of a batch.
class Engine {
 public:
  Engine(Ort::Env& environment, const char* model) : session_(environment, model, options()) {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    for (std::int64_t size = 1; size <= static_cast<std::int64_t>(most); ++size) {
      const std::array<std::int64_t, 3> in{size, side, side};
      const std::array<std::int64_t, 2> out{size, classes};
      const auto count = static_cast<std::size_t>(size);
      inputs_.push_back(Ort::Value::CreateTensor<float>(memory, input.data(), count * pixels, in.data(), 3));
      outputs_.push_back(
          Ort::Value::CreateTensor<float>(memory, output.data(), count * classes, out.data(), 2));
    }
  }

  void run(std::size_t size) {
    const char* in = "image";
    const char* out = "probabilities";
    session_.Run(run_options_, &in, &inputs_[size - 1], 1, &out, &outputs_[size - 1], 1);
  }

  std::vector<float> input = std::vector<float>(most * pixels);
  std::vector<float> output = std::vector<float>(most * classes);

 private:
  static Ort::SessionOptions options() {
    Ort::SessionOptions result;
    result.SetIntraOpNumThreads(1);
    result.SetInterOpNumThreads(1);
    result.SetExecutionMode(ORT_SEQUENTIAL);
    result.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    return result;
  }

  Ort::Session session_;
  Ort::RunOptions run_options_;
  std::vector<Ort::Value> inputs_;
  std::vector<Ort::Value> outputs_;
};

struct Connection {
  int socket = -1;
  std::size_t size = 0;                 // bytes received of the request under way
  std::array<char, largest + 1> bytes;  // room for a NUL behind them
};

class Loop {
 public:
  Loop(Ort::Env& environment, const char* model) : engine_(environment, model), epoll_(::epoll_create1(0)) {
    if (epoll_ < 0) die("epoll_create1");
  }

  // From any thread.
  void take(int socket) const {
    auto* connection = new Connection;
    connection->socket = socket;
    epoll_event event{.events = EPOLLIN, .data = {.ptr = connection}};
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) != 0) die("epoll_ctl");
  }

  void run() {
    for (;;) {
      std::array<epoll_event, most> events;
      const int count = ::epoll_wait(epoll_, events.data(), most, -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i)
        read(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
      answer();
    }
  }

 private:
  void read(Connection& connection) {
    char* const bytes = connection.bytes.data();
    const ssize_t count =
        ::recv(connection.socket, bytes + connection.size, largest - connection.size, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return end(connection);
    connection.size += static_cast<std::size_t>(count);
    bytes[connection.size] = '\0';
    const Request request = parse({bytes, connection.size});
    if (request.size == 0) return;
    // Nobody who waits for an answer sends more; who does so nevertheless is no load generator of ours.
    connection.size = 0;
    float* const place = engine_.input.data() + waiting_ * pixels;
    if (!decode(request.body.data(), request.body.data() + request.body.size(), place))
      return refuse(connection);
    batch_[waiting_++] = &connection;
  }

  void answer() {
    if (waiting_ == 0) return;
    engine_.run(waiting_);
    for (std::size_t i = 0; i < waiting_; ++i) {
      const float* const row = engine_.output.data() + i * classes;
      const auto best = static_cast<unsigned>(std::max_element(row, row + classes) - row);
      std::array<char, 96> body;
      char* end = body.data();
      end += std::snprintf(end, body.size(), R"({"prediction":"%u","class":%u,"confidence":)", best, best);
      end = std::to_chars(end, body.data() + body.size() - 1, row[best]).ptr;
      *end++ = '}';
      send(*batch_[i], "200 OK", {body.data(), static_cast<std::size_t>(end - body.data())});
    }
    waiting_ = 0;
  }

  static void refuse(Connection& connection) {
    send(connection, "400 Bad Request", R"({"error":"expected {\"image\": 28 rows of 28 numbers}"})");
  }

  static void send(Connection& connection, const char* status, std::string_view body) {
    std::array<char, 320> out;
    const int size =
        std::snprintf(out.data(), out.size(),
                      "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%.*s",
                      status, body.size(), static_cast<int>(body.size()), body.data());
    // An answer is far smaller than a socket's buffer; one that is not taken is lost, and its asker sees a
    // time-out.
    [[maybe_unused]] const ssize_t sent =
        ::send(connection.socket, out.data(), static_cast<std::size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  static void end(Connection& connection) {
    ::close(connection.socket);
    delete &connection;
  }

  Engine engine_;
  int epoll_;
  std::array<Connection*, most> batch_{};
  std::size_t waiting_ = 0;
};

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int listen_on(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (::listen(socket, 1024) != 0) die("listen");
  return socket;
}

int run(const char* model, std::uint16_t port, unsigned threads) {
  Ort::Env environment(ORT_LOGGING_LEVEL_WARNING, "raw_loop");
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::jthread> workers;
  for (unsigned i = 0; i < threads; ++i) loops.push_back(std::make_unique<Loop>(environment, model));
  for (auto& loop : loops) workers.emplace_back([&loop = *loop] { loop.run(); });

  const int listener = listen_on(port);
  std::printf("raw loop on port %u\n", static_cast<unsigned>(port));
  std::fflush(stdout);
  for (std::size_t turn = 0;; ++turn) {
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (socket < 0) continue;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    loops[turn % loops.size()]->take(socket);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc > 2 ? number<std::uint16_t>(argv[2]) : std::nullopt;
  const auto threads = argc > 3 ? number<unsigned>(argv[3]) : 2U;
  if (argc < 3 || argc > 4 || !port || !threads || *threads == 0) {
    std::fprintf(stderr, "usage: bench_raw_loop MODEL.onnx PORT [THREADS=2]\n");
    return 2;
  }
  try {
    return run(argv[1], *port, *threads);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_raw_loop: %s\n", error.what());
    std::_Exit(1);  // the loops never end by themselves
  }
}
