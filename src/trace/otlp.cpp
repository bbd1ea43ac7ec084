#include "trace/otlp.h"

#include "otlp.pb.h"

namespace saccade::trace {
namespace {

template <std::size_t N>
std::string bytes_of(const std::array<std::uint8_t, N>& id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

void write(const Value& value, otlp::AnyValue& into) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    into.set_string_value(*text);
  } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
    into.set_int_value(*number);
  } else if (const auto* fraction = std::get_if<double>(&value)) {
    into.set_double_value(*fraction);
  } else {
    into.set_bool_value(std::get<bool>(value));
  }
}

void write(const Span& span, otlp::Span& into) {
  into.set_trace_id(bytes_of(span.context.trace_id));
  into.set_span_id(bytes_of(span.context.span_id));
  into.set_trace_state(span.context.state);
  if (span.parent) into.set_parent_span_id(bytes_of(*span.parent));
  into.set_flags(span.context.sampled ? 1 : 0);
  into.set_name(span.name);
  into.set_kind(static_cast<otlp::Span::SpanKind>(span.kind));
  into.set_start_time_unix_nano(static_cast<std::uint64_t>(span.begin));
  into.set_end_time_unix_nano(static_cast<std::uint64_t>(span.end));
  for (const auto& [key, value] : span.attributes) {
    otlp::KeyValue& attribute = *into.add_attributes();
    attribute.set_key(std::string(key));
    write(value, *attribute.mutable_value());
  }
  if (!span.error) return;
  into.mutable_status()->set_code(otlp::Status::STATUS_CODE_ERROR);
  into.mutable_status()->set_message(*span.error);
}

}  // namespace

std::string encode_otlp(const Resource& resource, std::string_view version, std::span<const Span> spans) {
  otlp::ExportTraceServiceRequest message;
  otlp::ResourceSpans& all = *message.add_resource_spans();
  for (const auto& [key, value] : resource) {
    otlp::KeyValue& attribute = *all.mutable_resource()->add_attributes();
    attribute.set_key(key);
    attribute.mutable_value()->set_string_value(value);
  }
  otlp::ScopeSpans& scope = *all.add_scope_spans();
  scope.mutable_scope()->set_name("saccade");
  scope.mutable_scope()->set_version(std::string(version));
  for (const Span& span : spans) write(span, *scope.add_spans());
  return message.SerializeAsString();
}

std::int64_t rejected_spans(std::string_view answer) {
  otlp::ExportTraceServiceResponse message;
  if (!message.ParseFromArray(answer.data(), static_cast<int>(answer.size()))) return 0;
  return message.partial_success().rejected_spans();
}

}  // namespace saccade::trace
