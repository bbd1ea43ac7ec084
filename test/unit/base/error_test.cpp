#include "base/error.h"

#include <string>

#include <gtest/gtest.h>

namespace saccade::base {
namespace {

TEST(Error, CodesHaveTheirCanonicalNames) {
  EXPECT_EQ(code_name(Code::kInvalidArgument), "invalid_argument");
  EXPECT_EQ(code_name(Code::kDeadlineExceeded), "deadline_exceeded");
  EXPECT_EQ(code_name(Code::kInternal), "internal");
}

TEST(Error, TravelsInAResult) {
  const Result<int> result = invalid_argument("no");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kInvalidArgument);
  EXPECT_EQ(result.error().message, "no");
}

}  // namespace
}  // namespace saccade::base
