// The paths of the routes as a tree of segments, so that a path is looked at once, however many routes there
// are. A template's segment is a word ("models"), a parameter ("{model}") or a parameter with something
// behind it ("{model}:predict").
//
// Words are tried first, then parameters with the longest suffix, then parameters. A path that a template
// with a suffix matches belongs to it alone: "/models/a:predict" is never the model "a:predict".
//
// Filled before the server starts, constant after that; finding is safe from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::http {

class PathTree {
 public:
  static constexpr std::size_t kMostSegments = 16;

  PathTree() : nodes_(1) {}

  void add(std::string_view pattern, std::size_t route);

  // Calls `take` with the routes of each template that matches, the most specific first, until it says that
  // it has taken one; `values` then holds what stood in the parameters' places. `segments` are decoded.
  template <typename Taker>
  bool find(std::span<const std::string_view> segments, std::vector<std::string_view>& values,
            Taker&& take) const {
    bool ends_here = false;
    return walk(0, segments, values, take, ends_here);
  }

 private:
  struct Edge {
    std::string text;  // the word, or what stands behind the parameter
    std::uint32_t node = 0;
  };
  struct Node {
    std::vector<Edge> words;
    std::vector<Edge> suffixes;       // the longest first
    std::uint32_t parameter = 0;      // 0: none
    std::vector<std::size_t> routes;  // that end here
  };

  // `matched`: some template matched, whether or not one of its routes was taken.
  template <typename Taker>
  bool walk(std::uint32_t at, std::span<const std::string_view> rest, std::vector<std::string_view>& values,
            Taker& take, bool& matched) const {
    const Node& node = nodes_[at];
    if (rest.empty()) {
      if (node.routes.empty()) return false;
      matched = true;
      return take(std::span<const std::size_t>(node.routes));
    }
    const std::string_view segment = rest.front();
    rest = rest.subspan(1);
    for (const Edge& word : node.words) {
      if (word.text != segment) continue;
      if (walk(word.node, rest, values, take, matched)) return true;
      break;
    }
    if (segment.empty()) return false;
    for (const Edge& suffix : node.suffixes) {
      if (segment.size() <= suffix.text.size() || !segment.ends_with(suffix.text)) continue;
      bool owned = false;
      values.push_back(segment.substr(0, segment.size() - suffix.text.size()));
      if (walk(suffix.node, rest, values, take, owned)) return true;
      values.pop_back();
      if (owned) return matched = true, false;
    }
    if (node.parameter == 0) return false;
    values.push_back(segment);
    if (walk(node.parameter, rest, values, take, matched)) return true;
    values.pop_back();
    return false;
  }

  std::uint32_t child(std::uint32_t at, std::string_view segment);

  std::vector<Node> nodes_;  // the root first
};

}  // namespace saccade::http
