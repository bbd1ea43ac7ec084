// Where the writer puts rows: a SQLite file, or a database server with a spill file before it.
//
// Belongs to the writer thread. An error of insert() means that none of the rows is there for certain; the
// same rows may then be given again, and are stored once.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "record/prediction_log.h"

namespace saccade::record {

class LogStore {
 public:
  virtual ~LogStore() = default;

  // How messages about it begin: "prediction log predictions.db: ".
  virtual std::string naming() const = 0;
  // Opens what is not open.
  virtual base::Status open() = 0;
  // Closes what is open, after trouble: open() begins anew.
  virtual void drop() = 0;

  // How many bytes of rows one insert() may bring now, about: with more it fails as a whole.
  virtual std::size_t room() const { return std::numeric_limits<std::size_t>::max(); }

  // A row that is refused for what it is, by its place in `rows`.
  using Refused = std::pair<std::size_t, base::Error>;
  // Stores the rows in one transaction: after success all but the refused ones are there. Ascending ids. A
  // store whose rows cost this thread processor time calls `between` from row to row.
  virtual base::Result<std::vector<Refused>> insert(std::span<const Prediction* const> rows,
                                                    const std::function<void()>& between) = 0;

  // Stores feedback in place of what was there, all in one transaction. Nothing stands where the prediction
  // is not known.
  using Outcome = base::Result<std::optional<FeedbackOutcome>>;
  virtual base::Result<std::vector<Outcome>> insert_feedback(std::span<const Feedback* const> feedback) = 0;

  // Between the commits: a little of what there is to tidy; `hurry` says that rows wait for a commit.
  virtual base::Status tidy(const std::function<bool()>& hurry) = 0;
  // Whether tidy() has more to do.
  virtual bool tidying() const = 0;
  // The last commit is done.
  virtual void close() = 0;
};

}  // namespace saccade::record
