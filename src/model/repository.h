// The models that command-line arguments name.
//
//   auto found = find_models("examples/repository");
//   for (const base::Error& problem : found->problems) …   // models that can't be served, and why
//   for (const ModelSource& source : found->models) …      // one per model and version
//
// Layout of a repository (Triton's):
//   NAME/config.pbtxt               optional
//   NAME/labels.txt                 named by an output's label_filename, optional
//   NAME/VERSION/model.onnx         or another usual name of a model (model_files.h), or what
//                                   default_model_filename says; a folder of that name is entered for the
//                                   saved_model.pb or model.onnx in it
// VERSION is a positive whole number without leading zeros. Entries whose name begins with a dot are not
// looked at.
//
// Symbolic links are followed wherever they lead: volume mounts of Kubernetes consist of them (`..data`),
// model stores link into a cache outside the repository, and who may put a link here may put a model here.
// What may not lead outside are names that come as text: model names, default_model_filename and
// label_filename are checked letter by letter and can't contain an absolute path or `..`.
//
// Only looks at the disk; nothing is loaded and nothing stays open.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/config.h"

namespace saccade::model {

// One version of one model that is to be served.
struct ModelSource {
  std::string name;
  std::string version;                                     // "1"
  std::filesystem::path file;                              // the model's; it was there a moment ago
  std::filesystem::path directory;                         // the model's; empty for a bare file
  ModelConfig config;                                      // its `name` is always set, to the same as above
  std::map<std::string, std::vector<std::string>> labels;  // by output
  // About the model as a whole: the same for each of its versions, so only its first version carries them.
  std::vector<std::string> warnings;
};

struct FoundModels {
  std::vector<ModelSource> models;    // by name, then by version as a number
  std::vector<base::Error> problems;  // a model or a version that was meant to be served and can't be
  std::vector<std::string> warnings;  // about the place as a whole
};

// `argument` is one of
//   PATH/MODEL.onnx        one model, version "1", named as the file, characters that no name can have as `_`
//   NAME=PATH/MODEL.onnx   the same under this name; both likewise for .xml, .tflite, … (model_files.h)
//   PATH/SAVEDMODEL        a TensorFlow SavedModel's directory, as a file
//   DIRECTORY              a repository, or a single model's directory (VERSION/model.onnx directly in it)
//   NAME=DIRECTORY         a single model's directory under another name
// Text before a `=` is a name unless it contains a `/`: write ./a=b.onnx for a file of that name.
//
// An Error where the argument itself is wrong. One broken model doesn't hide the others: it is among the
// problems, and a result may have problems only. A repository with nothing in it at all is an Error.
base::Result<FoundModels> find_models(std::string_view argument);

// Where the versions of one model lie.
struct ModelPlace {
  std::string name;
  std::filesystem::path path;  // the model's directory, its file, or a SavedModel
  bool in_repository = false;  // its directory's name is its own
  bool named = false;          // by the command line
};

// The models that the arguments name, without a look into them; those of the first argument come first, each
// name once. An Error where an argument's place can't be looked at: what is there is not known then.
base::Result<std::vector<ModelPlace>> list_models(const std::vector<std::string>& arguments);

// One model's versions, with `config`, where there is one, in place of its config.pbtxt.
FoundModels find_versions(const ModelPlace& place, const ConfigFile* config);

// All arguments' models together; an Error where two arguments name the same model.
base::Result<FoundModels> merge(std::vector<FoundModels> found);

}  // namespace saccade::model
