#include "model/catalog.h"

#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "fake_engine.h"

namespace saccade::model {
namespace {

class CatalogTest : public testing::Test {
 protected:
  Catalog::ModelPointer load(const std::string& name, const std::string& version) {
    ModelSource source;
    source.name = source.config.name = name;
    source.version = version;
    auto loaded = LoadedModel::load(source, engines_, registry_, options_);
    EXPECT_TRUE(loaded);
    return loaded ? *std::move(loaded) : nullptr;
  }
  // "NAME VERSION", or the refusal.
  std::string found(std::string_view name, std::string_view version = {}) const {
    const auto model = catalog_.find(name, version);
    if (!model) {
      EXPECT_TRUE(model.error().code == base::Code::kNotFound ||
                  model.error().code == base::Code::kUnavailable);
      return model.error().message;
    }
    return (*model)->signature()->name + " " + (*model)->signature()->version;
  }

  engine::EngineSet engines_;
  ClassifierEngine& engine_ = add_engine<ClassifierEngine>(engines_);
  observe::Registry registry_;
  LoadOptions options_{.loops = 2};
  Catalog catalog_;
};

TEST_F(CatalogTest, FindsByNameAndVersion) {
  catalog_.add(load("digits", "2"));
  catalog_.add(load("digits", "10"));
  catalog_.add(load("digits", "1"));
  catalog_.add(load("sentiment", "1"));
  EXPECT_EQ(found("digits"), "digits 10") << "the highest as a number";
  EXPECT_EQ(found("digits", "2"), "digits 2");
  EXPECT_EQ(found("sentiment"), "sentiment 1");
  EXPECT_EQ(found("faces"), "there is no model \"faces\"; served are \"digits\", \"sentiment\"");
  EXPECT_EQ(found("digits", "3"), "model \"digits\" has no version \"3\"; served are 1, 2, 10");
  EXPECT_EQ(catalog_.all().size(), 4U);
}

TEST_F(CatalogTest, TheFirstModelAnswersUntilAnotherIsSet) {
  catalog_.add(load("b", "1"));
  catalog_.add(load("a", "1"));
  EXPECT_EQ(catalog_.default_model(), "b");
  EXPECT_EQ(found(""), "b 1");
  catalog_.set_default("a");
  EXPECT_EQ(found(""), "a 1");
}

TEST_F(CatalogTest, AnEmptyOneFindsNothing) {
  EXPECT_NE(found("x"), "");
  EXPECT_NE(found(""), "");
  catalog_.add(load("a", "1"));
  EXPECT_EQ(found("a"), "a 1") << "a thread that looked before sees what came after";
  catalog_.clear();
  EXPECT_TRUE(catalog_.all().empty());
  EXPECT_NE(found("a"), "a 1");
}

TEST_F(CatalogTest, LetsGoOfItsModels) {
  auto model = load("a", "1");
  const std::weak_ptr<LoadedModel> watch = model;
  catalog_.add(std::move(model));
  EXPECT_EQ(found("a"), "a 1");
  catalog_.clear();
  EXPECT_TRUE(watch.expired());
}

TEST_F(CatalogTest, CanBeReadWhileItChanges) {
  const auto first = load("a", "1");
  const auto second = load("b", "1");
  catalog_.add(first);
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    while (!stop) EXPECT_EQ(found("a"), "a 1");
  });
  for (int i = 0; i < 1000; ++i) catalog_.set_default(i % 2 == 0 ? "a" : "b");
  catalog_.add(second);
  stop = true;
  reader.join();
}

TEST_F(CatalogTest, AnInstanceCountMakesSessionsOfTheirOwn) {
  ModelSource source;
  source.name = source.config.name = "a";
  source.version = "1";
  source.config.instance_count = 3;
  const auto loaded = LoadedModel::load(source, engines_, registry_, options_);
  ASSERT_TRUE(loaded);
  EXPECT_EQ((*loaded)->describe_schedule(), "up to 3 instances");
  EXPECT_EQ(engine_.opened, 3);
}

TEST_F(CatalogTest, ADelayKeepsAModelOffTheLoops) {
  options_.batching.max_queue_delay = std::chrono::microseconds(100);
  EXPECT_EQ(load("a", "1")->describe_schedule(), "1 instance");
}

}  // namespace
}  // namespace saccade::model
