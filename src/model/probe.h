// What can only be learnt of a model by running it: whether it batches, whether it classifies, how long a run
// takes. Made-up inputs are small random numbers, zeros and ones, or a short text. Blocks; not for event
// loops.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "engine/engine.h"
#include "tensor/tensor.h"

namespace saccade::model {

struct ProbeResult {
  bool ran = false;                    // a made-up input was found that the model takes
  std::string failure;                 // the model's last word where not
  bool batches = false;                // rows of a batch of two come out as each alone does
  bool classifies = false;             // the first float output of rank 2 holds probabilities
  int probabilities = -1;              // that output
  std::int64_t free_size = 1;          // what free dimensions were set to
  base::Duration run_time{0};          // of one item, the median of several runs
  std::vector<tensor::Tensor> sample;  // that input, of one item
};

// `item_shapes`: what is known of each input without a batch dimension, or of the whole input where
// `try_batch` is false; free dimensions are tried out.
ProbeResult probe(engine::Session& session, const std::vector<tensor::Shape>& item_shapes, bool try_batch);

// A made-up input for one run, as probe() uses them.
tensor::Tensor make_sample(tensor::DataType type, const tensor::Shape& shape, unsigned seed);

}  // namespace saccade::model
