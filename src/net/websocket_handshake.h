// The opening handshake of a WebSocket, the server's side (RFC 6455, 4.2).
#pragma once

#include <string>

#include "base/error.h"
#include "net/http_message.h"

namespace saccade::net {

// The value of Sec-WebSocket-Accept, or what is missing from the request.
base::Result<std::string> websocket_accept(const HttpRequest& request);

}  // namespace saccade::net
