#include "schedule/caution.h"

#include <algorithm>
#include <cmath>

namespace saccade::schedule {
namespace {

constexpr double kSpreadGain = 1.0 / 64;
constexpr double kStep = 0.5;  // of the scale
constexpr double kLeast = 0.25;
constexpr double kMost = 16;
constexpr double kLeastSpread = 0.1;
constexpr double kTightening = 0.25;
constexpr double kLeastGuard = 0.25;
constexpr double kMostGuard = 4;
constexpr double kEasing = 0.97;

}  // namespace

void Caution::learn(double e, double quantile) {
  spread_ += kSpreadGain * (std::min(std::abs(e), kMost) - spread_);
  spread_ = std::max(spread_, kLeastSpread);
  // A quantile that lies far out is followed in larger steps, or it would take thousands of answers to come
  // back.
  const double step = kStep * std::max(spread_, quantile_ / 2);
  quantile_ = std::clamp(quantile_ + step * (e > quantile_ ? quantile : quantile - 1), kLeast, kMost);
}

void Caution::judge(double late_share, bool near, double may_be_late) {
  if (near || late_share > 0 || guard_ > 1) {
    guard_ = std::clamp(guard_ * std::exp(kTightening * (late_share - may_be_late)), near ? kLeastGuard : 1.0,
                        kMostGuard);
  } else {
    guard_ = std::min(guard_ * std::exp(kTightening * may_be_late), 1.0);
  }
  value_.store(quantile_ * guard_, std::memory_order_relaxed);
}

void Caution::ease() {
  if (value() <= 1) return;
  if (guard_ > 1) {
    guard_ = std::max(guard_ * kEasing, 1.0);
  } else {
    quantile_ *= kEasing;
  }
  value_.store(quantile_ * guard_, std::memory_order_relaxed);
}

}  // namespace saccade::schedule
