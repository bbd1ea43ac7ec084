// What is found on disk. Every test writes the files that it names into a directory of its own; their content
// doesn't matter here, nothing is loaded.
#include "model/repository.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "model/labels.h"
#include "model/names.h"
#include "model/text_file.h"

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

class Repository : public testing::Test {
 public:
  Repository() {
    std::string pattern = (fs::temp_directory_path() / "saccade-repository-XXXXXX").string();
    root_ = mkdtemp(pattern.data());
  }
  ~Repository() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  Repository(const Repository&) = delete;
  Repository& operator=(const Repository&) = delete;

 protected:
  void write(const fs::path& file, std::string_view text = "") const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file, std::ios::binary) << text;
  }
  void link(const fs::path& from, const fs::path& to) const {
    fs::create_directories((root_ / from).parent_path());
    fs::create_symlink(to, root_ / from);
  }
  std::string at(const fs::path& path) const { return (root_ / path).string(); }

  // "NAME VERSION FILE" of each model and "! MESSAGE", "~ WARNING" of whatever else there is; the test's own
  // directory is left out of all.
  std::vector<std::string> found(const std::string& argument) const {
    const auto result = find_models(argument);
    if (!result) return {cut("!! " + result.error().message)};
    return lines(*result);
  }
  std::vector<std::string> lines(const FoundModels& found) const {
    std::vector<std::string> lines;
    for (const ModelSource& model : found.models) {
      EXPECT_EQ(model.config.name, model.name);
      lines.push_back(cut(model.name + " " + model.version + " " + model.file.string()));
      for (const std::string& warning : model.warnings) lines.push_back(cut("~ " + warning));
    }
    for (const base::Error& problem : found.problems) lines.push_back(cut("! " + problem.message));
    for (const std::string& warning : found.warnings) lines.push_back(cut("~~ " + warning));
    return lines;
  }
  std::string cut(std::string text) const {
    const std::string prefix = root_.string() + "/";
    for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) {
      text.erase(at, prefix.size());
    }
    return text;
  }

  fs::path root_;
};

using Lines = std::vector<std::string>;

TEST_F(Repository, FindsOneFile) {
  write("my model (v2).onnx");
  EXPECT_EQ(found(at("my model (v2).onnx")), (Lines{"my_model_v2_ 1 my model (v2).onnx"}));
  EXPECT_EQ(found("digits=" + at("my model (v2).onnx")), (Lines{"digits 1 my model (v2).onnx"}));
}

TEST_F(Repository, TakesANameOnlyWhereNoSlashIsBeforeIt) {
  write("a=b.onnx");
  EXPECT_EQ(found(at("a=b.onnx")), (Lines{"a_b 1 a=b.onnx"}));
  const auto result = find_models("my model=" + at("a=b.onnx"));
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("no model can be named \"my model\""), std::string::npos);
}

TEST_F(Repository, RefusesArgumentsThatNameNothing) {
  write("weights.pt");
  EXPECT_EQ(found(at("absent.onnx")), (Lines{"!! absent.onnx: no such file or directory"}));
  EXPECT_EQ(
      found(at("weights.pt")),
      (Lines{"!! weights.pt: not a model's file; served are a model (FILE or NAME=FILE: .onnx, .ort, .xml, "
             ".tflite, .pb, .graphdef, .pdmodel, or a SavedModel's directory) and a directory of models "
             "(NAME/1/model.onnx in it)"}));
  for (const char* argument : {"", "digits="}) {
    const auto result = find_models(argument);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, base::Code::kInvalidArgument);
  }
}

