#include "model/model_files.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "model/model_directory.h"
#include "model/text_file.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

struct Usual {
  std::string_view name;
  std::string_view platform;
};

// In the order in which they are looked for.
constexpr std::array<Usual, 10> kUsual{{
    {"model.onnx", "onnxruntime_onnx"},
    {"model.ort", "onnxruntime_onnx"},
    {"model.xml", "openvino_ir"},
    {"model.tflite", "tensorflow_tflite"},
    {"model.savedmodel", "tensorflow_savedmodel"},
    {kSavedModelFile, "tensorflow_savedmodel"},
    {"model.graphdef", "tensorflow_graphdef"},
    {"model.pb", "tensorflow_graphdef"},
    {"model.pdmodel", "paddle_pdmodel"},
    {"inference.pdmodel", "paddle_pdmodel"},
}};

constexpr std::array<std::string_view, 7> kExtensions{".onnx", ".ort",      ".xml",    ".tflite",
                                                      ".pb",   ".graphdef", ".pdmodel"};

// What others write in these fields, in the words of Triton and its backends, and what to do about it here.
struct Unserved {
  std::string_view begins;
  std::string_view advice;
};
constexpr std::array<Unserved, 4> kUnserved{{
    {"pytorch", "export the model as ONNX (torch.onnx.export) and serve that"},
    {"tensorrt", "serve the ONNX file that the plan was built from, with the parameter device \"tensorrt\""},
    {"python", "a model is a file here and no code; export it as ONNX"},
    {"caffe2", "convert the model to ONNX"},
}};

// Whether files of this platform may have any of the usual names.
bool any_format(std::string_view platform) {
  return platform.empty() || platform == "openvino";
}

bool names(std::string_view platform, const Usual& usual) {
  if (any_format(platform) || platform == usual.platform) return true;
  if (platform == "onnxruntime") return usual.platform == "onnxruntime_onnx";
  if (platform == "tensorflow") return usual.platform.starts_with("tensorflow_");
  return platform == "paddle" && usual.platform == "paddle_pdmodel";
}

bool leads_to_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}
bool leads_to_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}
bool has_entry(const fs::path& path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

std::string advice_on(std::string_view name, const std::string& served) {
  for (const Unserved& unserved : kUnserved) {
    if (name.starts_with(unserved.begins)) {
      return " can't be served: " + std::string(unserved.advice) + "; " + served;
    }
  }
  return " can't be served; " + served;
}

// A file, or a directory that holds a model: a SavedModel, or an ONNX model with its weights beside it.
base::Result<fs::path> enter(const fs::path& file) {
  if (leads_to_file(file)) return file;
  if (leads_to_directory(file)) {
    for (const std::string_view inside : {kSavedModelFile, std::string_view("model.onnx")}) {
      if (leads_to_file(file / inside)) return file / inside;
    }
    return base::fail(
        base::Code::kNotFound,
        file.string() + (file.extension() == ".savedmodel" ? ": a directory without a saved_model.pb in it"
                                                           : ": a directory without a model.onnx in it"));
  }
  return base::fail(base::Code::kNotFound, file.string() + ": neither a file nor a link that leads to one");
}

base::Error missing(const fs::path& version_directory, std::string_view name) {
  std::string message = version_directory.string() + ": no " + std::string(name) + " in it";
  const std::string others = model_files_in(version_directory);
  if (!others.empty()) {
    message += "; there is " + others + ": rename it, or set default_model_filename in config.pbtxt";
  }
  return {base::Code::kNotFound, std::move(message)};
}

}  // namespace

bool is_model_file(const fs::path& file) {
  std::string extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

bool is_saved_model(const fs::path& directory) {
  return leads_to_directory(directory) && leads_to_file(directory / kSavedModelFile);
}

std::string model_files_in(const fs::path& directory) {
  std::string text;
  const auto entries = visible_entries(directory);
  if (!entries) return text;
  for (const std::string& entry : *entries) {
    if (is_model_file(entry) || is_saved_model(directory / entry)) {
      text += (text.empty() ? "" : ", ") + in_quotes(entry);
    }
  }
  return text;
}

std::string wrong_platform(std::string_view platform) {
  if (any_format(platform)) return "";
  if (std::ranges::any_of(kUsual, [&](const Usual& usual) { return names(platform, usual); })) return "";
  std::string served = "served are ";
  std::string_view last;
  for (const Usual& usual : kUsual) {
    if (usual.platform == last) continue;
    served += (last.empty() ? "\"" : ", \"") + std::string(usual.platform) + "\"";
    last = usual.platform;
  }
  return advice_on(platform, served + ", or leave it out");
}

std::string wrong_backend(std::string_view backend) {
  for (const std::string_view known :
       {"", "onnxruntime", "onnxruntime_onnx", "openvino", "tensorflow", "paddle"}) {
    if (backend == known) return "";
  }
  return advice_on(backend, "served are \"onnxruntime\" and \"openvino\", or leave it out");
}

std::vector<fs::path> model_parts(const fs::path& file) {
  if (file.filename() == kSavedModelFile)
    return {file.has_parent_path() ? file.parent_path() : fs::path(".")};
  std::vector<fs::path> parts{file};
  for (const auto& [extension, weights] : {std::pair(".xml", ".bin"), std::pair(".pdmodel", ".pdiparams")}) {
    fs::path beside = file;
    beside.replace_extension(weights);
    if (file.extension() == extension && has_entry(beside)) parts.push_back(std::move(beside));
  }
  return parts;
}

std::string_view usual_model_file(std::string_view platform) {
  const auto* first =
      std::ranges::find_if(kUsual, [&](const Usual& usual) { return names(platform, usual); });
  return first == kUsual.end() ? kUsual.front().name : first->name;
}

base::Result<fs::path> find_model_file(const fs::path& version_directory, const std::string& said,
                                       std::string_view platform) {
  if (!said.empty()) {
    if (!has_entry(version_directory / said)) return std::unexpected(missing(version_directory, said));
    return enter(version_directory / said);
  }
  for (const Usual& usual : kUsual) {
    if (names(platform, usual) && has_entry(version_directory / usual.name)) {
      return enter(version_directory / usual.name);
    }
  }
  return std::unexpected(missing(version_directory, usual_model_file(platform)));
}

}  // namespace saccade::model
