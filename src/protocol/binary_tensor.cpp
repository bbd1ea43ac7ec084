#include "protocol/binary_tensor.h"

#include <bit>
#include <cstring>
#include <utility>
#include <vector>

namespace saccade::protocol {
namespace {

using tensor::DataType;

static_assert(std::endian::native == std::endian::little, "raw tensors are little-endian");

constexpr std::size_t kLengthBytes = sizeof(std::uint32_t);

std::string about(std::string_view name) {
  return "input \"" + std::string(name) + "\": ";
}

std::size_t elements_of(const tensor::Shape& shape) {
  return static_cast<std::size_t>(shape.elements().value_or(0));
}

base::Status check_size(std::uint64_t got, std::string_view name, DataType type, const tensor::Shape& shape) {
  std::uint64_t wanted = 0;
  if (__builtin_mul_overflow(elements_of(shape), tensor::element_size(type), &wanted)) {
    return base::invalid_argument(about(name) + "the shape " + shape.text() +
                                  " is more than any memory holds");
  }
  if (got == wanted) return {};
  return base::invalid_argument(about(name) + "got " + std::to_string(got) + " bytes, shape " + shape.text() +
                                " of " + std::string(tensor::data_type_name(type)) + " has " +
                                std::to_string(wanted));
}

// Whatever is not 0 is true: the model must see nothing but 0 and 1.
void make_truth_values(tensor::Tensor& tensor) {
  for (std::uint8_t& value : tensor.as<std::uint8_t>()) value = value != 0 ? 1 : 0;
}

base::Result<tensor::Tensor> strings_of_bytes(std::string_view bytes, std::string_view name,
                                              const tensor::Shape& shape) {
  const std::size_t elements = elements_of(shape);
  const auto wrong = [&](std::size_t at, const std::string& what) {
    return base::invalid_argument(about(name) + "element " + std::to_string(at) + " of " +
                                  std::to_string(elements) + " " + what);
  };
  if (bytes.size() / kLengthBytes < elements) {
    return base::invalid_argument(about(name) + "got " + std::to_string(bytes.size()) + " bytes, the " +
                                  std::to_string(elements) + " elements of shape " + shape.text() +
                                  " take at least 4 each: a length and so many bytes");
  }
  std::vector<std::string> strings;
  strings.reserve(elements);
  for (std::size_t i = 0; i < elements; ++i) {
    std::uint32_t length = 0;
    if (bytes.size() < kLengthBytes) return wrong(i, "has no room for its length of 4 bytes");
    std::memcpy(&length, bytes.data(), kLengthBytes);
    bytes.remove_prefix(kLengthBytes);
    if (bytes.size() < length) {
      return wrong(i, "is said to have " + std::to_string(length) + " bytes, " +
                          std::to_string(bytes.size()) + " are left");
    }
    strings.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (!bytes.empty()) {
    return base::invalid_argument(about(name) + std::to_string(bytes.size()) + " bytes follow the " +
                                  std::to_string(elements) + " elements of shape " + shape.text());
  }
  return tensor::Tensor(shape, std::move(strings));
}

// Memory that is not there is not worth making room for: whether a large slice ends inside its region is
// asked before.
base::Status ask_for_end(const request::RegionSlice& slice, const request::SharedRegions& regions) {
  constexpr std::uint64_t kSmall = std::uint64_t{1024} * 1024;
  std::uint64_t end = 0;
  if (__builtin_add_overflow(slice.offset, slice.byte_size, &end)) {
    return base::invalid_argument("shared memory region \"" + slice.region +
                                  "\": offset and size together are more than any memory holds");
  }
  if (slice.byte_size <= kSmall) return {};
  std::byte last{};
  return regions.read({.region = slice.region, .offset = end - 1, .byte_size = 1}, {&last, 1});
}

}  // namespace

base::Result<tensor::Tensor> tensor_of_bytes(std::string_view bytes, std::string_view name, DataType type,
                                             const tensor::Shape& shape) {
  if (type == DataType::kBytes) return strings_of_bytes(bytes, name, shape);
  if (base::Status size = check_size(bytes.size(), name, type, shape); !size) {
    return std::unexpected(std::move(size.error()));
  }
  tensor::Tensor tensor(type, shape);
  if (!bytes.empty()) std::memcpy(tensor.data(), bytes.data(), bytes.size());
  if (type == DataType::kBool) make_truth_values(tensor);
  return tensor;
}

base::Result<tensor::Tensor> tensor_of_region(const request::RegionSlice& slice, std::string_view name,
                                              DataType type, const tensor::Shape& shape,
                                              const request::SharedRegions& regions) {
  base::Status ready =
      type == DataType::kBytes ? base::Status{} : check_size(slice.byte_size, name, type, shape);
  if (ready) ready = ask_for_end(slice, regions);
  if (!ready) return std::unexpected(std::move(ready.error()));
  const auto size = static_cast<std::size_t>(slice.byte_size);
  if (type == DataType::kBytes) {
    std::string bytes(size, '\0');
    if (base::Status read = regions.read(slice, std::as_writable_bytes(std::span(bytes))); !read) {
      return std::unexpected(std::move(read.error()));
    }
    return strings_of_bytes(bytes, name, shape);
  }
  tensor::Tensor tensor(type, shape);
  if (base::Status read = regions.read(slice, {tensor.data(), size}); !read) {
    return std::unexpected(std::move(read.error()));
  }
  if (type == DataType::kBool) make_truth_values(tensor);
  return tensor;
}

std::size_t raw_size(const tensor::TensorView& tensor) {
  if (tensor.type != DataType::kBytes) return tensor.byte_size();
  std::size_t size = 0;
  for (const std::string& text : tensor.texts()) size += kLengthBytes + text.size();
  return size;
}

void append_raw(std::string& out, const tensor::TensorView& tensor) {
  if (tensor.type != DataType::kBytes) {
    if (tensor.byte_size() > 0) out.append(reinterpret_cast<const char*>(tensor.data), tensor.byte_size());
    return;
  }
  for (const std::string& text : tensor.texts()) {
    const auto length = static_cast<std::uint32_t>(text.size());
    char bytes[kLengthBytes];
    std::memcpy(bytes, &length, kLengthBytes);
    out.append(bytes, kLengthBytes);
    out += text;
  }
}

}  // namespace saccade::protocol
