#include "model/repository.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "model/model_directory.h"
#include "model/model_files.h"
#include "model/names.h"
#include "model/text_file.h"

namespace saccade::model {

namespace {

namespace fs = std::filesystem;

std::string expected() {
  return "; served are a model (FILE or NAME=FILE: " + std::string(kModelFileKinds) +
         ") and a directory of models (NAME/1/model.onnx in it)";
}

struct Argument {
  std::optional<std::string> name;
  fs::path path;
};

base::Result<Argument> parse_argument(std::string_view text) {
  Argument argument{std::nullopt, text};
  const std::size_t equals = text.find('=');
  if (equals != std::string_view::npos && text.substr(0, equals).find('/') == std::string_view::npos) {
    argument = {std::string(text.substr(0, equals)), text.substr(equals + 1)};
    if (!is_model_name(*argument.name)) {
      return base::invalid_argument(in_quotes(text) + ": no model can be named " + in_quotes(*argument.name) +
                                    "; " + std::string(kModelNameRule));
    }
  }
  if (argument.path.empty()) {
    return base::invalid_argument(in_quotes(text) + ": no path in it" + expected());
  }
  return argument;
}

// What a directory is called, also where it is given as "." or with a slash at the end.
std::string last_part(const fs::path& directory) {
  std::error_code failure;
  const fs::path absolute = fs::absolute(directory, failure).lexically_normal();
  return (absolute.has_filename() ? absolute : absolute.parent_path()).filename().string();
}

// A model's file, or a SavedModel: that is called as its directory is.
std::string called(const fs::path& path) {
  const bool inside = path.filename() == kSavedModelFile;
  return fs::path(last_part(inside ? path.parent_path() : path)).stem().string();
}

base::Result<FoundModels> find_file(const Argument& argument) {
  const bool saved_model = is_saved_model(argument.path);
  if (!saved_model && !is_model_file(argument.path)) {
    return base::invalid_argument(argument.path.string() + ": not a model's file" + expected());
  }
  ModelSource model;
  model.name = argument.name ? *argument.name : make_model_name(called(argument.path));
  model.version = "1";
  model.file = saved_model ? argument.path / kSavedModelFile : argument.path;
  model.config.name = model.name;
  FoundModels found;
  found.models.push_back(std::move(model));
  return found;
}

void find_in_entry(const fs::path& repository, const std::string& entry, FoundModels& found) {
  const fs::path path = repository / entry;
  std::error_code failure;
  const auto status = fs::status(path, failure);
  if (fs::is_directory(status)) {
    // Every freshly formatted ext4 volume has one, mostly unreadable.
    if (entry == "lost+found") return;
    if (!is_model_name(entry)) {
      found.problems.push_back(
          {base::Code::kInvalidArgument,
           path.string() + ": the directory's name can't be a model's; " + std::string(kModelNameRule)});
      return;
    }
    find_versions({path, entry, true, std::nullopt}, found);
  } else if (status.type() == fs::file_type::not_found) {
    found.problems.push_back({base::Code::kNotFound, path.string() + ": a link that leads nowhere"});
  } else if (failure) {
    found.problems.push_back({base::Code::kInvalidArgument, path.string() + ": " + failure.message()});
  } else if (is_model_file(entry)) {
    const std::string name = make_model_name(path.stem().string());
    const std::string place = (repository / name / "1" / "model").string() + path.extension().string();
    found.warnings.push_back(path.string() + ": not served; its place is " + place +
                             ", or name the file itself");
  }
}

base::Result<FoundModels> find_in_directory(const Argument& argument) {
  FoundModels found;
  if (is_model_directory(argument.path)) {
    find_versions({argument.path, last_part(argument.path), false, argument.name}, found);
    return found;
  }
  if (argument.name) {
    return base::invalid_argument(
        argument.path.string() + ": not one model's directory, so it can't be given the name " +
        in_quotes(*argument.name) + "; expected " + (argument.path / "1" / "model.onnx").string());
  }
  const auto entries = visible_entries(argument.path);
  if (!entries) return std::unexpected(entries.error());
  for (const std::string& entry : *entries) find_in_entry(argument.path, entry, found);
  if (found.models.empty() && found.problems.empty()) {
    std::string message = argument.path.string() + ": no models in it; expected " +
                          (argument.path / "NAME" / "1" / "model.onnx").string();
    for (const std::string& warning : found.warnings) message += "; " + warning;
    return base::fail(base::Code::kNotFound, std::move(message));
  }
  return found;
}

// One argument's models.
base::Status list(const std::string& text, std::vector<ModelPlace>& places) {
  const auto argument = parse_argument(text);
  if (!argument) return std::unexpected(argument.error());
  const auto add = [&](ModelPlace place) {
    if (std::ranges::find(places, place.name, &ModelPlace::name) == places.end()) {
      places.push_back(std::move(place));
    }
  };
  std::error_code failure;
  if (fs::is_regular_file(argument->path, failure) || is_saved_model(argument->path)) {
    const auto found = find_file(*argument);
    if (!found) return std::unexpected(found.error());
    add({found->models.front().name, argument->path, false, argument->name.has_value()});
    return {};
  }
  if (is_model_directory(argument->path)) {
    const std::string name =
        name_of({argument->path, last_part(argument->path), false, argument->name, nullptr});
    add({name, argument->path, false, argument->name.has_value()});
    return {};
  }
  const auto entries = visible_entries(argument->path);
  if (!entries) return std::unexpected(entries.error());
  for (const std::string& entry : *entries) {
    if (is_model_name(entry) && entry != "lost+found" && fs::is_directory(argument->path / entry, failure)) {
      add({entry, argument->path / entry, true, false});
    }
  }
  return {};
}

}  // namespace

base::Result<std::vector<ModelPlace>> list_models(const std::vector<std::string>& arguments) {
  std::vector<ModelPlace> places;
  for (const std::string& argument : arguments) {
    if (base::Status listed = list(argument, places); !listed) {
      return std::unexpected(std::move(listed.error()));
    }
  }
  return places;
}

FoundModels find_versions(const ModelPlace& place, const ConfigFile* config) {
  FoundModels found;
  std::error_code failure;
  if (fs::is_directory(place.path, failure) && (place.in_repository || !is_saved_model(place.path))) {
    find_versions({place.path, place.in_repository ? place.name : last_part(place.path), place.in_repository,
                   place.named ? std::optional(place.name) : std::nullopt, config},
                  found);
    return found;
  }
  auto file = find_file({place.named ? std::optional(place.name) : std::nullopt, place.path});
  if (!file) {
    found.problems.push_back(std::move(file.error()));
    return found;
  }
  ModelSource& model = file->models.front();
  if (config != nullptr) {
    model.config = config->config;
    model.warnings = config->warnings;
    if (!model.config.name.empty() && model.config.name != model.name) {
      found.problems.push_back(
          {base::Code::kInvalidArgument, "the configuration: name is " + in_quotes(model.config.name) +
                                             ", the model is called " + in_quotes(model.name)});
      return found;
    }
    model.config.name = model.name;
  }
  return *std::move(file);
}

base::Result<FoundModels> find_models(std::string_view text) {
  const auto argument = parse_argument(text);
  if (!argument) return std::unexpected(argument.error());
  std::error_code failure;
  const auto status = fs::status(argument->path, failure);
  if (status.type() == fs::file_type::not_found) {
    return base::fail(base::Code::kNotFound, argument->path.string() + ": no such file or directory");
  }
  if (failure) return base::invalid_argument(argument->path.string() + ": " + failure.message());
  if (fs::is_regular_file(status) || is_saved_model(argument->path)) return find_file(*argument);
  if (fs::is_directory(status)) return find_in_directory(*argument);
  return base::invalid_argument(argument->path.string() + ": neither a file nor a directory" + expected());
}

base::Result<FoundModels> merge(std::vector<FoundModels> found) {
  FoundModels all;
  for (FoundModels& one : found) {
    for (const ModelSource& model : one.models) {
      const auto same = std::ranges::find(all.models, model.name, &ModelSource::name);
      if (same == all.models.end()) continue;
      return base::invalid_argument("two models are named " + in_quotes(model.name) + ": " +
                                    same->file.string() + " and " + model.file.string() +
                                    "; give one of them another name: NAME=" + model.file.string());
    }
    std::ranges::move(one.models, std::back_inserter(all.models));
    std::ranges::move(one.problems, std::back_inserter(all.problems));
    std::ranges::move(one.warnings, std::back_inserter(all.warnings));
  }
  return all;
}

}  // namespace saccade::model
