#include "quality/calibration.h"

#include <algorithm>
#include <cmath>

namespace saccade::quality {

void Scores::change(const Judged& judged, double weight) {
  const double truth = judged.right ? 1 : 0;
  const double confidence = std::clamp(judged.confidence, 0.0, 1.0);
  weight_ += weight;
  right_ += weight * truth;
  squares_ += weight * (confidence - truth) * (confidence - truth);
  Bin& bin = bins_[std::min(static_cast<std::size_t>(confidence * kBins), kBins - 1)];
  bin.weight += weight;
  bin.right += weight * truth;
  bin.confidence += weight * confidence;
}

double Scores::calibration_error() const {
  double gaps = 0;
  for (const Bin& bin : bins_) gaps += std::abs(bin.right - bin.confidence);
  return gaps / weight_;
}

void Calibration::add(const Judged& judged) {
  ++count_;
  all_.add(judged);
  window_.push_back(judged);
  if (window_.size() <= kWindow) {
    recent_.add(judged);
    return;
  }
  window_.pop_front();
  // What is added and taken away ten thousand times leaves a little of each behind: summed anew, nothing
  // does.
  recent_ = Scores();
  for (const Judged& one : window_) recent_.add(one);
}

}  // namespace saccade::quality
