// The queue alone: its bound, its order, and who gets a place when.
#include "record/write_queue.h"

#include <thread>

#include "log_fixture.h"

namespace saccade::record {
namespace {

using Entry = WriteQueue::Entry;

QueueLimits room_for(std::size_t rows) {
  return {.capacity = rows, .max_bytes = 1 << 20, .batch_rows = 1'000, .batch_bytes = 1 << 20};
}

Entry push(WriteQueue& queue, const std::string& result, Wait wait = Wait::kNothing,
           PredictionLog::Done done = {}) {
  return queue.push(row(result), wait, done);
}

struct Taken {
  std::vector<std::string> results;
  std::size_t rows = 0;
  std::size_t bytes = 0;
};

Taken take(WriteQueue& queue) {
  std::deque<Chunk> chunks;
  queue.take(chunks);
  Taken taken;
  for (const Chunk& chunk : chunks) {
    for (const Row& each : chunk) {
      taken.results.push_back(each.prediction.result);
      taken.bytes += each.bytes;
      ++taken.rows;
    }
  }
  return taken;
}

TEST(WriteQueue, KeepsTheOrderOfAProducer) {
  WriteQueue queue(room_for(1'000));
  std::vector<std::string> pushed;
  for (int i = 0; i < 300; ++i) {
    pushed.push_back(std::to_string(i));
    ASSERT_EQ(push(queue, pushed.back()), Entry::kEntered);
  }
  EXPECT_EQ(take(queue).results, pushed);
}

TEST(WriteQueue, APlaceIsFreeOnlyWhenReleased) {
  WriteQueue queue(room_for(3));
  for (const char* each : {"1", "2", "3"}) EXPECT_EQ(push(queue, each), Entry::kEntered);
  EXPECT_EQ(push(queue, "4"), Entry::kFull);
  const Taken taken = take(queue);
  EXPECT_EQ(taken.rows, 3U);
  EXPECT_EQ(push(queue, "5"), Entry::kFull);
  queue.release(1, taken.bytes / 3);
  EXPECT_EQ(push(queue, "6"), Entry::kEntered);
  EXPECT_EQ(push(queue, "7"), Entry::kFull);
  EXPECT_EQ(queue.rows(), 3U);
}

TEST(WriteQueue, IsBoundedInBytesToo) {
  WriteQueue queue({.capacity = 1'000, .max_bytes = 10'000, .batch_rows = 1'000, .batch_bytes = 10'000});
  EXPECT_EQ(push(queue, std::string(20'000, 'x')), Entry::kEntered);  // one row may be larger than all
  EXPECT_EQ(push(queue, "small"), Entry::kFull);
  const Taken taken = take(queue);
  queue.release(taken.rows, taken.bytes);
  EXPECT_EQ(push(queue, "small"), Entry::kEntered);
}

TEST(WriteQueue, WhoWaitsIsAcceptedInOrder) {
  WriteQueue queue(room_for(2));
  std::vector<std::string> accepted;
  const auto note = [&](std::string name) {
    return [&accepted, name = std::move(name)](const base::Status& status) {
      EXPECT_TRUE(status);
      accepted.push_back(name);
    };
  };
  push(queue, "1", Wait::kAccepted, note("1"));
  push(queue, "2", Wait::kNothing);
  push(queue, "3", Wait::kAccepted, note("3"));
  push(queue, "4", Wait::kStored, note("4"));
  push(queue, "5", Wait::kAccepted, note("5"));
  EXPECT_EQ(accepted, (std::vector<std::string>{"1"}));
  EXPECT_TRUE(queue.urgent());

  Taken taken = take(queue);
  EXPECT_EQ(taken.results, (std::vector<std::string>{"1", "2"}));
  EXPECT_TRUE(queue.urgent());  // 4 has no place yet, but waits
  queue.release(taken.rows, taken.bytes);
  EXPECT_EQ(accepted, (std::vector<std::string>{"1", "3"}));
  taken = take(queue);
  EXPECT_EQ(taken.results, (std::vector<std::string>{"3", "4"}));
  EXPECT_FALSE(queue.urgent());
  queue.release(taken.rows, taken.bytes);
  EXPECT_EQ(accepted, (std::vector<std::string>{"1", "3", "5"}));
  EXPECT_EQ(queue.rows(), 1U);
}

TEST(WriteQueue, HandsOutThoseThatWaitForACommit) {
  WriteQueue queue(room_for(1));
  push(queue, "1");
  push(queue, "accepted", Wait::kAccepted);
  push(queue, "stored", Wait::kStored);
  EXPECT_TRUE(queue.urgent());
  auto rows = queue.take_overflow(true);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows.front().prediction.result, "stored");
  EXPECT_FALSE(queue.urgent());
  EXPECT_EQ(queue.take_overflow(false).size(), 1U);
}

TEST(WriteQueue, HurriesTheWriterForAWaiterAFillingQueueAndTheEnd) {
  WriteQueue queue(room_for(10));
  push(queue, "1");
  push(queue, "2");
  EXPECT_FALSE(queue.hurried());
  push(queue, "waited for", Wait::kStored);
  EXPECT_TRUE(queue.hurried());
  Taken taken = take(queue);
  EXPECT_TRUE(queue.hurried());  // taken, but not yet stored: three of ten places
  queue.release(taken.rows, taken.bytes);
  EXPECT_FALSE(queue.hurried());
  queue.close();
  EXPECT_TRUE(queue.hurried());
}

TEST(WriteQueue, ClosedMeansClosed) {
  WriteQueue queue(room_for(1));
  push(queue, "1");
  queue.close();
  bool called = false;
  PredictionLog::Done done = [&](const base::Status&) { called = true; };
  EXPECT_EQ(queue.push(row(), Wait::kAccepted, done), Entry::kClosed);
  EXPECT_TRUE(done);  // left to the caller
  EXPECT_FALSE(called);
  EXPECT_FALSE(queue.empty());
  const Taken taken = take(queue);
  queue.release(taken.rows, taken.bytes);
  EXPECT_TRUE(queue.empty());
}

TEST(WriteQueue, WakesTheWriterForWhatItWaitsFor) {
  constexpr auto kNever = std::chrono::hours(1);
  WriteQueue queue(room_for(100'000));
  const auto far = base::now() + kNever;
  {
    std::thread producer([&] { push(queue, "waited for", Wait::kStored); });
    queue.wait_for_batch(kNever, far);
    EXPECT_TRUE(queue.urgent());
    producer.join();
    take(queue);
  }
  {
    std::thread producer([&] {
      for (int i = 0; i < 1'000; ++i) push(queue, "one of a batch");
    });
    queue.wait_for_batch(kNever, far);
    EXPECT_GE(queue.rows(), 1'000U);
    producer.join();
    take(queue);
  }
  {
    std::thread producer([&] {
      push(queue, "nobody waits");
      push(queue, "waited for", Wait::kStored);
    });
    queue.wait_for_waiter(far);
    EXPECT_TRUE(queue.urgent());
    producer.join();
  }
  {
    take(queue);
    std::thread closer([&] { queue.close(); });
    queue.wait_for_waiter(far);
    closer.join();
  }
}

}  // namespace
}  // namespace saccade::record
