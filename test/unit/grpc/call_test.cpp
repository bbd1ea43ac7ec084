#include "grpc/call.h"

#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "fake_stream.h"
#include "frames.h"
#include "grpc/methods.h"
#include "health.pb.h"
#include "reflection.pb.h"

namespace saccade::grpc {
namespace {

using namespace std::chrono_literals;

// Takes messages until it holds `most`, and is told what happens.
struct Notes {
  std::vector<std::string> messages;
  std::size_t most = 1000;
  bool ended = false;
  bool over = false;
  bool drained = false;
};

class Notebook final : public Conversation {
 public:
  explicit Notebook(Notes& notes) : notes_(notes) {}
  void on_message(std::string_view bytes) override { notes_.messages.emplace_back(bytes); }
  bool takes_more() const override { return notes_.messages.size() < notes_.most; }
  void on_end() override { notes_.ended = true; }
  void on_drain() override { notes_.drained = true; }
  void on_over() override { notes_.over = true; }

 private:
  Notes& notes_;
};

class Calls : public testing::Test {
 protected:
  Calls() {
    const auto* health = ::grpc::health::v1::HealthCheckRequest::descriptor()->file()->service(0);
    const auto* reflection =
        ::grpc::reflection::v1::ServerReflectionRequest::descriptor()->file()->service(0);
    methods_.add(*health, "Check", Unary([this](const std::shared_ptr<Call>& call, std::string_view message) {
      asked_.emplace_back(message);
      waiting_ = call;
    }));
    methods_.add(*reflection, "ServerReflectionInfo",
                 Open([this](Call&) { return std::make_unique<Notebook>(notes_); }));
  }
  const Method& unary() { return *methods_.find("/grpc.health.v1.Health/Check"); }
  const Method& streaming() {
    return *methods_.find("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
  }
  std::shared_ptr<Call> begin(const Method& method, CallHead head = {}) {
    stream_ = std::make_shared<FakeStream>(loop_);
    head.arrived = base::now();
    auto call = std::make_shared<Call>(method, context_, stream_, head);
    call->begin();
    return call;
  }
  static ::grpc::health::v1::HealthCheckResponse serving() {
    ::grpc::health::v1::HealthCheckResponse response;
    response.set_status(::grpc::health::v1::HealthCheckResponse::SERVING);
    return response;
  }

  runtime::EventLoop loop_{0};
  Limits limits_{.message_bytes = 1000, .stream_in_flight = 4, .unsent_bytes = 100};
  LoopContext context_{loop_, limits_};
  observe::Registry registry_;
  Methods methods_{registry_};
  std::shared_ptr<FakeStream> stream_;
  std::shared_ptr<Call> waiting_;
  std::vector<std::string> asked_;
  Notes notes_;
};

TEST_F(Calls, UnaryIsAnsweredOnce) {
  const auto call = begin(unary());
  call->on_data(framed("message"));
  call->on_end();
  EXPECT_EQ(asked_, std::vector<std::string>{"message"});
  EXPECT_EQ(stream_->heads + stream_->ends, 0) << "not before its answer";
  waiting_->answer(serving());
  EXPECT_EQ(stream_->status, 200);
  EXPECT_EQ(stream_->header("content-type"), "application/grpc");
  EXPECT_EQ(stream_->data, framed("\x08\x01"));
  EXPECT_EQ(stream_->grpc_status(), 0);
  EXPECT_EQ(stream_->trailer("grpc-message"), "");
  EXPECT_EQ(stream_->trailer("content-type"), "") << "it was in the headers";
  waiting_->fail({base::Code::kInternal, "late"});
  EXPECT_EQ(stream_->ends, 1);
  EXPECT_EQ(stream_->consumed, framed("message").size());
}

TEST_F(Calls, AnErrorIsTrailersOnly) {
  const auto call = begin(unary());
  call->on_data(framed(""));
  waiting_->fail({base::Code::kNotFound, "no \"é\""});
  EXPECT_EQ(stream_->heads, 0);
  EXPECT_EQ(stream_->trailer("content-type"), "application/grpc");
  EXPECT_EQ(stream_->grpc_status(), 5);
  EXPECT_EQ(stream_->trailer("grpc-message"), "no \"%C3%A9\"");
}

TEST_F(Calls, UnaryTakesExactlyOneMessage) {
  auto call = begin(unary());
  call->on_end();
  EXPECT_EQ(stream_->grpc_status(), 13);
  call = begin(unary());
  call->on_data(framed("a") + framed("b"));
  EXPECT_EQ(stream_->grpc_status(), 13);
  EXPECT_EQ(asked_.size(), 1U);
  EXPECT_TRUE(waiting_->over());
  waiting_->answer(serving());
  EXPECT_EQ(stream_->ends, 1);
  EXPECT_TRUE(stream_->data.empty());
}

TEST_F(Calls, AStreamThatEndsWithinAMessageIsAnError) {
  for (const std::string& part : {framed("message").substr(0, 3), framed("message").substr(0, 9)}) {
    const auto call = begin(unary());
    call->on_data(part);
    call->on_end();
    EXPECT_EQ(stream_->grpc_status(), 13);
    EXPECT_NE(stream_->trailer("grpc-message").find("within a message"), std::string::npos);
  }
  EXPECT_TRUE(asked_.empty());
}

TEST_F(Calls, DataAfterTheEndIsLetThrough) {
  const auto call = begin(unary());
  call->on_data(framed("a", 7));
  EXPECT_EQ(stream_->grpc_status(), 13);
  const std::size_t before = stream_->consumed;
  call->on_data("whatever");
  call->on_end();
  EXPECT_EQ(stream_->consumed, before + 8);
  EXPECT_EQ(stream_->ends, 1);
}

TEST_F(Calls, EverythingThatCameIsConsumedWhateverEndsTheCall) {
  const auto call = begin(unary());
  const std::string bytes = framed("a", 7) + "more of it";
  call->on_data(bytes);
  EXPECT_EQ(stream_->consumed, bytes.size());
}

TEST_F(Calls, TheDeadlineAnswers) {
  const auto call = begin(unary(), {.deadline = base::now() + 5ms});
  call->on_data(framed("a"));
  const auto gone = call->gone();
  EXPECT_FALSE(gone->load());
  loop_.run_for(10s);
  EXPECT_EQ(stream_->grpc_status(), 4);
  EXPECT_TRUE(gone->load());
  waiting_->answer(serving());
  EXPECT_EQ(stream_->ends, 1);
  EXPECT_TRUE(stream_->data.empty()) << "the late answer is dropped";
}

TEST_F(Calls, AnAnsweredCallHasNoAlarm) {
  const auto call = begin(unary(), {.deadline = base::now() + 1h});
  call->on_data(framed("a"));
  EXPECT_EQ(context_.timers.size(), 1U);
  waiting_->answer(serving());
  EXPECT_EQ(context_.timers.size(), 0U);
}

TEST_F(Calls, APeerThatGoesCancelsItsCall) {
  const auto call = begin(streaming(), {.deadline = base::now() + 1h});
  const auto gone = call->gone();
  call->on_closed();
  EXPECT_TRUE(gone->load());
  EXPECT_TRUE(notes_.over);
  EXPECT_EQ(context_.timers.size(), 0U);
  call->finish({});
  EXPECT_EQ(stream_->ends, 0);
  EXPECT_NE(registry_.scrape().find("grpc_code=\"Canceled\""), std::string::npos);
}

TEST_F(Calls, TooLargeAMessageIsRefusedByItsPrefix) {
  const auto call = begin(unary());
  call->on_data(framed(std::string(1001, 'x')).substr(0, 5));
  EXPECT_EQ(stream_->grpc_status(), 8);
  EXPECT_NE(stream_->trailer("grpc-message").find("1000"), std::string::npos);
}

TEST_F(Calls, AMessageThatIsNotWholeCountsAsHeld) {
  auto call = begin(unary());
  call->on_data(framed(std::string(500, 'x')).substr(0, 105));
  EXPECT_EQ(stream_->held, 100U);
  EXPECT_EQ(stream_->consumed, 105U);
  call->on_data(std::string(400, 'x'));
  EXPECT_EQ(stream_->held, 0U);
  EXPECT_EQ(asked_.size(), 1U);

  call = begin(unary());
  stream_->most_held = 50;
  call->on_data(framed(std::string(500, 'x')).substr(0, 105));
  EXPECT_EQ(stream_->grpc_status(), 8);
}

TEST_F(Calls, CompressedBothWays) {
  const auto call = begin(unary(), {.received = Encoding::kGzip, .sent = Encoding::kGzip});
  std::string packed;
  compress(Encoding::kGzip, std::string(900, 'a'), packed);
  call->on_data(framed(packed, 1));
  EXPECT_EQ(asked_.at(0), std::string(900, 'a'));
  ::grpc::health::v1::HealthCheckRequest large;
  large.set_service(std::string(5000, 'b'));
  waiting_->answer(large);
  EXPECT_EQ(stream_->header("grpc-encoding"), "gzip");
  EXPECT_EQ(stream_->data[0], 1);
  const auto plain = decompress(Encoding::kGzip, std::string_view(stream_->data).substr(5), 10'000);
  EXPECT_EQ(*plain, large.SerializeAsString());
}

TEST_F(Calls, ASmallAnswerIsNotCompressed) {
  const auto call = begin(unary(), {.received = Encoding::kGzip, .sent = Encoding::kGzip});
  call->on_data(framed("plain"));
  waiting_->answer(serving());
  EXPECT_EQ(stream_->header("grpc-encoding"), "gzip");
  EXPECT_EQ(stream_->data, framed("\x08\x01"));
}

TEST_F(Calls, CompressedWithoutAnEncodingIsAnError) {
  const auto call = begin(unary());
  call->on_data(framed("packed", 1));
  EXPECT_EQ(stream_->grpc_status(), 13);
}

TEST_F(Calls, ABombIsRefused) {
  const auto call = begin(unary(), {.received = Encoding::kDeflate});
  std::string packed;
  compress(Encoding::kDeflate, std::string(100'000, '\0'), packed);
  ASSERT_LT(packed.size(), 1000U);
  call->on_data(framed(packed, 1));
  EXPECT_EQ(stream_->grpc_status(), 8);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(Calls, WhoTakesNoMoreHoldsThePeerBack) {
  notes_.most = 2;
  const auto call = begin(streaming());
  const std::string bytes = framed("a") + framed("b") + framed("c") + framed("d");
  call->on_data(bytes);
  call->on_data(framed("e").substr(0, 4));
  call->on_end();
  EXPECT_EQ(notes_.messages, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(stream_->consumed, 12U) << "what waits is not consumed";
  EXPECT_FALSE(notes_.ended);
  notes_.most = 3;
  call->resume();
  EXPECT_EQ(notes_.messages.back(), "c");
  EXPECT_EQ(stream_->consumed, 18U);
  notes_.most = 10;
  call->resume();
  EXPECT_EQ(notes_.messages.back(), "d");
  EXPECT_EQ(stream_->consumed, 28U);
  EXPECT_EQ(stream_->grpc_status(), 13) << "the fifth was cut off";
}

TEST_F(Calls, TheEndComesBehindTheLastMessage) {
  notes_.most = 1;
  const auto call = begin(streaming());
  call->on_data(framed("a") + framed("b"));
  call->on_end();
  EXPECT_FALSE(notes_.ended);
  notes_.most = 5;
  call->resume();
  EXPECT_EQ(notes_.messages.size(), 2U);
  EXPECT_TRUE(notes_.ended);
  EXPECT_EQ(stream_->grpc_status(), -1) << "the conversation says when it is over";
}

TEST_F(Calls, ASlowReaderIsNotAskedForMore) {
  const auto call = begin(streaming());
  stream_->unsent = 200;  // more than the limit's 100
  call->on_data(framed("a"));
  EXPECT_TRUE(notes_.messages.empty());
  EXPECT_EQ(stream_->consumed, 0U);
  stream_->unsent = 0;
  call->resume();
  EXPECT_EQ(notes_.messages.size(), 1U);
}

TEST_F(Calls, DrainReachesTheConversation) {
  const auto call = begin(streaming());
  call->on_drain();
  EXPECT_TRUE(notes_.drained);
  notes_.drained = false;
  call->finish({});
  call->on_drain();
  EXPECT_FALSE(notes_.drained);
}

TEST_F(Calls, BytesThatAreNoMessageFailTheCall) {
  const auto call = begin(unary());
  call->on_data(framed("a"));
  ::grpc::health::v1::HealthCheckRequest request;
  EXPECT_FALSE(
      waiting_->parse("\x0A\x05"
                      "ab",
                      request));
  EXPECT_EQ(stream_->grpc_status(), 3);
  EXPECT_NE(stream_->trailer("grpc-message").find("grpc.health.v1.HealthCheckRequest"), std::string::npos);
}

TEST_F(Calls, AreCountedAsDashboardsKnow) {
  const auto call = begin(unary());
  call->on_data(framed("a"));
  waiting_->answer(serving());
  const std::string text = registry_.scrape();
  const std::string labels = R"(grpc_type="unary",grpc_service="grpc.health.v1.Health",grpc_method="Check")";
  EXPECT_NE(text.find("grpc_server_started_total{" + labels + "} 1"), std::string::npos) << text;
  EXPECT_NE(text.find("grpc_server_handled_total{" + labels + ",grpc_code=\"OK\"} 1"), std::string::npos);
  EXPECT_NE(text.find("grpc_server_msg_received_total{" + labels + "} 1"), std::string::npos);
  EXPECT_NE(text.find("grpc_server_msg_sent_total{" + labels + "} 1"), std::string::npos);
  EXPECT_NE(text.find("grpc_server_handling_seconds_count{" + labels + "} 1"), std::string::npos);
}

}  // namespace
}  // namespace saccade::grpc
