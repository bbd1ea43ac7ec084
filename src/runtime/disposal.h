// Where things end whose end takes long (a model's threads and sessions) when their last owner lets go on an
// event loop: on a thread kept for it. Elsewhere they end at once. Safe from any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/worker_pool.h"

namespace saccade::runtime {

class Disposal {
 public:
  using End = std::move_only_function<void()>;

  ~Disposal() { close(); }
  // Calls `end`, here or on the thread kept for it.
  void run(End end);
  // Finishes what was handed over; from then on everything ends at once. Not from within an `end`.
  void close();

 private:
  std::mutex mutex_;
  std::unique_ptr<WorkerPool> workers_ = std::make_unique<WorkerPool>(1);  // guarded by mutex_; null: closed
};

// An owner whose object ends by way of `disposal`; a null one: wherever the last owner lets go.
template <typename T>
std::shared_ptr<T> share(std::unique_ptr<T> object, std::shared_ptr<Disposal> disposal) {
  if (disposal == nullptr) return std::shared_ptr<T>(std::move(object));
  return std::shared_ptr<T>(object.release(), [disposal = std::move(disposal)](T* last) {
    disposal->run([last] { delete last; });
  });
}

}  // namespace saccade::runtime
