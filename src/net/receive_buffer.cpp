#include "net/receive_buffer.h"

#include <algorithm>
#include <cstring>

#include "net/http_message.h"
#include "runtime/memory_in_flight.h"

namespace saccade::net {

void FreeCounted::operator()(char* data) const {
  runtime::memory_in_flight().remove(bytes);
  delete[] data;
}

void ReceiveBuffer::reserve(std::size_t total) {
  if (total <= capacity_) return;
  const std::size_t capacity = std::max(total, capacity_ * 2);
  const std::size_t bytes = capacity + kBodyPadding;
  decltype(data_) data(new char[bytes], FreeCounted{bytes});
  runtime::memory_in_flight().add(bytes);
  if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
  data_ = std::move(data);
  capacity_ = capacity;
}

std::size_t ReceiveBuffer::growth(std::size_t count) const {
  return size_ + count <= capacity_ ? 0 : std::max(size_ + count, capacity_ * 2) - capacity_;
}

void ReceiveBuffer::append(std::string_view bytes) {
  if (bytes.empty()) return;
  reserve(size_ + bytes.size());
  std::memcpy(data_.get() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

std::span<char> ReceiveBuffer::prepare(std::size_t count) {
  reserve(size_ + count);
  return {data_.get() + size_, capacity_ - size_};
}

void ReceiveBuffer::consume(std::size_t count) {
  size_ -= count;
  if (size_ == 0) {
    data_.reset();
    capacity_ = 0;
  } else if (count > 0) {
    std::memmove(data_.get(), data_.get() + count, size_);
  }
}

}  // namespace saccade::net
