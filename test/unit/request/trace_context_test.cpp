#include "request/trace_context.h"

#include <string>

#include <gtest/gtest.h>

namespace saccade::request {
namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kSpan = "00f067aa0ba902b7";
const std::string kGood = "00-" + kTrace + "-" + kSpan + "-01";

TEST(Traceparent, IsReadAndWritten) {
  const auto context = parse_traceparent(kGood);
  ASSERT_TRUE(context);
  EXPECT_EQ(to_text(context->trace_id), kTrace);
  EXPECT_EQ(to_text(context->span_id), kSpan);
  EXPECT_TRUE(context->sampled);
}

TEST(Traceparent, OnlyTheLowestFlagCounts) {
  EXPECT_FALSE(parse_traceparent("00-" + kTrace + "-" + kSpan + "-00")->sampled);
  EXPECT_FALSE(parse_traceparent("00-" + kTrace + "-" + kSpan + "-fe")->sampled);
  EXPECT_TRUE(parse_traceparent("00-" + kTrace + "-" + kSpan + "-ff")->sampled);
}

TEST(Traceparent, OfAVersionNotYetKnownTheFirstPartIsRead) {
  const std::string later = "cc" + kGood.substr(2);
  EXPECT_TRUE(parse_traceparent(later));
  EXPECT_TRUE(parse_traceparent(later + "-what-the-future-will-be-like"));
  EXPECT_FALSE(parse_traceparent(later + ".what-the-future-will-be-like"));
}

TEST(Traceparent, WhatTheSpecificationForbidsIsTakenForAbsent) {
  const std::string zeroes32(32, '0');
  const std::string zeroes16(16, '0');
  for (const std::string& wrong :
       {std::string(), std::string("00"), kGood.substr(0, 54), kGood + "-", kGood + "-01", " " + kGood,
        "ff" + kGood.substr(2), "0g" + kGood.substr(2), "00-" + zeroes32 + "-" + kSpan + "-01",
        "00-" + kTrace + "-" + zeroes16 + "-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + kSpan + "-01",
        "00-" + kTrace + "-" + kSpan + "-0G", "00_" + kTrace + "-" + kSpan + "-01",
        "00-" + kTrace + "_" + kSpan + "-01", "00-" + kTrace + "-" + kSpan + "_01",
        "00-" + kTrace.substr(1) + "-" + kSpan + "-01-"}) {
    EXPECT_FALSE(parse_traceparent(wrong)) << wrong;
  }
}

TEST(Tracestate, FollowsTheGrammar) {
  for (const std::string& right :
       {std::string("a=1"), std::string("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        std::string("fw529a3039@dt=FfAAAAA , a/b*c-d_e=x y"), std::string("a=1,,b=2, "),
        "a=" + std::string(256, 'x'), std::string(256, 'k') + "=1"}) {
    EXPECT_TRUE(valid_tracestate(right)) << right;
  }
  for (const std::string& wrong :
       {std::string(), std::string(" , "), std::string("a"), std::string("a="), std::string("=1"),
        std::string("A=1"), std::string("1=1"), std::string("a=1,a=2"), std::string("a=b=c"),
        std::string("a =1"), std::string("a@=1"), std::string("@a=1"), std::string("a@b@c=1"),
        std::string("a=\x01"), std::string("a=\xC3\xA9"), "a=" + std::string(257, 'x'),
        std::string(257, 'k') + "=1", "a@" + std::string(15, 's') + "=1"}) {
    EXPECT_FALSE(valid_tracestate(wrong)) << wrong;
  }
}

TEST(Tracestate, HasAtMostThirtyTwoMembersAndFiveHundredAndTwelveBytes) {
  std::string members;
  for (int i = 0; i < 32; ++i) members += (i == 0 ? "k" : ",k") + std::to_string(i) + "=1";
  EXPECT_TRUE(valid_tracestate(members));
  EXPECT_FALSE(valid_tracestate(members + ",k=1"));
  EXPECT_FALSE(valid_tracestate("a=" + std::string(250, 'x') + ",b=" + std::string(250, 'x') +
                                ",c=" + std::string(10, 'x')));
}

}  // namespace
}  // namespace saccade::request
