#include "cli/model_arguments.h"

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

}  // namespace saccade::cli
