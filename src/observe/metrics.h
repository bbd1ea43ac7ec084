// Metrics that cost nothing where requests run: each thread adds to a cell of its own, a scrape adds the
// cells up.
//
//   Counter& answered = registry.counter("saccade_requests_total", "Requests answered.", {{"model",
//   "digits"}}); answered.add();
//
// Everything here is safe from any thread. References returned by the registry stay valid as long as it does,
// or until they are forgotten.
// Names follow Prometheus: a unit in base units (`_seconds`, `_bytes`), `_total` on counters.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace saccade::observe {

using Labels = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::size_t kCells = 16;
// The cell of the calling thread: threads are dealt cells in turn.
std::size_t own_cell();

class Counter {
 public:
  void add(std::uint64_t count = 1) { cells_[own_cell()].value.fetch_add(count, std::memory_order_relaxed); }
  std::uint64_t value() const;

 private:
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> value{0};
  };
  std::array<Cell, kCells> cells_;
};

class Gauge {
 public:
  void add(std::int64_t delta) { cells_[own_cell()].value.fetch_add(delta, std::memory_order_relaxed); }
  // For a figure that one place owns; not to be mixed with add().
  void set(std::int64_t value) { cells_[0].value.store(value, std::memory_order_relaxed); }
  std::int64_t value() const;

 private:
  struct alignas(64) Cell {
    std::atomic<std::int64_t> value{0};
  };
  std::array<Cell, kCells> cells_;
};

// Counts of values at or below each bound, and their sum. Values are whole numbers in a fine unit
// (nanoseconds, items); `scale` turns them into the metric's unit on a scrape.
class Histogram {
 public:
  Histogram(std::vector<std::int64_t> bounds, double scale);
  void observe(std::int64_t value);
  void observe(base::Duration duration) { observe(duration.count()); }

  struct Snapshot {
    std::vector<std::uint64_t> counts;  // one more than bounds: the last is above all of them
    std::int64_t sum = 0;
    std::uint64_t total = 0;
  };
  Snapshot snapshot() const;
  const std::vector<std::int64_t>& bounds() const { return bounds_; }
  double scale() const { return scale_; }

 private:
  static constexpr std::size_t kMaxBounds = 30;
  struct alignas(64) Cell {
    std::array<std::atomic<std::uint64_t>, kMaxBounds + 1> counts{};
    std::atomic<std::int64_t> sum{0};
  };
  const std::vector<std::int64_t> bounds_;
  const double scale_;
  std::array<Cell, kCells> cells_;
};

// 25 µs to 10 s, for anything a request waits for; in nanoseconds.
std::vector<std::int64_t> latency_bounds();
inline constexpr double kNanosecond = 1e-9;

// A figure that somebody else counts, as part of a counter that outlives it: while the source is there, each
// scrape asks it; what it had counted when it went stays in the counter. Belongs to whoever counts, and must
// end before the figure and before the registry do.
class CounterSource {
 public:
  CounterSource() = default;
  explicit CounterSource(std::move_only_function<void()> end) : end_(std::move(end)) {}
  CounterSource(CounterSource&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
  CounterSource& operator=(CounterSource&& other) noexcept {
    std::swap(end_, other.end_);
    return *this;
  }
  ~CounterSource() {
    if (end_) end_();
  }

 private:
  std::move_only_function<void()> end_;
};

class Registry {
 public:
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels,
                       std::vector<std::int64_t> bounds, double scale);
  // A gauge whose value is asked for at each scrape.
  void gauge_from(const std::string& name, const std::string& help, const Labels& labels,
                  std::function<double()> read);
  // The same for a counter; the first to be named stays.
  void counter_from(const std::string& name, const std::string& help, const Labels& labels,
                    std::function<double()> read);
  // A counter, or a part of one, whose value is asked for at each scrape. `read` must not use the registry.
  [[nodiscard]] CounterSource counter_source(const std::string& name, const std::string& help,
                                             const Labels& labels, std::function<double()> read);

  // Drops everything whose labels are these or have more: what is spoken of has gone for good. Nobody may
  // hold a reference to any of it.
  void forget(const Labels& labels);

  // Prometheus' text exposition format 0.0.4, families in the order of their names.
  std::string scrape() const;

 private:
  enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };
  struct Member {
    Labels labels;
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
    std::function<double()> read;
    std::map<std::uint64_t, std::function<double()>> sources;  // by their number
    double counted = 0;                                        // by the sources that have gone
  };
  struct Family {
    Kind kind;
    std::string help;
    std::vector<std::unique_ptr<Member>> members;
  };
  Member& member(const std::string& name, const std::string& help, Kind kind, const Labels& labels);

  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;  // guarded by mutex_; the members' values are not
  std::uint64_t next_source_ = 0;           // guarded by mutex_
};

}  // namespace saccade::observe
