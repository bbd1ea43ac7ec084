#include "runtime/event_loop.h"

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/processors.h"
#include "runtime/worker_pool.h"

namespace saccade::runtime {
namespace {

TEST(EventLoop, RunsWorkOnItsOwnThread) {
  LoopGroup loops(3);
  loops.start();
  std::vector<std::thread::id> threads;
  for (std::size_t i = 0; i < loops.size(); ++i) {
    EXPECT_EQ(loops[i].index(), i);
    std::promise<EventLoop*> current;
    std::promise<std::thread::id> thread;
    loops[i].post([&] {
      thread.set_value(std::this_thread::get_id());
      current.set_value(EventLoop::current());
    });
    EXPECT_EQ(current.get_future().get(), &loops[i]);
    threads.push_back(thread.get_future().get());
  }
  EXPECT_NE(threads[0], threads[1]);
  EXPECT_NE(threads[1], threads[2]);
  EXPECT_EQ(EventLoop::current(), nullptr) << "not on this thread";
}

TEST(EventLoop, KeepsTheOrderOfWork) {
  LoopGroup loops(1);
  std::vector<int> order;
  std::promise<void> done;
  for (int i = 0; i < 100; ++i) loops[0].post([&order, i] { order.push_back(i); });
  loops[0].post([&done] { done.set_value(); });
  EXPECT_TRUE(order.empty()) << "nothing runs before the start";
  loops.start();
  done.get_future().get();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(EventLoop, WorkPostedFromWorkRunsBehindWhatIsReady) {
  LoopGroup loops(1);
  std::vector<int> order;
  std::promise<void> done;
  loops[0].post([&] {
    order.push_back(1);
    loops[0].post([&] {
      order.push_back(3);
      done.set_value();
    });
  });
  loops[0].post([&] { order.push_back(2); });
  loops.start();
  done.get_future().get();
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

// A pair of sockets; the loop watches one of them.
class Pair final : public EventLoop::Watcher {
 public:
  explicit Pair(EventLoop& loop) : loop_(loop) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_), 0);
    EXPECT_TRUE(loop.watch(ends_[0], *this));
  }
  ~Pair() {
    unwatch();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void unwatch() { loop_.unwatch(ends_[0], *this); }
  void write() const { EXPECT_EQ(::write(ends_[1], "a", 1), 1); }
  void end() const { EXPECT_EQ(::shutdown(ends_[1], SHUT_WR), 0); }
  void on_ready(Ready ready) override {
    ++calls;
    last = ready;
    if (then) then();
  }

  int calls = 0;
  Ready last{};
  std::function<void()> then;

 private:
  EventLoop& loop_;
  int ends_[2] = {-1, -1};
};

std::vector<std::unique_ptr<Pair>> pairs_of(EventLoop& loop, std::size_t count) {
  std::vector<std::unique_ptr<Pair>> pairs(count);
  for (auto& pair : pairs) pair = std::make_unique<Pair>(loop);
  return pairs;
}

TEST(EventLoop, SaysOnceThatThereIsSomethingNew) {
  EventLoop loop(0);
  Pair pair(loop);
  loop.poll();
  EXPECT_EQ(pair.calls, 1) << "room to write";
  EXPECT_TRUE(pair.last.write);
  EXPECT_FALSE(pair.last.read);
  pair.write();
  loop.poll();
  EXPECT_EQ(pair.calls, 2);
  EXPECT_TRUE(pair.last.read);
  EXPECT_FALSE(pair.last.ended);
  loop.poll();
  EXPECT_EQ(pair.calls, 2) << "unread, and not new";
  pair.end();
  loop.poll();
  EXPECT_EQ(pair.calls, 3);
  EXPECT_TRUE(pair.last.ended);
}

TEST(EventLoop, WhoeverIsUnwatchedInATurnHearsNoMore) {
  EventLoop loop(0);
  Pair first(loop);
  Pair second(loop);
  loop.poll();
  first.calls = second.calls = 0;
  first.then = [&] { second.unwatch(); };
  second.then = [&] { first.unwatch(); };
  first.write();
  second.write();
  loop.poll();
  EXPECT_EQ(first.calls + second.calls, 1);
}

TEST(EventLoop, ATurnHandlesThenRunsWhatWasPostedThenItsEnd) {
  EventLoop loop(0);
  Pair pair(loop);
  Pair other(loop);
  loop.poll();
  std::vector<int> order;
  pair.then = other.then = [&] {
    loop.at_turn_end([&] { order.push_back(3); });
    loop.post([&] { order.push_back(2); });
    order.push_back(1);
  };
  pair.write();
  other.write();
  loop.run_one_for(std::chrono::seconds(10));
  EXPECT_EQ(order, (std::vector<int>{1, 1, 2, 2, 3, 3})) << "in one turn";
}

TEST(EventLoop, WhatWasPostedDoesNotWaitForAllThatIsReady) {
  EventLoop loop(0);
  constexpr int kPairs = 12;
  const std::vector<std::unique_ptr<Pair>> pairs = pairs_of(loop, kPairs);
  loop.poll();
  std::vector<int> handled_before;  // each posted work: so many handlers had run by then
  int handled = 0;
  for (const auto& pair : pairs) {
    pair->then = [&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++handled;
      loop.post([&] { handled_before.push_back(handled); });
    };
    pair->write();
  }
  loop.poll();
  ASSERT_EQ(handled, kPairs) << "each once";
  ASSERT_EQ(handled_before.size(), static_cast<std::size_t>(kPairs));
  EXPECT_LE(handled_before.front(), kPairs / 2);
  EXPECT_EQ(handled_before.back(), kPairs);
}

TEST(EventLoop, WhoeverIsUnwatchedBetweenTurnsHearsNoMore) {
  EventLoop loop(0);
  constexpr int kPairs = 12;
  const std::vector<std::unique_ptr<Pair>> pairs = pairs_of(loop, kPairs);
  loop.poll();
  int handled = 0;
  for (const auto& pair : pairs) {
    pair->then = [&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (++handled == 1) {
        loop.post([&] {
          for (const auto& other : pairs) other->unwatch();
        });
      }
    };
    pair->write();
  }
  loop.poll();
  EXPECT_GE(handled, 1);
  EXPECT_LE(handled, kPairs / 2) << "the posted work came in between";
}

TEST(EventLoop, WhatIsReadInATurnCameAfterTheLastWait) {
  EventLoop loop(0);
  Pair pair(loop);
  loop.poll();
  const base::TimePoint before = base::now();
  EXPECT_EQ(loop.unread_since(before), before) << "outside of a turn";
  base::TimePoint since = base::TimePoint::max();
  base::TimePoint began = base::TimePoint::max();
  pair.then = [&] {
    since = loop.unread_since(base::now());
    began = loop.turn_began();
  };
  pair.write();
  loop.run_one_for(std::chrono::seconds(10));
  EXPECT_LE(since, began);
  EXPECT_LE(began, base::now());
  EXPECT_GE(began, before);
}

TEST(EventLoop, WhatIsReadCameWhenTheSocketSaysSo) {
  EventLoop loop(0);
  Pair pair(loop);
  loop.poll();
  constexpr auto kAgo = std::chrono::milliseconds(30);
  base::TimePoint since;
  base::TimePoint posted = base::TimePoint::max();
  pair.then = [&] {
    const auto wall = std::chrono::system_clock::now() - kAgo;
    loop.note_received(std::chrono::duration_cast<base::Duration>(wall.time_since_epoch()).count());
    since = loop.unread_since(base::now());
    loop.post([&] { posted = loop.unread_since(base::now()); });
  };
  const base::TimePoint before = base::now();
  pair.write();
  loop.run_one_for(std::chrono::seconds(10));
  const base::TimePoint after = base::now();
  // Clocks are read one after the other, and the wall's is set right by small steps.
  EXPECT_GE(since, before - kAgo - std::chrono::milliseconds(1));
  EXPECT_LE(since, after - kAgo + std::chrono::milliseconds(1));
  EXPECT_GT(posted, since + kAgo / 2) << "the handler's bytes are not those of other work";
}

TEST(EventLoop, WakesForWorkOfAnotherThread) {
  LoopGroup loops(1);
  loops.start();
  std::atomic<int> done = 0;
  constexpr int kThreads = 4;
  constexpr int kEach = 1'000;
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kEach; ++i) {
          std::promise<void> ran;
          loops[0].post([&] {
            ++done;
            ran.set_value();
          });
          ran.get_future().get();  // so that the loop sleeps in between
        }
      });
    }
  }
  EXPECT_EQ(done, kThreads * kEach);
}

