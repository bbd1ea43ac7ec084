// Event loops: one thread each, running one io_context. A connection lives and dies on one loop; nothing on a
// loop blocks.
#pragma once

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

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
  // The loop whose thread calls this; null elsewhere.
  static EventLoop* current();

 private:
  friend class LoopGroup;
  void run();

  const std::size_t index_;
  boost::asio::io_context context_{1};
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
