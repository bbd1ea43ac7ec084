#include "grpc/status.h"

#include <array>

namespace saccade::grpc {
namespace {

// gRPC's C library refuses header tables beyond 8 KiB, all trailers together.
constexpr std::size_t kMostMessageBytes = 4096;

// How many bytes the character at `at` has; 0: it is not UTF-8.
std::size_t character_size(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  std::size_t size = 0;
  unsigned lowest_second = 0x80;
  unsigned highest_second = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    if (first == 0xE0) lowest_second = 0xA0;   // overlong
    if (first == 0xED) highest_second = 0x9F;  // surrogates
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    if (first == 0xF0) lowest_second = 0x90;
    if (first == 0xF4) highest_second = 0x8F;
  } else {
    return 0;
  }
  if (byte(at + 1) < lowest_second || byte(at + 1) > highest_second) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80) return 0;
  }
  return size;
}

}  // namespace

StatusCode status_of(base::Code code) {
  switch (code) {
    case base::Code::kInvalidArgument:
      return StatusCode::kInvalidArgument;
    case base::Code::kUnauthenticated:
      return StatusCode::kUnauthenticated;
    case base::Code::kPermissionDenied:
      return StatusCode::kPermissionDenied;
    case base::Code::kNotFound:
      return StatusCode::kNotFound;
    case base::Code::kMethodNotAllowed:
      return StatusCode::kUnimplemented;
    case base::Code::kTooLarge:
    case base::Code::kRateLimited:
      return StatusCode::kResourceExhausted;
    case base::Code::kUnavailable:
      return StatusCode::kUnavailable;
    case base::Code::kDeadlineExceeded:
      return StatusCode::kDeadlineExceeded;
    case base::Code::kCancelled:
      return StatusCode::kCancelled;
    case base::Code::kInternal:
      return StatusCode::kInternal;
  }
  return StatusCode::kInternal;
}

Outcome outcome_of(const base::Error& error) {
  return {status_of(error.code), error.message, error.retry_after};
}

std::string_view status_name(StatusCode code) {
  static constexpr std::array<std::string_view, kStatusCodes> kNames = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  return kNames[static_cast<std::size_t>(code)];
}

std::string percent_encode(std::string_view message) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(message.size());
  for (const char character : message) {
    if (encoded.size() + 3 > kMostMessageBytes) break;
    const auto byte = static_cast<unsigned char>(character);
    if (byte >= 0x20 && byte <= 0x7E && byte != '%') {
      encoded += character;
    } else {
      encoded += '%';
      encoded += kDigits[byte >> 4U];
      encoded += kDigits[byte & 0xFU];
    }
  }
  return encoded;
}

std::string clean_utf8(std::string_view text) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = character_size(text, at);
    if (size == 0) {
      clean += "\xEF\xBF\xBD";
      ++at;
    } else {
      clean += text.substr(at, size);
      at += size;
    }
  }
  return clean;
}

}  // namespace saccade::grpc
