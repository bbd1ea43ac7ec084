#pragma once

namespace saccade::cli {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace saccade::cli
