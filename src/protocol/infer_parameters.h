// Parameters of an inference request: of the request, of an input, of a requested output. What they mean, and
// of which type they must be, is the same in both forms of the protocol.
//
// Names that mean nothing to the server are taken and ignored, as long as they have a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "protocol/infer_request.h"
#include "request/inference_request.h"

namespace saccade::protocol {

// A whole number is an int64 where it fits one.
using ParameterValue = std::variant<bool, std::int64_t, std::uint64_t, double, std::string_view>;

class RequestParameters {
 public:
  base::Status set(std::string_view name, const ParameterValue& value);
  void apply(InferRequest& request) const;
  bool binary_output() const { return binary_output_.value_or(false); }

 private:
  std::optional<std::uint64_t> priority_;
  std::optional<std::uint64_t> timeout_;  // microseconds
  std::optional<bool> binary_output_;
  std::optional<bool> empty_final_response_;
};

class TensorParameters {
 public:
  // `tensor` for messages: `input "image"`.
  base::Status set(std::string_view tensor, std::string_view name, const ParameterValue& value);
  // For a value that is a list or an object: an error where the name means something, else ignored.
  base::Status refuse_list(std::string_view tensor, std::string_view name);
  // Once all are set: the slice of shared memory that they name, if they do.
  base::Result<std::optional<request::RegionSlice>> shared_memory(std::string_view tensor) const;

  void forget_binary_data() { binary_data_.reset(); }
  std::optional<std::uint64_t> binary_data_size() const { return binary_data_size_; }
  std::optional<bool> binary_data() const { return binary_data_; }
  std::int64_t classification() const { return static_cast<std::int64_t>(classification_.value_or(0)); }

 private:
  std::optional<std::uint64_t> binary_data_size_;
  std::optional<bool> binary_data_;
  std::optional<std::uint64_t> classification_;
  std::optional<std::string> region_;
  std::optional<std::uint64_t> region_offset_;
  std::optional<std::uint64_t> region_size_;
};

}  // namespace saccade::protocol
