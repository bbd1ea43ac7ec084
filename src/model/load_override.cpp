#include "model/load_override.h"

#include <cstdlib>
#include <fstream>
#include <system_error>

#include "model/config.h"
#include "model/names.h"
#include "model/text_file.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFiles = 1'000;

base::Status write(const fs::path& directory, const std::string& name, const std::string& bytes) {
  const std::string parameter = "load parameter " + in_quotes("file:" + name);
  if (!stays_inside(name)) {
    return base::invalid_argument(parameter +
                                  " leads out of the model's directory; name a file inside it, such as "
                                  "\"file:1/model.onnx\"");
  }
  const fs::path file = directory / name;
  std::error_code failure;
  fs::create_directories(file.parent_path(), failure);
  std::ofstream out(file, std::ios::binary);
  if (failure || !out) {
    return base::invalid_argument(parameter + " can't be both a file and a directory, or is no file's name");
  }
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) {
    return base::fail(base::Code::kUnavailable,
                      parameter + " could not be written to " + directory.string() + ": is the disk full?");
  }
  return {};
}

base::Status write_all(const LoadOverride& override, const fs::path& directory) {
  if (override.files.size() > kMostFiles) {
    return base::fail(base::Code::kTooLarge, "a load request carries at most " + std::to_string(kMostFiles) +
                                                 " files, not " + std::to_string(override.files.size()));
  }
  for (const auto& [name, bytes] : override.files) {
    if (base::Status written = write(directory, name, bytes); !written) return written;
  }
  return {};
}

// Errors speak of the files by the names under which they came.
void hide(const PrivateDirectory& directory, FoundModels& found) {
  for (base::Error& problem : found.problems) directory.hide_in(problem.message);
  for (std::string& warning : found.warnings) directory.hide_in(warning);
  for (ModelSource& source : found.models) {
    for (std::string& warning : source.warnings) directory.hide_in(warning);
  }
}

}  // namespace

base::Result<std::unique_ptr<PrivateDirectory>> PrivateDirectory::make() {
  std::error_code failure;
  fs::path base = fs::temp_directory_path(failure);
  if (failure) base = "/tmp";
  std::string pattern = (base / "saccade-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return base::fail(base::Code::kUnavailable,
                      base.string() +
                          ": no directory can be made in it for a model's files (TMPDIR names "
                          "another place): " +
                          std::generic_category().message(errno));
  }
  return std::make_unique<PrivateDirectory>(pattern);
}

PrivateDirectory::~PrivateDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void PrivateDirectory::hide_in(std::string& text) const {
  const std::string prefix = path_.string() + "/";
  for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at)) {
    text.erase(at, prefix.size());
  }
}

base::Result<FoundModel> find_with(const LoadOverride& override, const std::string& name,
                                   const std::optional<ModelPlace>& place) {
  std::optional<ConfigFile> config;
  if (override.config_json) {
    auto parsed = parse_config_json(*override.config_json, "load parameter \"config\"");
    if (!parsed) return std::unexpected(std::move(parsed.error()));
    config = *std::move(parsed);
  }
  FoundModel result;
  if (override.files.empty()) {
    if (!place) {
      return base::fail(base::Code::kNotFound, "failed to load '" + printable(name.substr(0, 255)) +
                                                   "', failed to poll from model repository: there is no "
                                                   "model of this name in it");
    }
    result.found = find_versions(*place, config ? &*config : nullptr);
    return result;
  }
  if (!config) {
    return base::invalid_argument(
        "load parameters \"file:…\" need a \"config\" beside them, because nothing "
        "of the model's directory is read then");
  }
  if (!is_model_name(name)) {
    return base::invalid_argument("no model can be named " + in_quotes(name) + "; " +
                                  std::string(kModelNameRule));
  }
  auto files = PrivateDirectory::make();
  if (!files) return std::unexpected(std::move(files.error()));
  result.files = *std::move(files);
  const fs::path directory = result.files->path() / name;
  if (base::Status written = write_all(override, directory); !written) {
    return std::unexpected(std::move(written.error()));
  }
  result.found = find_versions(ModelPlace{name, directory, true, false}, &*config);
  hide(*result.files, result.found);
  return result;
}

}  // namespace saccade::model
