#include "model/model_directory.h"

#include <algorithm>
#include <cstdint>
#include <system_error>
#include <utility>

#include "model/labels.h"
#include "model/model_files.h"
#include "model/names.h"
#include "model/text_file.h"

namespace saccade::model {

namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigName = "config.pbtxt";

// A link that leads nowhere is none of these three, and neither is what can't be looked at.
bool leads_to_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}
bool leads_to_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}
// Whether there is an entry of this name at all, a broken link included.
bool has_entry(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

struct Versions {
  std::vector<std::int64_t> numbers;  // ascending
  std::vector<std::string> warnings;
};

std::vector<fs::path> version_directories(const fs::path& directory) {
  std::vector<fs::path> found;
  const auto entries = visible_entries(directory);
  if (!entries) return found;
  for (const std::string& entry : *entries) {
    if (parse_version(entry) && leads_to_directory(directory / entry)) found.push_back(directory / entry);
  }
  return found;
}

base::Result<Versions> list_versions(const fs::path& directory) {
  const auto entries = visible_entries(directory);
  if (!entries) return std::unexpected(entries.error());
  Versions versions;
  for (const std::string& entry : *entries) {
    const fs::path path = directory / entry;
    const auto number = parse_version(entry);
    if (number && leads_to_directory(path)) {
      versions.numbers.push_back(*number);
    } else if (number && !leads_to_file(path)) {
      versions.warnings.push_back(path.string() + ": a link that leads nowhere, not served");
    } else if (leads_to_directory(path) && (resembles_version(entry) || !model_files_in(path).empty())) {
      versions.warnings.push_back(path.string() +
                                  ": not served; a version is a positive whole number without leading zeros, "
                                  "such as 1");
    }
  }
  std::ranges::sort(versions.numbers);
  return versions;
}

// Those of the numbers on disk that the policy serves; says which ones the policy names in vain.
std::vector<std::int64_t> choose(const VersionPolicy& policy, const std::vector<std::int64_t>& numbers,
                                 const std::string& where, std::vector<std::string>& warnings) {
  switch (policy.kind) {
    case VersionPolicy::Kind::kAll:
      return numbers;
    case VersionPolicy::Kind::kLatest: {
      const auto count = std::min<std::size_t>(policy.latest, numbers.size());
      return {numbers.end() - static_cast<std::ptrdiff_t>(count), numbers.end()};
    }
    case VersionPolicy::Kind::kSpecific:
      break;
  }
  std::vector<std::int64_t> chosen;
  for (const std::int64_t version : policy.versions) {
    if (std::ranges::binary_search(numbers, version)) {
      chosen.push_back(version);
    } else {
      warnings.push_back(where + ": version_policy names version " + std::to_string(version) +
                         ", which is not there");
    }
  }
  return chosen;
}

// What is about the model as a whole, before any version is looked at.
base::Result<ModelSource> read_model(const ModelDirectory& directory) {
  const fs::path config_file = directory.path / kConfigName;
  ModelSource model;
  model.directory = directory.path;
  if (directory.config != nullptr) {
    model.config = directory.config->config;
    model.warnings = directory.config->warnings;
  } else if (has_entry(config_file)) {
    auto config = read_config(config_file);
    if (!config) return std::unexpected(std::move(config.error()));
    model.config = std::move(config->config);
    model.warnings = std::move(config->warnings);
  }
  const std::string& said = model.config.name;
  if (directory.in_repository && !said.empty() && said != directory.called) {
    const std::string place = directory.config != nullptr ? "the configuration" : config_file.string();
    return base::invalid_argument(place + ": name is " + in_quotes(said) + ", its directory is called " +
                                  in_quotes(directory.called) + "; make them agree, or leave the name out");
  }
  if (directory.given_name) {
    model.name = *directory.given_name;
  } else {
    model.name = said.empty() ? make_model_name(directory.called) : said;
  }
  model.config.name = model.name;

  for (const PortConfig& output : model.config.outputs) {
    if (output.label_filename.empty()) continue;
    const fs::path file = directory.path / output.label_filename;
    auto labels = read_labels(file);
    if (!labels) {
      auto error = std::move(labels.error());
      error.message += " (label_filename of output " + in_quotes(output.name) + ")";
      return std::unexpected(std::move(error));
    }
    const std::int64_t classes =
        output.dims && output.dims->rank() > 0 ? (*output.dims)[output.dims->rank() - 1] : -1;
    if (classes > 0 && static_cast<std::uint64_t>(classes) != labels->size()) {
      model.warnings.push_back(file.string() + ": " + std::to_string(labels->size()) + " labels for the " +
                               std::to_string(classes) + " classes of output " + in_quotes(output.name));
    }
    model.labels.emplace(output.name, std::move(*labels));
  }
  return model;
}

std::string expected_file(const ModelConfig& config) {
  return config.filename_said ? config.default_model_filename
                              : std::string(usual_model_file(config.platform));
}

base::Error no_versions(const ModelDirectory& directory, const ModelSource& model) {
  const std::string place = directory.path.string();
  std::string message = place + ": no version of the model in it; expected " +
                        (directory.path / "1" / expected_file(model.config)).string();
  const std::string loose = model_files_in(directory.path);
  if (!loose.empty()) message += "; " + loose + " lies beside where the directory 1 should be";
  for (const std::string& warning : model.warnings) message += "; " + warning;
  return {base::Code::kNotFound, std::move(message)};
}

}  // namespace

