// Threads for work that blocks (databases, files), so that event loops never do. Safe from any thread.
#pragma once

#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

namespace saccade::runtime {

class WorkerPool {
 public:
  explicit WorkerPool(std::size_t threads) : pool_(threads) {}
  // Finishes what was posted.
  ~WorkerPool() { pool_.join(); }
  template <typename Work>
  void post(Work&& work) {
    boost::asio::post(pool_, std::forward<Work>(work));
  }

 private:
  boost::asio::thread_pool pool_;
};

}  // namespace saccade::runtime
