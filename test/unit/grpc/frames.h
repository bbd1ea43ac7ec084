// Messages as they travel, for tests.
#pragma once

#include <string>
#include <string_view>

namespace saccade::grpc {

inline std::string framed(std::string_view message, char flag = 0) {
  const std::size_t size = message.size();
  std::string frame{flag, static_cast<char>(size >> 24U), static_cast<char>(size >> 16U),
                    static_cast<char>(size >> 8U), static_cast<char>(size)};
  return frame.append(message);
}

}  // namespace saccade::grpc
