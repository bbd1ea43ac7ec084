// What can only be learnt of a model by running it: whether it batches, whether it classifies, how long a run
// takes. Made-up inputs are small random numbers, zeros and ones, or a short text. Blocks; not for event
// loops.
#pragma once

#include <cstdint>
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
  unsigned largest_integer = 1;        // in made-up inputs
  std::int64_t free_size = 1;          // what free dimensions were set to
  base::Duration run_time{0};          // of one item, the median of several runs
  std::vector<tensor::Tensor> sample;  // that input, of one item
  // What it was made of.
  std::vector<tensor::Shape> item_shapes;
  bool in_rows = false;  // the shapes lack the batch dimension, which every input has
};

// `item_shapes`: what is known of each input without a batch dimension, or of the whole input where
// `try_batch` is false; free dimensions are tried out.
ProbeResult probe(engine::Session& session, const std::vector<tensor::Shape>& item_shapes, bool try_batch);

// A made-up input for one run, as probe() uses them.
tensor::Tensor make_sample(tensor::DataType type, const tensor::Shape& shape, unsigned seed,
                           unsigned largest_integer = 1);

// Made-up inputs for one run of `rows` items, each row with values of its own, free dimensions set to
// `free_size`. Without `rows`, the shapes are those of whole inputs.
std::vector<tensor::Tensor> make_samples(const engine::ModelFacts& facts,
                                         const std::vector<tensor::Shape>& item_shapes,
                                         std::int64_t free_size, std::optional<std::int64_t> rows,
                                         unsigned seed, unsigned largest_integer = 1);

// The same for a model that was probed: `items` of them where its inputs have rows, else one.
std::vector<tensor::Tensor> make_samples(const engine::ModelFacts& facts, const ProbeResult& probed,
                                         std::int64_t free_size, std::int64_t items = 1, unsigned seed = 1);

// How long a run takes: the median of several, in at most about 100 ms or three runs. Zero where it fails.
base::Duration measure_run(engine::Session& session, const std::vector<tensor::Tensor>& inputs);

}  // namespace saccade::model
