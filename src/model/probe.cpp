#include "model/probe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <random>

#include "model/agreement.h"
#include "tensor/half.h"

namespace saccade::model {
namespace {

using tensor::DataType;
using tensor::Shape;
using tensor::Tensor;
using tensor::TensorView;

constexpr std::array<std::int64_t, 5> kFreeSizes{1, 8, 32, 64, 224};  // tried in turn for free dimensions
constexpr unsigned kWideIntegers = 255;
constexpr base::Duration kMeasuring = std::chrono::milliseconds(100);
constexpr std::size_t kMostRuns = 200;

Shape settle(Shape shape, std::int64_t size) {
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] < 0) shape[axis] = size;
  }
  return shape;
}

bool is_integer(DataType type) {
  switch (type) {
    case DataType::kBool:
    case DataType::kFp16:
    case DataType::kBf16:
    case DataType::kFp32:
    case DataType::kFp64:
    case DataType::kBytes:
      return false;
    default:
      return true;
  }
}

base::Duration own_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

using Outputs = std::shared_ptr<engine::RunOutputs>;

base::Result<Outputs> run(engine::Session& session, const std::vector<Tensor>& inputs) {
  return session.run(tensor::views_of(inputs));
}

// Whether row `row` of `many` is what `one` holds.
bool same_row(const TensorView& many, std::int64_t row, const TensorView& one) {
  return same_values(many.rows(row, 1), one);
}

// Rows of length two or more, each within [0,1] and adding up to one.
bool holds_probabilities(const TensorView& view, std::int64_t rows) {
  if (view.shape.rank() != 2 || view.shape[0] != rows || view.shape[1] < 2) return false;
  if (view.type != DataType::kFp32 && view.type != DataType::kFp64) return false;
  for (std::int64_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (std::int64_t i = 0; i < view.shape[1]; ++i) {
      const auto at = static_cast<std::size_t>(row * view.shape[1] + i);
      const double value =
          view.type == DataType::kFp32 ? static_cast<double>(view.as<float>()[at]) : view.as<double>()[at];
      if (!(value >= 0.0 && value <= 1.0 + 1e-4)) return false;
      sum += value;
    }
    if (std::abs(sum - 1.0) > 1e-3) return false;
  }
  return true;
}

class Prober {
 public:
  Prober(engine::Session& session, const std::vector<Shape>& item_shapes, bool try_batch)
      : session_(session), item_shapes_(item_shapes), try_batch_(try_batch) {}

  ProbeResult probe() {
    result_.item_shapes = item_shapes_;
    result_.in_rows = try_batch_;
    for (const std::int64_t size : kFreeSizes) {
      if (attempt(size)) break;
      if (std::ranges::none_of(item_shapes_, &Shape::has_free_dimension)) break;
    }
    return std::move(result_);
  }

 private:
  std::vector<Tensor> samples(std::int64_t size, std::optional<std::int64_t> rows, unsigned seed) const {
    return make_samples(session_.facts(), item_shapes_, size, rows, seed, result_.largest_integer);
  }

  bool has_integers() const {
    return std::ranges::any_of(session_.facts().inputs,
                               [](const request::TensorSpec& input) { return is_integer(input.type); });
  }

  bool attempt(std::int64_t size) {
    const std::optional<std::int64_t> one = try_batch_ ? std::optional<std::int64_t>(1) : std::nullopt;
    std::vector<Tensor> first = samples(size, one, 1);
    const auto alone = run(session_, first);
    if (!alone) {
      result_.failure = alone.error().message;
      return false;
    }
    result_.ran = true;
    result_.free_size = size;
    if (try_batch_) {
      result_.batches = rows_agree(size, **alone);
      if (!result_.batches && has_integers()) try_wide_integers(size, first);
    }
    find_probabilities(size, one);
    result_.run_time = measure_run(session_, first);
    result_.sample = std::move(first);
    return true;
  }

  // Zeros and ones suit every table of words, but to a model of bytes they are noise, on which rounding alone
  // may turn an answer over. Values of a byte are taken where the model takes them and its rows agree then.
  void try_wide_integers(std::int64_t size, std::vector<Tensor>& first) {
    result_.largest_integer = kWideIntegers;
    std::vector<Tensor> wide = samples(size, 1, 1);
    const auto alone = run(session_, wide);
    result_.batches = alone && rows_agree(size, **alone);
    if (result_.batches) {
      first = std::move(wide);
    } else {
      result_.largest_integer = 1;
    }
  }

  bool rows_agree(std::int64_t size, const engine::RunOutputs& first_alone) {
    const auto second_alone = run(session_, samples(size, 1, 2));
    const auto both = run(session_, samples(size, 2, 1));
    if (!second_alone || !both) return false;
    for (std::size_t i = 0; i < (*both)->views.size(); ++i) {
      const TensorView& view = (*both)->views[i];
      if (view.shape.rank() == 0 || view.shape[0] != 2) return false;
      if (!same_row(view, 0, first_alone.views[i]) || !same_row(view, 1, (*second_alone)->views[i]))
        return false;
    }
    return true;
  }

