#include "model/names.h"

#include <algorithm>
#include <charconv>

namespace saccade::model {

namespace {

constexpr std::size_t kMostLetters = 255;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// By hand because std::isalnum asks the locale.
bool is_name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-' || c == '.';
}

}  // namespace

bool is_model_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostLetters && name.front() != '.' &&
         std::ranges::all_of(name, is_name_letter);
}

std::string make_model_name(std::string_view text) {
  std::string name;
  bool in_gap = false;
  for (const char c : text.substr(0, kMostLetters)) {
    // Dots in front belong to the gap there.
    const bool gap = !is_name_letter(c) || (c == '.' && (name.empty() || (in_gap && name == "_")));
    if (!gap) name += c;
    if (gap && !in_gap) name += '_';
    in_gap = gap;
  }
  return name.empty() ? "model" : name;
}

std::optional<std::int64_t> parse_version(std::string_view name) {
  if (name.empty() || name.front() < '1' || name.front() > '9') return std::nullopt;
  std::int64_t version = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), version);
  if (failure != std::errc{} || end != name.data() + name.size()) return std::nullopt;
  return version;
}

bool resembles_version(std::string_view name) {
  if (parse_version(name)) return false;
  if (name.starts_with("version")) name.remove_prefix(7);
  const std::size_t sign = name.find_first_not_of("vV+-_");
  if (sign == std::string_view::npos || sign > 1) return false;
  name.remove_prefix(sign);
  return is_digit(name.front()) && std::ranges::all_of(name, [](char c) { return is_digit(c) || c == '.'; });
}

bool stays_inside(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string_view::npos) return false;
  bool names_something = false;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    if (part == "..") return false;
    names_something |= !part.empty() && part != ".";
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return names_something;
}

}  // namespace saccade::model
