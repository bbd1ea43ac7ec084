// What has happened, as a collector takes it: plain data, made once it is over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "request/trace_context.h"

namespace saccade::trace {

using Value = std::variant<std::string, std::int64_t, double, bool>;
using Attribute = std::pair<std::string_view, Value>;  // the name: a literal

enum class Kind : std::uint8_t { kInternal = 1, kServer = 2 };  // OTLP's numbers

struct Span {
  request::TraceContext context;
  std::optional<request::SpanId> parent;
  Kind kind = Kind::kInternal;
  std::string name;
  std::int64_t begin = 0;  // nanoseconds since 1970
  std::int64_t end = 0;
  std::vector<Attribute> attributes;
  std::optional<std::string> error;  // what went wrong, as far as it is the server's fault
};

}  // namespace saccade::trace
