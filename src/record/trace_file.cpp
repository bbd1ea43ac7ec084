#include "record/trace_file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace saccade::record {
namespace {

// Names and ids are UTF-8 by the time they are here; what JSON can't have bare is escaped.
void append_quoted(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || c == '"' || c == '\\') {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

bool is_number(std::string_view text) {
  return !text.empty() && text.size() < 19 && text.front() != '0' &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

void append_time(std::string& out, std::string_view name, base::TimePoint time) {
  if (time == base::TimePoint{}) return;  // not reached
  if (out.back() != '[') out += ',';
  out += "{\"name\":\"";
  out += name;
  out += "\",\"ns\":" + std::to_string(time.time_since_epoch().count()) + '}';
}

base::Status failed(const std::string& what, const std::string& path) {
  return base::fail(base::Code::kUnavailable,
                    what + " " + path + ": " + std::error_code(errno, std::generic_category()).message());
}

base::Status write_at(int descriptor, std::string_view bytes, std::uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const auto put = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return failed("can't write to trace file", path);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

}  // namespace

void append_trace(std::string& out, const Trace& trace, std::uint64_t number) {
  const std::string id = "{\"id\":" + std::to_string(number);
  out += id + ",\"model_name\":";
  append_quoted(out, trace.model->name);
  out += ",\"model_version\":";
  if (is_number(trace.model->version)) {
    out += trace.model->version;
  } else {
    append_quoted(out, trace.model->version);
  }
  if (!trace.client_id.empty()) {
    out += ",\"request_id\":";
    append_quoted(out, trace.client_id);
  }
  out += "},\n" + id + ",\"timestamps\":[";
  append_time(out, "REQUEST_START", trace.arrived);
  append_time(out, "QUEUE_START", trace.timings.queued);
  append_time(out, "COMPUTE_START", trace.timings.batched);
  append_time(out, "COMPUTE_INPUT_END", trace.timings.run_started);
  append_time(out, "COMPUTE_OUTPUT_START", trace.timings.run_finished);
  append_time(out, "COMPUTE_END", trace.timings.answered);
  append_time(out, "REQUEST_END", trace.ended);
  out += "]}";
}

base::Status TraceFile::open(const std::string& path) {
  close();
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) return failed("can't open trace file", path);
  descriptor_ = descriptor;
  path_ = path;
  end_ = 1;
  empty_ = true;
  base::Status written = write_at(descriptor_, "[]\n", 0, path_);
  if (!written) close();
  return written;
}

void TraceFile::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

base::Status TraceFile::append(const std::string& entries) {
  const std::string text = (empty_ ? "" : ",\n") + entries + "]\n";
  base::Status written = write_at(descriptor_, text, end_, path_);
  if (!written) {
    // A disk that is full in the middle of it: the list ends again where it did.
    if (::ftruncate(descriptor_, static_cast<off_t>(end_)) == 0)
      (void)write_at(descriptor_, "]\n", end_, path_);
    return written;
  }
  end_ += text.size() - 2;
  empty_ = false;
  return {};
}

}  // namespace saccade::record
