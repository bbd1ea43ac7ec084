// What a request's headers (or gRPC's metadata) say of where it comes from, found in one pass over them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "request/trace_context.h"

namespace saccade::trace {

// Views are those of the headers.
struct Marks {
  std::string_view request_id;   // X-Request-Id; empty where it is none that may be used
  std::string_view traceparent;  // empty where it came more than once
  std::string_view origin;
  std::string tracestate;  // several headers are one list

  bool any() const { return !request_id.empty() || !traceparent.empty() || !origin.empty(); }
};

using HeaderViews = std::span<const std::pair<std::string_view, std::string_view>>;
Marks read_marks(HeaderViews headers);
// The caller's context, where it is valid. A tracestate that is not valid is left out, as the specification
// has it.
std::optional<request::TraceContext> context_of(const Marks& marks);

// What an id of a caller's own may be: 1 to 128 characters of visible ASCII.
bool valid_request_id(std::string_view id);

}  // namespace saccade::trace
