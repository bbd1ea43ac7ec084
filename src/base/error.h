// The one error type of the house: a canonical code and a message for the person who has to act on it.
//
// A message says what was wrong, where, and what would be right:
//   return Error{Code::kInvalidArgument, "input \"image\": got shape [28,27], the model takes [-1,28,28]"};
// Exceptions of libraries are caught at the wall of the room that uses them and become an Error there.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace saccade::base {

// The names of gRPC's status codes, with kTooLarge and kRateLimited told apart (both are RESOURCE_EXHAUSTED
// there, 413 and 429 in HTTP).
enum class Code : std::uint8_t {
  kInvalidArgument,
  kUnauthenticated,
  kPermissionDenied,
  kNotFound,
  kMethodNotAllowed,
  kTooLarge,
  kRateLimited,
  kUnavailable,
  kDeadlineExceeded,
  kCancelled,
  kInternal,
};

struct Error {
  Code code = Code::kInternal;
  std::string message;
  // When another try may work; 0: not known. Said to the caller with kUnavailable and kRateLimited.
  std::chrono::milliseconds retry_after{0};
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// The canonical lower-case name, as it stands in logs and metrics ("invalid_argument").
std::string_view code_name(Code code);

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}
inline std::unexpected<Error> invalid_argument(std::string message) {
  return fail(Code::kInvalidArgument, std::move(message));
}

}  // namespace saccade::base
