// The prediction log in PostgreSQL: queue and writer as for SQLite, the spill file, the delivery and the
// reader put together.
#pragma once

#include <memory>
#include <mutex>

#include "record/delivery.h"
#include "record/log_intake.h"
#include "record/log_writer.h"
#include "record/postgres_reader.h"
#include "record/postgres_store.h"
#include "record/prediction_log.h"
#include "record/spill.h"
#include "record/spill_metrics.h"

namespace saccade::record {

class PostgresLog final : public PredictionLog {
 public:
  // Connects. A server that is away does not prevent it; one that refuses us, or a newer schema, does.
  static base::Result<std::unique_ptr<PostgresLog>> open(const PostgresAddress& address,
                                                         const LogOptions& options,
                                                         observe::Registry& registry);
  ~PostgresLog() override;
  PostgresLog(const PostgresLog&) = delete;
  PostgresLog& operator=(const PostgresLog&) = delete;

  void append(Prediction prediction, Wait wait, Done done) override {
    intake_.append(std::move(prediction), wait, std::move(done));
  }
  void append_feedback(Feedback feedback, FeedbackDone done) override {
    intake_.append_feedback(std::move(feedback), std::move(done));
  }
  base::Result<std::optional<StoredPrediction>> find(const base::Uuid& id) override;
  base::Result<std::vector<StoredPrediction>> list(const Query& query) override;
  void close() override;

 private:
  struct Connections {
    std::unique_ptr<PostgresTable> own;
    std::unique_ptr<PostgresTable> direct;
  };
  static base::Result<Connections> connect(const PostgresAddress& address, const Spill& spill);
  PostgresLog(const PostgresAddress& address, const LogOptions& options, std::shared_ptr<Spill> spill,
              Connections connections, observe::Registry& registry);

  const std::shared_ptr<Spill> spill_;
  LogIntake intake_;
  SpillMetrics spill_metrics_;
  PostgresReader reader_;
  Delivery delivery_;
  std::mutex close_mutex_;
  LogWriter writer_;
};

}  // namespace saccade::record
