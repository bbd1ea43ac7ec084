// Alarms of one event loop: any number of them on one timer. Belongs to the loop's thread.
#pragma once

#include <map>

#include "base/clock.h"
#include "runtime/event_loop.h"

namespace saccade::grpc {

class Timers {
 public:
  // What wants to be told. Must be cancelled, or have rung, before it ends.
  class Alarm {
   public:
    virtual ~Alarm() = default;
    virtual void on_time() = 0;

   private:
    friend class Timers;
    std::multimap<base::TimePoint, Alarm*>::iterator place_{};
    bool set_ = false;
  };

  explicit Timers(runtime::EventLoop& loop) : timer_(loop) {}

  // Rings once, at that time or soon after; a time set before is forgotten. TimePoint::max(): never.
  void set(Alarm& alarm, base::TimePoint when);
  void cancel(Alarm& alarm);
  std::size_t size() const { return alarms_.size(); }

 private:
  void arm();
  void ring();

  std::multimap<base::TimePoint, Alarm*> alarms_;
  runtime::Timer timer_;
  base::TimePoint armed_for_ = base::TimePoint::max();
};

}  // namespace saccade::grpc
