// By what a model's answers are known: which models have any, and when two servers' models are the same.
#include "model/cache_identity.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

namespace saccade::model {
namespace {

namespace fs = std::filesystem;

class CacheIdentityTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "identity-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const fs::path& file, std::string_view content) {
    fs::create_directories((folder_ / file).parent_path());
    std::ofstream(folder_ / file) << content;
  }
  ModelSource source(const std::string& what) {
    const auto found = find_models((folder_ / what).string());
    EXPECT_TRUE(found && found->models.size() == 1);
    return found->models[0];
  }
  static cache::Selection selection(bool shared = false) {
    cache::Selection selection;
    selection.all = true;
    selection.shared = shared;
    return selection;
  }
  static cache::ModelIdentity identity(const ModelSource& source, std::string_view engine = "e 1") {
    const auto of_copy =
        cache_identity(source, selection(true), files_to_share(source, selection(true)), engine);
    EXPECT_TRUE(of_copy);
    return *of_copy;
  }

  fs::path folder_;
};

TEST_F(CacheIdentityTest, TheConfigurationGoesBeforeTheFlag) {
  write("r/a/1/model.onnx", "a");
  EXPECT_FALSE(caches_answers(source("r"), {}));
  EXPECT_TRUE(caches_answers(source("r"), selection()));
  cache::Selection named;
  named.models = {"b"};
  EXPECT_FALSE(caches_answers(source("r"), named));
  named.models = {"a"};
  EXPECT_TRUE(caches_answers(source("r"), named));
  write("r/a/config.pbtxt", "response_cache { enable: true }");
  EXPECT_TRUE(caches_answers(source("r"), {}));
  cache::Selection off;
  off.off = true;
  EXPECT_FALSE(caches_answers(source("r"), off));
  write("r/a/config.pbtxt", "response_cache { enable: false }");
  EXPECT_FALSE(caches_answers(source("r"), selection()));
}

TEST_F(CacheIdentityTest, CopiesAreTheirOwnUnlessTheyShare) {
  write("r/a/1/model.onnx", "a");
  const auto one = cache_identity(source("r"), selection(), {}, "e 1");
  const auto other = cache_identity(source("r"), selection(), {}, "e 1");
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->copy, other->copy);
  EXPECT_NE(one->content, other->content);
  EXPECT_FALSE(one->shared);
}

TEST_F(CacheIdentityTest, EqualModelsAreTheSameAndNoOthers) {
  write("one/a/1/model.onnx", "a");
  write("one/a/1/weights/w.bin", "w");
  write("other/a/1/model.onnx", "a");
  write("other/a/1/weights/w.bin", "w");
  const auto first = identity(source("one"));
  EXPECT_TRUE(first.shared);
  EXPECT_EQ(first.content, identity(source("other")).content);
  EXPECT_NE(first.copy, identity(source("other")).copy);
  EXPECT_NE(first.content, identity(source("other"), "e 2").content) << "another engine";
  write("other/a/1/weights/w.bin", "W");
  EXPECT_NE(first.content, identity(source("other")).content) << "weights beside the model";
  write("other/a/1/weights/w.bin", "w");
  write("other/a/config.pbtxt", "max_batch_size: 3");
  EXPECT_NE(first.content, identity(source("other")).content) << "another configuration";
}

TEST_F(CacheIdentityTest, ABareFileCountsWhatItSpeaksOf) {
  write("one/m.onnx", "weights at location w.bin");
  write("one/w.bin", "w");
  write("other/m.onnx", "weights at location w.bin");
  write("other/w.bin", "w");
  EXPECT_EQ(identity(source("one/m.onnx")).content, identity(source("other/m.onnx")).content);
  write("other/w.bin", "W");
  EXPECT_NE(identity(source("one/m.onnx")).content, identity(source("other/m.onnx")).content);
}

TEST_F(CacheIdentityTest, FilesThatChangeMeanwhileAreNotShared) {
  write("r/a/1/model.onnx", "a");
  const auto before = files_to_share(source("r"), selection(true));
  write("r/a/1/model.onnx", "b");
  const auto of_copy = cache_identity(source("r"), selection(true), before, "e 1");
  ASSERT_TRUE(of_copy);
  EXPECT_FALSE(of_copy->shared);
}

}  // namespace
}  // namespace saccade::model
