#include "access/jwks_source.h"

#include <future>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "access/key_store.h"
#include "access/read_file.h"
#include "signer.h"

namespace saccade::access {
namespace {

using std::chrono::seconds;

// Answers as it is told to, and counts how often it is asked.
struct Issuer {
  std::mutex mutex;
  base::Result<Fetched> answer = base::fail(base::Code::kUnavailable, "away");
  std::atomic<int> asked{0};

  void say(base::Result<Fetched> next) {
    const std::lock_guard lock(mutex);
    answer = std::move(next);
  }
  JwksSource::Fetch fetch() {
    return [this](const std::atomic<bool>&) {
      ++asked;
      const std::lock_guard lock(mutex);
      return answer;
    };
  }
};

TEST(JwksSource, KeepsTheLastGoodSet) {
  observe::Registry registry;
  Issuer issuer;
  JwksSource source("issuer", issuer.fetch(), base::Duration(0), registry);
  EXPECT_FALSE(source.refresh());
  EXPECT_EQ(source.keys(), nullptr);
  issuer.say(Fetched{.body = Signer("ES256").set()});
  EXPECT_TRUE(source.refresh());
  const auto first = source.keys();
  ASSERT_NE(first, nullptr);
  const std::uint64_t generation = source.generation();
  EXPECT_TRUE(source.refresh());
  EXPECT_EQ(source.generation(), generation) << "the same text is the same set";
  issuer.say(Fetched{.body = "<html>"});
  EXPECT_FALSE(source.refresh());
  EXPECT_FALSE(source.refresh());
  EXPECT_EQ(source.keys(), first);
  issuer.say(Fetched{.body = Signer("ES256", "k2").set()});
  EXPECT_TRUE(source.refresh());
  EXPECT_EQ(source.keys()->keys().front().id, "k2");
  EXPECT_GT(source.generation(), generation);
}

TEST(JwksSource, IsAskedByTokensOnceInAWhile) {
  observe::Registry registry;
  Issuer issuer;
  issuer.say(Fetched{.body = Signer("ES256").set()});
  JwksSource source("issuer", issuer.fetch(), base::Duration(0), registry);
  ASSERT_TRUE(source.refresh());
  source.watch();
  const base::TimePoint now = base::now();
  std::promise<void> done;
  ASSERT_TRUE(source.ask(now, [&done] { done.set_value(); }));
  done.get_future().wait();
  EXPECT_EQ(issuer.asked, 2);
  EXPECT_FALSE(source.may_ask(now + seconds(9)));
  EXPECT_FALSE(source.ask(now + seconds(9), [] { FAIL(); }));
  std::promise<void> again;
  ASSERT_TRUE(source.ask(now + seconds(10), [&again] { again.set_value(); }));
  again.get_future().wait();
  EXPECT_EQ(issuer.asked, 3);
}

TEST(JwksSource, TellsThoseWhoWaitWhenItEnds) {
  observe::Registry registry;
  Issuer issuer;
  JwksSource source("issuer", issuer.fetch(), base::Duration(0), registry);
  bool told = false;
  ASSERT_TRUE(source.ask(base::now(), [&told] { told = true; }));  // nobody watches
  source.close();
  EXPECT_TRUE(told);
  EXPECT_FALSE(source.may_ask(base::now() + seconds(100)));
}

TEST(JwksSource, FetchesFromNowhereThatCanBeChangedOnTheWay) {
  for (const char* good : {"https://id.example/keys", "HTTPS://id.example", "http://localhost:80/keys",
                           "http://127.0.0.1/", "http://[::1]:8080/keys"}) {
    EXPECT_TRUE(check_jwks_url(good).has_value()) << good;
  }
  for (const char* bad :
       {"http://id.example/keys", "file:///etc/passwd", "ftp://localhost/", "http://localhost@evil.example/",
        "http://localhost.evil.example/", "http://127.0.0.1.evil.example"}) {
    EXPECT_FALSE(check_jwks_url(bad).has_value()) << bad;
  }
}

TEST(CacheControl, SaysHowLong) {
  EXPECT_EQ(max_age_of(""), std::nullopt);
  EXPECT_EQ(max_age_of("public, Max-Age=3600, must-revalidate"), seconds(3600));
  EXPECT_EQ(max_age_of("max-age=\"60\""), seconds(60));
  EXPECT_EQ(max_age_of("max-age=60, no-cache"), seconds(0));
  EXPECT_EQ(max_age_of("no-store"), seconds(0));
  EXPECT_EQ(max_age_of("max-age=-1"), std::nullopt);
  EXPECT_EQ(max_age_of("s-maxage=5"), std::nullopt);
  EXPECT_EQ(max_age_of("max-age=99999999999999999999999"), seconds(1LL << 31));
}

TEST(KeyStore, TakesUpGoodFilesAlone) {
  observe::Registry registry;
  const std::string file = testing::TempDir() + "/keys_store_test.json";
  const KeyEntry ci{.name = "ci", .digest = sha256("one"), .rights = {Right::kPredict}};
  const KeyEntry other{.name = "other", .digest = sha256("two"), .rights = {Right::kPredict}};
  ASSERT_TRUE(replace_file(file, write_keys({ci, other})));
  const auto store = KeyStore::open(file, registry);
  ASSERT_TRUE(store.has_value()) << store.error().message;
  const auto before = (*store)->table();
  const IdentityPointer held = before->find_key(sha256("one"));
  ASSERT_NE(held, nullptr);

  ASSERT_TRUE(replace_file(file, "{\"keys\": [{\"na"));
  (*store)->poll();
  EXPECT_EQ((*store)->table(), before);
  EXPECT_FALSE(held->ended);
  std::remove(file.c_str());
  (*store)->poll();
  EXPECT_EQ((*store)->table(), before);

  ASSERT_TRUE(replace_file(file, write_keys({other})));
  (*store)->poll();
  EXPECT_EQ((*store)->table()->find_key(sha256("one")), nullptr);
  EXPECT_TRUE(held->ended);
  EXPECT_FALSE(before->find_key(sha256("two"))->ended);
  const std::string metrics = registry.scrape();
  EXPECT_NE(metrics.find("saccade_auth_reloads_total{source=\"keys\",outcome=\"failed\"} 2"),
            std::string::npos)
      << metrics;
  EXPECT_NE(metrics.find("saccade_auth_keys 1"), std::string::npos) << metrics;
  std::remove(file.c_str());
  EXPECT_FALSE(KeyStore::open(file, registry).has_value());
}

}  // namespace
}  // namespace saccade::access
