#include "schedule/parcels.h"

#include <algorithm>

namespace saccade::schedule {

void pack(Job& job, BatchRunner::ResponseResult result, Parcels& parcels) {
  auto parcel = std::ranges::find(parcels, job.loop, &Parcel::loop);
  if (parcel == parcels.end()) parcel = parcels.emplace(parcels.end(), job.loop);
  if (job.promise.ran != base::TimePoint{}) parcel->promises.push_back(job.promise);
  parcel->answers.push_back({std::move(job.done), std::move(result)});
}

void send(Parcels parcels, const Told& told) {
  for (Parcel& parcel : parcels) {
    parcel.loop->post(
        [answers = std::move(parcel.answers), promises = std::move(parcel.promises), told]() mutable {
          for (Parcel::Answer& answer : answers) answer.done(std::move(answer.result));
          told.admission->answered(promises, base::now(), *told.metrics);
        });
  }
}

void Exit::leave(std::uint64_t ticket, Parcels parcels) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace(ticket, std::move(parcels));
  for (auto next = waiting_.find(next_); next != waiting_.end(); next = waiting_.find(++next_)) {
    send(std::move(next->second), told_);
    waiting_.erase(next);
  }
}

}  // namespace saccade::schedule
