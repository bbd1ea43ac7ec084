#include "trace/marks.h"

#include <algorithm>

namespace saccade::trace {
namespace {

constexpr std::size_t kLongestId = 128;
constexpr std::size_t kMostState = 4096;  // gathered; what is valid has at most 512

// `name`: in lower case.
bool is(std::string_view header, std::string_view name) {
  return std::ranges::equal(header, name, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
}

}  // namespace

bool valid_request_id(std::string_view id) {
  return !id.empty() && id.size() <= kLongestId &&
         std::ranges::all_of(id, [](char c) { return c > 0x20 && c < 0x7F; });
}

Marks read_marks(HeaderViews headers) {
  Marks marks;
  bool twice = false;
  for (const auto& [name, value] : headers) {
    switch (name.size()) {  // most headers are told apart by this alone
      case 6:
        if (is(name, "origin")) marks.origin = value;
        break;
      case 10:
        if (is(name, "tracestate") && marks.tracestate.size() < kMostState) {
          if (!marks.tracestate.empty()) marks.tracestate += ',';
          marks.tracestate += value;
        }
        break;
      case 11:
        if (is(name, "traceparent")) {
          twice = twice || !marks.traceparent.empty();
          marks.traceparent = value;
        }
        break;
      case 12:
        if (is(name, "x-request-id") && valid_request_id(value)) marks.request_id = value;
        break;
      default:
        break;
    }
  }
  if (twice) marks.traceparent = {};
  return marks;
}

std::optional<request::TraceContext> context_of(const Marks& marks) {
  if (marks.traceparent.empty()) return std::nullopt;
  auto context = request::parse_traceparent(marks.traceparent);
  if (context && request::valid_tracestate(marks.tracestate)) context->state = marks.tracestate;
  return context;
}

}  // namespace saccade::trace
