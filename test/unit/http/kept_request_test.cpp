#include "http/kept_request.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace saccade::http {
namespace {

net::HttpRequest request_of(const std::string& body) {
  net::HttpRequest request;
  request.method = "POST";
  request.set_target("/predict/digits?version=1");
  request.headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
  request.body = body;
  return request;
}

TEST(KeptRequests, OutliveWhatTheyWereCopiedFrom) {
  std::unique_ptr<KeptRequest> kept;
  {
    const std::string body(5000, 'b');
    PathParameters parameters;
    parameters.values = {"digits"};
    kept = KeptRequest::copy(request_of(body), parameters);
  }
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->request().path, "/predict/digits");
  EXPECT_EQ(kept->request().query, "version=1");
  EXPECT_EQ(kept->request().header("content-type"), "application/json");
  EXPECT_EQ(kept->request().body, std::string(5000, 'b'));
  EXPECT_EQ(kept->request().body.data()[5000 + net::kBodyPadding - 1], '\0');
  EXPECT_EQ(kept->parameters()[0], "digits");
}

TEST(KeptRequests, HaveABoundTogether) {
  const std::string body(KeptRequest::kMostBytes / 4, 'b');
  std::vector<std::unique_ptr<KeptRequest>> kept;
  while (auto one = KeptRequest::copy(request_of(body), {})) kept.push_back(std::move(one));
  EXPECT_EQ(kept.size(), 3U);
  kept.pop_back();
  EXPECT_NE(KeptRequest::copy(request_of(body), {}), nullptr);
}

}  // namespace
}  // namespace saccade::http
