// How models are loaded; the same for all of a repository.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "cache/settings.h"
#include "model/choice_memory.h"
#include "model/completion.h"
#include "resilience/call_guard.h"
#include "runtime/disposal.h"

namespace saccade::schedule {
class RunPool;
}

namespace saccade::model {

struct LoadOptions {
  BatchDefaults batching;
  std::size_t processors = 1;  // that all instances together may use
  std::size_t loops = 1;
  // Models with a run shorter than this run on the event loops.
  base::Duration loop_run_limit = std::chrono::microseconds(150);
  std::shared_ptr<schedule::RunPool>
      pool;  // where models run that are too long for loops; null: each in its own
  std::shared_ptr<runtime::Disposal> disposal;  // null: what ends does so where it is let go of
  std::string engine = "auto";                  // or one engine's name; a model's configuration goes before
  base::Duration engine_budget = std::chrono::seconds(2);  // for measuring; 0: the first is taken
  std::shared_ptr<ChoiceMemory> choices;                   // null: nothing is remembered
  std::optional<resilience::GuardSettings> breaker;        // of models whose configuration says nothing of it
  cache::Selection cache;  // models whose answers are cached besides those whose configuration says so
};

}  // namespace saccade::model
