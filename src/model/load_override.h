// A load request's own configuration and files, as a model that can be found and opened.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model/index.h"
#include "model/repository.h"

namespace saccade::model {

// A directory of this process alone, which goes with it.
class PrivateDirectory {
 public:
  static base::Result<std::unique_ptr<PrivateDirectory>> make();
  explicit PrivateDirectory(std::filesystem::path path) : path_(std::move(path)) {}
  ~PrivateDirectory();
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }
  // Takes the directory's name out of a text for people, to whom it says nothing.
  void hide_in(std::string& text) const;

 private:
  std::filesystem::path path_;
};

// What a load finds when it looks for its model.
struct FoundModel {
  FoundModels found;
  // Holds the files that came with the request; not needed any more once the model is open.
  std::unique_ptr<PrivateDirectory> files;
};

// `place` is absent where the repository has no model of this name, which only files that come with the
// request can make up for. Errors name the load parameter that is wrong. Blocks.
base::Result<FoundModel> find_with(const LoadOverride& override, const std::string& name,
                                   const std::optional<ModelPlace>& place);

}  // namespace saccade::model
