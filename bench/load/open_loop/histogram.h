// Durations counted in buckets of a width that grows with them, as HdrHistogram does: 128 to each doubling,
// so a value read back is at most 1/128 too large, never too small. 23 KiB, no allocation after it is made.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace open_loop {

class Histogram {
 public:
  void add(std::int64_t ns) {
    const std::int64_t value = std::clamp<std::int64_t>(ns, 0, kMost);
    ++counts_[bucket(static_cast<std::uint64_t>(value))];
    ++count_;
    sum_ += static_cast<double>(value);
    max_ = std::max(max_, value);
  }

  std::uint64_t count() const { return count_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  std::int64_t max() const { return max_; }

  // The smallest value that a share `q` of all does not exceed, rounded up to its bucket's end; 0 without
  // any.
  std::int64_t quantile(double q) const {
    const auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > 0 && seen >= rank) return std::min(last_of(i), max_);
    }
    return max_;
  }

 private:
  static constexpr int kBits = 7;                                     // 2^7 buckets to a doubling
  static constexpr std::int64_t kMost = (std::int64_t{1} << 43) - 1;  // over two hours

  // Values below 2^(kBits + 1) have a bucket each; above, the leading kBits + 1 bits count.
  static std::size_t bucket(std::uint64_t value) {
    const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - (kBits + 1));
    return (static_cast<std::size_t>(shift) << kBits) + static_cast<std::size_t>(value >> shift);
  }
  static std::int64_t last_of(std::size_t bucket) {
    if (bucket < (std::size_t{2} << kBits)) return static_cast<std::int64_t>(bucket);
    const std::size_t shift = (bucket >> kBits) - 1;
    return static_cast<std::int64_t>(((bucket - (shift << kBits) + 1) << shift) - 1);
  }

  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(bucket(kMost) + 1);
  std::uint64_t count_ = 0;
  double sum_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace open_loop
