#include "http/query.h"

#include <string>

#include <gtest/gtest.h>

namespace saccade::http {
namespace {

TEST(QueryValue, FindsTheFirstOfItsName) {
  EXPECT_EQ(query_value("a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(query_value("a=1&b=2", "b"), "2");
  EXPECT_EQ(query_value("ab=1", "a"), std::nullopt);
  EXPECT_EQ(query_value("", "a"), std::nullopt);
  EXPECT_EQ(query_value("&&=x&", "a"), std::nullopt);
  EXPECT_EQ(query_value("a", "a"), "");
  EXPECT_EQ(query_value("a=", "a"), "");
  EXPECT_EQ(query_value("a=b=c", "a"), "b=c");
}

TEST(QueryValue, TakesPercentCodesOff) {
  EXPECT_EQ(query_value("a=caf%C3%A9+x%2By", "a"), "café x+y");
  EXPECT_EQ(query_value("a=100%", "a"), "100%");
  EXPECT_EQ(query_value("a=%4", "a"), "%4");
  EXPECT_EQ(query_value("a=%zz%41", "a"), "%zzA");
}

std::string flag(std::string_view query) {
  const auto value = query_flag(query, "f", true);
  return value ? (*value ? "true" : "false") : value.error().message;
}

TEST(QueryFlag, IsTrueFalseOrRefused) {
  EXPECT_EQ(flag(""), "true");
  EXPECT_EQ(flag("g=0"), "true");
  EXPECT_EQ(flag("f"), "true");
  EXPECT_EQ(flag("f=1"), "true");
  EXPECT_EQ(flag("f=true"), "true");
  EXPECT_EQ(flag("f=0"), "false");
  EXPECT_EQ(flag("f=false"), "false");
  EXPECT_EQ(flag("f=yes"), "query parameter \"f\" is \"yes\"; it takes true or false");
}

std::string number(std::string_view query) {
  const auto value = query_number(query, "n", 5, 1, 10);
  return value ? std::to_string(*value) : value.error().message;
}

TEST(QueryNumber, LiesWithinItsBounds) {
  EXPECT_EQ(number(""), "5");
  EXPECT_EQ(number("n=1"), "1");
  EXPECT_EQ(number("n=10"), "10");
  for (const std::string bad : {"0", "11", "-1", "x", "1x", "", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(number("n=" + bad), "query parameter \"n\" is \"" + bad + "\"; it takes a number from 1 to 10");
  }
}

std::int64_t time(std::string_view query) {
  return query_time(query, "t", -1).value_or(-2);
}

TEST(QueryTime, TakesSecondsAndRfc3339) {
  EXPECT_EQ(time(""), -1);
  EXPECT_EQ(time("t=0"), 0);
  EXPECT_EQ(time("t=1764000000"), 1'764'000'000'000'000);
  EXPECT_EQ(time("t=1764000000.000042"), 1'764'000'000'000'042);
  EXPECT_EQ(time("t=1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(time("t=2026-11-24T05:23:45Z"), 1'795'497'825'000'000);
  EXPECT_EQ(time("t=2026-11-24T05%3A23%3A45.678901Z"), 1'795'497'825'678'901);
  EXPECT_EQ(time("t=2026-11-24T06:23:45%2B01:00"), 1'795'497'825'000'000);
  EXPECT_EQ(time("t=2026-11-24T06:23:45+01:00"), 1'795'497'825'000'000) << "a bare + is a space";
  EXPECT_EQ(time("t=2026-11-23T23:53:45-05:30"), 1'795'497'825'000'000);
  EXPECT_EQ(time("t=2024-02-29T00:00:00Z"), 1'709'164'800'000'000);
}

TEST(QueryTime, RefusesOtherTimes) {
  for (const char* bad :
       {"t=", "t=now", "t=nan", "t=inf", "t=1e300", "t=2026-11-24", "t=2026-13-24T05:23:45Z",
        "t=2026-02-29T05:23:45Z", "t=2026-11-24T24:00:00Z", "t=2026-11-24T05:60:00Z", "t=2026-11-24T05:23:45",
        "t=2026-11-24T05:23:45+1:00", "t=2026-11-24T05:23:45.Zx", "t=2026/11/24T05:23:45Z"}) {
    EXPECT_EQ(time(bad), -2) << bad;
  }
  EXPECT_EQ(
      query_time("t=now", "t", 0).error().message,
      "query parameter \"t\" is \"now\"; it takes seconds since 1970 or a time such as 2026-11-24T05:23:45Z");
}

}  // namespace
}  // namespace saccade::http
