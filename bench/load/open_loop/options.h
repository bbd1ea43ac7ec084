// What is asked of the generator.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "arrivals.h"

namespace open_loop {

struct Options {
  std::uint16_t port = 0;
  std::string path;
  std::string file;
  bool websocket = false;
  std::vector<std::string> headers;  // "Name: value", of each request or of the WebSocket's handshake
  std::string content_type = "application/json";

  double rate = 0;
  double seconds = 10;
  double warm_up = 1;         // before that, at the first phase's rate, not counted
  std::vector<Phase> phases;  // of --schedule, or one of `rate` and `seconds`
  bool poisson = true;
  std::uint64_t seed = 1;

  double objective_ms = 0;  // 0: every answer is in time
  unsigned connections = 32;
  unsigned max_connections = 4096;
  unsigned in_flight =
      1;                // messages on one WebSocket; its answers come in order, so one may hold up the next
  double interval = 0;  // seconds; above 0: a time series in steps of this
  double patience = 5;  // seconds after the last request is due for answers to come
};

// Throws std::invalid_argument with what is wrong and what would be right.
Options parse_options(int argc, char** argv);

extern const char* const kUsage;

}  // namespace open_loop
