// The bare loop: what the server is measured against as the practical limit.
//
// Boost.Beast, simdjson and one ONNX Runtime call per request, and nothing else: no routes to speak of, no
// batching, no log, no metrics, no time-outs, no limits worth the name. It is not a server to use; it is
// written to be fast.
//
//     bench_bare_loop MODEL.onnx PORT [THREADS=2]
//
// POST (any path)        {"image": 28 rows of 28 numbers}  -> {"prediction":"7","class":7,"confidence":0.998}
// WS   (any path)        the same per message
//
// Threads: each has its own io_context, its own engine session and its own connections; nothing is shared, so
// no io_context needs locks. Connections are dealt out in turn, so that a fixed number of them is always
// spread evenly (SO_REUSEPORT spreads them by hash). They reach their thread as descriptors written to a
// pipe.
//
// Per request nothing is allocated by this file, and the only copy of the body is the one Beast makes from
// its stream buffer to the place where simdjson reads it.

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <onnxruntime_cxx_api.h>
#include <simdjson.h>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using Executor = asio::io_context::executor_type;  // not any_io_executor: no type erasure on the way
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;

constexpr std::size_t side = 28;
constexpr std::size_t pixels = side * side;
constexpr std::size_t classes = 10;
constexpr std::size_t largest_body = 65536;

// JSON in, JSON out, one engine call between them. One per thread; the input and output tensors are made once
// and live in this object's arrays.
class Predictor {
 public:
  Predictor(Ort::Env& environment, const char* model)
      : session_(environment, model, options()),
        input_(tensor(input_values_, std::array<std::int64_t, 3>{1, side, side})),
        output_(tensor(output_values_, std::array<std::int64_t, 2>{1, classes})) {}
  Predictor(const Predictor&) = delete;
  Predictor& operator=(const Predictor&) = delete;

  // `json` must have SIMDJSON_PADDING readable bytes behind it. The answer lives until the next call.
  // Returns {answer, whether the request was good}.
  std::pair<std::string_view, bool> answer(std::string_view json, std::size_t capacity) {
    if (!decode(json, capacity)) return {R"({"error":"expected {\"image\": 28 rows of 28 numbers}"})", false};
    const char* input_name = "image";
    const char* output_name = "probabilities";
    session_.Run(run_options_, &input_name, &input_, 1, &output_name, &output_, 1);
    return {encode(), true};
  }

 private:
  static Ort::SessionOptions options() {
    Ort::SessionOptions result;
    result.SetIntraOpNumThreads(1);
    result.SetInterOpNumThreads(1);
    result.SetExecutionMode(ORT_SEQUENTIAL);
    result.SetGraphOptimizationLevel(ORT_ENABLE_ALL);
    return result;
  }

  template <std::size_t N, std::size_t Rank>
  static Ort::Value tensor(std::array<float, N>& values, const std::array<std::int64_t, Rank>& shape) {
    static const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    return Ort::Value::CreateTensor<float>(memory, values.data(), N, shape.data(), Rank);
  }

  bool decode(std::string_view json, std::size_t capacity) {
    namespace od = simdjson::ondemand;
    od::document document;
    if (parser_.iterate(simdjson::padded_string_view(json.data(), json.size(), capacity)).get(document) !=
        simdjson::SUCCESS)
      return false;
    od::array rows;
    if (document.find_field("image").get_array().get(rows) != simdjson::SUCCESS) return false;
    std::size_t next = 0;
    for (auto row : rows) {
      od::array numbers;
      if (row.get_array().get(numbers) != simdjson::SUCCESS) return false;
      const std::size_t end = next + side;
      if (end > pixels) return false;
      for (auto number : numbers) {
        // Pixels are whole numbers as a rule, and reading them as such takes a third of the time of
        // get_double.
        std::uint64_t whole = 0;
        double real = 0;
        if (next == end) return false;
        if (number.get_uint64().get(whole) == simdjson::SUCCESS)
          input_values_[next++] = static_cast<float>(whole);
        else if (number.get_double().get(real) == simdjson::SUCCESS)
          input_values_[next++] = static_cast<float>(real);
        else
          return false;
      }
      if (next != end) return false;
    }
    return next == pixels;
  }

