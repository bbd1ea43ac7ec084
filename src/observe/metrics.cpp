#include "observe/metrics.h"

#include <algorithm>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace saccade::observe {

std::size_t own_cell() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t cell = next.fetch_add(1, std::memory_order_relaxed) % kCells;
  return cell;
}

std::uint64_t Counter::value() const {
  std::uint64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
  return sum;
}

std::int64_t Gauge::value() const {
  std::int64_t sum = 0;
  for (const Cell& cell : cells_) sum += cell.value.load(std::memory_order_relaxed);
  return sum;
}

Histogram::Histogram(std::vector<std::int64_t> bounds, double scale)
    : bounds_(std::move(bounds)), scale_(scale) {}

void Histogram::observe(std::int64_t value) {
  const auto place = static_cast<std::size_t>(std::ranges::lower_bound(bounds_, value) - bounds_.begin());
  Cell& cell = cells_[own_cell()];
  cell.counts[std::min(place, kMaxBounds)].fetch_add(1, std::memory_order_relaxed);
  cell.sum.fetch_add(value, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot snapshot;
  snapshot.counts.resize(bounds_.size() + 1);
  for (const Cell& cell : cells_) {
    for (std::size_t i = 0; i < snapshot.counts.size(); ++i) {
      const std::uint64_t count = cell.counts[i].load(std::memory_order_relaxed);
      snapshot.counts[i] += count;
      snapshot.total += count;
    }
    snapshot.sum += cell.sum.load(std::memory_order_relaxed);
  }
  return snapshot;
}

std::vector<std::int64_t> latency_bounds() {
  std::vector<std::int64_t> bounds;
  bounds.reserve(18);
  for (const std::int64_t micros : {25, 50, 100, 250, 500, 1'000, 2'500, 5'000, 10'000, 25'000, 50'000,
                                    100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000}) {
    bounds.push_back(micros * 1'000);
  }
  return bounds;
}

Registry::Member& Registry::member(const std::string& name, const std::string& help, Kind kind,
                                   const Labels& labels) {
  const auto [place, added] = families_.try_emplace(name);
  Family& family = place->second;
  if (added) {
    family.kind = kind;
    family.help = help;
  }
  for (const auto& known : family.members) {
    if (known->labels == labels) return *known;
  }
  family.members.push_back(std::make_unique<Member>());
  family.members.back()->labels = labels;
  return *family.members.back();
}

Counter& Registry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Member& found = member(name, help, Kind::kCounter, labels);
  if (!found.counter) found.counter = std::make_unique<Counter>();
  return *found.counter;
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  Member& found = member(name, help, Kind::kGauge, labels);
  if (!found.gauge) found.gauge = std::make_unique<Gauge>();
  return *found.gauge;
}

Histogram& Registry::histogram(const std::string& name, const std::string& help, const Labels& labels,
                               std::vector<std::int64_t> bounds, double scale) {
  const std::lock_guard lock(mutex_);
  Member& found = member(name, help, Kind::kHistogram, labels);
  if (!found.histogram) found.histogram = std::make_unique<Histogram>(std::move(bounds), scale);
  return *found.histogram;
}

void Registry::gauge_from(const std::string& name, const std::string& help, const Labels& labels,
                          std::function<double()> read) {
  const std::lock_guard lock(mutex_);
  member(name, help, Kind::kGauge, labels).read = std::move(read);
}

void Registry::counter_from(const std::string& name, const std::string& help, const Labels& labels,
                            std::function<double()> read) {
  const std::lock_guard lock(mutex_);
  Member& found = member(name, help, Kind::kCounter, labels);
  if (!found.read) found.read = std::move(read);
}

CounterSource Registry::counter_source(const std::string& name, const std::string& help, const Labels& labels,
                                       std::function<double()> read) {
  const std::lock_guard lock(mutex_);
  Member& found = member(name, help, Kind::kCounter, labels);
  const std::uint64_t number = next_source_++;
  found.sources.emplace(number, std::move(read));
  return CounterSource([this, &found, number] {
    const std::lock_guard own_lock(mutex_);
    const auto source = found.sources.find(number);
    found.counted += source->second();
    found.sources.erase(source);
  });
}

void Registry::forget(const Labels& labels) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, family] : families_) {
    std::erase_if(family.members, [&](const std::unique_ptr<Member>& member) {
      return std::ranges::all_of(labels, [&](const auto& label) {
        return std::ranges::find(member->labels, label) != member->labels.end();
      });
    });
  }
}

std::string Registry::scrape() const {
  std::vector<prometheus::MetricFamily> families;
  {
    const std::lock_guard lock(mutex_);
    families.reserve(families_.size());
    for (const auto& [name, family] : families_) {
      prometheus::MetricFamily out;
      out.name = name;
      out.help = family.help;
      out.type = family.kind == Kind::kCounter ? prometheus::MetricType::Counter
                 : family.kind == Kind::kGauge ? prometheus::MetricType::Gauge
                                               : prometheus::MetricType::Histogram;
      for (const auto& member : family.members) {
        prometheus::ClientMetric metric;
        for (const auto& [key, value] : member->labels) metric.label.push_back({key, value});
        if (family.kind == Kind::kCounter) {
          metric.counter.value = member->counted;
          if (member->counter) metric.counter.value += static_cast<double>(member->counter->value());
          if (member->read) metric.counter.value += member->read();
          for (const auto& [number, read] : member->sources) metric.counter.value += read();
        } else if (member->histogram) {
          const Histogram::Snapshot snapshot = member->histogram->snapshot();
          metric.histogram.sample_count = snapshot.total;
          metric.histogram.sample_sum = static_cast<double>(snapshot.sum) * member->histogram->scale();
          std::uint64_t below = 0;
          for (std::size_t i = 0; i < member->histogram->bounds().size(); ++i) {
            below += snapshot.counts[i];
            metric.histogram.bucket.push_back(
                {below, static_cast<double>(member->histogram->bounds()[i]) * member->histogram->scale()});
          }
          metric.histogram.bucket.push_back({snapshot.total, std::numeric_limits<double>::infinity()});
        } else {
          metric.gauge.value = member->read ? member->read() : static_cast<double>(member->gauge->value());
        }
        out.metric.push_back(std::move(metric));
      }
      families.push_back(std::move(out));
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace saccade::observe
