#include "protocol/predict_shape.h"

#include <algorithm>

namespace saccade::protocol {
namespace {

using tensor::Shape;

// Puts the sent dimensions in the places of the wanted ones that are not of size one; nothing where they
// don't fit.
std::optional<Shape> spread(const Shape& sent, const Shape& wanted) {
  Shape result;
  std::size_t next = 0;
  for (const std::int64_t dim : wanted.dims()) {
    if (dim == 1) {
      result.push_back(1);
      continue;
    }
    if (next == sent.rank() || (dim >= 0 && sent[next] != dim)) return std::nullopt;
    result.push_back(sent[next++]);
  }
  if (next != sent.rank()) return std::nullopt;
  return result;
}

}  // namespace

std::optional<FittedShape> fit_shape(const Shape& sent, const Shape& wanted, bool batches) {
  if (!batches) {
    if (wanted.accepts(sent)) return FittedShape{sent, 1, true};
    if (const auto fitted = spread(sent, wanted)) return FittedShape{*fitted, 1, true};
    return std::nullopt;
  }
  const Shape item = wanted.without_first();
  // Where one item is one value, [x] is a list of one, as [x, y] is a list of two.
  const bool one_value = std::ranges::all_of(item.dims(), [](std::int64_t dim) { return dim == 1; });
  if (item.accepts(sent) && !(one_value && sent.rank() == 1)) return FittedShape{sent.with_first(1), 1, true};
  const bool has_rows = sent.rank() > 0;
  const Shape rest = sent.without_first();
  if (has_rows && item.accepts(rest)) return FittedShape{sent, sent[0], false};
  if (const auto fitted = one_value && sent.rank() == 1 ? std::nullopt : spread(sent, item))
    return FittedShape{fitted->with_first(1), 1, true};
  if (has_rows) {
    if (const auto fitted = spread(rest, item))
      return FittedShape{fitted->with_first(sent[0]), sent[0], false};
  }
  return std::nullopt;
}

std::string describe_shape(const Shape& wanted, bool batches) {
  if (!batches) return wanted.text();
  const Shape item = wanted.without_first();
  return (item.rank() == 0 ? "a single value" : item.text()) + " for one item, or a list of such for a batch";
}

}  // namespace saccade::protocol
