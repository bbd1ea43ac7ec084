// Where spans go and which there are: flags, then OpenTelemetry's own environment variables ("OTLP Exporter",
// "SDK Environment Variables" of its specification), then its defaults.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "trace/otlp.h"
#include "trace/sampler.h"

namespace saccade::trace {

struct Settings {
  std::string url;  // where batches are posted; empty: no spans are made
  std::vector<std::pair<std::string, std::string>> headers;
  std::string ca;  // a file of authorities (PEM) that an https collector is checked by; empty: the system's
  Resource resource;
  Sampler sampler;
  std::string version;  // of the server, as the scope's
  std::size_t queue = 2048;
  std::size_t batch = 512;
  std::chrono::milliseconds delay{5'000};     // a span waits at most so long for its batch
  std::chrono::milliseconds timeout{10'000};  // of one try

  bool enabled() const { return !url.empty(); }
};

// A variable's value, empty where it is not set.
using Environment = std::function<std::string(const char*)>;
std::string process_environment(const char* name);

// `endpoint`: of the flag, as OTEL_EXPORTER_OTLP_ENDPOINT has it (v1/traces is put behind it); may be empty.
base::Result<Settings> read_settings(const std::string& endpoint, const std::string& version,
                                     const Environment& environment);

}  // namespace saccade::trace
