#include "record/postgres_store.h"

#include "observe/log.h"

namespace saccade::record {
namespace {

constexpr auto kRetryAfter = std::chrono::seconds(2);
// Even a busy writer gives the database as long as this.
constexpr auto kLeastPatience = std::chrono::milliseconds(100);

}  // namespace

PostgresStore::PostgresStore(Limits limits, Spill& spill, Delivery& delivery, const WriteQueue& queue,
                             SpillMetrics& metrics, observe::Registry& registry)
    : limits_(limits),
      spill_(spill),
      delivery_(delivery),
      queue_(queue),
      metrics_(metrics),
      breaker_(std::make_shared<resilience::CircuitBreaker>(
          resilience::BreakerSettings{.minimum_calls = 3,
                                      .failure_rate = 0.5,
                                      .slow_rate = 0.5,
                                      .slow_after = limits.direct_patience / 2,
                                      .open_for = std::chrono::seconds(1),
                                      .longest_open = std::chrono::seconds(30),
                                      .probe_successes = 1})),
      breaker_metrics_(registry, "saccade_breaker", {{"service", "postgresql"}}, breaker_) {}

base::Result<std::vector<LogStore::Refused>> PostgresStore::insert(std::span<const Prediction* const> rows,
                                                                   const std::function<void()>& /*between*/) {
  if (spill_.rows() == 0 && breaker_->allow(base::now())) {
    if (auto table = delivery_.take_direct()) {
      auto refused = insert_direct(rows, *table);
      delivery_.give_back_direct(std::move(table));
      if (refused) return refused;
      observe::log_warning("{}; {} predictions go to {}", refused.error().message, rows.size(),
                           spill_.path().string());
    } else {
      breaker_->forget(base::now(), base::Duration(0));
    }
  }
  auto refused = spill_.append(rows);
  if (refused) metrics_.spilled.add(rows.size() - refused->size());
  delivery_.wake();
  return refused;
}

base::Result<std::vector<LogStore::Refused>> PostgresStore::insert_direct(
    std::span<const Prediction* const> rows, PostgresTable& table) {
  std::vector<RowView> views;
  views.reserve(rows.size());
  for (const Prediction* row : rows) views.push_back(RowView::of(*row));
  const base::TimePoint began = base::now();
  table.connection().set_give_up(
      [&] { return queue_.rows() >= limits_.hurry_rows && base::now() >= began + kLeastPatience; });
  auto refused = table.insert(views, limits_.direct_patience);
  table.connection().set_give_up({});
  const base::TimePoint ended = base::now();
  breaker_->record(ended, ended - began, refused.has_value());
  if (!refused) return std::unexpected(std::move(refused.error().error));
  return std::move(*refused);
}

// A prediction that is not in the spill is in the database, if it is anywhere: it leaves the one only when it
// is in the other.
base::Result<std::vector<LogStore::Outcome>> PostgresStore::insert_feedback(
    std::span<const Feedback* const> feedback) {
  auto outcomes = spill_.insert_feedback(feedback);
  if (!outcomes) return outcomes;
  std::vector<const Feedback*> others;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < feedback.size(); ++i) {
    if (!(*outcomes)[i] || (*outcomes)[i]->has_value()) continue;
    others.push_back(feedback[i]);
    places.push_back(i);
  }
  if (others.size() < feedback.size()) delivery_.wake();
  if (others.empty()) return outcomes;

  base::Error away{base::Code::kUnavailable, "the prediction log's database server is away; try again later",
                   kRetryAfter};
  if (auto table = delivery_.take_direct()) {
    auto stored = table->insert_feedback(others, limits_.direct_patience);
    delivery_.give_back_direct(std::move(table));
    if (stored) {
      for (std::size_t i = 0; i < places.size(); ++i) (*outcomes)[places[i]] = std::move((*stored)[i]);
      return outcomes;
    }
    away.message = "the feedback could not be stored: " + stored.error().error.message;
  }
  for (const std::size_t place : places) (*outcomes)[place] = std::unexpected(away);
  return outcomes;
}

}  // namespace saccade::record