TEST_F(Repository, FindsTheOtherFormatsByTheirUsualNames) {
  write("r/a/1/model.xml");
  write("r/a/1/model.bin");
  write("r/b/1/model.tflite");
  write("r/c/1/model.savedmodel/saved_model.pb");
  write("r/d/1/saved_model.pb");
  write("r/d/1/variables/variables.index");
  write("r/e/1/model.graphdef");
  write("r/f/1/inference.pdmodel");
  write("r/g/1/model.onnx");
  write("r/g/1/model.xml");
  EXPECT_EQ(found(at("r")),
            (Lines{"a 1 r/a/1/model.xml", "b 1 r/b/1/model.tflite",
                   "c 1 r/c/1/model.savedmodel/saved_model.pb", "d 1 r/d/1/saved_model.pb",
                   "e 1 r/e/1/model.graphdef", "f 1 r/f/1/inference.pdmodel", "g 1 r/g/1/model.onnx"}));
  const auto models = find_models(at("r"))->models;
  EXPECT_EQ(models[0].config.default_model_filename, "model.xml");
  EXPECT_EQ(models[2].config.default_model_filename, "model.savedmodel");
}

TEST_F(Repository, APlatformSaysWhichOfTheFilesIsMeant) {
  write("r/a/1/model.onnx");
  write("r/a/1/model.xml");
  write("r/a/config.pbtxt", "platform: \"openvino_ir\"");
  write("r/b/1/model.onnx");
  write("r/b/config.pbtxt", "platform: \"tensorflow_savedmodel\"");
  write("r/c/1/model.tflite");
  write("r/c/config.pbtxt", "backend: \"tensorflow\"");
  write("r/d/1/net/saved_model.pb");
  write("r/d/config.pbtxt", "default_model_filename: \"net\"");
  write("r/e/config.pbtxt", "platform: \"tensorflow_graphdef\"");
  EXPECT_EQ(found(at("r")),
            (Lines{"a 1 r/a/1/model.xml", "c 1 r/c/1/model.tflite", "d 1 r/d/1/net/saved_model.pb",
                   "! r/b/1: no model.savedmodel in it; there is \"model.onnx\": rename it, or set "
                   "default_model_filename in config.pbtxt",
                   "! r/e: no version of the model in it; expected r/e/1/model.graphdef"}));
}

TEST_F(Repository, TakesFilesOfOtherFormatsAndSavedModelsByThemselves) {
  for (const char* file :
       {"plane.xml", "plane.TFLITE", "plane.pb", "plane.graphdef", "plane.pdmodel", "plane.ort"}) {
    write(file);
    EXPECT_EQ(found(at(file)), (Lines{std::string("plane 1 ") + file}));
  }
  write("house.savedmodel/saved_model.pb");
  EXPECT_EQ(found(at("house.savedmodel")), (Lines{"house 1 house.savedmodel/saved_model.pb"}));
  EXPECT_EQ(found(at("house.savedmodel/")), (Lines{"house 1 house.savedmodel/saved_model.pb"}));
  EXPECT_EQ(found(at("house.savedmodel/saved_model.pb")), (Lines{"house 1 house.savedmodel/saved_model.pb"}));
  EXPECT_EQ(found("h=" + at("house.savedmodel")), (Lines{"h 1 house.savedmodel/saved_model.pb"}));
  const auto places = list_models({at("house.savedmodel")});
  ASSERT_TRUE(places);
  ASSERT_EQ(places->size(), 1U);
  EXPECT_EQ(places->front().name, "house");
  const FoundModels versions = find_versions(places->front(), nullptr);
  ASSERT_EQ(versions.models.size(), 1U);
  EXPECT_EQ(versions.models[0].file, at("house.savedmodel") + "/saved_model.pb");
}

TEST_F(Repository, FindsModelsInOrder) {
  write("repository/sentiment/1/model.onnx");
  write("repository/digits/1/model.onnx");
  write("repository/README.md");
  write("repository/.git/1/model.onnx");
  fs::create_directories(root_ / "repository/lost+found");
  EXPECT_EQ(found(at("repository")), (Lines{"digits 1 repository/digits/1/model.onnx",
                                            "sentiment 1 repository/sentiment/1/model.onnx"}));
  EXPECT_EQ(found(at("repository/")), found(at("repository")));
}

