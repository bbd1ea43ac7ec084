// What a parsed config.pbtxt must not say: the impossible, the contradictory, and what this server can't
// serve.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "model/config_text.h"

namespace saccade::model {

// The first refusal, with its line and what would be right. After success every conversion of the message
// into our own structs is safe: enums are known, ranks and counts are in bounds, sums don't overflow.
base::Status check_config(const ConfigText& text, std::string_view where);

// What is served otherwise than the file asks for, one sentence each; then, in one warning, all fields that
// have no effect yet. Expects a message that check_config has passed.
std::vector<std::string> config_warnings(const ConfigText& text, std::string_view where);

}  // namespace saccade::model
