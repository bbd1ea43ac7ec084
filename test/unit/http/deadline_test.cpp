#include "http/deadline.h"

#include <gtest/gtest.h>

namespace saccade::http {
namespace {

using namespace std::chrono_literals;

const base::TimePoint kArrived{1s};

net::HttpRequest with(std::vector<std::pair<std::string_view, std::string_view>> headers) {
  net::HttpRequest request;
  request.headers = std::move(headers);
  return request;
}

TEST(Deadline, WithoutAHeaderThereIsNone) {
  EXPECT_EQ(deadline_of(with({{"Host", "localhost"}}), kArrived), base::TimePoint::max());
}

TEST(Deadline, IsCountedFromTheArrival) {
  EXPECT_EQ(deadline_of(with({{"x-request-timeout-ms", "20"}}), kArrived), kArrived + 20ms);
  EXPECT_EQ(deadline_of(with({{"X-Request-Timeout-Ms", "0.5"}}), kArrived), kArrived + 500us);
}

TEST(Deadline, OfTwoTheLesserCounts) {
  const auto request = with({{"X-Envoy-Expected-Rq-Timeout-Ms", "15000"}, {"X-Request-Timeout-Ms", "30"}});
  EXPECT_EQ(deadline_of(request, kArrived), kArrived + 30ms);
}

TEST(Deadline, BeyondTheClockIsNone) {
  EXPECT_EQ(deadline_of(with({{"X-Request-Timeout-Ms", "1e300"}}), kArrived), base::TimePoint::max());
}

TEST(Deadline, SaysWhichHeaderIsWrong) {
  for (const char* text : {"", "0", "-5", "20ms", "nan", "soon", "1e999"}) {
    const auto deadline = deadline_of(with({{"X-Request-Timeout-Ms", text}}), kArrived);
    ASSERT_FALSE(deadline) << text;
    EXPECT_EQ(deadline.error().code, base::Code::kInvalidArgument);
    EXPECT_EQ(deadline.error().message, "X-Request-Timeout-Ms is \"" + std::string(text) +
                                            "\"; it takes milliseconds, a number above 0");
  }
}

}  // namespace
}  // namespace saccade::http
