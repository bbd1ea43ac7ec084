// Traces of single requests: when each step of one began, written to a file as the protocol's trace extension
// has it, for Triton's own tools to read:
//
//   [{"id":1,"model_name":"digits","model_version":1,"request_id":"mine"},
//    {"id":1,"timestamps":[{"name":"REQUEST_START","ns":…},…]},…]
//
// The times are those of the monotonic clock. The file is whole JSON after each write. With a frequency of N,
// each N traces go to a file of their own, FILE.0, FILE.1, …
//
// Safe from any thread. Loops hand traces to a bounded queue; one thread writes. What finds the queue full,
// or can't be written, is counted and said in the server's log.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "observe/metrics.h"
#include "record/trace_settings.h"
#include "request/inference_request.h"
#include "request/model_signature.h"

namespace saccade::record {

struct Trace {
  std::shared_ptr<const request::ModelSignature> model;
  std::string client_id;  // empty: none
  base::TimePoint arrived{};
  request::Timings timings;  // steps that the request did not reach are at the clock's beginning
  base::TimePoint ended{};
  std::uint64_t frequency = 0;  // of the settings that chose it
};

class Tracer {
 public:
  explicit Tracer(observe::Registry& registry);
  // Writes what was handed over.
  ~Tracer();

  // Where traces go. Once, before requests come; without it nothing can be traced.
  base::Status open(const std::string& file);
  const std::string& file() const { return file_; }

  TraceSampler& sampler() { return sampler_; }
  const TraceSampler& sampler() const { return sampler_; }
  void add(Trace trace);
  // Returns once all that was added before is in the file or was given up.
  void flush();

 private:
  class Files;
  void write_all(Files& files);

  static constexpr std::size_t kMostWaiting = 16'384;

  TraceSampler sampler_;
  observe::Counter& written_;
  observe::Counter& lost_;
  std::string file_;  // constant after open()

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Trace> waiting_;  // guarded by mutex_
  bool writing_ = false;        // guarded by mutex_: the thread has taken some and is not done
  bool ending_ = false;         // guarded by mutex_
  std::thread thread_;
};

}  // namespace saccade::record
