#include "trace/sampler.h"

#include <gtest/gtest.h>

#include "trace/random_ids.h"

namespace saccade::trace {
namespace {

request::TraceContext caller(bool sampled) {
  return {.trace_id = {1}, .span_id = {1}, .sampled = sampled, .state = {}};
}

TEST(Sampler, AlwaysAndNever) {
  const auto on = Sampler::make("always_on", 0);
  const auto off = Sampler::make("always_off", 1);
  const auto caller_on = caller(true);
  const auto caller_off = caller(false);
  EXPECT_TRUE(on->samples({1}, nullptr));
  EXPECT_TRUE(on->samples({1}, &caller_off));
  EXPECT_FALSE(off->samples({1}, nullptr));
  EXPECT_FALSE(off->samples({1}, &caller_on));
}

TEST(Sampler, WithAParentTheCallerDecides) {
  const auto caller_on = caller(true);
  const auto caller_off = caller(false);
  for (const char* name : {"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}) {
    const auto sampler = Sampler::make(name, 0.5);
    EXPECT_TRUE(sampler->samples({1}, &caller_on)) << name;
    EXPECT_FALSE(sampler->samples({1}, &caller_off)) << name;
  }
  EXPECT_TRUE(Sampler::make("parentbased_always_on", 0)->samples({1}, nullptr));
  EXPECT_FALSE(Sampler::make("parentbased_always_off", 1)->samples({1}, nullptr));
}

TEST(Sampler, ARatioIsKeptToAndDecidedByTheIdAlone) {
  const auto some = Sampler::make("traceidratio", 0.25);
  const auto more = Sampler::make("traceidratio", 0.5);
  int sampled = 0;
  for (int i = 0; i < 20'000; ++i) {
    const request::TraceId id = random_trace_id();
    if (!some->samples(id, nullptr)) continue;
    ++sampled;
    EXPECT_TRUE(some->samples(id, nullptr));
    EXPECT_TRUE(more->samples(id, nullptr));  // who samples more takes what others take
  }
  EXPECT_NEAR(sampled, 5'000, 500);  // 8 standard deviations
  request::TraceId highest;
  highest.fill(0xFF);
  EXPECT_TRUE(Sampler::make("traceidratio", 1)->samples(highest, nullptr));
  EXPECT_FALSE(Sampler::make("traceidratio", 0)->samples({}, nullptr));
}

TEST(Sampler, WhatIsWrongIsSaid) {
  EXPECT_NE(Sampler::make("jaeger_remote", 1).error().message.find("parentbased_"), std::string::npos);
  EXPECT_FALSE(Sampler::make("parentbased_", 1));
  EXPECT_FALSE(Sampler::make("traceidratio", 1.5));
  EXPECT_FALSE(Sampler::make("traceidratio", -0.1));
}

}  // namespace
}  // namespace saccade::trace
