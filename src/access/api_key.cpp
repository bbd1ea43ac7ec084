#include "access/api_key.h"

#include <openssl/rand.h>

#include "access/base64url.h"

namespace saccade::access {

base::Result<std::string> make_api_key() {
  unsigned char bytes[32];
  if (RAND_bytes(bytes, sizeof bytes) != 1)
    return base::fail(base::Code::kUnavailable, "the system has no random numbers");
  return "scd_" + base64url({reinterpret_cast<const char*>(bytes), sizeof bytes});
}

}  // namespace saccade::access
