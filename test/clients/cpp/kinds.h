// How each kind of case is run. Each throws Failed where the case is not as it should be.
#pragma once

#include <string>

#include "api.h"

void run_kind(const std::string& kind, Api& api, const Json& one);
void drain(Api& api, const Json& one, int pid);