TEST_F(Repository, ChoosesVersionsByPolicy) {
  for (const char* version : {"1", "2", "9", "10"}) {
    write(fs::path("r/m") / version / "model.onnx");
  }
  EXPECT_EQ(found(at("r")), (Lines{"m 10 r/m/10/model.onnx"}));

  write("r/m/config.pbtxt", "version_policy { latest { num_versions: 2 } }");
  EXPECT_EQ(found(at("r")), (Lines{"m 9 r/m/9/model.onnx", "m 10 r/m/10/model.onnx"}));
  write("r/m/config.pbtxt", "version_policy { latest { num_versions: 4294967295 } }");
  EXPECT_EQ(found(at("r")).size(), 4);

  write("r/m/config.pbtxt", "version_policy { all { } }");
  EXPECT_EQ(found(at("r")), (Lines{"m 1 r/m/1/model.onnx", "m 2 r/m/2/model.onnx", "m 9 r/m/9/model.onnx",
                                   "m 10 r/m/10/model.onnx"}));

  write("r/m/config.pbtxt", "version_policy { specific { versions: [ 9, 3, 1 ] } }");
  EXPECT_EQ(found(at("r")),
            (Lines{"m 1 r/m/1/model.onnx", "~ r/m: version_policy names version 3, which is not there",
                   "m 9 r/m/9/model.onnx"}));

  write("r/m/config.pbtxt", "version_policy { specific { versions: 3 } }");
  EXPECT_EQ(found(at("r")),
            (Lines{"! r/m: none of the versions that version_policy names is there; there is 10"}));
}

TEST_F(Repository, WarnsOfDirectoriesThatWereMeantAsVersions) {
  write("r/m/1/model.onnx");
  write("r/m/02/model.onnx");
  write("r/m/v3/model.onnx");
  write("r/m/latest/model.onnx");
  write("r/m/0/readme");
  write("r/m/tokenizer/vocabulary.txt");
  write("r/m/7", "a file");
  write("r/m/.4/model.onnx");
  link("r/m/5", "gone");
  const std::string why =
      ": not served; a version is a positive whole number without leading zeros, such as 1";
  EXPECT_EQ(found(at("r")), (Lines{"m 1 r/m/1/model.onnx", "~ r/m/0" + why, "~ r/m/02" + why,
                                   "~ r/m/5: a link that leads nowhere, not served", "~ r/m/latest" + why,
                                   "~ r/m/v3" + why}));
}

TEST_F(Repository, OneBrokenModelHidesNoOther) {
  write("r/good/1/model.onnx");
  write("r/a/1/net.onnx");
  fs::create_directories(root_ / "r/b/1");
  write("r/c/config.pbtxt", "backend: \"onnxruntime\"");
  write("r/d/model.onnx");
  write("r/e/1/model.onnx");
  write("r/e/config.pbtxt", "max_batch_size: -4");
  write("r/f/1/model.onnx");
  write("r/f/config.pbtxt", "name: \"g\"");
  write("r/h h/1/model.onnx");
  link("r/i", "nowhere");
  link("r/j/1/model.onnx", "nowhere");
  write("r/k/1/model.onnx/weights.bin");
  write("r/loose.onnx");
  std::string all;
  for (const std::string& line : found(at("r"))) all += line + "\n";
  EXPECT_EQ(all, R"(good 1 r/good/1/model.onnx
! r/a/1: no model.onnx in it; there is "net.onnx": rename it, or set default_model_filename in config.pbtxt
! r/b/1: no model.onnx in it
! r/c: no version of the model in it; expected r/c/1/model.onnx
! r/d: no version of the model in it; expected r/d/1/model.onnx; "model.onnx" lies beside where the directory 1 should be
! r/e/config.pbtxt:1: max_batch_size is -4; it must be 1 or more, or 0 for a model without a batch dimension
! r/f/config.pbtxt: name is "g", its directory is called "f"; make them agree, or leave the name out
! r/h h: the directory's name can't be a model's; a model's name has letters, digits, '_', '-' and '.', no dot in front, and at most 255 of them
! r/i: a link that leads nowhere
! r/j/1/model.onnx: neither a file nor a link that leads to one
! r/k/1/model.onnx: a directory without a model.onnx in it
~~ r/loose.onnx: not served; its place is r/loose/1/model.onnx, or name the file itself
)");
}

