// What the tests of the prediction log share: a directory of their own, rows, and ways to wait without
// sleeping to be right.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "observe/metrics.h"
#include "record/prediction_log.h"
#include "record/sqlite_log.h"

namespace saccade::record {

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string name = (std::filesystem::temp_directory_path() / "saccade-log-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    file_ = directory_ / "predictions.db";
    file_options_.store.path = file_;
    file_options_.look_interval = std::chrono::milliseconds(5);
  }
  ~LogTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  std::unique_ptr<SqliteLog> open() {
    auto log = SqliteLog::open(options_, file_options_, writer_, registry_);
    if (!log) {
      ADD_FAILURE() << log.error().message;
      std::abort();
    }
    return std::move(*log);
  }
  // "" where it opened.
  std::string opening_error() {
    auto log = SqliteLog::open(options_, file_options_, writer_, registry_);
    return log ? "" : log.error().message;
  }

  std::uint64_t lost(const std::string& reason) {
    return registry_.counter("saccade_log_lost_rows_total", "", {{"reason", reason}}).value();
  }
  std::uint64_t commits() {
    return registry_.histogram("saccade_log_commit_duration_seconds", "", {}, {}, 1).snapshot().total;
  }

  std::filesystem::path directory_;
  std::filesystem::path file_;
  observe::Registry registry_;
  LogOptions options_;
  FileOptions file_options_;
  WriterOptions writer_;
};

inline Prediction row(std::string result = "{}", base::Uuid id = base::Uuid::make()) {
  static const auto model = [] {
    auto signature = std::make_shared<request::ModelSignature>();
    signature->name = "digits";
    signature->version = "3";
    return signature;
  }();
  return {.id = id,
          .unix_micros = base::unix_micros(),
          .model = model,
          .client_id = {},
          .result = std::move(result),
          .latency_micros = 250,
          .input = {}};
}

// Whether a message names all of these.
inline testing::AssertionResult says(const std::string& message,
                                     std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) {
    if (message.find(part) == std::string::npos) {
      return testing::AssertionFailure() << "no \"" << part << "\" in: " << message;
    }
  }
  return testing::AssertionSuccess();
}

// Counts answers; what `done` is called with.
class Answers {
 public:
  PredictionLog::Done expect() {
    return [this](base::Status status) {
      const std::lock_guard lock(mutex_);
      answers_.push_back(std::move(status));
      changed_.notify_all();
    };
  }
  std::vector<base::Status> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return answers_.size() >= count; }))
        << "only " << answers_.size() << " of " << count << " answers";
    return answers_;
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<base::Status> answers_;
};

inline base::Status append_and_wait(PredictionLog& log, Prediction prediction, Wait wait = Wait::kStored) {
  Answers answers;
  log.append(std::move(prediction), wait, answers.expect());
  return answers.wait_for(1).front();
}

// Looks until it is so.
template <typename Condition>
bool comes_true(Condition condition) {
  const auto end = base::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (base::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// Another process's view of the file (SQLite does not tell the difference).
class Outsider {
 public:
  explicit Outsider(const std::filesystem::path& file) {
    EXPECT_EQ(sqlite3_open_v2(file.c_str(), &handle_, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
    sqlite3_busy_timeout(handle_, 30'000);
  }
  ~Outsider() { sqlite3_close(handle_); }
  Outsider(const Outsider&) = delete;
  Outsider& operator=(const Outsider&) = delete;

  void run(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(handle_);
  }
  // The first column of the first row.
  std::string text(const std::string& sql) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(handle_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK)
        << sqlite3_errmsg(handle_);
    std::string value;
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL) {
      value = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return value;
  }
  std::int64_t number(const std::string& sql) { return std::atoll(text(sql).c_str()); }
  std::int64_t rows() { return number("SELECT count(*) FROM predictions"); }

 private:
  sqlite3* handle_ = nullptr;
};

}  // namespace saccade::record
