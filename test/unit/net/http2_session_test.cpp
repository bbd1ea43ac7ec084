#include "net/http2_session.h"

#include <gtest/gtest.h>

#include "http2_peer.h"

namespace saccade::net::test {
namespace {

HttpResponse text(std::string body, int status = 200) {
  return {.status = status, .content_type = "text/plain", .body = std::move(body), .headers = {}};
}

TEST(Http2Session, CollectsAWholeRequestAndAnswersIt) {
  Http2Peer peer;
  peer.hello();
  const auto id = peer.ask("POST", "/predict/m?x=1", "the body");
  peer.pump();
  ASSERT_EQ(peer.handler.whole.size(), 1U);
  const auto& request = peer.handler.whole[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/predict/m?x=1");
  EXPECT_EQ(request.body, "the body");
  EXPECT_EQ(request.host, "here:1");
  EXPECT_FALSE(*request.exchange->gone());
  request.exchange->respond(
      {.status = 201, .content_type = "text/plain", .body = "done", .headers = {{"X-Mine", "1"}}});
  peer.pump();
  Answer& answer = peer[id];
  EXPECT_EQ(answer.status(), "201");
  EXPECT_EQ(answer.headers["content-type"], "text/plain");
  EXPECT_EQ(answer.headers["content-length"], "4");
  EXPECT_EQ(answer.headers["x-mine"], "1");
  EXPECT_EQ(answer.headers["date"], peer.state.date());
  EXPECT_EQ(answer.data, "done");
  EXPECT_TRUE(answer.closed);
  EXPECT_EQ(answer.error_code, 0U);
  EXPECT_TRUE(*request.exchange->gone());
}

TEST(Http2Session, ManyRequestsAreAnsweredInAnyOrder) {
  Http2Peer peer;
  peer.hello();
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 50; ++i) ids.push_back(peer.ask("GET", "/" + std::to_string(i)));
  peer.pump();
  ASSERT_EQ(peer.handler.whole.size(), 50U);
  EXPECT_EQ(peer.metrics.http2_streams.value(), 50);
  for (std::size_t i = 50; i-- > 0;) {
    peer.handler.whole[i].exchange->respond(text(peer.handler.whole[i].target));
    if (i % 7 == 0) peer.pump();
  }
  peer.pump();
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(peer[ids[static_cast<std::size_t>(i)]].data, "/" + std::to_string(i));
  EXPECT_EQ(peer.metrics.http2_streams.value(), 0);
}

TEST(Http2Session, HeadAndNoContentHaveNoBody) {
  Http2Peer peer;
  peer.hello();
  const auto head = peer.ask("HEAD", "/a");
  const auto none = peer.ask("POST", "/b", "x");
  peer.pump();
  peer.handler.whole[0].exchange->respond(text("hidden"));
  peer.handler.whole[1].exchange->respond({.status = 204, .content_type = "", .body = "", .headers = {}});
  peer.pump();
  EXPECT_EQ(peer[head].headers["content-length"], "6");
  EXPECT_EQ(peer[head].data, "");
  EXPECT_TRUE(peer[head].closed);
  EXPECT_EQ(peer[none].status(), "204");
  EXPECT_FALSE(peer[none].headers.contains("content-length"));
  EXPECT_TRUE(peer[none].closed);
}

TEST(Http2Session, PiecesOfACookieComeAsOne) {
  Http2Peer peer;
  peer.hello();
  peer.ask("GET", "/", "", true, {{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}});
  peer.pump();
  EXPECT_EQ(peer.handler.whole.at(0).cookie, "a=1; b=2");
}

TEST(Http2Session, AConversationSpeaksBothWays) {
  Http2Peer peer;
  peer.hello();
  const auto id = peer.ask("POST", "/talk", "one", false);
  peer.pump();
  ASSERT_EQ(peer.handler.talks.size(), 1U);
  const auto& stream = peer.handler.talks[0];
  const Seen& seen = *peer.handler.seen[0];
  EXPECT_EQ(seen.data, "one");
  EXPECT_FALSE(seen.ended);
  stream->send_headers(200, {{"content-type", "application/grpc"}});
  stream->send_data("first");
  peer.pump();
  EXPECT_EQ(peer[id].data, "first");
  peer.send_more(id, "two", true);
  EXPECT_EQ(seen.data, "onetwo");
  EXPECT_TRUE(seen.ended);
  EXPECT_EQ(seen.closed, 0);
  stream->send_data("second");
  stream->send_trailers({{"grpc-status", "0"}});
  peer.pump();
  EXPECT_EQ(peer[id].data, "firstsecond");
  EXPECT_EQ(peer[id].headers["content-type"], "application/grpc");
  EXPECT_EQ(peer[id].trailers["grpc-status"], "0");
  EXPECT_TRUE(peer[id].closed);
  EXPECT_EQ(seen.closed, 1);
  stream->send_data("too late");
  stream->send_trailers({});
  stream->reset(NGHTTP2_CANCEL);
  stream->consume(5);
  EXPECT_EQ(stream->unsent_bytes(), 0U);
}

TEST(Http2Session, TrailersOnlyAreOneBlock) {
  Http2Peer peer;
  peer.hello();
  const auto id = peer.ask("POST", "/talk", "x");
  peer.pump();
  peer.handler.talks[0]->send_trailers({{"content-type", "application/grpc"}, {"grpc-status", "12"}});
  peer.pump();
  EXPECT_EQ(peer[id].status(), "200");
  EXPECT_EQ(peer[id].headers["grpc-status"], "12");
  EXPECT_TRUE(peer[id].closed);
  EXPECT_EQ(peer[id].error_code, 0U);
}

TEST(Http2Session, AnAnswerBeforeTheRequestsEndEndsTheRequest) {
  Http2Peer peer;
  peer.hello();
  const auto id = peer.ask("POST", "/talk", "x", false);
  peer.pump();
  peer.handler.talks[0]->send_trailers({{"grpc-status", "3"}});
  peer.pump();
  EXPECT_TRUE(peer[id].closed);
  EXPECT_EQ(peer[id].error_code, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
  EXPECT_EQ(peer.handler.seen[0]->closed, 1);
}

TEST(Http2Session, AResetByThePeerIsSeen) {
  Http2Peer peer;
  peer.hello();
  const auto talk = peer.ask("POST", "/talk", "x", false);
  const auto whole = peer.ask("GET", "/");
  peer.pump();
  const auto talk_gone = peer.handler.talks[0]->gone();
  const auto whole_gone = peer.handler.whole[0].exchange->gone();
  nghttp2_submit_rst_stream(peer.client, 0, talk, NGHTTP2_CANCEL);
  peer.pump();
  EXPECT_TRUE(*talk_gone);
  EXPECT_FALSE(*whole_gone);
  EXPECT_EQ(peer.handler.seen[0]->closed, 1);
  nghttp2_submit_rst_stream(peer.client, 0, whole, NGHTTP2_CANCEL);
  peer.pump();
  EXPECT_TRUE(*whole_gone);
  peer.handler.whole[0].exchange->respond(text("nobody hears"));
  peer.pump();
  EXPECT_EQ(peer[whole].data, "");
}

TEST(Http2Session, AResetByUsEndsTheConversation) {
  Http2Peer peer;
  peer.hello();
  const auto id = peer.ask("POST", "/talk", "x", false);
  peer.pump();
  peer.handler.talks[0]->reset(NGHTTP2_INTERNAL_ERROR);
  peer.handler.talks[0]->send_trailers({{"grpc-status", "0"}});
  peer.pump();
  EXPECT_TRUE(peer[id].closed);
  EXPECT_EQ(peer[id].error_code, static_cast<std::uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_EQ(peer.handler.seen[0]->closed, 1);
}

TEST(Http2Session, TheEndOfTheConnectionClosesEveryStreamOnce) {
  Http2Peer peer;
  peer.hello();
  peer.ask("POST", "/talk", "x", false);
  peer.ask("POST", "/talk", "y");
  peer.ask("GET", "/");
  peer.pump();
  const auto gone = peer.handler.whole[0].exchange->gone();
  peer.session->end();
  peer.session->end();
  EXPECT_TRUE(*gone);
  EXPECT_EQ(peer.handler.seen[0]->closed, 1);
  EXPECT_EQ(peer.handler.seen[1]->closed, 1);
  EXPECT_EQ(peer.metrics.http2_streams.value(), 0);
  peer.handler.talks[0]->send_trailers({});
  peer.handler.whole[0].exchange->respond(text("late"));
}

TEST(Http2Session, ThePeersWindowHoldsAnswersBack) {
  Http2Peer peer;
  peer.hello();
  const auto id = peer.ask("POST", "/talk", "x");
  peer.pump();
  const auto& stream = peer.handler.talks[0];
  stream->send_headers(200, {});
  stream->send_data(std::string(200'000, 'a'));
  peer.pump();
  EXPECT_EQ(peer[id].data.size(), 65'535U);
  EXPECT_EQ(stream->unsent_bytes(), 200'000U - 65'535U);
  EXPECT_EQ(peer.handler.seen[0]->sendable, 0);
  peer.read(id, 65'535);
  EXPECT_EQ(peer.handler.seen[0]->sendable, 0);
  peer.read(id, 65'535);
  EXPECT_EQ(stream->unsent_bytes(), 200'000U - 3 * 65'535U);
  EXPECT_EQ(peer.handler.seen[0]->sendable, 1);
  stream->send_data("b");
  stream->send_trailers({{"grpc-status", "0"}});
  peer.read(id, 65'535);
  EXPECT_EQ(peer[id].data.size(), 200'001U);
  EXPECT_EQ(peer[id].trailers["grpc-status"], "0");
}

TEST(Http2Session, WhatIsNotConsumedHoldsThePeerBack) {
  Http2Peer peer;
  peer.handler.consumes = false;
  peer.hello();
  const std::size_t window = 4 * 1024 * 1024;
  const auto id = peer.ask("POST", "/talk", std::string(window + 100'000, 'x'));
  const auto other = peer.ask("POST", "/other", std::string(window * 3, 'y'));
  peer.pump();
  EXPECT_EQ(peer.handler.seen[0]->data.size(), window);
  EXPECT_FALSE(peer.handler.seen[0]->ended);
  ASSERT_EQ(peer.handler.whole.size(), 1U) << "another stream is not held back";
  EXPECT_EQ(peer.handler.whole[0].body.size(), window * 3);
  peer.handler.talks[0]->consume(window);
  peer.pump();
  EXPECT_EQ(peer.handler.seen[0]->data.size(), window + 100'000);
  EXPECT_TRUE(peer.handler.seen[0]->ended);
  (void)id, (void)other;
}

TEST(Http2Session, ABodyBeyondTheLimitIsRefused) {
  Http2Peer peer({.body_bytes = 1000});
  peer.hello();
  const auto announced = peer.ask("POST", "/", std::string(1001, 'x'), true, {{"content-length", "1001"}});
  const auto streamed = peer.ask("POST", "/", std::string(1001, 'x'));
  const auto fits = peer.ask("POST", "/", std::string(1000, 'x'));
  peer.pump();
  EXPECT_EQ(peer[announced].status(), "413");
  EXPECT_EQ(peer[announced].data, "the body has 1001 bytes, at most 1000 are taken");
  EXPECT_EQ(peer[streamed].status(), "413");
  ASSERT_EQ(peer.handler.whole.size(), 1U);
  peer.handler.whole[0].exchange->respond(text("ok"));
  peer.pump();
  EXPECT_EQ(peer[fits].data, "ok");
}

TEST(Http2Session, OneConnectionHoldsOnlySoMuch) {
  Http2Peer peer({.body_bytes = 1000, .http2_buffered_bytes = 2500});
  peer.hello();
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(peer.ask("POST", "/", std::string(900, 'x'), false));
  peer.pump();
  EXPECT_EQ(peer[ids[2]].status(), "503");
  peer.send_more(ids[0], "", true);
  peer.send_more(ids[1], "", true);
  EXPECT_EQ(peer.handler.whole.size(), 2U);
  for (auto& whole : peer.handler.whole) whole.exchange->respond(text("ok"));
  const auto next = peer.ask("POST", "/", std::string(900, 'x'));
  peer.pump();
  ASSERT_EQ(peer.handler.whole.size(), 3U) << "what was answered counts no longer";
  (void)next;
}

TEST(Http2Session, TooManyHeadersAreRefusedAndTheConnectionGoesOn) {
  Http2Peer peer({.headers = 10});
  peer.hello();
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 11; ++i) many.emplace_back("x-" + std::to_string(i), "v");
  const auto refused = peer.ask("GET", "/", "", true, many);
  const auto good = peer.ask("GET", "/");
  peer.pump();
  EXPECT_EQ(peer[refused].status(), "431");
  ASSERT_EQ(peer.handler.whole.size(), 1U);
  peer.handler.whole[0].exchange->respond(text("ok"));
  peer.pump();
  EXPECT_EQ(peer[good].data, "ok");
}

TEST(Http2Session, ExpectedContinueIsSent) {
  Http2Peer peer;
  peer.hello();
  const auto id = peer.ask("POST", "/", "", false, {{"expect", "100-continue"}});
  peer.pump();
  EXPECT_EQ(peer[id].informational, 100);
  peer.send_more(id, "body", true);
  ASSERT_EQ(peer.handler.whole.size(), 1U);
  peer.handler.whole[0].exchange->respond(text("ok"));
  peer.pump();
  EXPECT_EQ(peer[id].status(), "200");
}

TEST(Http2Session, AWebSocketIsRefusedWithAReason) {
  Http2Peer peer;
  peer.hello();
  peer.ask("GET", "/ws");
  peer.handler.on_whole = [](TestHandler::Whole& whole) {
    const auto accepted = whole.exchange->accept_websocket({}, nullptr);
    ASSERT_FALSE(accepted);
    EXPECT_NE(accepted.error().message.find("HTTP/1.1"), std::string::npos);
  };
  peer.pump();
  EXPECT_EQ(peer.handler.whole.size(), 1U);
}

TEST(Http2Session, TrailersOfARequestAreRead) {
  Http2Peer peer;
  peer.hello();
  const auto id = peer.ask("POST", "/talk", "x", false);
  peer.pump();
  std::string name = "x-checksum", value = "1";
  const nghttp2_nv trailer{reinterpret_cast<std::uint8_t*>(name.data()),
                           reinterpret_cast<std::uint8_t*>(value.data()), name.size(), value.size(), 0};
  nghttp2_submit_headers(peer.client, NGHTTP2_FLAG_END_STREAM, id, nullptr, &trailer, 1, nullptr);
  peer.pump();
  EXPECT_TRUE(peer.handler.seen[0]->ended);
}

}  // namespace
}  // namespace saccade::net::test
