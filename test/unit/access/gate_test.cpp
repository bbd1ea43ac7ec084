#include "access/gate.h"

#include <memory>

#include <gtest/gtest.h>

#include "access/read_file.h"
#include "signer.h"

namespace saccade::access {
namespace {

class Gates : public testing::Test {
 protected:
  static constexpr std::int64_t kStart = 1'800'000'000;

  std::unique_ptr<KeyStore> keys(const std::vector<KeyEntry>& entries) {
    EXPECT_TRUE(replace_file(file_, write_keys(entries)));
    auto opened = KeyStore::open(file_, registry_);
    EXPECT_TRUE(opened.has_value());
    return *std::move(opened);
  }
  std::unique_ptr<JwksSource> jwks() {
    const auto fetch = [this](const std::atomic<bool>&) -> base::Result<Fetched> {
      if (set_.empty()) return base::fail(base::Code::kUnavailable, "away");
      return Fetched{.body = set_};
    };
    auto source = std::make_unique<JwksSource>("issuer", fetch, base::Duration(0), registry_);
    source->refresh();
    jwks_ = source.get();
    return source;
  }
  Gate& open(std::unique_ptr<KeyStore> keys, std::unique_ptr<JwksSource> jwks, bool certificates = false) {
    Settings settings;
    settings.rules = {.issuer = "i", .audience = "a"};
    settings.certificates = certificates;
    settings.unix_now = [this] { return now_; };
    gate_ = std::make_unique<Gate>(std::move(settings), std::move(keys), std::move(jwks), 1, registry_);
    return *gate_;
  }
  // At once, and for certain.
  Gate::Recognised ask(const Proof& proof) {
    auto answer = gate_->recognise(proof, loop_, []() -> Gate::Later {
      ADD_FAILURE() << "it would wait";
      return {};
    });
    return answer.value_or(base::fail(base::Code::kInternal, "no answer"));
  }
  std::string name(const Proof& proof) {
    const auto answer = ask(proof);
    return answer ? (*answer)->name : "error: " + std::string(base::code_name(answer.error().code));
  }
  static std::string bearer(const std::string& credential) { return "Bearer " + credential; }
  static std::string claims(const std::string& sub, std::int64_t exp) {
    return R"({"iss":"i","aud":"a","sub":")" + sub + R"(","scope":"saccade:predict","exp":)" +
           std::to_string(exp) + "}";
  }

  ~Gates() override { std::remove(file_.c_str()); }