TEST_F(Repository, OneBrokenVersionHidesNoOther) {
  write("r/m/1/model.onnx");
  fs::create_directories(root_ / "r/m/2");
  write("r/m/config.pbtxt", "version_policy { all { } }");
  EXPECT_EQ(found(at("r")), (Lines{"m 1 r/m/1/model.onnx", "! r/m/2: no model.onnx in it"}));
}

TEST_F(Repository, AnEmptyRepositoryIsAnError) {
  fs::create_directories(root_ / "r");
  EXPECT_EQ(found(at("r")), (Lines{"!! r: no models in it; expected r/NAME/1/model.onnx"}));
  write("r/digits.onnx");
  EXPECT_EQ(
      found(at("r")),
      (Lines{"!! r: no models in it; expected r/NAME/1/model.onnx; r/digits.onnx: not served; its place is "
             "r/digits/1/model.onnx, or name the file itself"}));
}

TEST_F(Repository, TakesOneModelsDirectory) {
  write("some models/1/model.onnx");
  EXPECT_EQ(found(at("some models")), (Lines{"some_models 1 some models/1/model.onnx"}));
  EXPECT_EQ(found(at("some models/")), (Lines{"some_models 1 some models/1/model.onnx"}));
  EXPECT_EQ(found("digits=" + at("some models")), (Lines{"digits 1 some models/1/model.onnx"}));
  write("some models/config.pbtxt", "name: \"digits\"");
  EXPECT_EQ(found(at("some models")), (Lines{"digits 1 some models/1/model.onnx"}));
  EXPECT_EQ(found("numbers=" + at("some models")), (Lines{"numbers 1 some models/1/model.onnx"}));

  const fs::path before = fs::current_path();
  fs::current_path(root_ / "some models");
  EXPECT_EQ(found("."), (Lines{"digits 1 ./1/model.onnx"}));
  fs::remove("config.pbtxt");
  EXPECT_EQ(found("."), (Lines{"some_models 1 ./1/model.onnx"}));
  fs::current_path(before);
}

TEST_F(Repository, TellsARepositoryFromAModel) {
  write("r/1/1/model.onnx");
  write("r/2/config.pbtxt", "");
  write("r/2/1/model.onnx");
  EXPECT_EQ(found(at("r")), (Lines{"1 1 r/1/1/model.onnx", "2 1 r/2/1/model.onnx"}));
  EXPECT_EQ(found("m=" + at("r")).front().substr(0, 36), "!! r: not one model's directory, so ");
  fs::create_directories(root_ / "m/1");
  EXPECT_EQ(found(at("m")), (Lines{"! m/1: no model.onnx in it"}));
}

TEST_F(Repository, LinksThatGoInCirclesEnd) {
  fs::create_directories(root_ / "r");
  link("r/1", ".");
  link("r/2", ".");
  link("r/a", "a");
  EXPECT_FALSE(found(at("r")).empty());
}

// A volume of Kubernetes: the real files are in a hidden directory that a link swaps at once.
TEST_F(Repository, FollowsTheLinksOfVolumeMounts) {
  write("mount/..2026_01_02/config.pbtxt", "output { name: \"y\" label_filename: \"labels.txt\" }");
  write("mount/..2026_01_02/labels.txt", "no\nyes\n");
  write("store/blob-6f3a");
  link("mount/..data", "..2026_01_02");
  link("mount/config.pbtxt", "..data/config.pbtxt");
  link("mount/labels.txt", "..data/labels.txt");
  link("mount/1/model.onnx", root_ / "store/blob-6f3a");
  link("r/m", root_ / "mount");
  EXPECT_EQ(found(at("r")), (Lines{"m 1 r/m/1/model.onnx"}));
  EXPECT_EQ(find_models(at("r"))->models.front().labels.at("y"), (Lines{"no", "yes"}));
}

