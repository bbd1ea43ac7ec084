#include "protocol/infer_parameters.h"

#include <algorithm>
#include <limits>

namespace saccade::protocol {
namespace {

std::unexpected<base::Error> wrong(std::string_view where, std::string_view name, std::string_view right) {
  std::string message = "parameter \"" + std::string(name.substr(0, 100)) + "\"";
  if (!where.empty()) message += " of " + std::string(where);
  return base::invalid_argument(message + " must be " + std::string(right));
}

base::Status once(bool there, std::string_view where, std::string_view name) {
  if (!there) return {};
  std::string message = "parameter \"" + std::string(name) + "\"";
  if (!where.empty()) message += " of " + std::string(where);
  return base::invalid_argument(message + " is there twice");
}

base::Status set_count(std::optional<std::uint64_t>& into, const ParameterValue& value,
                       std::string_view where, std::string_view name) {
  if (base::Status first = once(into.has_value(), where, name); !first) return first;
  if (const auto* number = std::get_if<std::int64_t>(&value); number != nullptr && *number >= 0) {
    into = static_cast<std::uint64_t>(*number);
  } else if (const auto* large = std::get_if<std::uint64_t>(&value)) {
    into = *large;
  } else {
    return wrong(where, name, "a whole number from 0");
  }
  return {};
}

base::Status set_flag(std::optional<bool>& into, const ParameterValue& value, std::string_view where,
                      std::string_view name) {
  if (base::Status first = once(into.has_value(), where, name); !first) return first;
  const auto* flag = std::get_if<bool>(&value);
  if (flag == nullptr) return wrong(where, name, "true or false");
  into = *flag;
  return {};
}

bool whole(const ParameterValue& value) {
  return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<std::uint64_t>(value);
}

}  // namespace

base::Status RequestParameters::set(std::string_view name, const ParameterValue& value) {
  if (name == "priority") return set_count(priority_, value, "", name);
  if (name == "timeout") return set_count(timeout_, value, "", name);
  if (name == "binary_data_output") return set_flag(binary_output_, value, "", name);
  if (name == "triton_enable_empty_final_response") return set_flag(empty_final_response_, value, "", name);
  // No model here keeps state between requests, so that sequences are read and mean nothing.
  if (name == "sequence_start" || name == "sequence_end") {
    std::optional<bool> ignored;
    return set_flag(ignored, value, "", name);
  }
  if (name == "sequence_id" && !whole(value) && !std::holds_alternative<std::string_view>(value)) {
    return wrong("", name, "a whole number or a string");
  }
  if (name.starts_with("triton_")) {
    return base::invalid_argument("parameter \"" + std::string(name.substr(0, 100)) +
                                  "\" is reserved, as all that begin with \"triton_\" are");
  }
  return {};
}

void RequestParameters::apply(InferRequest& request) const {
  request.inference.priority = priority_.value_or(0);
  constexpr std::uint64_t kLongest = std::numeric_limits<std::int64_t>::max() / 1000;
  request.inference.queue_timeout = std::chrono::microseconds(std::min(timeout_.value_or(0), kLongest));
  request.empty_final_response = empty_final_response_.value_or(false);
}

base::Status TensorParameters::set(std::string_view tensor, std::string_view name,
                                   const ParameterValue& value) {
  if (name == "binary_data_size") return set_count(binary_data_size_, value, tensor, name);
  if (name == "binary_data") return set_flag(binary_data_, value, tensor, name);
  if (name == "shared_memory_offset") return set_count(region_offset_, value, tensor, name);
  if (name == "shared_memory_byte_size") return set_count(region_size_, value, tensor, name);
  if (name == "classification") {
    if (base::Status set = set_count(classification_, value, tensor, name); !set) return set;
    if (classification_.value_or(0) <= std::numeric_limits<std::int32_t>::max()) return {};
    return wrong(tensor, name, "at most " + std::to_string(std::numeric_limits<std::int32_t>::max()));
  }
  if (name == "shared_memory_region") {
    if (base::Status first = once(region_.has_value(), tensor, name); !first) return first;
    const auto* region = std::get_if<std::string_view>(&value);
    if (region == nullptr || region->empty()) return wrong(tensor, name, "the name of a region");
    region_ = *region;
  }
  return {};
}

base::Status TensorParameters::refuse_list(std::string_view tensor, std::string_view name) {
  // None of those that mean something takes an empty string, and its message says what it takes.
  return set(tensor, name, std::string_view());
}

base::Result<std::optional<request::RegionSlice>> TensorParameters::shared_memory(
    std::string_view tensor) const {
  if (!region_) {
    if (!region_offset_ && !region_size_) return std::nullopt;
    const std::string_view name = region_size_ ? "shared_memory_byte_size" : "shared_memory_offset";
    return base::invalid_argument("parameter \"" + std::string(name) + "\" of " + std::string(tensor) +
                                  " needs \"shared_memory_region\" beside it");
  }
  if (!region_size_) {
    return base::invalid_argument("parameter \"shared_memory_region\" of " + std::string(tensor) +
                                  " needs \"shared_memory_byte_size\" beside it");
  }
  return request::RegionSlice{
      .region = *region_, .offset = region_offset_.value_or(0), .byte_size = *region_size_};
}

}  // namespace saccade::protocol
