// What a server without a model answers: the calls that perf_analyzer makes, of the digits model as Saccade
// serves it, and one answer to every inference. Both servers of this folder give these, so that they differ
// in their stacks alone.
//
// Safe from any thread. Made once; only the number of inferences changes, so that the statistics of two
// moments differ as perf_analyzer expects.
#pragma once

#include <atomic>
#include <cstdint>

#include "grpc_service.pb.h"

namespace no_model {

inline constexpr const char* kModel = "digits";
inline constexpr const char* kVersion = "1";

inference::ServerMetadataResponse server_metadata();
inference::ModelMetadataResponse model_metadata();
inference::ModelConfigResponse model_config();
// One image's probabilities, which no model has seen.
inference::ModelInferResponse infer_response();

class Statistics {
 public:
  void answered() { inferences_.value.fetch_add(1, std::memory_order_relaxed); }
  inference::ModelStatisticsResponse response() const;

 private:
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> value{0};
  };
  Cell inferences_;
};

}  // namespace no_model
