// How a call ends: one of gRPC's status codes and a message, as they travel in the trailers.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace saccade::grpc {

// The numbers are the protocol's.
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};
inline constexpr std::size_t kStatusCodes = 17;

struct Outcome {
  StatusCode code = StatusCode::kOk;
  std::string message;
  std::chrono::milliseconds retry_after{0};  // 0: not known

  bool ok() const { return code == StatusCode::kOk; }
};

// The one table between the house's codes and gRPC's.
StatusCode status_of(base::Code code);
Outcome outcome_of(const base::Error& error);
// As dashboards of gRPC servers know it: "OK", "InvalidArgument".
std::string_view status_name(StatusCode code);

// A message as the header grpc-message carries it: printable ASCII as it is, the rest as %XX. What is too
// long for the header tables of common clients is cut.
std::string percent_encode(std::string_view message);
// Bytes that are not UTF-8 replaced, so that the text may stand in a protobuf string.
std::string clean_utf8(std::string_view text);

}  // namespace saccade::grpc
