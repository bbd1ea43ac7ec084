// Whose request it is where proxies stand in between: X-Forwarded-For, and Forwarded (RFC 7239).
//
// Everybody may write such a header, and each proxy appends whom it got the request from. So the list is read
// from its end, and only as long as its entries are proxies that are trusted: the first one that isn't is the
// client. What a client has written itself stands before that and is never looked at.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "limit/network.h"

namespace saccade::limit {

using HeaderViews = std::span<const std::pair<std::string_view, std::string_view>>;

// `peer`: the connection's other end. It is the answer, unless it is one of the trusted proxies. Where both
// headers came, Forwarded is the one that counts.
std::string client_address(std::string_view peer, HeaderViews headers, std::span<const Network> trusted);

}  // namespace saccade::limit
