#include "engine/openvino/handles.h"

#include <string_view>

namespace saccade::engine::openvino {
namespace {

// Where in OpenVINO's sources it happened, which helps nobody here.
bool is_place(std::string_view line) {
  return line.starts_with("Exception from ") || line.starts_with("Check '") ||
         line.starts_with("FrontEnd API failed with ");
}

std::string on_one_line(std::string_view text) {
  std::string joined;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (line.ends_with(' ') || line.ends_with(':') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || is_place(line)) continue;
    if (!joined.empty()) joined += "; ";
    joined += line;
  }
  return joined;
}

}  // namespace

std::string reason(ov_status_e status) {
  std::string text;
  if (const Owned<char> message{const_cast<char*>(api().ov_get_last_err_msg())}) {
    text = on_one_line(message.get());
    if (text.empty()) text = message.get();
  }
  return text.empty() ? api().ov_get_error_info(status) : text;
}

}  // namespace saccade::engine::openvino
