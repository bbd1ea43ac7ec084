// From the models named on the command line to models found and loaded.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/options.h"
#include "model/live_repository.h"
#include "model/repository.h"

namespace saccade::cli {

// All arguments' models together, or the first argument that is wrong.
base::Result<model::FoundModels> find_all(const std::vector<std::string>& arguments);

// What can't be served and is no model that the repository would speak of itself: a directory that no model
// can be named after, a link that leads nowhere.
std::vector<base::Error> problems_without_a_model(const std::vector<std::string>& arguments,
                                                  const model::FoundModels& found);

// Where it is kept which engine is faster: the directory that is named, none for "none", the user's cache
// where nothing is said.
std::filesystem::path choice_directory(const std::string& said);

model::RepositoryOptions repository_options(const ServeOptions& options, std::size_t loops,
                                            std::shared_ptr<schedule::RunPool> pool);

}  // namespace saccade::cli
