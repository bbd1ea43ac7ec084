#include <cstdio>
#include <memory>

#include <gtest/gtest.h>

#include "access/key_file.h"
#include "access/read_file.h"
#include "serve/door.h"

namespace saccade::serve {
namespace {

using Uncounted = request::Caller::Uncounted;

class DoorLimits : public testing::Test {
 protected:
  ~DoorLimits() override { std::remove(file_.c_str()); }

  void make(const std::vector<std::string>& rules, bool keys) {
    limiter_ = std::make_unique<limit::Limiter>(limit::LimiterSettings{.rules = *limit::parse_rules(rules)},
                                                nullptr, registry_);
    std::unique_ptr<access::Gate> gate;
    if (keys) {
      const std::vector<access::KeyEntry> entries = {
          {.name = "ann", .digest = access::sha256("a"), .rights = {Right::kPredict}},
          {.name = "bob", .digest = access::sha256("b"), .rights = {Right::kPredict}}};
      ASSERT_TRUE(access::replace_file(file_, access::write_keys(entries)));
      auto opened = access::Gate::open({.keys_file = file_}, 1, registry_);
      ASSERT_TRUE(opened.has_value());
      gate = *std::move(opened);
    }
    door_ = std::make_unique<Door>(std::move(gate));
    door_->set_limiter(limiter_.get());
  }
  base::Result<Entry> enter(const Visit& visit) {
    auto entry =
        door_->enter(visit, loop_, []() -> Door::Later { return [](const base::Result<Entry>&) {}; });
    return entry.value_or(base::fail(base::Code::kInternal, "later"));
  }
  // "in", "limited", or the error's code.
  std::string outcome(const Visit& visit) {
    const auto entry = enter(visit);
    if (!entry) return std::string(base::code_name(entry.error().code));
    return entry->refused() ? "limited" : "in";
  }

  std::string file_ = testing::TempDir() + "/door_limits_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
  observe::Registry registry_;
  runtime::EventLoop loop_{0};
  std::unique_ptr<limit::Limiter> limiter_;
  std::unique_ptr<Door> door_;
};

TEST_F(DoorLimits, CountAnonymousCallersByAddress) {
  make({"address:1/h:2", "caller:1/h:1"}, false);
  EXPECT_FALSE(door_->open());
  const Visit visit{.right = Right::kPredict, .address = "192.0.2.1"};
  EXPECT_EQ(outcome(visit), "in");
  EXPECT_EQ(outcome(visit), "in");
  EXPECT_EQ(outcome(visit), "limited");
  EXPECT_EQ(outcome({.right = Right::kPublic, .address = "192.0.2.1"}), "in");
}

TEST_F(DoorLimits, CountCallersWhereverTheyCallFrom) {
  make({"caller:1/h:2", "caller=bob:1/h:3"}, true);
  EXPECT_EQ(outcome({.right = Right::kPredict, .api_key = "a", .address = "192.0.2.1"}), "in");
  EXPECT_EQ(outcome({.right = Right::kPredict, .api_key = "a", .address = "192.0.2.2"}), "in");
  EXPECT_EQ(outcome({.right = Right::kPredict, .api_key = "a", .address = "192.0.2.3"}), "limited");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(outcome({.right = Right::kPredict, .api_key = "b"}), "in");
  EXPECT_EQ(outcome({.right = Right::kPredict, .api_key = "b"}), "limited");
}

TEST_F(DoorLimits, GuessingKeysIsNotFree) {
  make({"address:1/h:2"}, true);
  const Visit guess{.right = Right::kPredict, .api_key = "x", .address = "192.0.2.1"};
  EXPECT_EQ(outcome(guess), "unauthenticated");
  EXPECT_EQ(outcome(guess), "unauthenticated");
  EXPECT_EQ(outcome(guess), "limited");
  EXPECT_EQ(outcome({.right = Right::kPredict, .api_key = "a", .address = "192.0.2.2"}), "in");
}

TEST_F(DoorLimits, WhatIsNotCountedYetTravelsWithTheCaller) {
  make({"model:1/h:10"}, false);
  const auto named = enter({.right = Right::kPredict, .model = "digits", .address = "192.0.2.1"});
  EXPECT_EQ(named->caller->uncounted, Uncounted::kNothing);
  EXPECT_EQ(named->limits->remaining, 9);
  const auto later = enter({.right = Right::kPredict, .names_model_later = true, .address = "192.0.2.1"});
  EXPECT_EQ(later->caller->uncounted, Uncounted::kModel);
  EXPECT_EQ(later->caller->address, "192.0.2.1");
  EXPECT_EQ(later->limits->rule, nullptr);
}

}  // namespace
}  // namespace saccade::serve
