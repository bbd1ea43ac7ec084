// W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context-1/): to which trace a request belongs, as
// the headers `traceparent` and `tracestate` (or gRPC's metadata of these names) say it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace saccade::request {

struct ModelSignature;
struct Timings;

using TraceId = std::array<std::uint8_t, 16>;
using SpanId = std::array<std::uint8_t, 8>;

struct TraceContext {
  TraceId trace_id{};  // never all zero
  SpanId span_id{};    // of the span that the request is; where none is made here, of the caller's
  bool sampled = false;
  std::string state;  // tracestate, as it came; empty: none, or one that is not valid
};

// Strictly as the specification has it: lower-case hex, no version ff, no id of zeroes. Of versions that are
// not known yet the part that version 00 has is read. nullopt: the header is to be taken for absent.
std::optional<TraceContext> parse_traceparent(std::string_view text);
// Whether it may go on: at most 32 members and 512 bytes, keys and values by the grammar, no key twice.
bool valid_tracestate(std::string_view text);
std::string to_text(const TraceId& id);
std::string to_text(const SpanId& id);

// A request's place in its trace, which goes with it; there is none where no context came and none was made.
// Whoever wants to know where the time went derives from it. Belongs to the request's loop.
class Trace {
 public:
  explicit Trace(TraceContext context) : context_(std::move(context)) {}
  virtual ~Trace() = default;
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  const TraceContext& context() const { return context_; }
  // The model has answered `items` items of this request. The timings may be empty: then it was not asked.
  virtual void answered(const ModelSignature& /*model*/, std::int64_t /*items*/, const Timings& /*timings*/) {
  }

 protected:
  TraceContext context_;
};

}  // namespace saccade::request
