// The files that hold models, known by their names: which formats there are, where a version's directory has
// its model, and what a configuration calls them. Which engine reads which of them is the engines' own
// business (engine/engine.h, reads()).
//
//   model.onnx, model.ort          ONNX, and ONNX Runtime's own
//   model.xml                      OpenVINO's, with model.bin beside it
//   model.tflite                   TensorFlow Lite
//   model.savedmodel/, or saved_model.pb in the version's directory itself   TensorFlow SavedModel
//   model.graphdef, model.pb       a frozen TensorFlow graph
//   model.pdmodel, inference.pdmodel   Paddle, with .pdiparams beside it
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace saccade::model {

// The file of a SavedModel that stands for all of it.
inline constexpr std::string_view kSavedModelFile = "saved_model.pb";

// For messages: what a command line may name.
inline constexpr std::string_view kModelFileKinds =
    ".onnx, .ort, .xml, .tflite, .pb, .graphdef, .pdmodel, or a SavedModel's directory";

// Whether a file of this name is a model in itself.
bool is_model_file(const std::filesystem::path& file);

// Whether a directory holds a SavedModel.
bool is_saved_model(const std::filesystem::path& directory);

// The model files directly in a directory, for messages: `"a.onnx", "b.xml"`. Empty where there is none.
std::string model_files_in(const std::filesystem::path& directory);

// What `platform` and `backend` of a configuration may be, and what is wrong with another; empty where it is
// right.
std::string wrong_platform(std::string_view platform);
std::string wrong_backend(std::string_view backend);

// A version's model. `said` is the default_model_filename of its configuration, or empty; then the usual
// names are looked for, those of `platform` only where it names a format. Of a SavedModel the saved_model.pb.
// Errors (kNotFound) say what is there instead.
base::Result<std::filesystem::path> find_model_file(const std::filesystem::path& version_directory,
                                                    const std::string& said, std::string_view platform);

// A model's file with those that hold the rest of it: weights beside it, a SavedModel's whole directory.
std::vector<std::filesystem::path> model_parts(const std::filesystem::path& file);

// The name under which find_model_file would look first, for messages.
std::string_view usual_model_file(std::string_view platform);

}  // namespace saccade::model
