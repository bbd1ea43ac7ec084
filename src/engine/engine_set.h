// The engines that this process has, in the order in which they are tried, and why the others can't be had.
// Filled at the start, constant afterwards; safe from any thread then.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"

namespace saccade::engine {

class EngineSet {
 public:
  void add(std::unique_ptr<Engine> engine) { engines_.push_back(std::move(engine)); }
  // An engine that this build knows and this machine lacks; the error says what was looked for, and where.
  void add_missing(std::string name, base::Error why) {
    missing_.emplace_back(std::move(name), std::move(why));
  }

  bool empty() const { return engines_.empty(); }
  const std::vector<std::unique_ptr<Engine>>& all() const { return engines_; }
  // Errors: kUnavailable where the engine is known but missing, kInvalidArgument for another name.
  base::Result<Engine*> find(std::string_view name) const;
  // Those that read this kind of file. Errors: kInvalidArgument where none does, naming those that would.
  base::Result<std::vector<Engine*>> readers(const std::filesystem::path& model) const;

 private:
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<std::pair<std::string, base::Error>> missing_;
};

}  // namespace saccade::engine
