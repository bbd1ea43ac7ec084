// Names that become parts of paths, URLs and metrics: what is allowed in them, judged by their letters alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace saccade::model {

// Letters, digits, `_`, `-` and `.`; not empty, no dot in front (hidden, `..`), at most 255 bytes.
bool is_model_name(std::string_view name);
inline constexpr std::string_view kModelNameRule =
    "a model's name has letters, digits, '_', '-' and '.', no dot in front, and at most 255 of them";

// A name made of anything: each run of what can't stand in one becomes `_`.
std::string make_model_name(std::string_view text);

// A positive whole number without leading zeros, below 2^63.
std::optional<std::int64_t> parse_version(std::string_view name);

// Whether somebody may have meant a version by it: "v1", "01", "1.0", "0".
bool resembles_version(std::string_view name);

// Whether a relative path stays below where it starts: not empty, not absolute, no `..`, no NUL.
bool stays_inside(std::string_view path);

}  // namespace saccade::model