TEST_F(Repository, EntersADirectoryThatStandsForTheModel) {
  write("r/m/1/model.onnx/model.onnx");
  write("r/m/1/model.onnx/weights.bin");
  EXPECT_EQ(found(at("r")), (Lines{"m 1 r/m/1/model.onnx/model.onnx"}));
}

TEST_F(Repository, UsesTheFilenameOfTheConfiguration) {
  write("r/m/1/net.onnx");
  write("r/m/config.pbtxt", "default_model_filename: \"net.onnx\"");
  EXPECT_EQ(found(at("r")), (Lines{"m 1 r/m/1/net.onnx"}));
}

TEST_F(Repository, ReadsLabels) {
  write("r/m/1/model.onnx");
  write("r/m/config.pbtxt",
        "output { name: \"y\" data_type: TYPE_FP32 dims: 3 label_filename: \"names/labels.txt\" }");
  EXPECT_EQ(found(at("r")), (Lines{"! r/m/names/labels.txt: no such file (label_filename of output \"y\")"}));
  write("r/m/names/labels.txt", "zero\none\ntwo");
  EXPECT_EQ(found(at("r")), (Lines{"m 1 r/m/1/model.onnx"}));
  EXPECT_EQ(find_models(at("r"))->models.front().labels.at("y"), (Lines{"zero", "one", "two"}));
  write("r/m/names/labels.txt", "zero\none");
  EXPECT_EQ(found(at("r")), (Lines{"m 1 r/m/1/model.onnx",
                                   "~ r/m/names/labels.txt: 2 labels for the 3 classes of output \"y\""}));
  write("r/m/names/labels.txt", "z\xE9ro\n");
  EXPECT_EQ(found(at("r")), (Lines{"! r/m/names/labels.txt:1: not UTF-8 text; save the file in UTF-8 "
                                   "(label_filename of output \"y\")"}));
}

TEST_F(Repository, FirstVersionCarriesTheWarnings) {
  write("r/m/1/model.onnx");
  write("r/m/2/model.onnx");
  write("r/m/config.pbtxt", "version_policy { all { } }\ncolour: \"red\"");
  EXPECT_EQ(found(at("r")),
            (Lines{"m 1 r/m/1/model.onnx",
                   "~ r/m/config.pbtxt:2:1: unknown field \"colour\" in ModelConfig is ignored",
                   "m 2 r/m/2/model.onnx"}));
}

TEST_F(Repository, MergesArguments) {
  write("r/digits/1/model.onnx");
  write("r/broken/1/nothing");
  write("sentiment.onnx");
  write("digits.onnx");
  const auto all = merge({*find_models(at("r")), *find_models(at("sentiment.onnx"))});
  ASSERT_TRUE(all);
  EXPECT_EQ(lines(*all), (Lines{"digits 1 r/digits/1/model.onnx", "sentiment 1 sentiment.onnx",
                                "! r/broken/1: no model.onnx in it"}));
  const auto same = merge({*find_models(at("r")), *find_models(at("digits.onnx"))});
  ASSERT_FALSE(same);
  EXPECT_EQ(cut(same.error().message),
            "two models are named \"digits\": r/digits/1/model.onnx and digits.onnx; give one of them "
            "another name: "
            "NAME=digits.onnx");
  EXPECT_TRUE(merge({}));
}

TEST_F(Repository, SaysWhatItCannotRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  write("r/m/1/model.onnx");
  fs::permissions(root_ / "r/m", fs::perms::none);
  EXPECT_EQ(found(at("r")).size(), 1);
  EXPECT_TRUE(found(at("r")).front().starts_with("! r/m"));
  fs::permissions(root_ / "r/m", fs::perms::owner_all);
}