base::Result<std::vector<std::string>> visible_entries(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code failure;
  for (fs::directory_iterator entry(directory, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::string name = entry->path().filename().string();
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  if (failure) return base::invalid_argument(directory.string() + ": " + failure.message());
  std::ranges::sort(names);
  return names;
}

std::string name_of(const ModelDirectory& directory) {
  if (directory.in_repository) return directory.called;
  if (directory.given_name) return *directory.given_name;
  const auto config = read_config(directory.path / kConfigName);
  return config && !config->config.name.empty() ? config->config.name : make_model_name(directory.called);
}

bool is_model_directory(const fs::path& directory) {
  if (has_entry(directory / kConfigName)) return true;
  // A repository may have a model called "1"; then that has versions inside.
  return std::ranges::any_of(version_directories(directory), [](const fs::path& inside) {
    return !has_entry(inside / kConfigName) && version_directories(inside).empty();
  });
}

void find_versions(const ModelDirectory& directory, FoundModels& found) {
  const std::string where = directory.path.string();
  auto model = read_model(directory);
  if (!model) {
    found.problems.push_back(std::move(model.error()));
    return;
  }
  auto versions = list_versions(directory.path);
  if (!versions) {
    found.problems.push_back(std::move(versions.error()));
    return;
  }
  std::ranges::move(versions->warnings, std::back_inserter(model->warnings));
  if (versions->numbers.empty()) {
    found.problems.push_back(no_versions(directory, *model));
    return;
  }
  const auto chosen = choose(model->config.version_policy, versions->numbers, where, model->warnings);
  if (chosen.empty()) {
    found.problems.push_back({base::Code::kNotFound,
                              where + ": none of the versions that version_policy names is there; there is " +
                                  std::to_string(versions->numbers.back())});
    return;
  }
  for (const std::int64_t version : chosen) {
    const fs::path place = directory.path / std::to_string(version);
    auto file = find_model_file(
        place, model->config.filename_said ? model->config.default_model_filename : std::string(),
        model->config.platform);
    if (!file) {
      found.problems.push_back(std::move(file.error()));
      continue;
    }
    ModelSource source = *model;
    source.version = std::to_string(version);
    source.file = std::move(*file);
    if (!source.config.filename_said) {
      source.config.default_model_filename = source.file.lexically_relative(place).begin()->string();
    }
    found.models.push_back(std::move(source));
    model->warnings.clear();
  }
  // Not one version came through to carry them.
  std::ranges::move(model->warnings, std::back_inserter(found.warnings));
}

}  // namespace saccade::model
