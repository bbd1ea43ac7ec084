// Event loops: one thread each, running one io_context. A connection lives and dies on one loop; nothing on a
// loop blocks.
#pragma once

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/clock.h"

namespace saccade::runtime {

class EventLoop {
 public:
  explicit EventLoop(std::size_t index) : index_(index) {}

  std::size_t index() const { return index_; }
  boost::asio::io_context& context() { return context_; }
  // Runs `work` on this loop, behind all that is ready there already. Safe from any thread.
  template <typename Work>
  void post(Work&& work) {
    boost::asio::post(context_, std::forward<Work>(work));
  }
  // What a handler of this loop has read now, it could not have been read before this time: the loop asked
  // the system what is readable then, and this has not been among it. `now` for a loop that had nothing to
  // do. Where very much is readable at once (more than the system says in one answer) it may have been
  // earlier. For a handler of this loop, at each request; it costs the loop one turn more after the last.
  base::TimePoint unread_since(base::TimePoint now);
  // The loop whose thread calls this; null elsewhere.
  static EventLoop* current();

 private:
  friend class LoopGroup;
  void run();

  const std::size_t index_;
  boost::asio::io_context context_{1};
  // A mark that goes round with the loop's turns while requests come: it runs right after the loop has asked
  // the system.
  void mark();
  bool marking_ = false;
  bool asked_ = false;  // since the last mark
  base::TimePoint last_mark_{};
  base::TimePoint mark_before_{};
};

// The process's loops. start() once; stop() lets the handler under way on each loop finish and joins the
// threads.
class LoopGroup {
 public:
  explicit LoopGroup(std::size_t count);
  ~LoopGroup() { stop(); }
  void start();
  void stop();
  std::size_t size() const { return loops_.size(); }
  EventLoop& operator[](std::size_t index) { return *loops_[index]; }

 private:
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace saccade::runtime
