// Bytes received and not yet consumed, contiguous, with padding behind them so that they can be parsed in
// place. Holds no memory while empty: an idle connection costs none. What it holds is counted as memory in
// flight. Not synchronised.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace saccade::net {

// Why what comes is not taken, where all that requests hold together is as much as it may be.
inline constexpr std::string_view kMemoryFull =
    "requests hold as much memory as they may together (--max-memory); try again";

// Frees memory that was counted as in flight.
struct FreeCounted {
  std::size_t bytes = 0;
  void operator()(char* data) const;
};

class ReceiveBuffer {
 public:
  ReceiveBuffer() = default;
  ReceiveBuffer(ReceiveBuffer&& other) noexcept
      : data_(std::move(other.data_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  ReceiveBuffer& operator=(ReceiveBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  char* data() { return data_.get(); }
  std::string_view view() const { return {data_.get(), size_}; }

  void append(std::string_view bytes);
  // How much more memory so many more bytes take than is held now.
  std::size_t growth(std::size_t count) const;
  // Room for `count` more bytes behind the last; commit() says how many were filled.
  std::span<char> prepare(std::size_t count);
  void commit(std::size_t count) { size_ += count; }
  // Drops bytes from the front.
  void consume(std::size_t count);

 private:
  void reserve(std::size_t total);

  std::unique_ptr<char[], FreeCounted> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;  // without the padding
};

}  // namespace saccade::net
