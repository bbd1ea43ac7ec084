#include "runtime/event_loop.h"

#include <pthread.h>
#include <string>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>

namespace saccade::runtime {
namespace {
thread_local EventLoop* current_loop = nullptr;
}  // namespace

EventLoop* EventLoop::current() {
  return current_loop;
}

base::TimePoint EventLoop::unread_since(base::TimePoint now) {
  asked_ = true;
  if (!marking_) {
    marking_ = true;
    mark_before_ = last_mark_ = now;
    post([this] { mark(); });
  }
  return mark_before_;
}

void EventLoop::mark() {
  mark_before_ = last_mark_;
  last_mark_ = base::now();
  marking_ = std::exchange(asked_, false);
  if (marking_) post([this] { mark(); });
}

void EventLoop::run() {
  current_loop = this;
  pthread_setname_np(pthread_self(), ("loop-" + std::to_string(index_)).c_str());
  const auto keep = boost::asio::make_work_guard(context_);
  context_.run();
  current_loop = nullptr;
}

LoopGroup::LoopGroup(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<EventLoop>(i));
}

void LoopGroup::start() {
  for (auto& loop : loops_) threads_.emplace_back([&loop] { loop->run(); });
}

void LoopGroup::stop() {
  for (auto& loop : loops_) loop->context_.stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace saccade::runtime
