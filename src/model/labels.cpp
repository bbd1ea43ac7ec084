#include "model/labels.h"

#include <algorithm>

#include "model/text_file.h"

namespace saccade::model {

namespace {

// A hundred thousand classes with long names fit many times over.
constexpr std::size_t kMostBytes = 64 << 20;

}  // namespace

base::Result<std::vector<std::string>> parse_labels(std::string_view text, std::string_view where) {
  const auto checked = check_text(text, where);
  if (!checked) return std::unexpected(checked.error());
  std::vector<std::string> labels;
  for (std::string_view rest = *checked; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    labels.emplace_back(line);
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  if (labels.empty()) {
    return base::invalid_argument(std::string(where) + ": no labels in it; expected one class name a line");
  }
  return labels;
}

base::Result<std::vector<std::string>> read_labels(const std::filesystem::path& file) {
  const auto text = read_text_file(file, kMostBytes);
  if (!text) return std::unexpected(text.error());
  return parse_labels(*text, file.string());
}

}  // namespace saccade::model