TEST(Labels, OneALine) {
  EXPECT_EQ(*parse_labels("a\nb\n", "F"), (Lines{"a", "b"}));
  EXPECT_EQ(*parse_labels("a\r\nb\r\n\r\n\n", "F"), (Lines{"a", "b"}));
  EXPECT_EQ(*parse_labels("\xEF\xBB\xBF"
                          "a",
                          "F"),
            (Lines{"a"}));
  EXPECT_EQ(*parse_labels("a\n\nc", "F"), (Lines{"a", "", "c"})) << "a class without a name keeps its place";
  EXPECT_EQ(*parse_labels("été 夏 🐘", "F"), (Lines{"été 夏 🐘"}));
  EXPECT_EQ(parse_labels("\n\n", "F").error().message, "F: no labels in it; expected one class name a line");
  EXPECT_EQ(parse_labels("a\nb\xFF", "F").error().message, "F:2: not UTF-8 text; save the file in UTF-8");
}

TEST(Names, OfModels) {
  for (const char* name : {"digits", "Digits-2_b.c", "0", "_"}) EXPECT_TRUE(is_model_name(name)) << name;
  for (const char* name : {"", ".", "..", ".hidden", "a/b", "a b", "é", "a\n", "lost+found"}) {
    EXPECT_FALSE(is_model_name(name)) << name;
  }
  EXPECT_TRUE(is_model_name(std::string(255, 'a')));
  EXPECT_FALSE(is_model_name(std::string(256, 'a')));
  EXPECT_EQ(make_model_name("resnet.v1"), "resnet.v1");
  EXPECT_EQ(make_model_name("modèle n° 2"), "mod_le_n_2");
  EXPECT_EQ(make_model_name("..secret"), "_secret");
  EXPECT_EQ(make_model_name(""), "model");
  for (const std::string& name : Lines{"", ".", "///", "é", "a b", "....", std::string(999, '.')}) {
    EXPECT_TRUE(is_model_name(make_model_name(name))) << name;
  }
}

TEST(Names, OfVersions) {
  EXPECT_EQ(parse_version("1"), 1);
  EXPECT_EQ(parse_version("20260102"), 20260102);
  EXPECT_EQ(parse_version("9223372036854775807"), INT64_MAX);
  for (const char* name : {"", "0", "01", "-1", "+1", "1.0", "1a", "v1", " 1", "9223372036854775808"}) {
    EXPECT_FALSE(parse_version(name)) << name;
  }
  for (const char* name : {"0", "01", "-1", "1.0", "v1", "V2.1", "version_3", "9223372036854775808"}) {
    EXPECT_TRUE(resembles_version(name)) << name;
  }
  for (const char* name : {"", "1", "v", "version", "assets", "v1beta", "..", "2fast"}) {
    EXPECT_FALSE(resembles_version(name)) << name;
  }
}

TEST(Names, OfFilesInside) {
  for (const char* path : {"labels.txt", "a/b/c", "./a", "a//b", "..a", "a..", "a/...", ".hidden"}) {
    EXPECT_TRUE(stays_inside(path)) << path;
  }
  for (const char* path :
       {"", "/", "/etc/passwd", "..", "../a", "a/..", "a/../b", "a/../../b", ".", "./", "./.."}) {
    EXPECT_FALSE(stays_inside(path)) << path;
  }
  EXPECT_FALSE(stays_inside(std::string_view("a\0b", 3)));
}

TEST(TextFile, QuotesWithoutForgingLines) {
  EXPECT_EQ(in_quotes("a\nb\"c\x01\xFFé"), "\"a\\x0ab\\\"c\\x01\\xffé\"");
  EXPECT_LT(in_quotes(std::string(100'000, 'x')).size(), 200);
}

}  // namespace
}  // namespace saccade::model
