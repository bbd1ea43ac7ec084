#include "model/agreement.h"

#include <algorithm>
#include <cmath>

#include "model/text_file.h"

namespace saccade::model {
namespace {

using tensor::DataType;
using tensor::TensorView;

bool close(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b)) ||
         std::abs(a - b) <= 1e-3 * std::max({1.0, std::abs(a), std::abs(b)});
}

std::size_t count_of(const TensorView& view) {
  return static_cast<std::size_t>(view.shape.elements().value_or(0));
}

template <typename T>
std::string first_apart(std::span<const T> a, std::span<const T> b) {
  const auto [one, other] = std::ranges::mismatch(a, b, close);
  if (one == a.end() || other == b.end()) return "";
  return std::to_string(*one) + " against " + std::to_string(*other);
}

std::string describe(const TensorView& a, const TensorView& b) {
  if (a.type != b.type) {
    return std::string(tensor::data_type_name(a.type)) + " against " +
           std::string(tensor::data_type_name(b.type));
  }
  if (!(a.shape == b.shape)) return "the shape " + a.shape.text() + " against " + b.shape.text();
  if (a.type == DataType::kFp32) return first_apart(a.as<float>(), b.as<float>());
  if (a.type == DataType::kFp64) return first_apart(a.as<double>(), b.as<double>());
  if (a.type == DataType::kBytes) {
    const auto [one, other] = std::ranges::mismatch(a.texts(), b.texts());
    if (one != a.texts().end()) return in_quotes(*one) + " against " + in_quotes(*other);
  }
  return "other values";
}

std::string port_text(const request::TensorSpec& port) {
  return "\"" + printable(port.name) + "\" " + std::string(tensor::data_type_name(port.type));
}

std::optional<std::string> difference(const char* kind, const std::vector<request::TensorSpec>& a,
                                      const std::vector<request::TensorSpec>& b) {
  if (a.size() != b.size()) {
    return std::to_string(a.size()) + " " + kind + "s against " + std::to_string(b.size());
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].name == b[i].name && a[i].type == b[i].type) continue;
    return std::string(kind) + " " + port_text(a[i]) + " against " + port_text(b[i]);
  }
  return std::nullopt;
}

}  // namespace

bool same_values(const TensorView& a, const TensorView& b) {
  if (!(a.shape == b.shape) || a.type != b.type) return false;
  switch (a.type) {
    case DataType::kBytes:
      return std::ranges::equal(a.texts(), b.texts());
    case DataType::kFp32:
      return std::ranges::equal(a.as<float>(), b.as<float>(), close);
    case DataType::kFp64:
      return std::ranges::equal(a.as<double>(), b.as<double>(), close);
    case DataType::kFp16:
    case DataType::kBf16:
      return true;
    default:
      return std::equal(a.data, a.data + count_of(a) * tensor::element_size(a.type), b.data);
  }
}

std::optional<std::string> difference(const std::vector<request::TensorSpec>& ports,
                                      const engine::RunOutputs& a, const engine::RunOutputs& b) {
  if (a.views.size() != b.views.size() || a.views.size() != ports.size()) {
    return std::to_string(a.views.size()) + " outputs against " + std::to_string(b.views.size());
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (same_values(a.views[i], b.views[i])) continue;
    return "output \"" + printable(ports[i].name) + "\": " + describe(a.views[i], b.views[i]);
  }
  return std::nullopt;
}

std::optional<std::string> difference(const engine::ModelFacts& a, const engine::ModelFacts& b) {
  if (auto inputs = difference("input", a.inputs, b.inputs)) return inputs;
  return difference("output", a.outputs, b.outputs);
}

}  // namespace saccade::model
