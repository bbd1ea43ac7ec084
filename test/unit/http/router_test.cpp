#include "http/router.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace saccade::http {
namespace {

// Keeps the one answer.
class FakeExchange final : public net::HttpExchange {
 public:
  void respond(net::HttpResponse response) override {
    ++answers;
    answer = std::move(response);
  }
  base::Status accept_websocket(const net::HttpRequest&, std::unique_ptr<net::WebSocketSession>) override {
    ++answers;
    return {};
  }
  runtime::EventLoop& loop() override { return loop_; }
  std::shared_ptr<const std::atomic<bool>> gone() const override { return nullptr; }
  const net::Peer& peer() const override { return peer_; }

  int answers = 0;
  net::HttpResponse answer;

 private:
  runtime::EventLoop loop_{0};
  net::Peer peer_;
};

class Routes : public testing::Test {
 protected:
  Routes() {
    add("GET", "/");
    add("POST", "/predict");
    add("POST", "/predict/{model}");
    add("GET", "/models/{model}");
    add("DELETE", "/models/{model}");
    add("GET", "/models/{model}/versions/{version}");
    add("POST", "/models/{model}:predict");
    add("POST", "/models/{model}/versions/{version}:predict");
    add("POST", "/models/{model}:re:predict");
    add("POST", "/models/index");
    add("PUT", "/models/index/now");
  }
  // The answer of a route is its method and template and what stood in the parameters' places.
  void add(const std::string& method, const std::string& path) {
    router_.add(method, path, "",
                [name = method + " " + path](const Call& call, const net::HttpRequest&,
                                             const PathParameters& parameters) {
                  std::string body = name;
                  for (const std::string_view value : parameters.values) body += " " + std::string(value);
                  call.respond_json(body);
                });
  }
  net::HttpResponse ask(std::string_view method, std::string_view path) {
    const auto exchange = std::make_shared<FakeExchange>();
    net::HttpRequest request;
    request.method = method;
    request.target = request.path = path;
    router_.handle(request, exchange);
    EXPECT_EQ(exchange->answers, 1);
    return exchange->answer;
  }
  static std::string header(const net::HttpResponse& response, std::string_view name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  observe::Registry registry_;
  Router router_{registry_};
};

TEST_F(Routes, AreFoundByTheirTemplates) {
  EXPECT_EQ(ask("GET", "/").body, "GET /");
  EXPECT_EQ(ask("POST", "/predict").body, "POST /predict");
  EXPECT_EQ(ask("POST", "/predict/digits").body, "POST /predict/{model} digits");
  EXPECT_EQ(ask("GET", "/models/a/versions/2").body, "GET /models/{model}/versions/{version} a 2");
}

TEST_F(Routes, AParameterMayHaveSomethingBehindIt) {
  EXPECT_EQ(ask("POST", "/models/a:predict").body, "POST /models/{model}:predict a");
  EXPECT_EQ(ask("POST", "/models/a/versions/2:predict/").body,
            "POST /models/{model}/versions/{version}:predict a 2");
  EXPECT_EQ(ask("POST", "/models/a%3Apredict").body, "POST /models/{model}:predict a");
  EXPECT_EQ(ask("POST", "/models/a:predict:predict").body, "POST /models/{model}:predict a:predict");
  EXPECT_EQ(ask("POST", "/models/a:re:predict").body, "POST /models/{model}:re:predict a");
  // The path belongs to the template with the suffix alone.
  const auto other = ask("GET", "/models/a:predict");
  EXPECT_EQ(other.status, 405);
  EXPECT_EQ(header(other, "Allow"), "POST");
  // Nothing before the suffix: an ordinary name, for those who take one.
  EXPECT_EQ(ask("GET", "/models/:predict").body, "GET /models/{model} :predict");
  EXPECT_EQ(ask("POST", "/models/a:classify").status, 405);
}

TEST_F(Routes, WordsGoBeforeParametersWhichTakeWhatWordsLeave) {
  EXPECT_EQ(ask("POST", "/models/index").body, "POST /models/index");
  EXPECT_EQ(ask("GET", "/models/index").body, "GET /models/{model} index");
  EXPECT_EQ(header(ask("PATCH", "/models/index"), "Allow"), "POST, GET, DELETE");
  EXPECT_EQ(ask("GET", "/models/index/versions/1").body, "GET /models/{model}/versions/{version} index 1");
  EXPECT_EQ(ask("GET", "/models/index/then").status, 404);
}

TEST_F(Routes, ParametersArePercentDecodedOnce) {
  EXPECT_EQ(ask("GET", "/models/a%20b%2525+c").body, "GET /models/{model} a b%25+c");
  EXPECT_EQ(ask("GET", "/%6Dodels/a").body, "GET /models/{model} a");
  EXPECT_EQ(ask("GET", "/models/%e9%9b%bb").body, "GET /models/{model} \u96fb");
  for (const char* path :
       {"/models/a%2Fversions%2F1", "/models/a%2f", "/models/%00", "/models/a%0a", "/models/%7f",
        "/models/a%", "/models/a%2", "/models/a%zz", "/models/%", "/models%2Fa"}) {
    const auto response = ask("GET", path);
    EXPECT_EQ(response.status, 400) << path;
    EXPECT_NE(response.body.find("percent-encoded"), std::string::npos) << response.body;
  }
}

TEST_F(Routes, PathsOfAnyLengthAreAnswered) {
  std::string path;
  for (int i = 0; i < 10'000; ++i) path += "/a";
  EXPECT_EQ(ask("GET", path).status, 404);
  EXPECT_EQ(ask("GET", std::string(10'000, '/')).status, 404);
  EXPECT_EQ(ask("GET", "/models/" + std::string(50'000, 'a')).status, 200);
  EXPECT_EQ(ask("GET", "/models/a/versions/1/2").status, 404);
}

TEST_F(Routes, TheTableKeepsWhatRoutesSayOfThemselves) {
  Router router(registry_);
  const auto nothing = [](const Call&, const net::HttpRequest&, const PathParameters&) {};
  router.add("GET", "/plain", "Plain.", nothing);
  router.add("GET", "/said", {.id = "said", .tag = "t", .summary = "Said.", .errors = {404}}, nothing);
  ASSERT_EQ(router.routes().size(), 2U);
  EXPECT_FALSE(router.routes()[0].documented());
  EXPECT_EQ(router.routes()[0].summary(), "Plain.");
  EXPECT_TRUE(router.routes()[1].documented());
  EXPECT_EQ(router.routes()[1].operation.errors, std::vector<int>{404});
}

TEST_F(Routes, ASlashAtTheEndMakesNoDifference) {
  EXPECT_EQ(ask("POST", "/predict/").body, "POST /predict");
  EXPECT_EQ(ask("POST", "/predict/digits/").body, "POST /predict/{model} digits");
}

TEST_F(Routes, HeadGoesWhereGetDoes) {
  EXPECT_EQ(ask("HEAD", "/models/a").body, "GET /models/{model} a");
}

TEST_F(Routes, UnknownPathsAreNotFound) {
  for (const char* path :
       {"/nothing", "/predict/a/b", "/models", "/models//versions/1", "/Predict", "//predict", "", "*"}) {
    const auto response = ask("PUT", path);
    if (path == std::string_view("*")) continue;  // no path, but an answer
    EXPECT_EQ(response.status, 404) << path;
  }
  EXPECT_EQ(ask("GET", "/no\"thing").body,
            R"({"error":"there is no route \"/no\"thing\"; GET / lists the routes"})");
  EXPECT_LT(ask("GET", "/" + std::string(5000, 'x')).body.size(), 300U);
}

TEST_F(Routes, OtherMethodsAreToldWhichAreTaken) {
  const auto one = ask("GET", "/predict");
  EXPECT_EQ(one.status, 405);
  EXPECT_EQ(header(one, "Allow"), "POST");
  EXPECT_EQ(one.body, R"({"error":"/predict takes POST, not GET"})");
  const auto two = ask("PATCH", "/models/a");
  EXPECT_EQ(two.status, 405);
  EXPECT_EQ(header(two, "Allow"), "GET, DELETE");
}

TEST_F(Routes, AreCountedByTemplateNotByPath) {
  ask("POST", "/predict/digits");
  ask("POST", "/predict/sentiment");
  ask("GET", "/made-up-1");
  ask("GET", "/made-up-2");
  const std::string scrape = registry_.scrape();
  EXPECT_NE(scrape.find("endpoint=\"/predict/{model}\""), std::string::npos) << scrape;
  EXPECT_NE(scrape.find("endpoint=\"unmatched\""), std::string::npos);
  EXPECT_EQ(scrape.find("digits"), std::string::npos);
  EXPECT_EQ(scrape.find("made-up"), std::string::npos);
}

TEST_F(Routes, BytesThatAreNoRequestGetTheStatusAndTheReason) {
  const auto response = router_.refusal(413, "too \"big\"");
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.body, R"({"error":"too \"big\""})");
}

TEST(Errors, HaveOneStatusEach) {
  EXPECT_EQ(status_of(base::Code::kInvalidArgument), 400);
  EXPECT_EQ(status_of(base::Code::kUnauthenticated), 401);
  EXPECT_EQ(status_of(base::Code::kPermissionDenied), 403);
  EXPECT_EQ(status_of(base::Code::kNotFound), 404);
  EXPECT_EQ(status_of(base::Code::kMethodNotAllowed), 405);
  EXPECT_EQ(status_of(base::Code::kTooLarge), 413);
  EXPECT_EQ(status_of(base::Code::kRateLimited), 429);
  EXPECT_EQ(status_of(base::Code::kCancelled), 499);
  EXPECT_EQ(status_of(base::Code::kInternal), 500);
  EXPECT_EQ(status_of(base::Code::kUnavailable), 503);
  EXPECT_EQ(status_of(base::Code::kDeadlineExceeded), 504);
}

TEST(Errors, SayWhenToTryAgain) {
  const auto busy = error_response({base::Code::kUnavailable, "full"});
  ASSERT_EQ(busy.headers.size(), 1U);
  EXPECT_EQ(busy.headers[0].first, "Retry-After");
  EXPECT_EQ(busy.headers[0].second, "1");
  EXPECT_TRUE(error_response({base::Code::kNotFound, "no"}).headers.empty());
}

TEST(Errors, SayHowLongWhereThatIsKnown) {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  const auto soon = error_response({base::Code::kUnavailable, "full", std::chrono::milliseconds(25)});
  EXPECT_EQ(soon.headers, (Fields{{"Retry-After", "1"}, {"Retry-After-Ms", "25"}}));
  const auto later = error_response({base::Code::kRateLimited, "slower", std::chrono::milliseconds(2001)});
  EXPECT_EQ(later.headers, (Fields{{"Retry-After", "3"}, {"Retry-After-Ms", "2001"}}));
}

}  // namespace
}  // namespace saccade::http
