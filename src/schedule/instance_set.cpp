#include "schedule/instance_set.h"

#include <algorithm>

namespace saccade::schedule {

InstanceSet::InstanceSet(std::vector<std::unique_ptr<engine::Session>> sessions,
                         std::unique_ptr<engine::Session> lone, bool batches, std::size_t least,
                         base::Duration keep, MetricsPointer metrics)
    : batches_(batches),
      least_(std::max<std::size_t>(least, 1)),
      keep_(keep),
      metrics_(std::move(metrics)),
      original_(sessions.front().get()) {
  while (sessions.size() < least_) {
    auto shared = original_->share();
    if (shared == nullptr) break;
    sessions.push_back(std::move(shared));
  }
  for (auto& session : sessions) free_.push_back(make(std::move(session)));
  free_.front()->original = true;
  std::ranges::reverse(free_);
  for (const Taken& instance : free_) instance->used = base::now();
  if (lone != nullptr) {
    lone_ = std::make_unique<Instance>(BatchRunner(std::move(lone), batches_, *metrics_));
    lone_->lone = true;
  }
}

InstanceSet::~InstanceSet() {
  metrics_->instances.add(-static_cast<std::int64_t>(size_));
}

InstanceSet::Taken InstanceSet::make(std::unique_ptr<engine::Session> session) {
  StatisticsSheet* sheet = nullptr;
  {
    const std::lock_guard lock(mutex_);
    ++size_;
    if (!sheets_.empty()) {
      sheet = sheets_.back();
      sheets_.pop_back();
    }
  }
  metrics_->instances.add(1);
  if (sheet == nullptr) sheet = &metrics_->statistics.add_sheet();
  auto instance = std::make_unique<Instance>(BatchRunner(std::move(session), batches_, *metrics_, *sheet));
  instance->sheet = sheet;
  return instance;
}

InstanceSet::Taken InstanceSet::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      Taken instance = std::move(free_.back());
      free_.pop_back();
      return instance;
    }
  }
  std::unique_ptr<engine::Session> session;
  {
    const std::lock_guard lock(sharing_);
    session = original_->share();
  }
  return session == nullptr ? nullptr : make(std::move(session));
}

InstanceSet::Taken InstanceSet::take_lone() {
  const std::lock_guard lock(mutex_);
  return std::move(lone_);
}

void InstanceSet::give(Taken instance, base::TimePoint now) {
  instance->used = now;
  const std::lock_guard lock(mutex_);
  if (instance->lone) {
    lone_ = std::move(instance);
  } else {
    free_.push_back(std::move(instance));
  }
}

void InstanceSet::end_spare(base::TimePoint now) {
  std::vector<Taken> spare;
  {
    const std::lock_guard lock(mutex_);
    while (next_spare_locked() <= now) {
      const auto oldest = std::ranges::find(free_, false, [](const Taken& one) { return one->original; });
      sheets_.push_back((*oldest)->sheet);
      spare.push_back(std::move(*oldest));
      free_.erase(oldest);
      --size_;
    }
  }
  metrics_->instances.add(-static_cast<std::int64_t>(spare.size()));
}

base::TimePoint InstanceSet::next_spare() const {
  const std::lock_guard lock(mutex_);
  return next_spare_locked();
}

base::TimePoint InstanceSet::next_spare_locked() const {
  if (size_ <= least_) return base::TimePoint::max();
  const auto oldest = std::ranges::find(free_, false, [](const Taken& one) { return one->original; });
  return oldest == free_.end() ? base::TimePoint::max() : (*oldest)->used + keep_;
}

std::size_t InstanceSet::size() const {
  const std::lock_guard lock(mutex_);
  return size_;
}

}  // namespace saccade::schedule
