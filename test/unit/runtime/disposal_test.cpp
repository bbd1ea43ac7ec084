#include "runtime/disposal.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "runtime/event_loop.h"

namespace saccade::runtime {
namespace {

// Says on which thread it ended.
struct Witness {
  explicit Witness(std::promise<std::thread::id>& where) : ended(where) {}
  ~Witness() { ended.set_value(std::this_thread::get_id()); }
  std::promise<std::thread::id>& ended;
};

TEST(Disposal, EndsAtOnceOffTheLoops) {
  const auto disposal = std::make_shared<Disposal>();
  std::promise<std::thread::id> ended;
  share(std::make_unique<Witness>(ended), disposal).reset();
  EXPECT_EQ(ended.get_future().get(), std::this_thread::get_id());
}

TEST(Disposal, TakesWhatEndsOnALoopElsewhere) {
  const auto disposal = std::make_shared<Disposal>();
  std::promise<std::thread::id> ended;
  std::promise<std::thread::id> loop;
  LoopGroup loops(1);
  loops.start();
  loops[0].post([&loop, last = share(std::make_unique<Witness>(ended), disposal)]() mutable {
    last.reset();
    loop.set_value(std::this_thread::get_id());
  });
  const std::thread::id where = ended.get_future().get();
  EXPECT_NE(where, loop.get_future().get());
  EXPECT_NE(where, std::this_thread::get_id());
  disposal->close();
  loops.stop();
}

TEST(Disposal, OnceClosedEndsEverythingWhereItIs) {
  const auto disposal = std::make_shared<Disposal>();
  disposal->close();
  std::promise<std::thread::id> ended;
  std::promise<std::thread::id> loop;
  LoopGroup loops(1);
  loops.start();
  loops[0].post([&loop, last = share(std::make_unique<Witness>(ended), disposal)]() mutable {
    last.reset();
    loop.set_value(std::this_thread::get_id());
  });
  EXPECT_EQ(ended.get_future().get(), loop.get_future().get());
  loops.stop();
}

// What ends may let go of more, which is then not on a loop any more.
TEST(Disposal, MayBeUsedByWhatEnds) {
  const auto disposal = std::make_shared<Disposal>();
  std::promise<std::thread::id> ended;
  struct Outer {
    std::shared_ptr<Witness> inner;
  };
  auto outer = std::make_unique<Outer>();
  outer->inner = share(std::make_unique<Witness>(ended), disposal);
  LoopGroup loops(1);
  loops.start();
  loops[0].post([last = share(std::move(outer), disposal)]() mutable { last.reset(); });
  EXPECT_NE(ended.get_future().get(), std::this_thread::get_id());
  disposal->close();
  loops.stop();
}

}  // namespace
}  // namespace saccade::runtime
