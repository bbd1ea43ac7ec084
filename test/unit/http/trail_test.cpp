// What goes with a request besides itself, through the router: ids, contexts, origins, the port it came by.
#include "http/trail.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "http/router.h"
#include "kept_answer.h"

namespace saccade::http {
namespace {

constexpr std::string_view kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class Trailing : public testing::Test {
 protected:
  using Headers = std::vector<std::pair<std::string_view, std::string_view>>;

  Trailing() {
    const auto take = [this](const Call& call, const net::HttpRequest&, const PathParameters&) {
      id_ = call.id();
      trace_ = call.trace();
      call.respond_json("{}");
    };
    const auto add = [&](const char* method, const char* path, Right right) {
      router_.add(method, path, Operation{.tag = {}, .right = right, .summary = {}}, take);
    };
    add("POST", "/predict/{model}", Right::kPredict);
    add("GET", "/predict/{model}", Right::kPredict);
    add("POST", "/v2/logging", Right::kAdmin);
    add("GET", "/v2/logging", Right::kRead);
  }

  net::HttpResponse send(std::string_view method, std::string_view path, Headers headers = {},
                         bool takes_admin = true) {
    net::HttpRequest request;
    request.method = method;
    request.set_target(path);
    request.headers = std::move(headers);
    const auto exchange = std::make_shared<KeptAnswer>();
    exchange->its_peer.takes_admin = takes_admin;
    router_.handle(request, exchange);
    return std::move(exchange->answer);
  }
  void allow(const std::string& origin) {
    router_.set_trails({.cors = *Cors::make({origin}), .tracing = nullptr});
  }
  static std::string header(const net::HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return {};
  }

  observe::Registry registry_;
  Router router_{registry_};
  base::Uuid id_;
  std::shared_ptr<request::Trace> trace_;
};

TEST_F(Trailing, AnAnswerHasTheCallsOwnId) {
  const net::HttpResponse answer = send("POST", "/predict/a");
  ASSERT_TRUE(answer.id);
  EXPECT_EQ(*answer.id, id_);
  EXPECT_EQ(trace_, nullptr);
  EXPECT_NE(*send("POST", "/predict/a").id, *answer.id);
  EXPECT_TRUE(send("GET", "/nowhere").id);
}

TEST_F(Trailing, TheCallersIdComesBackInstead) {
  const net::HttpResponse answer = send("POST", "/predict/a", {{"x-request-id", "mine"}});
  EXPECT_FALSE(answer.id);
  EXPECT_EQ(header(answer, "X-Request-Id"), "mine");
  EXPECT_TRUE(send("POST", "/predict/a", {{"x-request-id", "not mine"}}).id);
  EXPECT_EQ(header(send("GET", "/nowhere", {{"x-request-id", "mine"}}), "X-Request-Id"), "mine");
}

TEST_F(Trailing, AContextGoesWithTheCall) {
  send("POST", "/predict/a", {{"traceparent", kParent}});
  ASSERT_NE(trace_, nullptr);
  EXPECT_EQ(request::to_text(trace_->context().span_id), "00f067aa0ba902b7");
  send("POST", "/predict/a", {{"traceparent", "ff-4bf9"}});
  EXPECT_EQ(trace_, nullptr);
}

TEST_F(Trailing, APreflightIsAnsweredByTheRouter) {
  const Headers asking{{"Origin", "http://page"}, {"Access-Control-Request-Method", "POST"}};
  EXPECT_EQ(send("OPTIONS", "/predict/a", asking).status, 405);
  allow("http://page");
  const net::HttpResponse answer = send("OPTIONS", "/predict/a", asking);
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(header(answer, "Access-Control-Allow-Methods"), "POST, GET");
  EXPECT_EQ(header(answer, "Access-Control-Allow-Origin"), "http://page");
  EXPECT_EQ(send("OPTIONS", "/nowhere", asking).status, 404);
  EXPECT_EQ(send("OPTIONS", "/predict/a", {{"Origin", "http://page"}}).status, 405);
}

TEST_F(Trailing, OtherOriginsAreRefusedBeforeAnythingIsDone) {
  allow("http://page");
  id_ = {};
  EXPECT_EQ(send("POST", "/predict/a", {{"Origin", "http://other"}}).status, 403);
  EXPECT_EQ(send("OPTIONS", "/predict/a", {{"Origin", "http://other"}}).status, 403);
  EXPECT_EQ(id_, base::Uuid{});
  EXPECT_EQ(send("POST", "/predict/a", {{"Origin", "http://other"}, {"Host", "other"}}).status, 200);
  EXPECT_EQ(header(send("POST", "/predict/a"), "Vary"), "Origin");
}

TEST_F(Trailing, AdminCallsAreAnsweredWhereTheyAreTaken) {
  EXPECT_EQ(send("POST", "/v2/logging").status, 200);
  EXPECT_EQ(send("POST", "/v2/logging", {}, false).status, 403);
  EXPECT_EQ(send("GET", "/v2/logging", {}, false).status, 200);
  EXPECT_EQ(send("POST", "/predict/a", {}, false).status, 200);
}

}  // namespace
}  // namespace saccade::http