  std::string_view encode() {
    std::size_t best = 0;
    for (std::size_t i = 1; i < classes; ++i)
      if (output_values_[i] > output_values_[best]) best = i;
    const char digit = static_cast<char>('0' + best);
    char* out = answer_.data();
    const auto put = [&out](std::string_view text) {
      std::memcpy(out, text.data(), text.size());
      out += text.size();
    };
    put(R"({"prediction":")");
    *out++ = digit;
    put(R"(","class":)");
    *out++ = digit;
    put(R"(,"confidence":)");
    out = std::to_chars(out, answer_.data() + answer_.size(), output_values_[best]).ptr;
    *out++ = '}';
    return {answer_.data(), static_cast<std::size_t>(out - answer_.data())};
  }

  std::array<float, pixels> input_values_{};
  std::array<float, classes> output_values_{};
  std::array<char, 128> answer_{};
  simdjson::ondemand::parser parser_{largest_body};
  Ort::Session session_;
  Ort::RunOptions run_options_;
  Ort::Value input_;
  Ort::Value output_;
};

// A Beast body that is received straight into storage of the connection, padded as simdjson wants it.
struct PaddedBody {
  // NOLINTBEGIN(readability-identifier-naming): the names that Beast asks of a body
  struct value_type {
    char* data = nullptr;
    std::size_t size = 0;
  };

  class reader {
   public:
    template <bool IsRequest, class Fields>
    reader(http::header<IsRequest, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>& length, error_code& ec) {
      ec = {};
      if (length && *length > largest_body) ec = http::error::body_limit;
    }

    template <class Buffers>
    std::size_t put(const Buffers& buffers, error_code& ec) {
      const std::size_t size =
          asio::buffer_copy(asio::buffer(body_.data + body_.size, largest_body - body_.size), buffers);
      body_.size += size;
      ec = size == asio::buffer_size(buffers) ? error_code{} : make_error_code(http::error::body_limit);
      return size;
    }

    void finish(error_code& ec) { ec = {}; }

   private:
    value_type& body_;
  };
  // NOLINTEND(readability-identifier-naming)
};

// Both sessions own themselves: each pending operation's handler holds the session's unique_ptr, so a session
// ends when an operation fails and its handler returns without starting another. All on one thread.

class WebSocketSession {
 public:
  WebSocketSession(Socket socket, Predictor& predictor) : stream_(std::move(socket)), predictor_(predictor) {
    stream_.auto_fragment(false);
    stream_.text(true);
    stream_.read_message_max(largest_body);
    stream_.set_option(websocket::stream_base::timeout{websocket::stream_base::none(),
                                                       websocket::stream_base::none(), false});
    buffer_.reserve(largest_body + simdjson::SIMDJSON_PADDING);
  }

  // Answers the upgrade request, then runs. Writing those few bytes to a fresh socket does not block.
  template <class Request>
  static void start(std::unique_ptr<WebSocketSession> self, const Request& request) {
    error_code ec;
    self->stream_.accept(request, ec);
    if (!ec) read(std::move(self));
  }

 private:
  static void read(std::unique_ptr<WebSocketSession> self) {
    auto& session = *self;
    session.buffer_.clear();
    session.stream_.async_read(session.buffer_, [self = std::move(self)](error_code ec, std::size_t) mutable {
      if (!ec) write(std::move(self));
    });
  }

  static void write(std::unique_ptr<WebSocketSession> self) {
    auto& session = *self;
    const std::string_view json{static_cast<const char*>(session.buffer_.data().data()),
                                session.buffer_.size()};
    const auto text = session.predictor_.answer(json, json.size() + simdjson::SIMDJSON_PADDING).first;
    // The predictor is asked again only when another session runs, and that may be before this write has
    // ended.
    std::memcpy(session.answer_.data(), text.data(), text.size());
    session.stream_.async_write(asio::buffer(session.answer_.data(), text.size()),
                                [self = std::move(self)](error_code error, std::size_t) mutable {
                                  if (!error) read(std::move(self));
                                });
  }

  websocket::stream<Socket, false> stream_;  // false: no permessage-deflate
  beast::flat_buffer buffer_;
  std::array<char, 128> answer_{};
  Predictor& predictor_;
};

class HttpSession {
 public:
  HttpSession(Socket socket, Predictor& predictor) : socket_(std::move(socket)), predictor_(predictor) {
    buffer_.reserve(16384);  // a request arrives in one read
    response_.set(http::field::content_type, "application/json");
  }

  static void read(std::unique_ptr<HttpSession> self) {
    auto& session = *self;
    session.parser_.reset();
    session.arena_.release();
    session.parser_.emplace(std::piecewise_construct,
                            std::make_tuple(PaddedBody::value_type{session.body_.get(), 0}),
                            std::make_tuple(Allocator(&session.arena_)));
    http::async_read(session.socket_, session.buffer_, *session.parser_,
                     [self = std::move(self)](error_code ec, std::size_t) mutable {
                       if (!ec) handle(std::move(self));
                     });
  }

