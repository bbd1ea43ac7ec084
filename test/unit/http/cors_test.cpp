#include "http/cors.h"

#include <map>

#include <gtest/gtest.h>

namespace saccade::http {
namespace {

const std::string kPage = "https://app.example.com";

Cors made(const std::vector<std::string>& origins) {
  auto cors = Cors::make(origins);
  EXPECT_TRUE(cors);
  return *std::move(cors);
}

std::map<std::string, std::string> headers_of(const Cors& cors, std::string_view origin) {
  net::HttpResponse response;
  cors.add_headers(origin, response);
  return {response.headers.begin(), response.headers.end()};
}

net::HttpRequest to(std::string_view host) {
  net::HttpRequest request;
  request.method = "POST";
  request.headers = {{"Host", host}};
  return request;
}

TEST(Cors, IsOffWithoutOrigins) {
  EXPECT_FALSE(made({}).enabled());
  EXPECT_TRUE(made({"*"}).enabled());
  EXPECT_TRUE(made({kPage}).enabled());
}

TEST(Cors, TakesOriginsAsBrowsersWriteThem) {
  for (const char* right :
       {"*", "null", "http://localhost:3000", "https://a.b-c.example", "http://[::1]:80"}) {
    EXPECT_TRUE(Cors::make({right})) << right;
  }
  for (const char* wrong : {"", "localhost:3000", "https://", "://a", "https://a/", "https://A.example",
                            "https://a b", "https://*.example.com", "https://a,https://b"}) {
    const auto cors = Cors::make({wrong});
    ASSERT_FALSE(cors) << wrong;
    EXPECT_NE(cors.error().message.find("--cors-origin"), std::string::npos);
  }
}

TEST(Cors, AListedOriginIsToldSoWithCredentials) {
  const auto headers = headers_of(made({kPage}), kPage);
  EXPECT_EQ(headers.at("Access-Control-Allow-Origin"), kPage);
  EXPECT_EQ(headers.at("Access-Control-Allow-Credentials"), "true");
  EXPECT_EQ(headers.at("Vary"), "Origin");
  EXPECT_NE(headers.at("Access-Control-Expose-Headers").find("Retry-After"), std::string::npos);
}

TEST(Cors, TheStarGivesNoCredentials) {
  const auto headers = headers_of(made({"*", kPage}), kPage);
  EXPECT_EQ(headers.at("Access-Control-Allow-Origin"), "*");
  EXPECT_FALSE(headers.contains("Access-Control-Allow-Credentials"));
  EXPECT_FALSE(headers.contains("Vary"));
}

TEST(Cors, CachesLearnThatAnswersDiffer) {
  EXPECT_EQ(headers_of(made({kPage}), "").at("Vary"), "Origin");
  EXPECT_FALSE(headers_of(made({kPage}), "").contains("Access-Control-Allow-Origin"));
}

TEST(Cors, OthersPagesAreRefusedAndOwnOnesNot) {
  const Cors cors = made({kPage});
  EXPECT_TRUE(cors.allows(kPage, to("localhost:8000")));
  EXPECT_TRUE(cors.allows("", to("localhost:8000")));
  EXPECT_TRUE(cors.allows("http://localhost:8000", to("localhost:8000")));
  EXPECT_FALSE(cors.allows("http://localhost:8001", to("localhost:8000")));
  EXPECT_FALSE(cors.allows("https://evil.example", to("localhost:8000")));
  EXPECT_FALSE(cors.allows(kPage + ".evil.example", to("localhost:8000")));
  EXPECT_FALSE(cors.allows("null", to("localhost:8000")));
  EXPECT_FALSE(cors.allows("localhost:8000", to("localhost:8000")));
  EXPECT_TRUE(made({"*"}).allows("https://evil.example", to("a")));
  EXPECT_TRUE(made({"null"}).allows("null", to("a")));
}

TEST(Cors, APreflightIsAnsweredWithThePathsMethods) {
  net::HttpRequest request = to("a");
  request.method = "OPTIONS";
  EXPECT_FALSE(Cors::is_preflight(request));
  request.headers.emplace_back("access-control-request-method", "POST");
  EXPECT_TRUE(Cors::is_preflight(request));
  const net::HttpResponse answer = made({kPage}).answer_preflight(kPage, "GET, POST");
  const std::map<std::string, std::string> headers(answer.headers.begin(), answer.headers.end());
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(headers.at("Access-Control-Allow-Methods"), "GET, POST");
  EXPECT_NE(headers.at("Access-Control-Allow-Headers").find("Authorization"), std::string::npos);
  EXPECT_EQ(headers.at("Access-Control-Max-Age"), "600");
}

}  // namespace
}  // namespace saccade::http
