// Request ids: UUIDs of version 7 (RFC 9562), ordered by the time they were made, so that they are cheap as a
// database's primary key.
//
// Within one thread ids strictly increase, whatever the wall clock does; across threads and processes 62
// random bits keep them apart.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace saccade::base {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  // A new id; safe from any thread, without a lock.
  static Uuid make();
  // The smallest id that could have been made at this time (microseconds since 1970): a bound for range
  // queries.
  static Uuid first_at(std::int64_t unix_micros);
  static std::optional<Uuid> parse(std::string_view text);

  // Writes the 36 characters "xxxxxxxx-xxxx-7xxx-yxxx-xxxxxxxxxxxx" to `out`.
  void write(char* out) const;
  std::string text() const;

  auto operator<=>(const Uuid&) const = default;
};

inline constexpr std::size_t kUuidTextLength = 36;

}  // namespace saccade::base
