// The prediction log: every answered prediction, kept in a database without making anybody wait for it.
//
// Event loops append to a bounded queue; one writer thread of the log's own commits what has gathered, in
// groups. A row that was committed survives the end of the process in any form.
//
// Lifecycle: open() → append()/find()/list() from any thread → close(), which stores all that was appended
// and then ends the writer. Appending after close() reports kUnavailable.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/uuid.h"
#include "observe/metrics.h"
#include "request/caller.h"
#include "request/model_signature.h"

namespace saccade::record {

// What became known of a prediction later.
struct Feedback {
  base::Uuid id;  // the prediction's
  std::int64_t unix_micros = 0;
  std::string truth;  // as JSON
  double weight = 1;
  std::string comment;  // empty: none
  // Who gives it, on its way to the store: a prediction by a model that is not among theirs is unknown to
  // them.
  std::shared_ptr<const request::Identity> by = {};

  bool may_speak_of(std::string_view model) const { return by == nullptr || by->may_use(model); }
};

// What feedback was given on.
struct FeedbackOutcome {
  std::string model;
  std::string version;
  std::string result;  // the prediction's row has it
  bool first = true;   // false: it took the place of earlier feedback
};

struct PendingFeedback;

struct Prediction {
  base::Uuid id;
  std::int64_t unix_micros = 0;
  std::shared_ptr<const request::ModelSignature> model;  // for its name and version
  std::string client_id;                                 // empty: the caller gave none
  std::string result;                                    // a JSON object
  std::int64_t latency_micros = 0;
  std::string input;  // a JSON object; empty unless inputs are to be kept
  // Where set, this is no prediction but feedback on one, on its way through the same queue.
  std::shared_ptr<PendingFeedback> feedback = {};
};

// A row as it is read back.
struct StoredPrediction {
  base::Uuid id;
  std::int64_t unix_micros = 0;
  std::string model;
  std::string version;
  std::string client_id;
  std::string result;
  std::int64_t latency_micros = 0;
  std::string input;
  std::optional<Feedback> feedback = {};
};

// What an answer waits for before it may leave.
enum class Wait : std::uint8_t {
  kNothing,   // a full queue loses the row; the loss is counted
  kAccepted,  // a place in the queue
  kStored,    // the commit that holds the row
};

struct Query {
  std::string model;              // empty: all
  std::int64_t since_micros = 0;  // rows at or after this time
  std::int64_t limit = 100;       // newest first
};

struct LogOptions {
  std::size_t queue_capacity = 65'536;            // rows
  std::chrono::milliseconds flush_interval{100};  // a row waits at most so long for its commit to begin
  bool sync_every_commit = false;                 // survive a power cut too, not only the process's end
  std::chrono::seconds retention_age{0};          // 0: for ever
  std::int64_t retention_bytes = 0;               // of the database; 0: no limit
  // Where rows wait for a database server that is away.
  std::filesystem::path spill = "predictions-spill.db";
  std::int64_t spill_bytes = std::int64_t{1} << 30;
};

class PredictionLog {
 public:
  using Done = std::move_only_function<void(base::Status)>;

  virtual ~PredictionLog() = default;

  // Never blocks. With kAccepted and kStored `done` is called exactly once, from this thread or the writer's,
  // once the row is where `wait` asks, or with the error that prevented it; with kNothing it is not called.
  virtual void append(Prediction prediction, Wait wait, Done done) = 0;

  // Keeps feedback on a stored prediction, in place of any before. Never blocks. `done` is called exactly
  // once, from this thread or the writer's, once it is stored, or with the error: kNotFound where there is no
  // such prediction (one that was answered just now is waited for).
  using FeedbackDone = std::move_only_function<void(base::Result<FeedbackOutcome>)>;
  virtual void append_feedback(Feedback feedback, FeedbackDone done) = 0;

  // These read the database and may block for as long as a disk does: not for event loops.
  virtual base::Result<std::optional<StoredPrediction>> find(const base::Uuid& id) = 0;
  virtual base::Result<std::vector<StoredPrediction>> list(const Query& query) = 0;

  virtual void close() = 0;
};

// Opens the log that a URL names: `sqlite:predictions.db` (relative), `sqlite:///var/lib/x.db` (absolute),
// `postgresql://user@host/database` (libpq's own form).
// The error says what is wrong with the URL or the file and what would be right. Metrics go to `registry`.
base::Result<std::unique_ptr<PredictionLog>> open_log(const std::string& url, const LogOptions& options,
                                                      observe::Registry& registry);

// Feedback in the queue, until it is answered.
struct PendingFeedback {
  Feedback feedback;
  PredictionLog::FeedbackDone done;
  FeedbackOutcome outcome;  // the writer's
  base::TimePoint until{};  // so long its prediction is waited for
};

}  // namespace saccade::record
