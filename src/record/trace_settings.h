// Which requests are traced: the settings of the protocol's trace extension, for all models and, where a
// model has its own, for that model.
//
// Safe from any thread. samples() costs one relaxed load as long as nothing is traced.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace saccade::record {

struct TraceSettings {
  bool timestamps = false;      // trace_level TIMESTAMPS; otherwise OFF
  std::uint64_t rate = 1000;    // every so manieth request
  std::int64_t count = -1;      // traces still to be made; -1: no limit
  std::uint64_t frequency = 0;  // log_frequency: traces in one file; 0: one file for all
};

// What a request says about one setting: nothing, "back to what applied before" (null), or a new value.
template <typename T>
struct Change {
  enum class Kind : std::uint8_t { kKeep, kClear, kSet };
  Kind kind = Kind::kKeep;
  T value{};
};

struct TraceChange {
  Change<bool> timestamps;
  Change<std::uint64_t> rate;
  Change<std::int64_t> count;
  Change<std::uint64_t> frequency;
};

class TraceSampler {
 public:
  // Empty model: what applies to models without settings of their own.
  TraceSettings settings(std::string_view model) const;
  // Cleared settings of all models are as at the start; those of one model follow all models'. A model whose
  // settings are all cleared has none of its own again. False: too many models have their own already.
  bool change(std::string_view model, const TraceChange& change);

  // Whether the request that arrives now is to be traced, and how; counts it.
  std::optional<TraceSettings> sample(std::string_view model) {
    if (!active_.load(std::memory_order_relaxed)) return std::nullopt;
    return sample_active(model);
  }

 private:
  static constexpr std::size_t kMostModels = 10'000;

  struct Own {
    std::optional<bool> timestamps;
    std::optional<std::uint64_t> rate;
    std::optional<std::int64_t> count;
    std::optional<std::uint64_t> frequency;
    std::uint64_t seen = 0;  // requests since the settings changed

    bool empty() const { return !timestamps && !rate && !count && !frequency; }
  };
  static TraceSettings apply(const Own& own, TraceSettings settings);
  std::optional<TraceSettings> sample_active(std::string_view model);

  std::atomic<bool> active_{false};  // some setting says TIMESTAMPS
  mutable std::mutex mutex_;
  Own all_;                                      // guarded by mutex_
  std::map<std::string, Own, std::less<>> own_;  // guarded by mutex_
};

}  // namespace saccade::record
