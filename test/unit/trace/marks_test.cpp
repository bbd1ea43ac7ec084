#include "trace/marks.h"

#include <vector>

#include <gtest/gtest.h>

namespace saccade::trace {
namespace {

using Headers = std::vector<std::pair<std::string_view, std::string_view>>;
constexpr std::string_view kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Marks, AreFoundInAnyCase) {
  const Headers headers{{"Host", "a"},           {"X-REQUEST-ID", "one"}, {"TraceParent", kParent},
                        {"tracestate", "a=1"},   {"Tracestate", "b=2"},   {"ORIGIN", "http://page"},
                        {"X-Request-Ix", "two"}, {"traceparenu", "x"}};
  const Marks marks = read_marks(headers);
  EXPECT_EQ(marks.request_id, "one");
  EXPECT_EQ(marks.origin, "http://page");
  const auto context = context_of(marks);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->state, "a=1,b=2");
}

TEST(Marks, WithoutAnyThereIsNothing) {
  const Headers headers{{"Host", "a"}, {"Content-Type", "application/json"}};
  EXPECT_FALSE(read_marks(headers).any());
  EXPECT_FALSE(context_of(read_marks(headers)));
}

TEST(Marks, TwoParentsAreNone) {
  const Headers headers{{"traceparent", kParent}, {"traceparent", kParent}};
  EXPECT_FALSE(context_of(read_marks(headers)));
}

TEST(Marks, AWrongStateIsLeftOut) {
  const Headers headers{{"traceparent", kParent}, {"tracestate", "A"}};
  ASSERT_TRUE(context_of(read_marks(headers)));
  EXPECT_TRUE(context_of(read_marks(headers))->state.empty());
}

TEST(Marks, ARequestIdIsVisibleAsciiAndNotLong) {
  EXPECT_TRUE(valid_request_id("a"));
  EXPECT_TRUE(valid_request_id(std::string(128, '~')));
  for (const std::string& wrong :
       {std::string(), std::string(129, 'a'), std::string("a b"), std::string("a\tb"),
        std::string("\xC3\xA9"), std::string("a\r\nb"), std::string("\x7F")}) {
    EXPECT_FALSE(valid_request_id(wrong));
    const Headers headers{{"x-request-id", wrong}};
    EXPECT_TRUE(read_marks(headers).request_id.empty());
  }
}

}  // namespace
}  // namespace saccade::trace
