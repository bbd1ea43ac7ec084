// Compressed bodies (Content-Encoding, Accept-Encoding; RFC 9110, 8.4 and 12.5.3): gzip and deflate, in both
// directions. Pure functions, safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace saccade::http {

enum class Coding : std::uint8_t { kIdentity, kGzip, kDeflate };

// "gzip"; empty for kIdentity.
std::string_view coding_name(Coding coding);

// Of a Content-Encoding header; kInvalidArgument for one that is not known, or for several.
base::Result<Coding> parse_coding(std::string_view content_encoding);

// The coding that an Accept-Encoding header likes best, of equals the one named first. kIdentity where none
// of ours is named: a bare "*" does not ask for compression.
Coding preferred_coding(std::string_view accept_encoding);

// The body behind a coding. Errors: kTooLarge for more than `limit` bytes, found out with no more memory than
// that; kInvalidArgument for what is damaged, cut short or followed by other bytes. 64 readable bytes follow
// the text.
base::Result<std::string> decompress(Coding coding, std::string_view bytes, std::size_t limit);

// Nothing where there is no memory for it: the answer can go as it is.
std::optional<std::string> compress(Coding coding, std::string_view bytes);

}  // namespace saccade::http