  std::string file_ = testing::TempDir() + "/gate_test_" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + ".json";
  observe::Registry registry_;
  std::int64_t now_ = kStart;
  std::string set_;
  runtime::EventLoop loop_{0};
  JwksSource* jwks_ = nullptr;
  std::unique_ptr<Gate> gate_;
};

const std::string kUnauthenticated = "error: unauthenticated";

TEST_F(Gates, RecogniseKeysInEitherHeader) {
  open(
      keys(
          {{.name = "ci", .digest = sha256("scd_one"), .rights = {Right::kPredict}, .expires = kStart + 60}}),
      nullptr);
  EXPECT_EQ(name({.authorization = "Bearer scd_one"}), "ci");
  EXPECT_EQ(name({.authorization = "bearer  scd_one "}), "ci");
  EXPECT_EQ(name({.api_key = "scd_one"}), "ci");
  for (const char* wrong : {"scd_one", "Basic scd_one", "Bearer", "Bearer ", "Bearer scd_two",
                            "Bearer scd_one scd_one", "Bearerscd_one", "Bearer scd_on"}) {
    EXPECT_EQ(name({.authorization = wrong}), kUnauthenticated) << wrong;
  }
  EXPECT_EQ(name({}), kUnauthenticated);
  EXPECT_EQ(name({.certificate = "CN=anybody"}), kUnauthenticated);
  // The digest in the file is no key.
  EXPECT_EQ(name({.api_key = sha256("scd_one")}), kUnauthenticated);
  now_ += 60;
  EXPECT_EQ(name({.api_key = "scd_one"}), kUnauthenticated);
}

TEST_F(Gates, SeeARevokedKeyAtOnce) {
  auto store = keys({{.name = "ci", .digest = sha256("scd_one"), .rights = {Right::kPredict}}});
  KeyStore* const watched = store.get();
  open(std::move(store), nullptr);
  EXPECT_EQ(name({.api_key = "scd_one"}), "ci");
  ASSERT_TRUE(replace_file(file_, write_keys({})));
  watched->poll();
  EXPECT_EQ(name({.api_key = "scd_one"}), kUnauthenticated);
}

TEST_F(Gates, RecogniseCertificates) {
  open(keys({{.name = "batch", .certificate = "CN=batch,O=X", .rights = {Right::kRead}},
             {.name = "ci", .digest = sha256("scd_one"), .rights = {Right::kPredict}}}),
       nullptr, true);
  EXPECT_EQ(name({.certificate = "CN=batch,O=X"}), "batch");
  EXPECT_EQ(name({.certificate = "CN=other,O=X"}), kUnauthenticated);
  EXPECT_EQ(name({.api_key = "scd_one", .certificate = "CN=batch,O=X"}), "ci");
  EXPECT_EQ(name({.api_key = "scd_two", .certificate = "CN=batch,O=X"}), kUnauthenticated);

  open(nullptr, nullptr, true);
  const auto alone = ask({.certificate = "CN=anybody"});
  ASSERT_TRUE(alone.has_value());
  EXPECT_EQ((*alone)->rights, Rights::all());
  EXPECT_EQ(name({}), kUnauthenticated);
}

TEST_F(Gates, RememberTokensUntilTheyEndOrTheKeysChange) {
  const Signer signer("ES256");
  set_ = signer.set();
  open(nullptr, jwks());
  const std::string token = bearer(signer.token(claims("alice", kStart + 100)));
  const auto first = ask({.authorization = token});
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_EQ(*ask({.authorization = token}), *first) << "it was checked again";
  now_ = kStart + 129;
  EXPECT_EQ(name({.authorization = token}), "alice");
  now_ = kStart + 130;
  EXPECT_EQ(name({.authorization = token}), kUnauthenticated);
  now_ = kStart;
  EXPECT_EQ(name({.authorization = token}), "alice");
  set_ = Signer("ES256").set();  // another key of the same name
  ASSERT_TRUE(jwks_->refresh());
  EXPECT_EQ(name({.authorization = token}), kUnauthenticated);
}

TEST_F(Gates, FetchKeysThatTheyDontKnowAndOnlyOnce) {
  const Signer old("ES256", "old");
  const Signer fresh("ES256", "new");
  set_ = old.set();
  Gate& gate = open(nullptr, jwks());
  jwks_->watch();
  set_ = "{\"keys\":[" + old.jwk() + "," + fresh.jwk() + "]}";
  std::vector<Gate::Recognised> later;
  const auto ask_later = [&](const std::string& authorization) {
    return gate.recognise(
        {.authorization = authorization, .api_key = {}, .certificate = {}}, loop_, [&]() -> Gate::Later {
          return [&later](Gate::Recognised recognised) { later.push_back(std::move(recognised)); };
        });
  };
  ASSERT_FALSE(ask_later(bearer(fresh.token(claims("bob", kStart + 60)))).has_value());
  while (later.empty()) loop_.run_one_for(std::chrono::seconds(1));
  ASSERT_TRUE(later.front().has_value()) << later.front().error().message;
  EXPECT_EQ((*later.front())->name, "bob");
  // Whoever comes with yet another key is refused at once: it was fetched a moment ago.
  const auto stranger = ask_later(bearer(Signer("ES256", "none").token(claims("eve", kStart + 60))));
  ASSERT_TRUE(stranger.has_value());
  EXPECT_EQ(stranger->error().code, base::Code::kUnauthenticated);
}

TEST_F(Gates, SayThatTheIssuerIsAway) {
  Gate& gate = open(nullptr, jwks());
  bool told = false;
  const std::string token = bearer(Signer("ES256").token(claims("alice", kStart + 60)));
  const auto at_once =
      gate.recognise({.authorization = token, .api_key = {}, .certificate = {}}, loop_, [&]() -> Gate::Later {
        return [&told](const Gate::Recognised& recognised) {
          told = true;
          ASSERT_FALSE(recognised.has_value());
          EXPECT_EQ(recognised.error().code, base::Code::kUnavailable);
        };
      });
  ASSERT_FALSE(at_once.has_value());
  gate.close();
  while (!told) loop_.run_one_for(std::chrono::seconds(1));
}

TEST(TokenMemory, IsBounded) {
  TokenMemory memory;
  const auto identity = std::make_shared<Identity>();
  for (std::size_t i = 0; i < TokenMemory::kMost + 100; ++i)
    memory.keep(sha256(std::to_string(i)), 1, identity);
  EXPECT_EQ(memory.size(), TokenMemory::kMost);
  const std::string last = sha256(std::to_string(TokenMemory::kMost + 99));
  EXPECT_EQ(memory.find(last, 1, 0), identity);
  EXPECT_EQ(memory.find(last, 2, 0), nullptr);
  EXPECT_EQ(memory.size(), 0U);
}

}  // namespace
}  // namespace saccade::access
