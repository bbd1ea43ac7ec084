// Where a Redis server is, as its URL has it: redis://[[user]:password@]host[:port][/database] (the scheme
// that IANA registers as "redis").
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace saccade::redis {

struct Address {
  std::string host;
  int port = 6379;
  std::string user;      // of an access-control list; empty: the default user
  std::string password;  // empty: none is asked for
  int database = 0;

  // For people and logs: without user and password.
  std::string text() const;
};

base::Result<Address> parse_url(std::string_view url);

}  // namespace saccade::redis
