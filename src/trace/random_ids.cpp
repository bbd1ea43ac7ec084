#include "trace/random_ids.h"

#include <cstring>
#include <random>

namespace saccade::trace {
namespace {

std::uint64_t random() {
  thread_local std::mt19937_64 generator = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  for (;;) {
    if (const std::uint64_t number = generator()) return number;
  }
}

}  // namespace

request::TraceId random_trace_id() {
  const std::uint64_t parts[2] = {random(), random()};
  request::TraceId id;
  std::memcpy(id.data(), parts, sizeof parts);
  return id;
}

request::SpanId random_span_id() {
  const std::uint64_t part = random();
  request::SpanId id;
  std::memcpy(id.data(), &part, sizeof part);
  return id;
}

}  // namespace saccade::trace
