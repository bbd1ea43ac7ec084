// simdjson's parser, one per thread: its buffers are kept from request to request.
#pragma once

#include <string_view>

#include <simdjson.h>

#include "base/error.h"

namespace saccade::protocol {

// One document at a time: parsing another ends the one before. Large buffers are let go again.
simdjson::ondemand::parser& own_parser();
// Another one, for a part of the first one's document whose turn comes later.
simdjson::ondemand::parser& own_inner_parser();

// Whether nothing is left behind the value that was read.
bool at_end(simdjson::ondemand::document& document);

// What is wrong, in words that don't depend on the library's version.
std::string_view json_reason(simdjson::error_code error);
base::Error json_error(simdjson::error_code error);

// Reads over a value that nobody wants, which must be JSON all the same. `depth`: levels that it may have.
simdjson::error_code pass_over(simdjson::ondemand::value value, int depth = 64);

}  // namespace saccade::protocol