  void find_probabilities(std::int64_t size, std::optional<std::int64_t> one) {
    for (unsigned seed = 3; seed < 6; ++seed) {
      const auto outputs = run(session_, samples(size, one, seed));
      if (!outputs) return;
      int found = -1;
      for (std::size_t i = 0; i < (*outputs)->views.size(); ++i) {
        if (holds_probabilities((*outputs)->views[i], 1)) found = static_cast<int>(i);
      }
      if (found < 0 || (seed > 3 && found != result_.probabilities)) {
        result_.classifies = false;
        result_.probabilities = -1;
        return;
      }
      result_.classifies = true;
      result_.probabilities = found;
    }
  }

  engine::Session& session_;
  const std::vector<Shape>& item_shapes_;
  const bool try_batch_;
  ProbeResult result_;
};

}  // namespace

Tensor make_sample(DataType type, const Shape& shape, unsigned seed, unsigned largest_integer) {
  Tensor sample(type, shape);
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> real(0.0F, 1.0F);
  // In any width: a byte, and of a signed one what it can hold.
  const unsigned most = type == DataType::kBool   ? 1
                        : type == DataType::kInt8 ? std::min(largest_integer, 127U)
                                                  : largest_integer;
  std::uniform_int_distribution<unsigned> whole(0, most);
  const auto count = static_cast<std::size_t>(shape.elements().value_or(0));
  for (std::size_t i = 0; i < count; ++i) {
    switch (type) {
      case DataType::kFp32:
        sample.as<float>()[i] = real(random);
        break;
      case DataType::kFp64:
        sample.as<double>()[i] = static_cast<double>(real(random));
        break;
      case DataType::kFp16:
        sample.as<std::uint16_t>()[i] = tensor::float_to_fp16(real(random));
        break;
      case DataType::kBf16:
        sample.as<std::uint16_t>()[i] = tensor::float_to_bf16(real(random));
        break;
      case DataType::kBytes:
        sample.strings()[i] = "a warm-up text of number " + std::to_string(random() % 10);
        break;
      default: {
        // Zero or one are safe as an index into whatever the model looks up.
        const std::size_t width = tensor::element_size(type);
        std::fill_n(sample.data() + i * width, width, std::byte{0});
        sample.data()[i * width] = static_cast<std::byte>(whole(random));
      }
    }
  }
  return sample;
}

std::vector<Tensor> make_samples(const engine::ModelFacts& facts, const std::vector<Shape>& item_shapes,
                                 std::int64_t free_size, std::optional<std::int64_t> rows, unsigned seed,
                                 unsigned largest_integer) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < item_shapes.size(); ++i) {
    const Shape item = settle(item_shapes[i], free_size);
    const DataType type = facts.inputs[i].type;
    if (!rows) {
      inputs.push_back(make_sample(type, item, seed, largest_integer));
      continue;
    }
    Tensor joined(type, item.with_first(*rows));
    for (std::int64_t row = 0; row < *rows; ++row) {
      Tensor one = make_sample(type, item.with_first(1), seed + static_cast<unsigned>(row), largest_integer);
      const auto at = static_cast<std::size_t>(row);
      if (type == DataType::kBytes) {
        std::ranges::move(one.strings(),
                          joined.strings().begin() + static_cast<std::ptrdiff_t>(at * one.strings().size()));
      } else {
        std::copy_n(one.data(), one.byte_size(), joined.data() + at * one.byte_size());
      }
    }
    inputs.push_back(std::move(joined));
  }
  return inputs;
}

// A run takes one thread, as a rule this one; its own time of the processor is what a run costs where other
// threads take the processor away meanwhile.
std::vector<Tensor> make_samples(const engine::ModelFacts& facts, const ProbeResult& probed,
                                 std::int64_t free_size, std::int64_t items, unsigned seed) {
  return make_samples(facts, probed.item_shapes, free_size,
                      probed.in_rows ? std::optional(items) : std::nullopt, seed, probed.largest_integer);
}

base::Duration measure_run(engine::Session& session, const std::vector<Tensor>& inputs) {
  std::vector<base::Duration> times;
  const auto end = base::now() + kMeasuring;
  while (times.size() < 3 || (times.size() < kMostRuns && base::now() < end)) {
    const auto start = base::now();
    const base::Duration own_start = own_time();
    if (!run(session, inputs)) return {};
    const base::Duration own = own_time() - own_start;
    const base::Duration taken = base::now() - start;
    times.push_back(session.runs_on_caller() ? std::min(own, taken) : taken);
    if (taken > kMeasuring) break;
  }
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2));
  return times[times.size() / 2];
}

ProbeResult probe(engine::Session& session, const std::vector<Shape>& item_shapes, bool try_batch) {
  return Prober(session, item_shapes, try_batch).probe();
}

}  // namespace saccade::model
