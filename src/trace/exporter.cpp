#include "trace/exporter.h"

#include <algorithm>
#include <utility>

#include "base/random_duration.h"
#include "observe/log.h"

namespace saccade::trace {
namespace {

using std::chrono::milliseconds;

constexpr int kMostTries = 5;
constexpr milliseconds kFirstPause{500};
constexpr milliseconds kLongestPause{30'000};
constexpr milliseconds kLongestRetryAfter{60'000};

// Batches are few, so a few failures say enough.
constexpr resilience::BreakerSettings kBreaker{.window = std::chrono::seconds(60),
                                               .minimum_calls = 5,
                                               .failure_rate = 0.5,
                                               .slow_rate = 0.8,
                                               .slow_after = std::chrono::seconds(5),
                                               .open_for = std::chrono::seconds(5),
                                               .probe_successes = 1};

// OTLP/HTTP, "Failures": these may be tried again, and no others.
bool worth_another_try(int status) {
  return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

ExporterMetrics::ExporterMetrics(observe::Registry& registry)
    : exported(registry.counter("saccade_trace_spans_exported_total", "Spans that the collector has taken.")),
      queue_full(registry.counter("saccade_trace_spans_dropped_total", "Spans that were lost, by why.",
                                  {{"reason", "queue_full"}})),
      failed(registry.counter("saccade_trace_spans_dropped_total", "Spans that were lost, by why.",
                              {{"reason", "failed"}})),
      rejected(registry.counter("saccade_trace_spans_dropped_total", "Spans that were lost, by why.",
                                {{"reason", "rejected"}})),
      tries_ok(registry.counter("saccade_trace_exports_total",
                                "Batches sent to the collector, by how it went.", {{"outcome", "ok"}})),
      tries_failed(registry.counter("saccade_trace_exports_total",
                                    "Batches sent to the collector, by how it went.",
                                    {{"outcome", "failed"}})) {}

Exporter::Exporter(Settings settings, ExporterMetrics& metrics)
    : settings_(std::move(settings)),
      metrics_(metrics),
      breaker_(std::make_shared<resilience::CircuitBreaker>(kBreaker)),
      connection_(settings_.url, settings_.headers, settings_.ca),
      thread_([this] { work(); }) {}

Exporter::~Exporter() {
  close(milliseconds{0});
}

void Exporter::add(std::vector<Span> spans) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() + spans.size() > settings_.queue) {
      metrics_.queue_full.add(spans.size());
      return;
    }
    for (Span& span : spans) queue_.push_back(std::move(span));
    // The thread looks by itself after the delay; only a whole batch is worth waking it for.
    wake = queue_.size() >= settings_.batch && queue_.size() - spans.size() < settings_.batch;
  }
  if (wake) changed_.notify_one();
}

void Exporter::close(milliseconds longest) {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;
    closing_ = true;
  }
  connection_.hurry(base::now() + longest);
  changed_.notify_one();
  thread_.join();
}

void Exporter::work() {
  for (;;) {
    const std::vector<Span> batch = next_batch();
    if (batch.empty()) return;
    send(batch);
  }
}

std::vector<Span> Exporter::next_batch() {
  std::unique_lock lock(mutex_);
  do {
    changed_.wait_for(lock, settings_.delay, [this] { return closing_ || queue_.size() >= settings_.batch; });
  } while (queue_.empty() && !closing_);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), settings_.batch));
  std::vector<Span> batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return batch;
}

void Exporter::send(const std::vector<Span>& batch) {
  const std::string body = encode_otlp(settings_.resource, settings_.version, batch);
  for (int tries = 1; may_try(); ++tries) {
    const auto wait = attempt(body, batch.size(), tries);
    if (!wait) return;
    if (!pause(*wait)) break;
  }
  metrics_.failed.add(batch.size());
}

bool Exporter::may_try() {
  while (!breaker_->allow(base::now())) {
    const auto wait = std::chrono::ceil<milliseconds>(breaker_->retry_after(base::now()));
    if (!pause(std::max(wait, milliseconds{1}))) return false;
  }
  return true;
}

std::optional<milliseconds> Exporter::attempt(std::string_view body, std::size_t spans, int tries) {
  const base::TimePoint begin = base::now();
  const HttpPost::Answer answer = connection_.post(body, settings_.timeout);
  const base::TimePoint end = base::now();
  breaker_->record(end, end - begin, !worth_another_try(answer.status));
  if (answer.status >= 200 && answer.status <= 299) {
    if (std::exchange(troubled_, false)) observe::log_info("spans go to {} again", settings_.url);
    metrics_.tries_ok.add();
    const auto lost =
        std::clamp<std::int64_t>(rejected_spans(answer.body), 0, static_cast<std::int64_t>(spans));
    metrics_.rejected.add(static_cast<std::uint64_t>(lost));
    metrics_.exported.add(spans - static_cast<std::uint64_t>(lost));
    return std::nullopt;
  }
  metrics_.tries_failed.add();
  troubled(answer.trouble);
  if (!worth_another_try(answer.status) || tries == kMostTries) {
    metrics_.failed.add(spans);
    return std::nullopt;
  }
  if (answer.retry_after.count() > 0) return std::min<milliseconds>(answer.retry_after, kLongestRetryAfter);
  // Half of it up to all of it, so that servers don't all come back at the same time.
  const auto pause = std::min<base::Duration>(kFirstPause * (1 << (tries - 1)), kLongestPause);
  return std::chrono::duration_cast<milliseconds>(base::random_duration(pause / 2, pause));
}

bool Exporter::pause(milliseconds how_long) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, how_long, [this] { return closing_; });
}

// Once for each time that it begins: a collector that is away is away for long.
void Exporter::troubled(const std::string& what) {
  if (std::exchange(troubled_, true)) return;
  observe::log_warning("spans can't be sent to {}: {}; they are tried again and then dropped", settings_.url,
                       what);
}

}  // namespace saccade::trace
