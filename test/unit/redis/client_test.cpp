#include "redis/client.h"

#include <atomic>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "redis_server.h"

namespace saccade::redis {
namespace {

using namespace std::chrono_literals;
constexpr auto kLong = 20s;

ClientSettings settings_for(const RedisServer& server) {
  ClientSettings settings;
  settings.address = {.host = "127.0.0.1", .port = server.port()};
  settings.first_pause = 5ms;
  settings.longest_pause = 50ms;
  return settings;
}

base::Result<Reply> ask(Client& client, std::vector<std::string> words, base::Duration timeout = kLong) {
  std::promise<base::Result<Reply>> promise;
  auto future = promise.get_future();
  client.command(std::move(words), timeout,
                 [&](base::Result<Reply> reply) { promise.set_value(std::move(reply)); });
  return future.get();
}

void await_connection(const Client& client, bool connected = true) {
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (client.connected() != connected) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    std::this_thread::sleep_for(1ms);
  }
}

TEST(Client, AnswersOfEveryKind) {
  RedisServer server;
  observe::Registry registry;
  Client client(settings_for(server), registry);
  await_connection(client);
  EXPECT_EQ(ask(client, {"SET", "key", std::string("with\0zero", 9)})->text, "OK");
  EXPECT_EQ(ask(client, {"GET", "key"})->text, std::string("with\0zero", 9));
  EXPECT_EQ(ask(client, {"GET", "nothing"})->kind, Reply::Kind::kNil);
  EXPECT_EQ(ask(client, {"INCR", "count"})->integer, 1);
  const auto list = ask(client, {"MGET", "key", "nothing"});
  ASSERT_EQ(list->items.size(), 2U);
  EXPECT_EQ(list->items[1].kind, Reply::Kind::kNil);
  EXPECT_TRUE(ask(client, {"NONSENSE"})->is_error("ERR"));
  EXPECT_TRUE(ask(client, {"EVALSHA", std::string(40, '0'), "0"})->is_error("NOSCRIPT"));
}

TEST(Client, ManyCommandsAreUnderWayAtOnceFromManyThreads) {
  RedisServer server;
  observe::Registry registry;
  Client client(settings_for(server), registry);
  await_connection(client);
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        client.command({"INCR", "count"}, kLong, [&](const base::Result<Reply>& reply) {
          if (reply && reply->kind == Reply::Kind::kInteger) ++answered;
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(ask(client, {"GET", "count"})->text, "4000");  // in order: behind all others
  EXPECT_EQ(answered.load(), 4000);
}

TEST(Client, AuthenticatesAndSelects) {
  RedisServer server("sesame");
  observe::Registry registry;
  ClientSettings settings = settings_for(server);
  settings.address.password = "sesame";
  settings.address.database = 3;
  Client client(settings, registry);
  await_connection(client);
  EXPECT_NE(ask(client, {"CLIENT", "LIST"})->text.find("db=3"), std::string::npos);
}

TEST(Client, AWrongPasswordIsNoConnection) {
  RedisServer server("sesame");
  observe::Registry registry;
  ClientSettings settings = settings_for(server);
  settings.address.password = "wrong";
  Client client(settings, registry);
  while (registry.scrape().find("saccade_redis_connections_total{outcome=\"failed\"} 0") != std::string::npos)
    std::this_thread::sleep_for(1ms);
  EXPECT_FALSE(client.connected());
  EXPECT_EQ(ask(client, {"PING"}).error().code, base::Code::kUnavailable);
}

TEST(Client, RefusesAtOnceWithoutAServerAndFindsItWhenItComes) {
  RedisServer server;
  server.kill();
  observe::Registry registry;
  Client client(settings_for(server), registry);
  bool refused = false;
  client.command({"PING"}, kLong, [&](const base::Result<Reply>& reply) { refused = !reply; });
  EXPECT_TRUE(refused);
  server.start();
  await_connection(client);
  EXPECT_EQ(ask(client, {"PING"})->text, "PONG");
  server.kill();
  await_connection(client, false);
  server.start();
  await_connection(client);
  EXPECT_EQ(ask(client, {"PING"})->text, "PONG");
}

TEST(Client, AServerThatStandsStillCostsItsTimeoutAndThenNothing) {
  RedisServer server;
  observe::Registry registry;
  ClientSettings settings = settings_for(server);
  settings.silence_limit = 200ms;
  settings.connect_timeout = 200ms;
  Client client(settings, registry);
  await_connection(client);
  server.pause();
  for (int i = 0; i < 10 && client.connected(); ++i) {
    const auto reply = ask(client, {"PING"}, 2ms);
    ASSERT_FALSE(reply);
  }
  EXPECT_NE(client.breaker().state(base::now()), resilience::CircuitBreaker::State::kClosed);
  await_connection(client, false);  // given up after the silence
  server.resume();
  await_connection(client);
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (client.breaker().state(base::now()) != resilience::CircuitBreaker::State::kClosed) {
    ASSERT_LT(std::chrono::steady_clock::now(), end);
    (void)ask(client, {"PING"});
    std::this_thread::sleep_for(1ms);
  }
}

TEST(Client, TheQueueIsBoundedAndTheEndAnswersAll) {
  RedisServer server;
  observe::Registry registry;
  ClientSettings settings = settings_for(server);
  settings.longest_queue = 5;
  settings.silence_limit = kLong;
  Client client(settings, registry);
  await_connection(client);
  server.pause();
  std::atomic<int> answered{0};
  for (int i = 0; i < 5; ++i)
    client.command({"PING"}, kLong, [&](const base::Result<Reply>&) { ++answered; });
  EXPECT_EQ(answered.load(), 0);
  const auto sixth = ask(client, {"PING"});
  ASSERT_FALSE(sixth);
  EXPECT_NE(sixth.error().message.find("too many"), std::string::npos);
  client.close();
  EXPECT_EQ(answered.load(), 5);
  EXPECT_FALSE(ask(client, {"PING"}));
}

TEST(Client, AnswersOnTheLoopThatIsNamed) {
  RedisServer server;
  observe::Registry registry;
  runtime::LoopGroup loops(1);
  loops.start();
  {
    Client client(settings_for(server), registry);
    await_connection(client);
    std::promise<bool> there;
    client.command({"PING"}, kLong, loops[0], [&](const base::Result<Reply>& reply) {
      there.set_value(reply && runtime::EventLoop::current() == &loops[0]);
    });
    EXPECT_TRUE(there.get_future().get());
  }
  loops.stop();
}

}  // namespace
}  // namespace saccade::redis
