#include "net/websocket_handshake.h"

#include <string>

#include <gtest/gtest.h>

namespace saccade::net {
namespace {

// The request of RFC 6455, 1.3.
HttpRequest example() {
  return {.method = "GET",
          .target = "/chat",
          .path = "/chat",
          .query = {},
          .headers = {{"Host", "server.example.com"},
                      {"Upgrade", "websocket"},
                      {"Connection", "Upgrade"},
                      {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                      {"Sec-WebSocket-Version", "13"}},
          .body = {}};
}

HttpRequest with(std::string_view name, std::string_view value) {
  HttpRequest request = example();
  for (auto& header : request.headers) {
    if (header.first == name) header.second = value;
  }
  return request;
}

std::string refusal(const HttpRequest& request) {
  const auto accept = websocket_accept(request);
  return accept ? "accepted" : accept.error().message;
}

TEST(WebSocketHandshake, AgreesWithTheStandardsExample) {
  const auto accept = websocket_accept(example());
  ASSERT_TRUE(accept);
  EXPECT_EQ(*accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketHandshake, TakesTokensInAnyCaseAndCompany) {
  EXPECT_EQ(refusal(with("Connection", "keep-alive, UPGRADE")), "accepted");
  EXPECT_EQ(refusal(with("Connection", "keep-alive ,\tupgrade , x")), "accepted");
  EXPECT_EQ(refusal(with("Upgrade", "WebSocket")), "accepted");
}

TEST(WebSocketHandshake, RefusesARequestThatAsksForSomethingElse) {
  const std::string message =
      "this route speaks WebSocket: connect with ws:// (GET with \"Connection: Upgrade\" and \"Upgrade: "
      "websocket\")";
  EXPECT_EQ(refusal(with("Connection", "keep-alive")), message);
  EXPECT_EQ(refusal(with("Connection", "upgraded")), message);
  EXPECT_EQ(refusal(with("Upgrade", "h2c")), message);
  HttpRequest post = example();
  post.method = "POST";
  EXPECT_EQ(refusal(post), message);
}

TEST(WebSocketHandshake, RefusesOtherVersionsAndKeys) {
  EXPECT_EQ(refusal(with("Sec-WebSocket-Version", "8")), "Sec-WebSocket-Version must be 13");
  EXPECT_EQ(refusal(with("Sec-WebSocket-Key", "")), "Sec-WebSocket-Key must be 16 bytes in base64");
  EXPECT_EQ(refusal(with("Sec-WebSocket-Key", "c2hvcnQ=")), "Sec-WebSocket-Key must be 16 bytes in base64");
}

}  // namespace
}  // namespace saccade::net
