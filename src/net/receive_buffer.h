// Bytes received and not yet consumed, contiguous, with padding behind them so that they can be parsed in
// place. Holds no memory while empty: an idle connection costs none. Not synchronised.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace saccade::net {

class ReceiveBuffer {
 public:
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  char* data() { return data_.get(); }
  std::string_view view() const { return {data_.get(), size_}; }

  void append(std::string_view bytes);
  // Room for `count` more bytes behind the last; commit() says how many were filled.
  std::span<char> prepare(std::size_t count);
  void commit(std::size_t count) { size_ += count; }
  // Drops bytes from the front.
  void consume(std::size_t count);

 private:
  void reserve(std::size_t total);

  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;  // without the padding
};

}  // namespace saccade::net
