// Ids of traces and spans: random, never all zero. Safe from any thread, without a lock.
#pragma once

#include "request/trace_context.h"

namespace saccade::trace {

request::TraceId random_trace_id();
request::SpanId random_span_id();

}  // namespace saccade::trace
