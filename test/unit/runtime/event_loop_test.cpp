#include "runtime/event_loop.h"

#include <future>
#include <thread>
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
