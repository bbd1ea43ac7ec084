#include "http/path_tree.h"

#include <algorithm>

namespace saccade::http {

std::uint32_t PathTree::child(std::uint32_t at, std::string_view segment) {
  const auto grow = [this] {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  };
  const auto among = [&](std::vector<Edge> Node::* edges, std::string_view text) {
    for (const Edge& edge : nodes_[at].*edges) {
      if (edge.text == text) return edge.node;
    }
    const std::uint32_t made = grow();
    (nodes_[at].*edges).push_back({std::string(text), made});
    return made;
  };
  if (!segment.starts_with('{')) return among(&Node::words, segment);
  const std::string_view suffix = segment.substr(std::min(segment.find('}') + 1, segment.size()));
  if (suffix.empty()) {
    if (nodes_[at].parameter == 0) {
      const std::uint32_t made = grow();
      nodes_[at].parameter = made;
    }
    return nodes_[at].parameter;
  }
  const std::uint32_t found = among(&Node::suffixes, suffix);
  // the longest first: of two as long, at most one fits a segment
  std::ranges::sort(nodes_[at].suffixes, std::greater<>(), [](const Edge& edge) { return edge.text.size(); });
  return found;
}

void PathTree::add(std::string_view pattern, std::size_t route) {
  std::uint32_t at = 0;
  while (!pattern.empty()) {
    pattern.remove_prefix(1);
    const std::size_t end = std::min(pattern.find('/'), pattern.size());
    at = child(at, pattern.substr(0, end));
    pattern.remove_prefix(end);
  }
  nodes_[at].routes.push_back(route);
}

}  // namespace saccade::http
