// Cache-Control of requests, tags, and what answers say.
#include "http/cache_headers.h"

#include <gtest/gtest.h>

namespace saccade::http {
namespace {

using namespace std::chrono_literals;

request::CacheWishes wishes(std::string_view value) {
  net::HttpRequest request;
  request.headers.emplace_back("Cache-CONTROL", value);
  return cache_wishes(request);
}

TEST(CacheHeadersTest, ReadsWhatTheCallerAsksFor) {
  EXPECT_TRUE(cache_wishes({}).look_up && cache_wishes({}).store && !cache_wishes({}).only_if_cached);
  EXPECT_FALSE(wishes("no-cache").look_up);
  EXPECT_TRUE(wishes("no-cache").store);
  EXPECT_FALSE(wishes("no-store").look_up);
  EXPECT_FALSE(wishes("No-Store").store);
  EXPECT_TRUE(wishes("only-if-cached").only_if_cached);
  EXPECT_EQ(wishes("max-age=5").oldest, 5s);
  EXPECT_EQ(wishes("max-stale=5 , max-age = \"7\"").oldest, 7s);
  EXPECT_FALSE(wishes("max-age=0").look_up);
  EXPECT_FALSE(wishes("max-age=soon").look_up) << "the strictest reading of what can't be read";
  EXPECT_TRUE(wishes("max-age=99999999999999999999999999").look_up);
  EXPECT_TRUE(wishes("private, x=\"no-store, no-cache\", , =").look_up) << "what is quoted is a value";
}

TEST(CacheHeadersTest, ReadsAllFieldsOfTheName) {
  net::HttpRequest request;
  request.headers = {{"cache-control", "max-age=9"}, {"cache-control", "only-if-cached"}};
  EXPECT_EQ(cache_wishes(request).oldest, 9s);
  EXPECT_TRUE(cache_wishes(request).only_if_cached);
}

TEST(CacheHeadersTest, TagsStandForTheContent) {
  const std::string tag = entity_tag("abc", true);
  EXPECT_EQ(tag, "\"ba7816bf8f01cfea414140de5dae2223\"");
  EXPECT_NE(tag, entity_tag("abd", true));
  EXPECT_EQ(entity_tag("abc", false), "W/" + tag);
  EXPECT_TRUE(names_tag(tag, tag));
  EXPECT_TRUE(names_tag("W/" + tag, tag));
  EXPECT_TRUE(names_tag("\"a,b\" ,\t" + tag, tag));
  EXPECT_TRUE(names_tag("*", tag));
  EXPECT_TRUE(names_tag("\"ba7816bf8f01cfea414140de5dae2223-gzip\"", tag));
  for (const std::string_view other :
       {"", "\"\"", "ba7816bf8f01cfea414140de5dae2223", "\"ba78\"", "W/", "\"", ","}) {
    EXPECT_FALSE(names_tag(other, tag)) << other;
  }
}

std::string header(const net::HttpResponse& response, std::string_view name) {
  for (const auto& [one, value] : response.headers) {
    if (one == name) return value;
  }
  return "none";
}

TEST(CacheHeadersTest, SaysHowLongAndForWhom) {
  CacheNote note{
      .freshness = {.lifetime = 60s, .age = 12900ms, .hit = true}, .tag = "\"t\"", .for_one = false};
  net::HttpResponse response;
  add_cache_headers(response, note);
  EXPECT_EQ(header(response, "Cache-Control"), "public, max-age=60");
  EXPECT_EQ(header(response, "Age"), "12");
  EXPECT_EQ(header(response, "ETag"), "\"t\"");
  note.for_one = true;
  note.freshness.hit = false;
  const net::HttpResponse same = not_modified(note);
  EXPECT_EQ(same.status, 304);
  EXPECT_TRUE(same.body.empty() && same.content_type.empty());
  EXPECT_EQ(header(same, "Cache-Control"), "private, max-age=60");
  EXPECT_EQ(header(same, "Age"), "none");
  EXPECT_NE(header(same, "Vary").find("Authorization"), std::string::npos);
  net::HttpResponse unkept;
  add_cache_headers(unkept, {});
  EXPECT_EQ(header(unkept, "Cache-Control"), "no-store");
  EXPECT_EQ(header(unkept, "ETag"), "none");
}

TEST(CacheHeadersTest, WhoSaysWhoItIsIsAnsweredAlone) {
  net::HttpRequest request;
  EXPECT_FALSE(speaks_for_itself(request, ""));
  EXPECT_TRUE(speaks_for_itself(request, "CN=somebody"));
  for (const std::string_view name : {"Authorization", "X-API-Key", "Cookie"}) {
    request.headers = {{name, "x"}};
    EXPECT_TRUE(speaks_for_itself(request, "")) << name;
  }
}

}  // namespace
}  // namespace saccade::http
