// "Did you mean": the known word nearest to a mistyped one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace saccade::cli {

// By Levenshtein distance; empty where none is within a third of the word's length.
std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace saccade::cli
