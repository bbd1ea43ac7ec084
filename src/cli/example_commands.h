// Commands to paste, made from the models that are really served.
#pragma once

#include <string>
#include <vector>

#include "serve/service.h"

namespace saccade::cli {

// Three commands that work as they stand, for `server` ("http://localhost:8000").
std::vector<std::string> example_commands(const std::string& server, serve::Service& service);

}  // namespace saccade::cli
