// An open-loop load generator: requests leave when they are due, as independent callers would send them, and
// not when the server has answered the ones before.
//
//     bench_open_loop PORT PATH FILE --rate 1000 --objective-ms 20 [--option value]...
//
// Sends FILE over HTTP/1.1 or WebSocket to 127.0.0.1 and prints one object of JSON: what became of the
// requests, latencies in milliseconds from the time at which each was due, and how far the generator itself
// was behind. Ask it without arguments for its options. bench/README.md says how to read the figures.

#include <cstdio>
#include <exception>
#include <stdexcept>

#include "load.h"

int main(int argc, char** argv) {
  try {
    open_loop::Load load(open_loop::parse_options(argc, argv));
    load.run();
    std::puts(load.json().c_str());
    return 0;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "bench_open_loop: %s\n%s", error.what(), open_loop::kUsage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_open_loop: %s\n", error.what());
    return 1;
  }
}
