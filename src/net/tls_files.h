// The files that TLS is made of, as the flags name them, and their contents at one moment.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace saccade::net {

enum class ClientAuth : std::uint8_t {
  kNone,
  kRequest,  // a client may show a certificate; one that does not verify is refused
  kRequire,  // no certificate, no connection
};

struct TlsFiles {
  std::string certificate;  // PEM, the server's own first, then its chain
  std::string key;          // PEM, without a passphrase
  std::string client_ca;    // PEM, the authorities whose clients are trusted; empty: none
  ClientAuth client_auth = ClientAuth::kNone;
};

// Read together, so that what is checked is what is used. Small files: at most kMost bytes each.
struct TlsTexts {
  static constexpr std::size_t kMost = std::size_t{4} * 1024 * 1024;

  std::string certificate;
  std::string key;
  std::string client_ca;

  // Errors name the flag and the file.
  static base::Result<TlsTexts> read(const TlsFiles& files);
  bool operator==(const TlsTexts&) const = default;
};

}  // namespace saccade::net
