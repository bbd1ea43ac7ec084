#include "engine/engine_set.h"

#include <algorithm>

namespace saccade::engine {

base::Result<Engine*> EngineSet::find(std::string_view name) const {
  std::string there;
  for (const auto& engine : engines_) {
    if (engine->name() == name) return engine.get();
    there += (there.empty() ? "" : ", ") + engine->name();
  }
  for (const auto& [missing, why] : missing_) {
    if (missing == name) return std::unexpected(why);
  }
  return base::invalid_argument("there is no engine \"" + std::string(name) + "\"; there is: " + there);
}

base::Result<std::vector<Engine*>> EngineSet::readers(const std::filesystem::path& model) const {
  std::vector<Engine*> found;
  std::string there;
  for (const auto& engine : engines_) {
    if (engine->reads(model)) found.push_back(engine.get());
    there += (there.empty() ? "" : ", ") + engine->name() + " " + engine->version();
  }
  if (!found.empty()) return found;
  std::string lacking;
  for (const auto& [name, why] : missing_) lacking += "; " + why.message;
  return base::invalid_argument(model.string() + ": no engine reads such a file (there is " + there + ")" +
                                lacking);
}

}  // namespace saccade::engine
