// One model's directory: its configuration, its label files, and the versions that its policy chooses.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/repository.h"

namespace saccade::model {

// What a directory inside a repository is called is the model's name; config.pbtxt must agree. A directory
// that the command line names goes by the name given there, else by its config.pbtxt, else by what it is
// called: a volume mounted at /mnt/models has a name that says nothing.
struct ModelDirectory {
  std::filesystem::path path;
  std::string called;  // the last part of its path; in a repository a valid model name
  bool in_repository = false;
  std::optional<std::string> given_name;
  const ConfigFile* config = nullptr;  // stands in for config.pbtxt
};

// What a directory's model is called, as find_versions says it.
std::string name_of(const ModelDirectory& directory);

// Adds what can be served to found.models, and what was meant to be and can't to found.problems.
void find_versions(const ModelDirectory& directory, FoundModels& found);

// Whether a directory is laid out as one model (not as a repository of models).
bool is_model_directory(const std::filesystem::path& directory);

// The names in a directory but the hidden ones, sorted.
base::Result<std::vector<std::string>> visible_entries(const std::filesystem::path& directory);

}  // namespace saccade::model
