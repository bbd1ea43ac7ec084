#include "trace/settings.h"

#include <map>

#include <gtest/gtest.h>

namespace saccade::trace {
namespace {

using Variables = std::map<std::string, std::string>;

base::Result<Settings> read(const Variables& variables, const std::string& flag = "") {
  return read_settings(flag, "1.0", [&variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  });
}

TEST(TraceSettings, NothingSaidIsNothingSent) {
  EXPECT_FALSE(read({})->enabled());
  EXPECT_FALSE(read({{"OTEL_SDK_DISABLED", "true"}}, "http://a:4318")->enabled());
  EXPECT_FALSE(read({{"OTEL_TRACES_EXPORTER", "none"}}, "http://a:4318")->enabled());
}

TEST(TraceSettings, TheEndpointIsTheFlagThenTheVariables) {
  EXPECT_EQ(read({}, "http://a:4318")->url, "http://a:4318/v1/traces");
  EXPECT_EQ(read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:4318/"}})->url, "http://b:4318/v1/traces");
  EXPECT_EQ(read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://b"}}, "http://a")->url, "http://a/v1/traces");
  const Variables both{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://b"},
                       {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c/own"}};
  EXPECT_EQ(read(both)->url, "https://c/own");
}

TEST(TraceSettings, OpenTelemetrysVariablesAreHeeded) {
  const auto settings =
      read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"},
            {"OTEL_SERVICE_NAME", "digits"},
            {"OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test,service.name=other,x=a%2Cb"},
            {"OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%20t , other=1"},
            {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/etc/ca.pem"},
            {"OTEL_TRACES_SAMPLER", "traceidratio"},
            {"OTEL_TRACES_SAMPLER_ARG", "0"},
            {"OTEL_BSP_MAX_QUEUE_SIZE", "100"},
            {"OTEL_BSP_SCHEDULE_DELAY", "20"},
            {"OTEL_EXPORTER_OTLP_TIMEOUT", "1500"}});
  ASSERT_TRUE(settings) << settings.error().message;
  const Resource resource{{"deployment.environment", "test"},
                          {"x", "a,b"},
                          {"service.name", "digits"},
                          {"service.version", "1.0"}};
  EXPECT_EQ(settings->resource, resource);
  const std::vector<std::pair<std::string, std::string>> headers{{"api-key", "s t"}, {"other", "1"}};
  EXPECT_EQ(settings->headers, headers);
  EXPECT_EQ(settings->ca, "/etc/ca.pem");
  EXPECT_FALSE(settings->sampler.samples({}, nullptr));
  EXPECT_EQ(settings->queue, 100U);
  EXPECT_EQ(settings->batch, 100U);  // never more than the queue holds
  EXPECT_EQ(settings->delay, std::chrono::milliseconds(20));
  EXPECT_EQ(settings->timeout, std::chrono::milliseconds(1500));
}

TEST(TraceSettings, ByDefaultEveryTraceThatBeginsHereIsSampled) {
  const auto settings = read({}, "http://a");
  EXPECT_TRUE(settings->sampler.samples({}, nullptr));
  EXPECT_EQ(settings->resource.front().second, "saccade");
}

TEST(TraceSettings, WhatIsWrongIsNamed) {
  const auto message = [](const Variables& variables, const std::string& flag = "http://a") {
    const auto settings = read(variables, flag);
    return settings ? "" : settings.error().message;
  };
  EXPECT_NE(message({}, "localhost:4318").find("--otlp-endpoint"), std::string::npos);
  EXPECT_NE(message({{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}}).find("http/protobuf"), std::string::npos);
  EXPECT_NE(message({{"OTEL_TRACES_SAMPLER", "some"}}).find("OTEL_TRACES_SAMPLER"), std::string::npos);
  EXPECT_NE(message({{"OTEL_TRACES_SAMPLER_ARG", "2"}}).find("OTEL_TRACES_SAMPLER_ARG"), std::string::npos);
  EXPECT_NE(message({{"OTEL_TRACES_SAMPLER_ARG", "nan"}}).find("OTEL_TRACES_SAMPLER_ARG"), std::string::npos);
  EXPECT_NE(message({{"OTEL_BSP_MAX_QUEUE_SIZE", "many"}}).find("OTEL_BSP_MAX_QUEUE_SIZE"),
            std::string::npos);
  // The value of a header may be a secret.
  const std::string header = message({{"OTEL_EXPORTER_OTLP_HEADERS", "secret"}});
  EXPECT_NE(header.find("OTEL_EXPORTER_OTLP_HEADERS"), std::string::npos);
  EXPECT_EQ(header.find("secret"), std::string::npos);
  EXPECT_FALSE(read({{"OTEL_EXPORTER_OTLP_HEADERS", "a=b%0D%0Ac:d"}}, "http://a"));
}

}  // namespace
}  // namespace saccade::trace
