#include "serve/door.h"

#include <array>
#include <cstdio>
#include <memory>

#include <gtest/gtest.h>

#include "access/key_file.h"
#include "access/read_file.h"

namespace saccade::serve {
namespace {

class Doors : public testing::Test {
 protected:
  Doors() {
    const std::vector<access::KeyEntry> entries = {
        {.name = "predicts", .digest = access::sha256("p"), .rights = {Right::kPredict}},
        {.name = "reads", .digest = access::sha256("r"), .rights = {Right::kRead}},
        {.name = "rules", .digest = access::sha256("a"), .rights = {Right::kAdmin}},
        {.name = "some",
         .digest = access::sha256("s"),
         .rights = {Right::kAdmin},
         .models = {{"digits*"}},
         .shares_cache = false}};
    EXPECT_TRUE(access::replace_file(file_, access::write_keys(entries)));
    auto gate = access::Gate::open({.keys_file = file_}, 1, registry_);
    EXPECT_TRUE(gate.has_value());
    door_ = std::make_unique<Door>(*std::move(gate));
  }
  ~Doors() override { std::remove(file_.c_str()); }

  base::Result<Entry> enter(const Visit& visit) {
    auto entry =
        door_->enter(visit, loop_, []() -> Door::Later { return [](const base::Result<Entry>&) {}; });
    return entry.value_or(base::fail(base::Code::kInternal, "later"));
  }
  // "in", or the error's code.
  std::string outcome(const std::string& key, Right right, const std::string& model = "",
                      bool later = false) {
    const auto entry = enter({.right = right, .model = model, .names_model_later = later, .api_key = key});
    return entry ? "in" : std::string(base::code_name(entry.error().code));
  }

  std::string file_ = testing::TempDir() + "/door_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
  observe::Registry registry_;
  runtime::EventLoop loop_{0};
  std::unique_ptr<Door> door_;
};

const std::string kForbidden = "permission_denied";

TEST_F(Doors, AskForTheRightOfTheRoute) {
  const struct {
    const char* key;
    std::array<const char*, 4> by_right;  // public, predict, read, admin
  } cases[] = {{"", {"in", "unauthenticated", "unauthenticated", "unauthenticated"}},
               {"x", {"in", "unauthenticated", "unauthenticated", "unauthenticated"}},
               {"p", {"in", "in", "permission_denied", "permission_denied"}},
               {"r", {"in", "permission_denied", "in", "permission_denied"}},
               {"a", {"in", "in", "in", "in"}}};
  for (const auto& one : cases) {
    for (std::size_t right = 0; right < 4; ++right) {
      EXPECT_EQ(outcome(one.key, static_cast<Right>(right)), one.by_right[right]) << one.key << right;
    }
  }
}

TEST_F(Doors, AskForTheModel) {
  EXPECT_EQ(outcome("s", Right::kPredict, "digits-2"), "in");
  EXPECT_EQ(outcome("s", Right::kPredict, "sentiment"), kForbidden);
  EXPECT_EQ(outcome("s", Right::kAdmin, "digits"), "in");
  EXPECT_EQ(outcome("s", Right::kAdmin, "sentiment"), kForbidden);
  // Of the whole server, unless the model is still to be named.
  EXPECT_EQ(outcome("s", Right::kAdmin), kForbidden);
  EXPECT_EQ(outcome("s", Right::kAdmin, "", true), "in");
  EXPECT_EQ(outcome("s", Right::kRead), "in");
}

TEST_F(Doors, SayWhoEntered) {
  const auto entry = enter(
      {.right = Right::kPredict, .model = "digits", .authorization = "Bearer s", .address = "192.0.2.1"});
  ASSERT_TRUE(entry.has_value()) << entry.error().message;
  ASSERT_NE(entry->caller, nullptr);
  EXPECT_EQ(entry->caller->name, "some");
  EXPECT_EQ(entry->caller->address, "192.0.2.1");
  EXPECT_FALSE(entry->caller->shares_cache);
  EXPECT_TRUE(entry->caller->may_use("digits"));
  EXPECT_FALSE(entry->caller->may_use("sentiment"));
}

TEST_F(Doors, CountTheForbidden) {
  EXPECT_EQ(outcome("p", Right::kAdmin), kForbidden);
  EXPECT_NE(registry_.scrape().find("saccade_auth_total{outcome=\"forbidden\"} 1"), std::string::npos);
}

TEST(Challenges, FollowRfc6750) {
  const base::Error unknown{base::Code::kUnauthenticated, ""};
  const base::Error forbidden{base::Code::kPermissionDenied, ""};
  EXPECT_EQ(Door::challenge(Right::kRead, false, unknown), "Bearer realm=\"saccade\"");
  EXPECT_EQ(Door::challenge(Right::kRead, true, unknown),
            "Bearer realm=\"saccade\", error=\"invalid_token\"");
  EXPECT_EQ(Door::challenge(Right::kAdmin, true, forbidden),
            "Bearer realm=\"saccade\", error=\"insufficient_scope\", scope=\"admin\"");
  EXPECT_EQ(Door::challenge(Right::kAdmin, true, {base::Code::kUnavailable, ""}), "");
}

TEST(OpenDoors, AskNobody) {
  const Door door;
  EXPECT_TRUE(door.open());
  EXPECT_FALSE(door.authenticates());
}

}  // namespace
}  // namespace saccade::serve
