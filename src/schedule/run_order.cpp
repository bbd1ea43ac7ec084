#include "schedule/run_order.h"

#include <algorithm>
#include <cmath>

namespace saccade::schedule {
namespace {

using base::Duration;
using base::TimePoint;

// How far a model may be ahead of the one whose turn it is and still go first because it is urgent.
constexpr double kLead = 100e6;
// A run goes on beside the places if it is over within this part of the time that it would wait for one.
constexpr int kBesidePart = 4;
constexpr double kExpectedGain = 1.0 / 8;
constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr double kUseTime = 0.5;        // seconds over which the use of places is averaged
constexpr double kCountsAsUser = 0.05;  // places

double nanoseconds(Duration duration) {
  return static_cast<double>(duration.count());
}

double place_time(const RunOrder::Member& member, Duration time) {
  return nanoseconds(time) * static_cast<double>(std::max<std::size_t>(member.places, 1));
}

}  // namespace

void RunOrder::add(Member& member) {
  member.served = clock_;
  members_.push_back(&member);
}

void RunOrder::remove(Member& member) {
  std::erase(members_, &member);
}

void RunOrder::want(Member& member, TimePoint due, TimePoint start_by) {
  const bool idle = member.running == 0 && member.due == TimePoint::max();
  if (idle && due != TimePoint::max()) member.served = std::max(member.served, clock_);
  member.due = due;
  member.start_by = start_by;
}

// Of two with the same tag the one with the shorter runs: it holds up the other for less.
bool RunOrder::before(const Member& a, const Member& b) {
  if (a.served != b.served) return a.served < b.served;
  if (a.expected != b.expected) return a.expected < b.expected;
  return a.due < b.due;
}

std::optional<RunOrder::Grant> RunOrder::next(TimePoint now) {
  tick(now);
  contended_ = false;
  Member* first = nullptr;
  for (Member* member : members_) {
    if (!member->ready(now)) continue;
    if (member->places == 0) return begin(*member, now, false);
    if (first == nullptr || before(*member, *first)) first = member;
  }
  if (first == nullptr) {
    clock_ = std::max(clock_, greatest_);
    return {};
  }
  const std::size_t free = places_ - std::min(used_, places_);
  if (Member* urgent = urgent_before(*first, now); urgent != nullptr && urgent->places <= free) {
    return begin(*urgent, now, false);
  }
  if (first->places <= free) return begin(*first, now, false);
  if (Member* quick = short_enough(now)) return begin(*quick, now, true);
  contended_ = true;
  return {};
}

// The most pressing one that can't wait for a run of `first`.
RunOrder::Member* RunOrder::urgent_before(Member& first, TimePoint now) const {
  Member* urgent = nullptr;
  for (Member* member : members_) {
    if (member == &first || !member->ready(now) || member->served > first.served + kLead) continue;
    if (member->start_by == TimePoint::max() || member->start_by >= now + first.expected) continue;
    if (urgent == nullptr || member->start_by < urgent->start_by) urgent = member;
  }
  return urgent != nullptr && urgent->start_by < first.start_by ? urgent : nullptr;
}

RunOrder::Member* RunOrder::short_enough(TimePoint now) {
  Member* best = nullptr;
  for (Member* member : members_) {
    if (!member->ready(now) || used_ + member->places > places_ + beside_) continue;
    if (member->expected.count() == 0 || (best != nullptr && !before(*member, *best))) continue;
    if (member->expected * kBesidePart <= until_free(*member, now)) best = member;
  }
  return best;
}

// How long the member would wait for its places. A run that takes longer than expected goes on for who knows
// how long: the longer it has run, the longer.
Duration RunOrder::until_free(const Member& member, TimePoint now) {
  ends_.clear();
  for (const Run& run : runs_) {
    ends_.emplace_back(std::max(run.expected_end - now, (now - run.begun) / 4), run.member->places);
  }
  std::ranges::sort(ends_);
  std::size_t used = used_;
  for (const auto& [left, places] : ends_) {
    used -= places;
    if (used + member.places <= places_) return left;
  }
  return {};
}

RunOrder::Grant RunOrder::begin(Member& member, TimePoint now, bool beside) {
  Grant grant{&member, ++next_number_, now - member.due, beside};
  const double charged = place_time(member, member.expected);
  runs_.push_back({grant.number, &member, now, charged, now + member.expected});
  clock_ = std::max(clock_, member.served);
  member.served += charged / member.weight;
  member.due = TimePoint::max();
  member.start_by = TimePoint::max();
  ++member.running;
  used_ += member.places;
  return grant;
}

void RunOrder::end(const Grant& grant, TimePoint now, bool ran) {
  const auto run = std::ranges::find(runs_, grant.number, &Run::number);
  Member& member = *grant.member;
  const Duration time = now - run->begun;
  member.served += (place_time(member, time) - run->charged) / member.weight;
  member.used += place_time(member, now - std::max(run->begun, ticked_));
  if (ran) {
    const Duration change = time - member.expected;
    const double gain = member.expected.count() == 0 ? 1 : kExpectedGain;
    member.expected += Duration(static_cast<Duration::rep>(nanoseconds(change) * gain));
  }
  greatest_ = std::max(greatest_, member.served);
  --member.running;
  used_ -= member.places;
  runs_.erase(run);
}

TimePoint RunOrder::next_due(TimePoint now) const {
  TimePoint next = TimePoint::max();
  for (const Member* member : members_) {
    if (member->due > now) next = std::min(next, member->due);
  }
  return next;
}

std::size_t RunOrder::instances(const Member& member) const {
  if (member.places == 0) return member.most;
  double others = 0;
  std::size_t users = 1;
  for (const Member* other : members_) {
    if (other == &member || other->places == 0) continue;
    others += other->using_now;
    if (other->using_now > kCountsAsUser) ++users;
  }
  const double all = static_cast<double>(places_);
  const double own = std::max(all / static_cast<double>(users), all - others);
  const auto fit = static_cast<std::size_t>(std::lround(own / static_cast<double>(member.places)));
  return std::clamp<std::size_t>(fit, 1, std::max<std::size_t>(member.most, 1));
}

void RunOrder::tick(TimePoint now) {
  const Duration passed = now - ticked_;
  if (passed < kTick) return;
  const bool first = ticked_ == TimePoint{};
  for (const Run& run : runs_) {
    if (!first) run.member->used += place_time(*run.member, now - std::max(run.begun, ticked_));
  }
  const double weight = first ? 0 : 1 - std::exp(-nanoseconds(passed) * 1e-9 / kUseTime);
  for (Member* member : members_) {
    member->using_now += weight * (member->used / nanoseconds(passed) - member->using_now);
    member->used = 0;
  }
  ticked_ = now;
}

}  // namespace saccade::schedule
