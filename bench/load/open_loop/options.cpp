#include "options.h"

#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string_view>

namespace open_loop {

const char* const kUsage =
    "usage: bench_open_loop PORT PATH FILE --rate R [--option value]...\n"
    "  --rate R              requests per second\n"
    "  --seconds S           how long (10)\n"
    "  --schedule M:S,M:S    instead of --seconds: multiples of the rate, each for so long (0.2:10s,2:20s)\n"
    "  --warm-up S           before that, not counted (1)\n"
    "  --arrivals A          poisson or constant\n"
    "  --seed N              of the arrival times (1)\n"
    "  --objective-ms T      an accepted request is in time up to this\n"
    "  --protocol P          http or websocket\n"
    "  --header 'N: V'       one more header; may be given several times\n"
    "  --content-type T      of the body, over HTTP (application/json)\n"
    "  --connections N       opened at the start (32)\n"
    "  --max-connections N   bound; a request that finds none free waits, which counts (4096)\n"
    "  --in-flight N         messages on one WebSocket (1)\n"
    "  --interval S          also print a time series in such steps\n"
    "  --patience S          for answers after the end (5)\n";

namespace {

template <class Number>
void read(std::string_view name, std::string_view text, Number& value, Number least) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size() || !(value >= least)) {
    throw std::invalid_argument(std::string(name) + ": '" + std::string(text) +
                                "' is no number of at least " + std::to_string(least));
  }
}

bool one_of(std::string_view name, std::string_view value, std::string_view yes, std::string_view no) {
  if (value != yes && value != no) {
    throw std::invalid_argument(std::string(name) + ": '" + std::string(value) + "' is neither " +
                                std::string(yes) + " nor " + std::string(no));
  }
  return value == yes;
}

void set(Options& options, std::string& schedule, std::string_view name, std::string_view value) {
  if (name == "--rate") {
    read(name, value, options.rate, 0.001);
  } else if (name == "--seconds") {
    read(name, value, options.seconds, 0.001);
  } else if (name == "--schedule") {
    schedule = value;
  } else if (name == "--warm-up") {
    read(name, value, options.warm_up, 0.0);
  } else if (name == "--arrivals") {
    options.poisson = one_of(name, value, "poisson", "constant");
  } else if (name == "--seed") {
    read(name, value, options.seed, std::uint64_t{0});
  } else if (name == "--objective-ms") {
    read(name, value, options.objective_ms, 0.0);
  } else if (name == "--protocol") {
    options.websocket = one_of(name, value, "websocket", "http");
  } else if (name == "--header") {
    if (value.find(':') == std::string_view::npos || value.find_first_of("\r\n") != std::string_view::npos)
      throw std::invalid_argument("--header: '" + std::string(value) + "' is no 'Name: value'");
    options.headers.emplace_back(value);
  } else if (name == "--content-type") {
    options.content_type = value;
  } else if (name == "--connections") {
    read(name, value, options.connections, 1U);
  } else if (name == "--max-connections") {
    read(name, value, options.max_connections, 1U);
  } else if (name == "--in-flight") {
    read(name, value, options.in_flight, 1U);
  } else if (name == "--interval") {
    read(name, value, options.interval, 0.0);
  } else if (name == "--patience") {
    read(name, value, options.patience, 0.0);
  } else {
    throw std::invalid_argument("there is no " + std::string(name));
  }
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  const std::vector<std::string_view> words(argv + 1, argv + argc);
  if (words.size() < 3 || words.size() % 2 == 0)
    throw std::invalid_argument("PORT, PATH and FILE come first, then options with a value each");
  read("PORT", words[0], options.port, std::uint16_t{1});
  options.path = words[1];
  options.file = words[2];
  std::string schedule;
  for (std::size_t i = 3; i < words.size(); i += 2) set(options, schedule, words[i], words[i + 1]);
  if (options.rate == 0) throw std::invalid_argument("--rate is missing");
  if (!options.path.starts_with('/')) throw std::invalid_argument("PATH: must begin with /");
  if (!options.websocket && options.in_flight > 1)
    throw std::invalid_argument("--in-flight: an HTTP connection has one request at a time");
  options.phases = schedule.empty() ? std::vector<Phase>{{options.rate, options.seconds}}
                                    : parse_schedule(schedule, options.rate);
  options.max_connections = std::max(options.max_connections, options.connections);
  return options;
}

}  // namespace open_loop
