#include "grpc/timeout.h"

#include <gtest/gtest.h>

namespace saccade::grpc {
namespace {

using namespace std::chrono_literals;

TEST(Timeout, EveryUnit) {
  EXPECT_EQ(parse_timeout("2H"), 2h);
  EXPECT_EQ(parse_timeout("3M"), 3min);
  EXPECT_EQ(parse_timeout("4S"), 4s);
  EXPECT_EQ(parse_timeout("5m"), 5ms);
  EXPECT_EQ(parse_timeout("6u"), 6us);
  EXPECT_EQ(parse_timeout("7n"), 7ns);
  EXPECT_EQ(parse_timeout("0n"), 0ns);
  EXPECT_EQ(parse_timeout("00000001S"), 1s);
}

TEST(Timeout, WhatNoClockReachesIsTheLongest) {
  EXPECT_EQ(parse_timeout("99999999H"), base::Duration::max());
  EXPECT_EQ(parse_timeout("99999999n"), 99'999'999ns);
  EXPECT_EQ(deadline_after(base::now(), base::Duration::max()), base::TimePoint::max());
  EXPECT_EQ(deadline_after(base::TimePoint(5s), 2s), base::TimePoint(7s));
}

TEST(Timeout, RefusesEverythingElse) {
  for (const char* text : {"", "S", "1", "1s", "1h", "-1S", "+1S", "1.5S", " 1S", "1S ", "123456789S", "1SS",
                           "0x1S", "1 S", "m1"}) {
    EXPECT_FALSE(parse_timeout(text)) << text;
  }
}

}  // namespace
}  // namespace saccade::grpc
