#include "grpc/status.h"

#include <gtest/gtest.h>

namespace saccade::grpc {
namespace {

TEST(Status, EveryCodeOfOursHasOne) {
  EXPECT_EQ(status_of(base::Code::kInvalidArgument), StatusCode::kInvalidArgument);
  EXPECT_EQ(status_of(base::Code::kUnauthenticated), StatusCode::kUnauthenticated);
  EXPECT_EQ(status_of(base::Code::kPermissionDenied), StatusCode::kPermissionDenied);
  EXPECT_EQ(status_of(base::Code::kNotFound), StatusCode::kNotFound);
  EXPECT_EQ(status_of(base::Code::kMethodNotAllowed), StatusCode::kUnimplemented);
  EXPECT_EQ(status_of(base::Code::kTooLarge), StatusCode::kResourceExhausted);
  EXPECT_EQ(status_of(base::Code::kRateLimited), StatusCode::kResourceExhausted);
  EXPECT_EQ(status_of(base::Code::kUnavailable), StatusCode::kUnavailable);
  EXPECT_EQ(status_of(base::Code::kDeadlineExceeded), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(status_of(base::Code::kCancelled), StatusCode::kCancelled);
  EXPECT_EQ(status_of(base::Code::kInternal), StatusCode::kInternal);
}

TEST(Status, NamesAreThoseOfDashboards) {
  EXPECT_EQ(status_name(StatusCode::kOk), "OK");
  EXPECT_EQ(status_name(StatusCode::kCancelled), "Canceled");
  EXPECT_EQ(status_name(StatusCode::kAlreadyExists), "AlreadyExists");
  EXPECT_EQ(status_name(StatusCode::kDeadlineExceeded), "DeadlineExceeded");
  EXPECT_EQ(status_name(StatusCode::kUnauthenticated), "Unauthenticated");
}

TEST(PercentEncode, KeepsPrintableAsciiAndEncodesTheRest) {
  EXPECT_EQ(percent_encode("input \"x\": got [1], ~"), "input \"x\": got [1], ~");
  EXPECT_EQ(percent_encode("100%"), "100%25");
  EXPECT_EQ(percent_encode("a\r\nb\x7f"), "a%0D%0Ab%7F");
  EXPECT_EQ(percent_encode("\xC3\xA9"), "%C3%A9");
  EXPECT_EQ(percent_encode(std::string_view("\0", 1)), "%00");
  EXPECT_EQ(percent_encode(""), "");
}

TEST(PercentEncode, CutsWhatNoClientWouldTake) {
  EXPECT_LE(percent_encode(std::string(100'000, 'a')).size(), 4096U);
  const std::string cut = percent_encode(std::string(100'000, '\n'));
  EXPECT_LE(cut.size(), 4096U);
  EXPECT_EQ(cut.size() % 3, 0U) << "not within an escape";
}

TEST(CleanUtf8, KeepsTextAndReplacesTheRest) {
  EXPECT_EQ(clean_utf8("plain, é, €, 😀"), "plain, é, €, 😀");
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(clean_utf8("a\x80z"), "a" + mark + "z");
  EXPECT_EQ(clean_utf8("\xC3"), mark);                                // cut short
  EXPECT_EQ(clean_utf8("\xC0\xAF"), mark + mark);                     // overlong
  EXPECT_EQ(clean_utf8("\xE0\x80\x80"), mark + mark + mark);          // overlong
  EXPECT_EQ(clean_utf8("\xED\xA0\x80"), mark + mark + mark);          // half a surrogate pair
  EXPECT_EQ(clean_utf8("\xF4\x90\x80\x80").size(), 4 * mark.size());  // beyond U+10FFFF
  EXPECT_EQ(clean_utf8("\xF0\x9F\x98"), mark + mark + mark);
}

}  // namespace
}  // namespace saccade::grpc
