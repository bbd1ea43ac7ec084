#include "trace/server_span.h"

#include <chrono>
#include <utility>

#include "base/utf8.h"
#include "request/inference_request.h"
#include "request/model_signature.h"
#include "trace/random_ids.h"

namespace saccade::trace {
namespace {

constexpr std::size_t kMostText = 1024;  // of one attribute
constexpr std::size_t kMostChildren = 256;

std::int64_t unix_nanos_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

ServerSpan::ServerSpan(Exporter& exporter, request::TraceContext own, const request::TraceContext* parent,
                       std::string name, base::TimePoint arrived)
    : Trace(std::move(own)), exporter_(exporter), arrived_(arrived) {
  span_.context = context();
  if (parent != nullptr) span_.parent = parent->span_id;
  span_.kind = Kind::kServer;
  span_.name = std::move(name);
  span_.begin = unix_nanos_now() - std::chrono::nanoseconds(base::now() - arrived).count();
}

ServerSpan::~ServerSpan() {
  end(std::nullopt);
}

// The wall's clock is looked at once: what is inside a span can't begin before it.
std::int64_t ServerSpan::unix_nanos(base::TimePoint when) const {
  return span_.begin + std::chrono::nanoseconds(when - arrived_).count();
}

// OTLP takes UTF-8 alone, and callers send anything.
void ServerSpan::set(std::string_view literal_key, std::string value) {
  if (value.size() > kMostText) value.resize(kMostText);
  value.resize(base::utf8_prefix(value));
  span_.attributes.emplace_back(literal_key, std::move(value));
}

void ServerSpan::add_child(std::string_view name, base::TimePoint begin, base::TimePoint end) {
  Span child;
  child.context = context();
  child.context.span_id = random_span_id();
  child.parent = context().span_id;
  child.name = name;
  child.begin = unix_nanos(begin);
  child.end = unix_nanos(end);
  children_.push_back(std::move(child));
}

void ServerSpan::answered(const request::ModelSignature& model, std::int64_t items,
                          const request::Timings& timings) {
  if (children_.empty()) {
    set("saccade.model.name", model.name);
    set("saccade.model.version", model.version);
    set("saccade.request.items", items);
  }
  // A stream of requests is one call.
  if (children_.size() >= kMostChildren) return;
  if (timings.run_finished == base::TimePoint{}) return;
  add_child("queue", timings.queued, timings.run_started);
  add_child("run", timings.run_started, timings.run_finished);
  children_.back().attributes.emplace_back("saccade.batch.size", timings.batch_size);
}

void ServerSpan::end(std::optional<std::string> error) {
  if (std::exchange(ended_, true)) return;
  span_.end = unix_nanos(base::now());
  if (error) error->resize(base::utf8_prefix(*error));
  span_.error = std::move(error);
  children_.push_back(std::move(span_));
  exporter_.add(std::move(children_));
}

}  // namespace saccade::trace
