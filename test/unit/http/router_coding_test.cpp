// Compressed requests and answers, on whatever route.
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "http/content_coding.h"
#include "http/router.h"
#include "kept_answer.h"

namespace saccade::http {
namespace {

class Coded : public testing::Test {
 protected:
  // /echo answers with what it was sent, /always compressed however short it is.
  Coded() {
    router_.add("POST", "/echo", "",
                [](const Call& call, const net::HttpRequest& request, const PathParameters&) {
                  call.respond_json(std::string(request.body));
                });
    router_.add("POST", "/always", "",
                [](const Call& call, const net::HttpRequest& request, const PathParameters&) {
                  call.respond({.body = std::string(request.body), .headers = {}}, 0);
                });
  }
  net::HttpResponse ask(std::string_view path, std::string_view body,
                        std::vector<std::pair<std::string_view, std::string_view>> headers) {
    const auto exchange = std::make_shared<KeptAnswer>();
    net::HttpRequest request;
    request.method = "POST";
    request.target = request.path = path;
    request.body = body;
    request.headers = std::move(headers);
    router_.handle(request, exchange);
    return exchange->answer;
  }
  static std::string header(const net::HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  observe::Registry registry_;
  Router router_{registry_, 10'000};
};

TEST_F(Coded, RequestsAreDecompressed) {
  for (const Coding coding : {Coding::kGzip, Coding::kDeflate}) {
    const std::string packed = *compress(coding, "hello");
    const auto response = ask("/echo", packed, {{"CONTENT-encoding", coding_name(coding)}});
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "hello");
  }
  EXPECT_EQ(ask("/echo", "hello", {{"content-encoding", "identity"}}).body, "hello");
}

TEST_F(Coded, BadlyCodedRequestsAreRefused) {
  const auto unknown = ask("/echo", "hello", {{"content-encoding", "br"}});
  EXPECT_EQ(unknown.status, 415);
  EXPECT_EQ(header(unknown, "Accept-Encoding"), "gzip, deflate");
  EXPECT_EQ(ask("/echo", "hello", {{"content-encoding", "gzip"}}).status, 400);
  const std::string bomb = *compress(Coding::kGzip, std::string(10'001, 'a'));
  EXPECT_EQ(ask("/echo", bomb, {{"content-encoding", "gzip"}}).status, 413);
}

TEST_F(Coded, AnswersAreCompressedWhereThatIsWorthIt) {
  const std::string large(2000, 'a');
  auto response = ask("/echo", large, {{"accept-encoding", "deflate;q=0.5, gzip"}});
  EXPECT_EQ(header(response, "Content-Encoding"), "gzip");
  EXPECT_EQ(header(response, "Vary"), "Accept-Encoding");
  EXPECT_EQ(decompress(Coding::kGzip, response.body, 10'000).value_or(""), large);
  EXPECT_EQ(ask("/echo", large, {}).body, large);
  response = ask("/echo", "short", {{"accept-encoding", "gzip"}});
  EXPECT_EQ(response.body, "short");
  EXPECT_EQ(header(response, "Content-Encoding"), "");
  response = ask("/always", "short", {{"accept-encoding", "deflate"}});
  EXPECT_EQ(header(response, "Content-Encoding"), "deflate");
  EXPECT_EQ(decompress(Coding::kDeflate, response.body, 100).value_or(""), "short");
}

TEST_F(Coded, ErrorsAreNotCompressed) {
  const auto response = ask("/nowhere/" + std::string(2000, 'a'), "", {{"accept-encoding", "gzip"}});
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(header(response, "Content-Encoding"), "");
}

}  // namespace
}  // namespace saccade::http
