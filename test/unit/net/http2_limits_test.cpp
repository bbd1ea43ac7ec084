// What one peer may ask of a session, and the orderly end.
#include <thread>

#include <gtest/gtest.h>

#include "http2_peer.h"
#include "net/http2_frames.h"
#include "net/http2_guard.h"

namespace saccade::net::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string frame(std::uint8_t type, std::uint8_t flags, std::int32_t stream, std::string_view payload) {
  std::string out;
  for (const int shift : {16, 8, 0}) out += static_cast<char>(payload.size() >> shift);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(stream >> shift);
  return out + std::string(payload);
}

// ":method: GET, :scheme: http, :path: /, :authority: a", by HPACK's static table.
const std::string kGet = std::string("\x82\x86\x84\x41\x01", 5) + "a";

// The last GOAWAY of what the session has to send, as its error code; nothing where there is none.
std::optional<std::uint32_t> goaway_of(Http2Peer& peer) {
  std::string out;
  peer.session->take(out, 1 << 20);
  peer.session->taken();
  std::optional<std::uint32_t> code;
  for (std::size_t at = 0; at + 9 <= out.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(out[at + i]); };
    const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (byte(3) == NGHTTP2_GOAWAY) code = byte(9 + 7);
    at += 9 + length;
  }
  return code;
}

TEST(Http2Frames, AreFoundInPiecesOfAnySize) {
  const std::string stream =
      std::string(kMagic) + frame(4, 0, 0, "") + frame(0, 1, 5, "payload") + frame(6, 0, 0, "12345678");
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    Http2FrameWalk walk;
    std::string seen;
    for (std::size_t begin = 0; begin < stream.size(); begin += piece) {
      const std::string_view bytes = std::string_view(stream).substr(begin, piece);
      Http2FrameHeader header;
      for (std::size_t at = 0; walk.next(bytes, at, header);) {
        seen += std::to_string(header.type) + ":" + std::to_string(header.length) + ":" +
                std::to_string(header.stream) + " ";
      }
    }
    EXPECT_EQ(seen, "4:0:0 0:7:5 6:8:0 ") << piece;
    EXPECT_FALSE(walk.inside_frame());
  }
}

TEST(Http2Guard, BucketsFillWithTime) {
  const auto start = base::now();
  TokenBucket bucket(3, 10, start);
  EXPECT_TRUE(bucket.take(start) && bucket.take(start) && bucket.take(start));
  EXPECT_FALSE(bucket.take(start));
  EXPECT_TRUE(bucket.take(start + 150ms));
  EXPECT_FALSE(bucket.take(start + 150ms));
  EXPECT_TRUE(bucket.take(start + 1h) && bucket.take(start + 1h) && bucket.take(start + 1h));
  EXPECT_FALSE(bucket.take(start + 1h)) << "never more than the capacity";
}

