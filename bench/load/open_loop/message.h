// The bytes that a request is, made once.
#pragma once

#include <string>

#include "options.h"

namespace open_loop {

// POST with the body over HTTP; one masked text frame over WebSocket.
std::string make_message(const Options& options, const std::string& body);
// Empty over HTTP.
std::string make_handshake(const Options& options);

}  // namespace open_loop
