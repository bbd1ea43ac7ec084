// What a model version has done since it was loaded, in the terms of the protocol's statistics extension:
// requests count once in success or fail; items count as many as the request's batch carries.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace saccade::request {

struct DurationSum {
  std::uint64_t count = 0;
  std::uint64_t nanoseconds = 0;
};

struct BatchStatistics {
  std::uint64_t batch_size = 0;  // items in a run
  DurationSum compute_input;
  DurationSum compute_infer;
  DurationSum compute_output;
};

struct ModelStatistics {
  std::string name;
  std::string version;
  std::uint64_t last_inference_ms = 0;  // since 1970; 0: never
  std::uint64_t inference_count = 0;    // items
  std::uint64_t execution_count = 0;    // runs
  // Per request, end to end inside the server; queue + compute_* <= success.
  DurationSum success;
  DurationSum fail;
  DurationSum queue;
  DurationSum compute_input;
  DurationSum compute_infer;
  DurationSum compute_output;
  DurationSum cache_hit;
  DurationSum cache_miss;
  std::vector<BatchStatistics> batches;  // ascending sizes, those that occurred
};

}  // namespace saccade::request
