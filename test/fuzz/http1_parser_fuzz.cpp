// Any bytes as a stream of HTTP/1.1 requests. Cutting the stream somewhere must not change what is read from
// it: the first byte says where.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http1_parser.h"

namespace {

using namespace saccade::net;
using State = Http1Parser::State;

// The headers' limit lies beyond all inputs: where white space alone crosses it depends on the pieces.
const Limits kLimits{.header_bytes = 1 << 16, .headers = 16, .body_bytes = 256};

void require(bool holds) {
  if (!holds) std::abort();
}

std::string describe(const Http1Parser& parser, State state) {
  if (state == State::kNeedMore) return "more";
  if (state == State::kFailed) {
    require(parser.failure().status >= 400 && parser.failure().status < 600 &&
            !parser.failure().message.empty());
    return std::to_string(parser.failure().status) + " " + parser.failure().message;
  }
  const HttpRequest& request = parser.request();
  require(!request.method.empty() && request.body.size() <= kLimits.body_bytes);
  require(request.headers.size() <= kLimits.headers);
  std::string text(request.method);
  for (const std::string_view part : {request.target, request.path, request.query, request.body}) {
    text += "\n" + std::string(part);
  }
  for (const auto& [name, value] : request.headers)
    text += "\n" + std::string(name) + ":" + std::string(value);
  return text + (parser.keep_alive() ? "\nkeep " : "\nclose ") + std::to_string(parser.consumed());
}

// All requests of the stream, one after the other, each fed in two pieces at different addresses.
std::vector<std::string> read_all(std::string_view stream, std::size_t cut) {
  std::vector<std::string> seen;
  Http1Parser parser(kLimits);
  while (!stream.empty()) {
    const std::size_t first = cut < stream.size() ? cut : stream.size();
    State state = State::kNeedMore;
    {
      // On the heap and of this size alone, so that a byte too far is found.
      const auto piece = std::make_unique_for_overwrite<char[]>(first);
      std::memcpy(piece.get(), stream.data(), first);
      if (first > 0) state = parser.feed({piece.get(), first}, 0);
      if (state != State::kNeedMore) seen.push_back(describe(parser, state));
    }
    const auto whole = std::make_unique_for_overwrite<char[]>(stream.size());
    std::memcpy(whole.get(), stream.data(), stream.size());
    if (state == State::kNeedMore && first < stream.size()) {
      state = parser.feed({whole.get(), stream.size()}, first);
      if (state != State::kNeedMore) seen.push_back(describe(parser, state));
    }
    if (state != State::kComplete) return seen;
    require(parser.consumed() > 0 && parser.consumed() <= stream.size());
    stream.remove_prefix(parser.consumed());
    parser.reset();
  }
  return seen;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  require(read_all(stream, data[0]) == read_all(stream, stream.size()));
  return 0;
}