TEST(Http2Limits, StreamsResetBeforeTheirAnswerEndTheConnection) {
  Http2Peer peer({.http2_resets = 50, .http2_resets_per_second = 1});
  peer.session->feed(std::string(kMagic) + frame(4, 0, 0, ""));
  std::string flood;
  for (std::int32_t i = 0; i < 100; ++i) {
    flood += frame(1, 5, 2 * i + 1, kGet) + frame(3, 0, 2 * i + 1, std::string("\0\0\0\x08", 4));
  }
  peer.session->feed(flood);
  EXPECT_EQ(goaway_of(peer), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(peer.session->finished());
  EXPECT_LE(peer.handler.whole.size(), 60U);
}

TEST(Http2Limits, ManyAnsweredStreamsDoNot) {
  Http2Peer peer({.http2_resets = 5, .http2_resets_per_second = 1});
  peer.handler.on_whole = [](TestHandler::Whole& whole) {
    whole.exchange->respond({.body = "{}", .headers = {}});
  };
  peer.hello();
  for (int i = 0; i < 100; ++i) {
    peer.ask("GET", "/");
    peer.pump();
  }
  EXPECT_EQ(peer.handler.whole.size(), 100U);
  EXPECT_TRUE(peer.goaways.empty());
}

class Http2Flood : public testing::TestWithParam<std::pair<const char*, std::string>> {};

TEST_P(Http2Flood, EndsTheConnection) {
  Http2Peer peer({.http2_idle_frames = 500, .http2_idle_frames_per_second = 1});
  peer.session->feed(std::string(kMagic) + frame(4, 0, 0, "") + frame(1, 4, 1, kGet));
  std::optional<std::uint32_t> code;
  int rounds = 0;
  for (; rounds < 100 && !code; ++rounds) {
    std::string flood;
    for (int i = 0; i < 50; ++i) flood += GetParam().second;
    peer.session->feed(flood);
    code = goaway_of(peer);
  }
  EXPECT_EQ(code, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_GE(rounds, 9) << "some are honest";
}

INSTANTIATE_TEST_SUITE_P(
    Frames, Http2Flood,
    testing::Values(std::pair("Ping", frame(6, 0, 0, "12345678")), std::pair("Settings", frame(4, 0, 0, "")),
                    std::pair("Priority", frame(2, 0, 1, std::string("\0\0\0\x03\x01", 5))),
                    std::pair("EmptyData", frame(0, 0, 1, "")), std::pair("HeadersAgain", frame(1, 4, 1, "")),
                    std::pair("PaddingAlone", frame(0, 8, 1, std::string("\x02\0\0", 3))),
                    std::pair("Unknown", frame(99, 0, 1, "??")),
                    std::pair("WindowUpdate", frame(8, 0, 0, std::string("\0\0\0\x01", 4)))),
    [](const auto& named) { return std::string(named.param.first); });

// What a proxy before us went by need not be what we would.
TEST(Http2Limits, AHostThatIsNotTheAuthorityIsRefused) {
  for (const auto& [host, refused] : {std::pair('b', true), std::pair('A', false)}) {
    Http2Peer peer;
    peer.session->feed(std::string(kMagic) + frame(4, 0, 0, ""));
    const std::string field = std::string("\0\x04host\x01", 7) + host;
    peer.session->feed(frame(1, 5, 1, kGet + field));
    std::string out;
    peer.session->take(out, 1 << 20);
    const bool status_400 = out.find(std::string("\0\0\0\x01\x8c", 5)) != std::string::npos;
    EXPECT_EQ(status_400, refused) << host;
    EXPECT_EQ(peer.handler.whole.size(), refused ? 0U : 1U) << host;
  }
}

TEST(Http2Limits, PingsBesidesRequestsAreFree) {
  Http2Peer peer({.http2_idle_frames = 10, .http2_idle_frames_per_second = 1});
  peer.handler.on_whole = [](TestHandler::Whole& whole) {
    whole.exchange->respond({.body = "{}", .headers = {}});
  };
  peer.hello();
  for (int i = 0; i < 200; ++i) {
    peer.ask("POST", "/", "x");
    nghttp2_submit_ping(peer.client, 0, nullptr);
    peer.pump();
  }
  EXPECT_EQ(peer.handler.whole.size(), 200U);
  EXPECT_TRUE(peer.goaways.empty());
}

TEST(Http2Limits, AHeaderBlockWithoutEndIsCut) {
  Http2Peer peer({.header_bytes = 4096});
  peer.session->feed(std::string(kMagic) + frame(4, 0, 0, "") + frame(1, 0, 1, kGet));
  std::optional<std::uint32_t> code;
  int frames = 0;
  for (; frames < 1000 && !code; ++frames) {
    peer.session->feed(frame(9, 0, 1, ""));
    code = goaway_of(peer);
  }
  EXPECT_TRUE(code);
  EXPECT_LT(frames, 20);
}

TEST(Http2Limits, AHeaderBombIsCut) {
  Http2Peer peer({.header_bytes = 4096});
  // One field of 2,000 bytes put into the table, then named again and again, a byte each time.
  std::string block =
      kGet + std::string("\x40\x01x\x7f\xd1\x0e", 6) + std::string(2000, 'v') + std::string(1000, '\xbe');
  peer.session->feed(std::string(kMagic) + frame(4, 0, 0, "") + frame(1, 5, 1, block));
  EXPECT_EQ(goaway_of(peer), NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(peer.handler.whole.empty());
}

TEST(Http2Limits, MoreStreamsThanAllowedAreRefused) {
  Http2Peer peer({.http2_streams = 3});
  std::string opened = std::string(kMagic) + frame(4, 0, 0, "");
  for (std::int32_t id = 1; id <= 9; id += 2) opened += frame(1, 5, id, kGet);
  peer.session->feed(opened);
  EXPECT_EQ(peer.handler.whole.size(), 3U);
}

TEST(Http2Limits, AMalformedRequestIsAStreamsError) {
  Http2Peer peer;
  peer.hello();
  const auto bad = peer.ask("GET", "/", "", true, {{"connection", "close"}});
  const auto good = peer.ask("GET", "/");
  peer.pump();
  EXPECT_EQ(peer[bad].error_code, static_cast<std::uint32_t>(NGHTTP2_PROTOCOL_ERROR));
  EXPECT_EQ(peer.handler.whole.size(), 1U);
  EXPECT_FALSE(peer[good].closed);
}

TEST(Http2Limits, WhatIsNoHttp2EndsTheConnection) {
  Http2Peer peer;
  peer.session->feed("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
  EXPECT_TRUE(goaway_of(peer));
  EXPECT_TRUE(peer.session->finished());
}

TEST(Http2Limits, ABodyThatDoesNotComeIsAnswered408) {
  Http2Peer peer({.body_timeout = 1ms});
  peer.hello();
  const auto id = peer.ask("POST", "/", "part", false);
  const auto talk = peer.ask("POST", "/talk", "part", false);
  peer.pump();
  ASSERT_LE(peer.session->due(), base::now() + 1ms);
  while (base::now() < peer.session->due()) std::this_thread::yield();
  EXPECT_TRUE(peer.session->check());
  peer.pump();
  EXPECT_EQ(peer[id].status(), "408");
  EXPECT_FALSE(peer[talk].closed) << "a conversation may be silent";
}

TEST(Http2Limits, HeadersThatDoNotEndInTimeEndTheConnection) {
  Http2Peer peer({.header_timeout = 1ms});
  peer.session->feed(std::string(kMagic) + frame(4, 0, 0, "") + frame(1, 0, 1, kGet));
  const auto later = base::now() + 2ms;
  while (base::now() < later) std::this_thread::yield();
  EXPECT_TRUE(peer.session->check());
  EXPECT_TRUE(goaway_of(peer));
}

TEST(Http2Limits, AnAnswerThatIsNotReadIsGivenUp) {
  Http2Peer peer({.write_timeout = 1ms});
  peer.hello();
  const auto id = peer.ask("GET", "/");
  peer.pump();
  peer.handler.whole[0].exchange->respond({.body = std::string(100'000, 'x'), .headers = {}});
  peer.pump();
  EXPECT_EQ(peer[id].data.size(), 65'535U);
  const auto later = base::now() + 2ms;
  while (base::now() < later) std::this_thread::yield();
  EXPECT_TRUE(peer.session->check());
  peer.pump();
  EXPECT_EQ(peer[id].error_code, static_cast<std::uint32_t>(NGHTTP2_CANCEL));
}

TEST(Http2Limits, AnIdleConnectionEndsInOrder) {
  Http2Peer peer({.idle_timeout = 1ms});
  peer.hello();
  const auto later = base::now() + 2ms;
  while (base::now() < later) std::this_thread::yield();
  EXPECT_TRUE(peer.session->check());
  EXPECT_EQ(goaway_of(peer), NGHTTP2_NO_ERROR);
  EXPECT_TRUE(peer.session->finished());
}

TEST(Http2Limits, ASilentPeerWithOpenStreamsIsPingedThenGivenUp) {
  Http2Peer peer({.websocket_ping_after = 1ms});
  peer.hello();
  peer.ask("POST", "/talk", "x", false);
  peer.pump();
  const auto silent = [&] {
    const auto later = base::now() + 3ms;
    while (base::now() < later) std::this_thread::yield();
    return peer.session->check();
  };
  EXPECT_TRUE(silent());
  peer.pump();  // the ping, and its answer
  EXPECT_EQ(peer.pings, 1);
  EXPECT_TRUE(silent());
  EXPECT_FALSE(silent()) << "the second ping was never answered";
}

TEST(Http2Drain, FinishesWhatIsUnderWayAndEnds) {
  Http2Peer peer;
  peer.hello();
  const auto whole = peer.ask("GET", "/");
  const auto talk = peer.ask("POST", "/talk", "x", false);
  peer.pump();
  peer.session->drain();
  EXPECT_TRUE(peer.handler.seen[0]->drained);
  peer.pump();
  ASSERT_EQ(peer.goaways.size(), 2U);
  EXPECT_EQ(peer.goaways[0], std::pair(std::int32_t{0x7FFFFFFF}, std::uint32_t{0}));
  EXPECT_EQ(peer.goaways[1], std::pair(talk, std::uint32_t{0}));
  EXPECT_FALSE(peer.session->finished());
  peer.handler.whole[0].exchange->respond({.body = "{}", .headers = {}});
  peer.pump();
  EXPECT_EQ(peer[whole].data, "{}");
  EXPECT_FALSE(peer.session->finished());
  peer.handler.talks[0]->send_trailers({{"grpc-status", "0"}});
  peer.pump();
  EXPECT_TRUE(peer[talk].closed);
  EXPECT_TRUE(peer.session->finished());
}

TEST(Http2Drain, ARequestThatCrossesTheFirstGoawayIsAnswered) {
  Http2Peer peer;
  peer.hello();
  const auto crossing = peer.ask("POST", "/talk", "x");
  peer.session->drain();
  peer.pump();
  ASSERT_EQ(peer.handler.talks.size(), 1U);
  EXPECT_TRUE(peer.handler.seen[0]->drained);
  peer.handler.talks[0]->send_trailers({});
  peer.pump();
  EXPECT_TRUE(peer[crossing].closed);
  EXPECT_EQ(peer[crossing].error_code, 0U);
  EXPECT_TRUE(peer.session->finished());
}

TEST(Http2Drain, APeerThatAnswersNoPingIsNotWaitedForLong) {
  Http2Peer peer;
  peer.hello();
  peer.session->drain();
  goaway_of(peer);
  EXPECT_FALSE(peer.session->finished());
  EXPECT_LE(peer.session->due(), base::now() + 1s);
}

}  // namespace
}  // namespace saccade::net::test