 private:
  using Allocator = std::pmr::polymorphic_allocator<char>;
  using Parser = http::request_parser<PaddedBody, Allocator>;

  static void handle(std::unique_ptr<HttpSession> self) {
    auto& session = *self;
    if (!session.parser_) return;
    const auto& request = session.parser_->get();
    if (websocket::is_upgrade(request)) {
      auto next = std::make_unique<WebSocketSession>(std::move(session.socket_), session.predictor_);
      WebSocketSession::start(std::move(next), request);
      return;
    }
    const std::string_view json{request.body().data, request.body().size};
    const auto [text, good] = session.predictor_.answer(json, largest_body + simdjson::SIMDJSON_PADDING);
    std::memcpy(session.answer_.data(), text.data(), text.size());
    auto& response = session.response_;
    response.result(good ? http::status::ok : http::status::bad_request);
    // The header fields stay as they are from answer to answer unless something has changed.
    if (response.keep_alive() != request.keep_alive()) response.keep_alive(request.keep_alive());
    if (response.body().size() != text.size()) response.content_length(text.size());
    response.body() = {session.answer_.data(), text.size()};
    http::async_write(session.socket_, response,
                      [self = std::move(self)](error_code ec, std::size_t) mutable {
                        if (!ec && self->response_.keep_alive()) read(std::move(self));
                      });
  }

  Socket socket_;
  Predictor& predictor_;
  beast::flat_buffer buffer_;
  std::unique_ptr<char[]> body_ = std::make_unique<char[]>(largest_body + simdjson::SIMDJSON_PADDING);
  std::array<char, 128> answer_{};
  std::array<std::byte, 4096> arena_storage_;
  std::pmr::monotonic_buffer_resource arena_{arena_storage_.data(), arena_storage_.size()};
  std::optional<Parser> parser_;
  http::response<http::span_body<const char>> response_;
};

// One thread's world. Takes its connections from a pipe.
class Loop {
 public:
  Loop(Ort::Env& environment, const char* model) : predictor_(environment, model) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    intake_.assign(ends[0]);
    deal_ = ends[1];
  }

  // From any thread.
  void deal(int connection) const {
    if (::write(deal_, &connection, sizeof connection) != sizeof connection) ::close(connection);
  }

  void run() {
    take();
    context_.run();
  }

 private:
  void take() {
    asio::async_read(intake_, asio::buffer(&dealt_, sizeof dealt_), [this](error_code ec, std::size_t) {
      if (ec) return;
      Socket socket(context_, asio::ip::tcp::v4(), dealt_);
      if (!socket.set_option(asio::ip::tcp::no_delay(true), ec))  // fails where the client has gone already
        HttpSession::read(std::make_unique<HttpSession>(std::move(socket), predictor_));
      take();
    });
  }

  asio::io_context context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};  // only its own thread ever touches it
  Predictor predictor_;
  asio::posix::basic_stream_descriptor<Executor> intake_{context_};
  int dealt_ = -1;
  int deal_ = -1;
};

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int run(const char* model, std::uint16_t port, unsigned threads) {
  Ort::Env environment(ORT_LOGGING_LEVEL_WARNING, "bare_loop");
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::jthread> workers;
  loops.reserve(threads);
  workers.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) loops.push_back(std::make_unique<Loop>(environment, model));
  for (auto& loop : loops) workers.emplace_back([&loop = *loop] { loop.run(); });

  asio::io_context context(1);
  asio::ip::tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
  std::printf("bare loop on port %u\n", static_cast<unsigned>(port));
  std::fflush(stdout);
  for (std::size_t turn = 0;; ++turn) loops[turn % loops.size()]->deal(acceptor.accept().release());
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc > 2 ? number<std::uint16_t>(argv[2]) : std::nullopt;
  const auto threads = argc > 3 ? number<unsigned>(argv[3]) : 2U;
  if (argc < 3 || argc > 4 || !port || !threads || *threads == 0) {
    std::fprintf(stderr, "usage: bench_bare_loop MODEL.onnx PORT [THREADS=2]\n");
    return 2;
  }
  try {
    return run(argv[1], *port, *threads);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_bare_loop: %s\n", error.what());
    std::_Exit(1);  // the loops never end by themselves
  }
}