TEST(EventLoop, WhatNeverRanEndsWithIt) {
  const auto kept = std::make_shared<int>(0);
  // Leaves more to run when it ends itself.
  struct Leaves {
    EventLoop* loop;
    std::shared_ptr<int> kept;
    Leaves(EventLoop* where, std::shared_ptr<int> what) : loop(where), kept(std::move(what)) {}
    Leaves(Leaves&& other) noexcept : loop(std::exchange(other.loop, nullptr)), kept(std::move(other.kept)) {}
    Leaves& operator=(Leaves&&) = delete;
    ~Leaves() {
      if (loop != nullptr) loop->post([more = std::move(kept)] {});
    }
  };
  {
    EventLoop loop(0);
    loop.post([leaves = Leaves(&loop, kept)] {});
    loop.at_turn_end([kept] {});
    Timer timer(loop);
    timer.set(base::now() + std::chrono::hours(1), [kept] {});
    EXPECT_GT(kept.use_count(), 1);
  }
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(Timer, RingsInTheOrderOfTheTimesAndOnce) {
  EventLoop loop(0);
  std::vector<int> order;
  Timer late(loop);
  Timer early(loop);
  Timer never(loop);
  const base::TimePoint now = base::now();
  late.set(now + std::chrono::milliseconds(2), [&] { order.push_back(2); });
  early.set(now + std::chrono::hours(1), [&] { order.push_back(9); });
  early.set(now, [&] { order.push_back(1); });
  never.set(now, [&] { order.push_back(9); });
  never.cancel();
  loop.run_for(std::chrono::seconds(20));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_GE(base::now(), now + std::chrono::milliseconds(2));
}

TEST(Timer, MayBeSetAnewOrEndWhenItRings) {
  EventLoop loop(0);
  int rung = 0;
  auto timer = std::make_unique<Timer>(loop);
  timer->set(base::now(), [&] {
    ++rung;
    timer->set(base::now(), [&] {
      ++rung;
      timer.reset();
    });
  });
  loop.run_for(std::chrono::seconds(20));
  EXPECT_EQ(rung, 2);
  EXPECT_EQ(timer, nullptr);
}

TEST(LoopGroup, StopsLoopsThatHaveNothingToDo) {
  LoopGroup loops(2);
  loops.start();
  loops.stop();
  loops.stop();         // harmless
  LoopGroup(2).stop();  // never started
}

TEST(WorkerPool, FinishesWhatWasPosted) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(2);
    for (int i = 0; i < 50; ++i) pool.post([&done] { ++done; });
  }
  EXPECT_EQ(done, 50);
}

TEST(Processors, AtLeastOneAndNoMoreThanThereAre) {
  EXPECT_GE(usable_processors(), 1U);
  EXPECT_LE(usable_processors(), std::thread::hardware_concurrency());
}

}  // namespace
}  // namespace saccade::runtime
