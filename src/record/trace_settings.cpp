#include "record/trace_settings.h"

#include <algorithm>

namespace saccade::record {
namespace {

template <typename T>
void apply_change(const Change<T>& change, std::optional<T>& own) {
  if (change.kind == Change<T>::Kind::kClear) own.reset();
  if (change.kind == Change<T>::Kind::kSet) own = change.value;
}

}  // namespace

TraceSettings TraceSampler::apply(const Own& own, TraceSettings settings) {
  settings.timestamps = own.timestamps.value_or(settings.timestamps);
  settings.rate = own.rate.value_or(settings.rate);
  settings.count = own.count.value_or(settings.count);
  settings.frequency = own.frequency.value_or(settings.frequency);
  return settings;
}

TraceSettings TraceSampler::settings(std::string_view model) const {
  const std::lock_guard lock(mutex_);
  const TraceSettings all = apply(all_, {});
  const auto own = own_.find(model);
  return own == own_.end() ? all : apply(own->second, all);
}

bool TraceSampler::change(std::string_view model, const TraceChange& change) {
  const std::lock_guard lock(mutex_);
  if (!model.empty() && own_.size() >= kMostModels && !own_.contains(model)) return false;
  Own& own = model.empty() ? all_ : own_[std::string(model)];
  apply_change(change.timestamps, own.timestamps);
  apply_change(change.rate, own.rate);
  apply_change(change.count, own.count);
  apply_change(change.frequency, own.frequency);
  own.seen = 0;
  std::erase_if(own_, [](const auto& entry) { return entry.second.empty(); });
  active_ = all_.timestamps.value_or(false) ||
            std::ranges::any_of(own_, [](const auto& entry) { return entry.second.timestamps == true; });
  return true;
}

std::optional<TraceSettings> TraceSampler::sample_active(std::string_view model) {
  const std::lock_guard lock(mutex_);
  const auto found = own_.find(model);
  Own& own = found == own_.end() ? all_ : found->second;
  const TraceSettings all = apply(all_, {});
  const TraceSettings settings = found == own_.end() ? all : apply(own, all);
  if (!settings.timestamps || settings.count == 0) return std::nullopt;
  if (++own.seen % settings.rate != 0) return std::nullopt;
  if (settings.count > 0) {
    // The count belongs to whoever set it: a model that has no count of its own uses up that of all.
    (own.count ? own.count : all_.count) = settings.count - 1;
  }
  return settings;
}

}  // namespace saccade::record
