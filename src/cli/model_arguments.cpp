#include "cli/model_arguments.h"

#include <algorithm>

#include "cli/cache_options.h"
#include "cli/limit_options.h"
#include "runtime/processors.h"

namespace saccade::cli {

base::Result<model::FoundModels> find_all(const std::vector<std::string>& arguments) {
  std::vector<model::FoundModels> found;
  for (const std::string& argument : arguments) {
    auto one = model::find_models(argument);
    if (!one) return std::unexpected(one.error());
    found.push_back(*std::move(one));
  }
  return model::merge(std::move(found));
}

std::vector<base::Error> problems_without_a_model(const std::vector<std::string>& arguments,
                                                  const model::FoundModels& found) {
  const auto places = model::list_models(arguments);
  if (!places) return found.problems;
  std::vector<base::Error> problems;
  for (const base::Error& problem : found.problems) {
    const bool of_model = std::ranges::any_of(*places, [&](const model::ModelPlace& place) {
      return problem.message.starts_with(place.path.string());
    });
    if (!of_model) problems.push_back(problem);
  }
  return problems;
}

std::filesystem::path choice_directory(const std::string& said) {
  if (said == "none") return {};
  return said.empty() ? model::ChoiceMemory::default_directory() : std::filesystem::path(said);
}

model::RepositoryOptions repository_options(const ServeOptions& options, std::size_t loops,
                                            std::shared_ptr<schedule::RunPool> pool) {
  using model::ControlMode;
  model::RepositoryOptions repository;
  repository.arguments = options.models;
  repository.mode = options.model_control_mode == "poll"       ? ControlMode::kPoll
                    : options.model_control_mode == "explicit" ? ControlMode::kExplicit
                                                               : ControlMode::kNone;
  repository.load_at_start = options.load_model;
  repository.poll_interval =
      std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(options.repository_poll_secs));
  repository.exit_on_error = options.exit_on_error;
  repository.default_model = options.default_model;
  repository.load.batching.max_batch_size = options.max_batch_size;
  repository.load.batching.max_queue_delay = std::chrono::microseconds(options.max_queue_delay_us);
  repository.load.batching.max_queue = options.max_queue;
  if (!options.objective.empty()) {
    if (const auto objective = request::parse_objective(options.objective)) {
      repository.load.batching.schedule.objective = *objective;
    }
  }
  repository.load.batching.schedule.min_instances = options.min_instances;
  repository.load.batching.schedule.max_instances = options.max_instances;
  repository.load.engine = options.engine;
  repository.load.choices = std::make_shared<model::ChoiceMemory>(choice_directory(options.engine_cache));
  repository.load.processors = runtime::usable_processors();
  repository.load.loops = loops;
  repository.load.pool = std::move(pool);
  repository.load.cache = cache_selection(options);
  if (const auto breaker = breaker_settings(options)) repository.load.breaker = *breaker;
  return repository;
}

}  // namespace saccade::cli
