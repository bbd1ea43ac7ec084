// The file that traces are written to: one JSON list, whole after each write. Belongs to one thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "record/tracer.h"

namespace saccade::record {

// The two entries of a trace, as they stand in the list.
void append_trace(std::string& out, const Trace& trace, std::uint64_t number);

class TraceFile {
 public:
  TraceFile() = default;
  ~TraceFile() { close(); }
  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;

  // Begins an empty list, in place of what was there.
  base::Status open(const std::string& path);
  void close();
  bool is_open() const { return descriptor_ >= 0; }
  // `entries`: separated by commas, not empty. After an error the file is as it was before, as far as the
  // disk allows.
  base::Status append(const std::string& entries);

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t end_ = 0;  // where the list's closing bracket stands
  bool empty_ = true;
};

}  // namespace saccade::record
