#include "record/tracer.h"

#include <utility>

#include "observe/log.h"
#include "record/trace_file.h"

namespace saccade::record {

// What the writing thread alone uses.
class Tracer::Files {
 public:
  explicit Files(std::string path) : path_(std::move(path)) {}

  base::Status open() { return all_.open(path_); }

  // How many of them were written; the error of the last that could not be.
  std::pair<std::size_t, base::Status> write(const std::vector<Trace>& traces) {
    std::size_t written = 0;
    base::Status status;
    std::size_t at = 0;
    while (at < traces.size()) {
      std::string entries;
      const std::uint64_t frequency = traces[at].frequency;
      std::size_t taken = 0;
      const std::uint64_t room =
          frequency == 0 ? traces.size() : frequency - std::min(in_part_, frequency - 1);
      for (; at < traces.size() && traces[at].frequency == frequency && taken < room; ++at, ++taken) {
        if (taken > 0) entries += ",\n";
        append_trace(entries, traces[at], ++numbered_);
      }
      base::Status appended =
          frequency == 0 ? append(all_, path_, entries) : append_part(entries, taken, frequency);
      if (appended) {
        written += taken;
      } else {
        status = std::move(appended);
      }
    }
    return {written, std::move(status)};
  }

 private:
  // A file that could not be opened or written before is tried again.
  static base::Status append(TraceFile& file, const std::string& path, const std::string& entries) {
    if (!file.is_open()) {
      if (base::Status opened = file.open(path); !opened) return opened;
    }
    return file.append(entries);
  }

  base::Status append_part(const std::string& entries, std::size_t traces, std::uint64_t frequency) {
    base::Status appended = append(part_, path_ + "." + std::to_string(parts_), entries);
    in_part_ += traces;
    if (in_part_ >= frequency) {
      part_.close();
      in_part_ = 0;
      ++parts_;
    }
    return appended;
  }

  const std::string path_;
  TraceFile all_;
  TraceFile part_;
  std::uint64_t parts_ = 0;    // the number of the part under way
  std::uint64_t in_part_ = 0;  // traces in it
  std::uint64_t numbered_ = 0;
};

Tracer::Tracer(observe::Registry& registry)
    : written_(registry.counter("saccade_traces_total", "Traces written to the trace file.")),
      lost_(registry.counter("saccade_traces_lost_total",
                             "Traces that were not written: too many waited, or the file could not be "
                             "written.")) {}

Tracer::~Tracer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

base::Status Tracer::open(const std::string& file) {
  auto files = std::make_unique<Files>(file);
  if (base::Status opened = files->open(); !opened) return opened;
  file_ = file;
  thread_ = std::thread([this, files = std::move(files)] { write_all(*files); });
  return {};
}

void Tracer::add(Trace trace) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kMostWaiting || ending_ || !thread_.joinable()) return lost_.add();
    waiting_.push_back(std::move(trace));
    if (waiting_.size() > 1) return;  // the thread has been told
  }
  changed_.notify_all();
}

void Tracer::flush() {
  std::unique_lock lock(mutex_);
  if (!thread_.joinable()) return;
  changed_.wait(lock, [&] { return waiting_.empty() && !writing_; });
}

void Tracer::write_all(Files& files) {
  bool trouble = false;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return !waiting_.empty() || ending_; });
    if (waiting_.empty()) return;
    writing_ = true;
    std::vector<Trace> traces = std::exchange(waiting_, {});
    lock.unlock();
    const auto [written, status] = files.write(traces);
    written_.add(written);
    lost_.add(traces.size() - written);
    if (!status && !trouble) observe::log_error("{}; its traces are lost", status.error().message);
    trouble = !status;
    traces.clear();  // the last one of a model that was unloaded ends here, without the lock
    lock.lock();
    writing_ = false;
    changed_.notify_all();
  }
}

}  // namespace saccade::record
