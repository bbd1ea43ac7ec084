// The commands themselves. Each returns the process's exit status.
#pragma once

#include "cli/options.h"

namespace saccade::cli {

// Serves until SIGTERM or SIGINT, then answers what it has accepted and ends with 0.
int serve(const ServeOptions& options);
// The file of API keys. Prints a new key once, on stdout.
int create_key(const KeyOptions& options);
int revoke_key(const KeyOptions& options);
int list_keys(const KeyOptions& options);
// Says what would be served, or what is wrong. 0: all can be served.
int check(const CheckOptions& options);
// Measures latency, throughput and cost by batch size, in this process.
int bench(const BenchOptions& options);

}  // namespace saccade::cli
