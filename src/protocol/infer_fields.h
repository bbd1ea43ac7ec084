// The commonest ModelInferRequest (raw tensors, no parameters), read from the wire without a message object:
// every view points into the bytes that came, so a tensor is copied once, into its place.
//
// What is rarer is left to protobuf, and gets the same answer there: parameters, typed contents, fields that
// are not in the .proto, text that is not ASCII, more parts than fit here, bytes that are no message. Pure
// functions, safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/error.h"
#include "protocol/infer_request.h"
#include "tensor/shape.h"

namespace saccade::protocol {

// A few things held in place.
template <typename T, std::size_t kMost>
class Few {
 public:
  bool add(const T& value) {
    if (size_ == kMost) return false;
    values_[size_++] = value;
    return true;
  }
  std::span<const T> all() const { return {values_.data(), size_}; }
  std::size_t size() const { return size_; }

 private:
  std::array<T, kMost> values_{};
  std::size_t size_ = 0;
};

struct InferFields {
  static constexpr std::size_t kMostTensors = 8;
  struct Input {
    std::string_view name;
    std::string_view datatype;
    Few<std::int64_t, tensor::Shape::kMaxRank> shape;
  };
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;
  Few<Input, kMostTensors> inputs;
  Few<std::string_view, kMostTensors> outputs;  // names
  Few<std::string_view, kMostTensors> raw;      // as many as inputs
};

// False: it is for protobuf to read, and what stands in `fields` means nothing.
bool read_infer_fields(std::string_view message, InferFields& fields);

base::Result<InferRequest> decode_infer_fields(const InferFields& fields,
                                               const request::ModelSignature& model,
                                               const request::SharedRegions& regions);

}  // namespace saccade::protocol
