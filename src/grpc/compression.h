// Compressed messages: the encodings of the headers grpc-encoding and grpc-accept-encoding. Pure functions,
// safe from any thread.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "grpc/status.h"

namespace saccade::grpc {

enum class Encoding : std::uint8_t { kIdentity, kDeflate, kGzip };

// All of them, as the header grpc-accept-encoding lists them.
inline constexpr std::string_view kEncodings = "identity,deflate,gzip";

std::optional<Encoding> parse_encoding(std::string_view name);
std::string_view encoding_name(Encoding encoding);
// Whether a list such as "identity, deflate, gzip" has it.
bool lists(std::string_view list, Encoding encoding);

// Errors: kInternal for bytes that are not of that encoding, kResourceExhausted for more than `limit` bytes,
// of which no more than the limit are ever made.
std::expected<std::string, Outcome> decompress(Encoding encoding, std::string_view bytes, std::size_t limit);
// Appends. False: nothing was appended that could be used.
bool compress(Encoding encoding, std::string_view bytes, std::string& out);

}  // namespace saccade::grpc
