#include "model/text_file.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <system_error>

#include "base/utf8.h"

namespace saccade::model {

namespace {

constexpr std::size_t kMostQuoted = 120;

void append_escaped(std::string& out, char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto value = static_cast<std::uint8_t>(byte);
  out += "\\x";
  out += kDigits[value >> 4];
  out += kDigits[value & 15];
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t step = base::utf8_sequence(text);
    const auto lead = static_cast<std::uint8_t>(text.front());
    if (step == 0 || lead < 0x20 || lead == 0x7F) {
      append_escaped(out, text.front());
      text.remove_prefix(1);
    } else {
      out += text.substr(0, step);
      text.remove_prefix(step);
    }
  }
  return out;
}

std::string in_quotes(std::string_view text) {
  const bool cut = text.size() > kMostQuoted;
  if (cut) {
    std::size_t end = kMostQuoted;
    // Not in the middle of a character.
    while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  std::string out = "\"";
  for (const char c : printable(text)) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + (cut ? "…\"" : "\"");
}

base::Result<std::string_view> check_text(std::string_view text, std::string_view where) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::size_t good = base::utf8_prefix(text);
  if (good == text.size()) return text;
  const auto line = 1 + std::ranges::count(text.substr(0, good), '\n');
  return base::invalid_argument(std::string(where) + ":" + std::to_string(line) +
                                ": not UTF-8 text; save the file in UTF-8");
}

base::Result<std::string> read_text_file(const std::filesystem::path& file, std::size_t most) {
  std::error_code failure;
  const auto status = std::filesystem::status(file, failure);
  if (status.type() == std::filesystem::file_type::not_found) {
    return base::fail(base::Code::kNotFound, file.string() + ": no such file");
  }
  if (failure) return base::invalid_argument(file.string() + ": " + failure.message());
  if (!std::filesystem::is_regular_file(status)) {
    return base::invalid_argument(file.string() + ": not a regular file");
  }
  std::ifstream in(file, std::ios::binary);
  if (!in) return base::invalid_argument(file.string() + ": can't be opened; is it readable?");
  // Until the end and not as many bytes as the size said: it may change after any look at it.
  std::string text;
  constexpr std::size_t kStep = 64 << 10;
  while (in && text.size() <= most) {
    const std::size_t had = text.size();
    text.resize(had + kStep);
    in.read(text.data() + had, kStep);
    text.resize(had + static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) return base::invalid_argument(file.string() + ": can't be read");
  if (text.size() > most) {
    return base::invalid_argument(file.string() + ": larger than " + std::to_string(most) +
                                  " bytes, which no such file should be");
  }
  return text;
}

}  // namespace saccade::model
