// traceparent and tracestate from any bytes: what is read is what was written, and nothing else is.
#include <cstdlib>
#include <string>
#include <string_view>

#include "request/trace_context.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace saccade::request;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto context = parse_traceparent(text)) {
    if (text.substr(3, 32) != to_text(context->trace_id)) std::abort();
    if (text.substr(36, 16) != to_text(context->span_id)) std::abort();
    if (text.starts_with("ff") || context->trace_id == TraceId{} || context->span_id == SpanId{})
      std::abort();
    // The same in version 00.
    const std::string again = "00" + std::string(text.substr(2, 53));
    const auto same = parse_traceparent(again);
    if (!same || same->trace_id != context->trace_id || same->sampled != context->sampled) std::abort();
  }
  if (valid_tracestate(text)) {
    if (text.size() > 512) std::abort();
    // A member before it may make it too long, too many, or be there already; otherwise it stays valid.
    const std::string more = "zzz9zz@q=1," + std::string(text);
    if (more.size() <= 512 && !valid_tracestate(more) && text.find("zzz9zz@q") == text.npos) {
      std::size_t commas = 0;
      for (const char c : text) commas += c == ',' ? 1 : 0;
      if (commas < 31) std::abort();
    }
  }
  return 0;
}
