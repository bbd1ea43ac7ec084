#include "model/session_ground.h"

#include <algorithm>
#include <ctime>
#include <latch>
#include <thread>

namespace saccade::model {
namespace {

// Sizes that free dimensions are given to measure by, if a run stays within the time: what real requests are
// like is not known, but a dimension of 1 is like none of them.
constexpr std::int64_t kPicture = 224;
constexpr std::int64_t kSequence = 64;
constexpr base::Duration kLongestRun = std::chrono::milliseconds(100);

// Of a processor, that the calling thread has had.
base::Duration thread_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// What one session did, from its first run's begin to its last one's end.
struct Pace {
  double per_second = 0;  // runs; 0: one failed
  base::Duration ran{0};
  base::Duration had_processor{0};  // its thread
};

Pace run_for(engine::Session& session, const std::vector<tensor::TensorView>& views, base::Duration slice) {
  const base::TimePoint start = base::now();
  const base::Duration processor_before = thread_time();
  base::TimePoint end = start;
  int runs = 0;
  do {
    if (!session.run(views)) return {};
    ++runs;
    end = base::now();
  } while (end - start < slice);
  return {.per_second = runs / std::max(base::seconds(end - start), 1e-9),
          .ran = end - start,
          .had_processor = thread_time() - processor_before};
}

}  // namespace

std::int64_t size_to_measure(engine::Session& session, const ProbeResult& probed) {
  if (std::ranges::none_of(probed.item_shapes, &tensor::Shape::has_free_dimension)) return probed.free_size;
  const bool picture =
      std::ranges::any_of(probed.item_shapes, [](const tensor::Shape& item) { return item.rank() >= 3; });
  for (std::int64_t size = picture ? kPicture : kSequence; size > probed.free_size; size /= 2) {
    const auto inputs = make_samples(session.facts(), probed, size);
    const base::TimePoint start = base::now();
    if (session.run(tensor::views_of(inputs)) && base::now() - start <= kLongestRun) return size;
  }
  return probed.free_size;
}

SessionGround::SessionGround(std::vector<Sessions> candidates, const ProbeResult& probed,
                             std::int64_t free_size)
    : candidates_(std::move(candidates)), probed_(probed), free_size_(free_size) {}

const std::vector<tensor::Tensor>& SessionGround::inputs(std::int64_t items) {
  auto [entry, is_new] = inputs_.try_emplace(items);
  if (is_new) {
    entry->second = make_samples(candidates_.front().front()->facts(), probed_, free_size_, items);
  }
  return entry->second;
}

bool SessionGround::warm_up(std::size_t candidate, std::int64_t items) {
  auto [entry, is_new] = warm_.try_emplace({candidate, items}, false);
  if (!is_new) return entry->second;
  const auto views = tensor::views_of(inputs(items));
  entry->second = std::ranges::all_of(candidates_[candidate],
                                      [&](const auto& session) { return session->run(views).has_value(); });
  return entry->second;
}

std::optional<base::Duration> SessionGround::run_alone(std::size_t candidate, base::Duration slice) {
  if (!warm_up(candidate, 1)) return std::nullopt;
  const auto views = tensor::views_of(inputs(1));
  engine::Session& session = *candidates_[candidate].front();
  std::vector<base::Duration> times;
  const base::TimePoint start = base::now();
  const base::Duration processor_before = thread_time();
  const base::TimePoint end = start + slice;
  base::TimePoint before = start;
  do {
    if (!session.run(views)) return std::nullopt;
    const base::TimePoint after = base::now();
    times.push_back(after - before);
    before = after;
  } while (before < end);
  count(session, before - start, thread_time() - processor_before);
  // Not the median: see engine_trial.h.
  const auto good = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 4);
  std::ranges::nth_element(times, good);
  return *good;
}

void SessionGround::count(const engine::Session& session, base::Duration ran, base::Duration had_processor) {
  if (!session.runs_on_caller()) return;
  ran_ += ran;
  had_processor_ += had_processor;
}

double SessionGround::processor_share() const {
  return ran_.count() > 0 ? base::seconds(had_processor_) / base::seconds(ran_) : 1;
}

std::optional<double> SessionGround::run_beside(std::size_t candidate, std::int64_t items,
                                                base::Duration slice) {
  if (!warm_up(candidate, items)) return std::nullopt;
  const auto views = tensor::views_of(inputs(items));
  Sessions& sessions = candidates_[candidate];
  std::vector<Pace> paces(sessions.size());
  if (sessions.size() == 1) {
    paces[0] = run_for(*sessions[0], views, slice);
  } else {
    std::latch together(static_cast<std::ptrdiff_t>(sessions.size()));
    std::vector<std::jthread> threads;
    threads.reserve(sessions.size());
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      threads.emplace_back([&, i] {
        together.arrive_and_wait();
        paces[i] = run_for(*sessions[i], views, slice);
      });
    }
  }
  double sum = 0;
  for (const Pace& pace : paces) {
    if (pace.per_second <= 0) return std::nullopt;
    sum += pace.per_second * static_cast<double>(items);
    count(*sessions.front(), pace.ran, pace.had_processor);
  }
  return sum;
}

}  // namespace saccade::model
