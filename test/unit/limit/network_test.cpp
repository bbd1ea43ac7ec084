#include <vector>

#include <gtest/gtest.h>

#include "limit/client_address.h"

namespace saccade::limit {
namespace {

TEST(Address, KnowsBothFormsAndWhoIsCountedAsOne) {
  EXPECT_EQ(Address::parse("192.0.2.1")->text(), "192.0.2.1");
  EXPECT_EQ(Address::parse("::ffff:192.0.2.1")->text(), "192.0.2.1");
  EXPECT_EQ(Address::parse("2001:DB8:0::1")->text(), "2001:db8::1");
  EXPECT_EQ(Address::parse("2001:db8:1:2:3:4:5:6")->subscriber().text(), "2001:db8:1:2::");
  EXPECT_EQ(Address::parse("192.0.2.1")->subscriber().text(), "192.0.2.1");
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "localhost", "1.2.3.4:80", "[::1]", "::1%lo", ":::", "0x7f.1"})
    EXPECT_FALSE(Address::parse(text)) << text;
}

TEST(Network, ContainsWhatHasItsPrefix) {
  const auto in = [](const char* network, const char* address) {
    return Network::parse(network)->contains(*Address::parse(address));
  };
  EXPECT_TRUE(in("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(in("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(in("192.0.2.128/25", "192.0.2.200"));
  EXPECT_FALSE(in("192.0.2.128/25", "192.0.2.100"));
  EXPECT_TRUE(in("0.0.0.0/0", "192.0.2.100"));
  EXPECT_FALSE(in("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(in("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(in("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(in("::1", "::1"));
  for (const char* text :
       {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "here/8", "10.0.0.0/-1", "10.0.0.0/8x"})
    EXPECT_FALSE(Network::parse(text)) << text;
}

class ClientAddress : public testing::Test {
 protected:
  using Headers = std::vector<std::pair<std::string_view, std::string_view>>;
  static std::string of(std::string_view peer, const Headers& headers) {
    static const std::vector<Network> trusted{*Network::parse("10.0.0.0/8"), *Network::parse("fd00::/8")};
    return client_address(peer, headers, trusted);
  }
};

TEST_F(ClientAddress, IsThePeersWhereThatIsNoTrustedProxy) {
  EXPECT_EQ(of("192.0.2.1", {{"X-Forwarded-For", "198.51.100.1"}}), "192.0.2.1");
  EXPECT_EQ(of("192.0.2.1", {{"Forwarded", "for=198.51.100.1"}}), "192.0.2.1");
  EXPECT_EQ(of("10.0.0.1", {}), "10.0.0.1");
}

TEST_F(ClientAddress, IsTheRightmostThatIsNotTrusted) {
  EXPECT_EQ(of("10.0.0.1", {{"X-Forwarded-For", "198.51.100.1"}}), "198.51.100.1");
  // The first was written by the client itself.
  EXPECT_EQ(of("10.0.0.1", {{"x-forwarded-for", "203.0.113.9, 198.51.100.1"}}), "198.51.100.1");
  EXPECT_EQ(of("10.0.0.1", {{"X-Forwarded-For", "203.0.113.9, 198.51.100.1, 10.0.0.2"}}), "198.51.100.1");
  EXPECT_EQ(
      of("10.0.0.1", {{"X-Forwarded-For", "203.0.113.9"}, {"X-Forwarded-For", "198.51.100.1,10.0.0.2"}}),
      "198.51.100.1");
  EXPECT_EQ(of("10.0.0.1", {{"X-Forwarded-For", "10.0.0.3, 10.0.0.2"}}), "10.0.0.3");
  EXPECT_EQ(of("fd00::1", {{"X-Forwarded-For", "2001:db8::7"}}), "2001:db8::7");
  EXPECT_EQ(of("10.0.0.1", {{"X-Forwarded-For", "198.51.100.1:4711"}}), "198.51.100.1");
}

TEST_F(ClientAddress, StopsAtWhatIsNoAddress) {
  EXPECT_EQ(of("10.0.0.1", {{"X-Forwarded-For", "198.51.100.1, nonsense"}}), "10.0.0.1");
  EXPECT_EQ(of("10.0.0.1", {{"X-Forwarded-For", "198.51.100.1, unknown, 10.0.0.2"}}), "10.0.0.2");
  EXPECT_EQ(of("10.0.0.1", {{"X-Forwarded-For", ""}}), "10.0.0.1");
}

TEST_F(ClientAddress, ReadsForwarded) {
  EXPECT_EQ(of("10.0.0.1", {{"Forwarded", "for=192.0.2.43;proto=https, for=\"[2001:db8:cafe::17]:4711\""}}),
            "2001:db8:cafe::17");
  EXPECT_EQ(of("10.0.0.1", {{"Forwarded", "For=198.51.100.1;by=\"a,b;for=1.2.3.4\""}}), "198.51.100.1");
  EXPECT_EQ(of("10.0.0.1", {{"Forwarded", "for=198.51.100.1, for=_hidden"}}), "10.0.0.1");
  EXPECT_EQ(of("10.0.0.1", {{"X-Forwarded-For", "203.0.113.1"}, {"Forwarded", "for=198.51.100.1"}}),
            "198.51.100.1");
  EXPECT_EQ(of("10.0.0.1", {{"Forwarded", "for=198.51.100.1"}, {"X-Forwarded-For", "203.0.113.1"}}),
            "198.51.100.1");
}

TEST_F(ClientAddress, AVeryLongListIsReadFromItsEnd) {
  std::string list = "203.0.113.1";
  for (int i = 0; i < 1000; ++i) list += ",10.0.0.2";
  EXPECT_EQ(of("10.0.0.1", {{"X-Forwarded-For", list}}), "10.0.0.2");
}

}  // namespace
}  // namespace saccade::limit
