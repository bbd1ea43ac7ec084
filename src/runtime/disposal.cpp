#include "runtime/disposal.h"

#include "runtime/event_loop.h"

namespace saccade::runtime {

void Disposal::run(End end) {
  if (EventLoop::current() != nullptr) {
    const std::lock_guard lock(mutex_);
    if (workers_ != nullptr) return workers_->post(std::move(end));
  }
  end();
}

void Disposal::close() {
  std::unique_ptr<WorkerPool> workers;
  {
    const std::lock_guard lock(mutex_);
    workers = std::move(workers_);
  }
}

}  // namespace saccade::runtime
