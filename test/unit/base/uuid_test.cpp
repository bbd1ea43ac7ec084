#include "base/uuid.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"

namespace saccade::base {
namespace {

TEST(Uuid, EachIsLargerThanTheOneBefore) {
  Uuid last = Uuid::make();
  for (int i = 0; i < 100'000; ++i) {
    const Uuid next = Uuid::make();
    ASSERT_LT(last, next);
    ASSERT_LT(last.text(), next.text()) << "as text too: databases compare that";
    last = next;
  }
}

TEST(Uuid, HasTheVersionAndVariantOfTheStandard) {
  for (int i = 0; i < 1000; ++i) {
    const std::string text = Uuid::make().text();
    ASSERT_EQ(text.size(), kUuidTextLength);
    EXPECT_EQ(text[14], '7');
    EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos) << text;
  }
}

TEST(Uuid, ThreadsMakeDifferentOnes) {
  std::vector<std::vector<Uuid>> made(4);
  std::vector<std::thread> threads;
  for (auto& own : made) {
    threads.emplace_back([&own] {
      for (int i = 0; i < 5000; ++i) own.push_back(Uuid::make());
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<Uuid> all;
  for (const auto& own : made) all.insert(own.begin(), own.end());
  EXPECT_EQ(all.size(), 20'000U);
}

TEST(Uuid, ReadsBackFromItsText) {
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = Uuid::make();
    EXPECT_EQ(Uuid::parse(id.text()), id);
    std::string upper = id.text();
    std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
    EXPECT_EQ(Uuid::parse(upper), id);
  }
}

TEST(Uuid, WritesEachByteInItsPlace) {
  const std::string text = "00112233-4455-7677-8899-aabbccddeeff";
  const auto id = Uuid::parse(text);
  ASSERT_TRUE(id);
  EXPECT_EQ(id->bytes[0], 0x00);
  EXPECT_EQ(id->bytes[1], 0x11);
  EXPECT_EQ(id->bytes[15], 0xff);
  EXPECT_EQ(id->text(), text);
}

TEST(Uuid, RefusesOtherTexts) {
  const std::string good = "00112233-4455-7677-8899-aabbccddeeff";
  EXPECT_FALSE(Uuid::parse(""));
  EXPECT_FALSE(Uuid::parse(good.substr(1)));
  EXPECT_FALSE(Uuid::parse(good + "0"));
  EXPECT_FALSE(Uuid::parse("{" + good + "}"));
  EXPECT_FALSE(Uuid::parse("00112233445576778899aabbccddeeff----"));
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = good[at] == '-' ? '0' : 'g';
    EXPECT_FALSE(Uuid::parse(bad)) << bad;
  }
}

TEST(Uuid, FirstAtIsABoundForItsTime) {
  // RFC 9562, A.6: 017F22E2-79B0-7… is 2022-02-22 19:22:22 UTC.
  EXPECT_EQ(Uuid::first_at(1'645'557'742'000'000).text(), "017f22e2-79b0-7000-8000-000000000000");
  const std::int64_t before = unix_micros();
  const Uuid id = Uuid::make();
  EXPECT_LE(Uuid::first_at(before), id);
  EXPECT_LT(id, Uuid::first_at(unix_micros() + 10'000'000));
  EXPECT_LT(Uuid::first_at(before), Uuid::first_at(before + 1));
  EXPECT_EQ(Uuid::first_at(-5), Uuid::first_at(0));
}

}  // namespace
}  // namespace saccade::base
