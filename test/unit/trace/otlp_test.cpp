#include "trace/otlp.h"

#include <gtest/gtest.h>

#include "otlp.pb.h"

namespace saccade::trace {
namespace {

Span made() {
  Span span;
  span.context.trace_id = {0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6,
                           0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36};
  span.context.span_id = {0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7};
  span.context.sampled = true;
  span.context.state = "a=1";
  span.kind = Kind::kServer;
  span.name = "POST /predict/{model}";
  span.begin = 1'795'506'261'000'000'001;
  span.end = 1'795'506'261'000'500'001;
  return span;
}

otlp::ExportTraceServiceRequest decoded(const std::string& bytes) {
  otlp::ExportTraceServiceRequest message;
  EXPECT_TRUE(message.ParseFromString(bytes));
  return message;
}

TEST(Otlp, HoldsResourceScopeAndSpan) {
  Span span = made();
  span.parent = request::SpanId{1, 2, 3, 4, 5, 6, 7, 8};
  span.attributes = {{"text", std::string("a")}, {"whole", std::int64_t{-3}}, {"part", 0.5}, {"flag", true}};
  const auto message = decoded(encode_otlp({{"service.name", "tests"}}, "1.2.3", std::vector{span, made()}));
  ASSERT_EQ(message.resource_spans_size(), 1);
  const auto& all = message.resource_spans(0);
  EXPECT_EQ(all.resource().attributes(0).key(), "service.name");
  EXPECT_EQ(all.resource().attributes(0).value().string_value(), "tests");
  ASSERT_EQ(all.scope_spans_size(), 1);
  EXPECT_EQ(all.scope_spans(0).scope().version(), "1.2.3");
  ASSERT_EQ(all.scope_spans(0).spans_size(), 2);
  const auto& first = all.scope_spans(0).spans(0);
  EXPECT_EQ(first.trace_id(),
            std::string("\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36"));
  EXPECT_EQ(first.span_id().size(), 8U);
  EXPECT_EQ(first.parent_span_id(), "\x01\x02\x03\x04\x05\x06\x07\x08");
  EXPECT_EQ(first.trace_state(), "a=1");
  EXPECT_EQ(first.flags(), 1U);
  EXPECT_EQ(first.kind(), otlp::Span::SPAN_KIND_SERVER);
  EXPECT_EQ(first.end_time_unix_nano() - first.start_time_unix_nano(), 500'000U);
  ASSERT_EQ(first.attributes_size(), 4);
  EXPECT_EQ(first.attributes(1).value().int_value(), -3);
  EXPECT_EQ(first.attributes(2).value().double_value(), 0.5);
  EXPECT_TRUE(first.attributes(3).value().bool_value());
  EXPECT_FALSE(first.has_status());
  EXPECT_TRUE(all.scope_spans(0).spans(1).parent_span_id().empty());
}

TEST(Otlp, AnErrorIsTheStatus) {
  Span span = made();
  span.error = "Internal Server Error";
  const auto message = decoded(encode_otlp({}, "1", std::vector{span}));
  const auto& status = message.resource_spans(0).scope_spans(0).spans(0).status();
  EXPECT_EQ(status.code(), otlp::Status::STATUS_CODE_ERROR);
  EXPECT_EQ(status.message(), "Internal Server Error");
}

TEST(Otlp, ReadsHowManySpansWereRejected) {
  otlp::ExportTraceServiceResponse answer;
  answer.mutable_partial_success()->set_rejected_spans(7);
  EXPECT_EQ(rejected_spans(answer.SerializeAsString()), 7);
  EXPECT_EQ(rejected_spans(""), 0);
  EXPECT_EQ(rejected_spans("<html>"), 0);
}

}  // namespace
}  // namespace saccade::trace
