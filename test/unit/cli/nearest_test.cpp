#include "cli/nearest.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::cli {
namespace {

const std::vector<std::string> kFlags{"--host", "--port", "--grpc-port", "--log", "--log-mode"};

TEST(Nearest, FindsTheMistypedOne) {
  EXPECT_EQ(nearest("--prot", kFlags), "--port");
  EXPECT_EQ(nearest("--hots", kFlags), "--host");
  EXPECT_EQ(nearest("--grpcport", kFlags), "--grpc-port");
  EXPECT_EQ(nearest("--logmode", kFlags), "--log-mode");
  EXPECT_EQ(nearest("--port", kFlags), "--port");
}

TEST(Nearest, SaysNothingWhereNoneIsNear) {
  EXPECT_EQ(nearest("--completely-else", kFlags), "");
  EXPECT_EQ(nearest("serve", {}), "");
  EXPECT_EQ(nearest("", kFlags), "");
}

TEST(Nearest, ShortWordsMayDifferInTwoPlaces) {
  EXPECT_EQ(nearest("srve", {"serve", "check"}), "serve");
  EXPECT_EQ(nearest("xx", {"ab"}), "ab");
  EXPECT_EQ(nearest("xyz", {"abc"}), "");
}

TEST(Nearest, TheFirstOfTwoEquallyNearWins) {
  EXPECT_EQ(nearest("cat", {"bat", "hat"}), "bat");
}

}  // namespace
}  // namespace saccade::cli
