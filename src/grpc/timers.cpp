#include "grpc/timers.h"

namespace saccade::grpc {

void Timers::set(Alarm& alarm, base::TimePoint when) {
  cancel(alarm);
  if (when == base::TimePoint::max()) return;
  alarm.place_ = alarms_.emplace(when, &alarm);
  alarm.set_ = true;
  arm();
}

void Timers::cancel(Alarm& alarm) {
  if (!alarm.set_) return;
  alarm.set_ = false;
  alarms_.erase(alarm.place_);
  // With nothing left the timer would only keep a loop that runs out of work awake.
  if (alarms_.empty() && armed_for_ != base::TimePoint::max()) {
    armed_for_ = base::TimePoint::max();
    timer_.cancel();
  }
}

// A timer that is due too early rings for nobody and is set anew; so most alarms that are set and cancelled
// never touch it.
void Timers::arm() {
  if (alarms_.empty() || alarms_.begin()->first >= armed_for_) return;
  armed_for_ = alarms_.begin()->first;
  timer_.set(armed_for_, [this] { ring(); });
}

void Timers::ring() {
  armed_for_ = base::TimePoint::max();
  const base::TimePoint now = base::now();
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    Alarm& alarm = *alarms_.begin()->second;
    alarm.set_ = false;
    alarms_.erase(alarms_.begin());
    alarm.on_time();
  }
  arm();
}

}  // namespace saccade::grpc
