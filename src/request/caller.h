// Who asks, as far as the server knows; made when a call enters, carried with its request. Constant.
#pragma once

#include <string>

namespace saccade::request {

struct Caller {
  std::string name;     // of the API key, the token's subject, the certificate's; empty: nobody said
  std::string address;  // of the connection's other end
};

}  // namespace saccade::request
