// Compares what the generator says with what is known to be true. Prints each check; status 1 if one fails.
//
// No check depends on how fast the machine is: counts are exact, and times are held against bounds that no
// machine can undercut (an answer that is sent 20 ms late can't come within 10).

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "answers.h"
#include "histogram.h"
#include "known_server.h"
#include "load.h"

namespace open_loop {
namespace {

using std::chrono::milliseconds;

int failures = 0;

void check(bool good, const std::string& what) {
  std::printf("%s  %s\n", good ? "ok  " : "FAIL", what.c_str());
  failures += good ? 0 : 1;
}

template <class A, class B>
void same(A got, B wanted, const std::string& what) {
  check(got == static_cast<A>(wanted),
        what + ": " + std::to_string(got) + ", true is " + std::to_string(wanted));
}

// A histogram's quantiles against those of all values, sorted.
void histogram_is_right() {
  std::vector<std::int64_t> values;
  Histogram histogram;
  std::uint64_t chance = 1;
  for (int i = 0; i < 100'000; ++i) {
    chance = chance * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX
    values.push_back(static_cast<std::int64_t>((chance >> 20U) >> (chance >> 58U)));
    histogram.add(values.back());
  }
  std::ranges::sort(values);
  bool good = true;
  for (const double q : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
    const std::int64_t value = values[rank - 1];
    good = good && histogram.quantile(q) >= value && histogram.quantile(q) <= value + value / 128 + 1;
  }
  check(good, "quantiles of 100,000 values of 1 ns to hours are right to 1/128");
  check(histogram.count() == values.size() && histogram.max() == values.back(), "count and largest");
  check(Histogram().quantile(0.99) == 0, "an empty histogram says 0");
}

// The number of arrivals and the distribution of the gaps, by the Kolmogorov-Smirnov distance, whose limit at
// one in a thousand is 1.95 / sqrt(n).
void arrivals_are_poisson() {
  const Arrivals arrivals = make_arrivals({{2000, 50}}, true, 7);
  const auto n = static_cast<double>(arrivals.due_ns.size());
  check(std::abs(n - 100'000) < 3.3 * std::sqrt(100'000),
        "100,000 Poisson arrivals are expected: " + std::to_string(arrivals.due_ns.size()));
  std::vector<double> gaps;
  for (std::size_t i = 1; i < arrivals.due_ns.size(); ++i)
    gaps.push_back(static_cast<double>(arrivals.due_ns[i] - arrivals.due_ns[i - 1]) / 1e9);
  std::ranges::sort(gaps);
  double distance = 0;
  for (std::size_t i = 0; i < gaps.size(); ++i)
    distance = std::max(distance, std::abs(static_cast<double>(i) / n - (1 - std::exp(-2000 * gaps[i]))));
  check(distance < 1.95 / std::sqrt(n), "the gaps are exponential: distance " + std::to_string(distance));
  const Arrivals steps = make_arrivals(parse_schedule("0.2:10s,2:5", 100), false, 1);
  same(steps.phase_of.at(1), 200, "constant arrivals of the first step");
  same(steps.due_ns.size(), 1200, "of both steps");
  same(steps.due_ns.at(200), 10'000'000'000, "the second step begins at its time, ns");
}

// Answers cut at every place, over both protocols.
void answers_are_told_apart() {
  const std::string http =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
      "HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\ncontent-length: 0\r\n\r\n"
      "HTTP/1.1 504 Late\r\nContent-Length: 2\r\n\r\nno"
      "HTTP/1.1 400 Bad\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbad";
  std::string websocket("\x81\x04{\"a\"", 6);
  websocket += std::string("\x89\x01p", 3);  // a ping between
  for (const std::string code : {"unavailable", "deadline_exceeded", "internal"}) {
    const std::string text = "{\"error\":\"x\",\"code\":\"" + code + "\"}";
    websocket += std::string("\x81\x7E\x00", 3) + static_cast<char>(text.size()) + text;
  }
  const std::vector<Verdict> wanted{Verdict::kDone, Verdict::kRefused, Verdict::kExpired, Verdict::kWrong};
  for (const bool over_http : {true, false}) {
    const std::string& bytes = over_http ? http : websocket;
    bool good = true;
    for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
      const auto reader = over_http ? http_answers() : websocket_answers();
      std::vector<Verdict> got;
      bool last = false;
      for (std::size_t at = 0; at < bytes.size(); at += cut) {
        std::string_view part = std::string_view(bytes).substr(at, cut);
        while (!part.empty()) {
          const auto answer = reader->take(part);
          if (!answer) break;
          got.push_back(answer->verdict);
          last = answer->last;
        }
      }
      good = good && got == wanted && last == over_http;
    }
    check(good, std::string(over_http ? "HTTP" : "WebSocket") + " answers, cut into parts of 1 to " +
                    std::to_string(bytes.size()) + " bytes");
  }
}

Options options_for(const KnownServer& server, bool websocket, const std::string& file) {
  Options options;
  options.port = server.port();
  options.path = "/known";
  options.file = file;
  options.websocket = websocket;
  options.rate = 1000;
  options.warm_up = 0;
  options.patience = 3;
  options.connections = 8;
  options.max_connections = 600;
  options.phases = {{1000, 1}};
  return options;
}

// Every fate has its count, whatever the protocol. The n-th to come need not be the n-th that was due, but
// the numbers are the same.
void fates_are_counted(bool websocket, const std::string& file) {
  const auto rule = [](std::uint64_t n) {
    using Kind = Fate::Kind;
    if (n % 100 == 99) return Fate{Kind::kForget, {}, false};
    if (n % 50 == 48) return Fate{Kind::kClose, {}, false};
    if (n % 20 == 7) return Fate{Kind::kFail, {}, false};
    if (n % 10 == 3) return Fate{Kind::kExpire, {}, false};
    if (n % 5 == 0) return Fate{Kind::kRefuse, milliseconds(3), false};
    return Fate{Kind::kAnswer, milliseconds(n % 5 == 1 ? 60'000 : 0), false};
  };
  KnownServer server([&](std::uint64_t n) {
    Fate fate = rule(n);
    if (fate.after > milliseconds(1000)) fate.after = milliseconds(250);  // late beyond doubt
    return fate;
  });
  Options options = options_for(server, websocket, file);
  options.poisson = false;
  options.objective_ms = 200;
  Load load(options);
  load.run();
  Count wanted;
  for (std::uint64_t n = 0; n < 1000; ++n) {
    const Fate fate = rule(n);
    using Kind = Fate::Kind;
    wanted.unanswered += fate.kind == Kind::kForget;
    wanted.broken += fate.kind == Kind::kClose;
    wanted.wrong += fate.kind == Kind::kFail;
    wanted.expired += fate.kind == Kind::kExpire;
    wanted.refused += fate.kind == Kind::kRefuse;
    wanted.late += fate.kind == Kind::kAnswer && fate.after.count() > 0;
    wanted.in_time += fate.kind == Kind::kAnswer && fate.after.count() == 0;
  }
  const Count& got = load.tally().total();
  const std::string protocol = websocket ? "WebSocket: " : "HTTP: ";
  same(got.offered, 1000, protocol + "offered");
  same(got.refused, wanted.refused, protocol + "refused");
  same(got.expired, wanted.expired, protocol + "expired");
  same(got.wrong, wanted.wrong, protocol + "other errors");
  same(got.broken, wanted.broken, protocol + "broken off");
  same(got.unanswered, wanted.unanswered, protocol + "never answered");
  // A slow machine may make one late that the server sent in time, never the other way round.
  same(got.in_time + got.late, wanted.in_time + wanted.late, protocol + "predictions");
  check(got.late >= wanted.late,
        protocol + "late: " + std::to_string(got.late) + ", true is at least " + std::to_string(wanted.late));
  check(got.refusals.quantile(0.99) >= 3'000'000, protocol + "a refusal takes its 3 ms");
  check(got.accepted.quantile(1) >= 1'000'000'000,
        protocol + "what is never answered counts with the time that was waited");
}

// A server that stands still for half a second: who was due in that time has waited, though a client that
// waits for its answers would not have asked (what is called coordinated omission).
void a_stall_is_seen(const std::string& file) {
  KnownServer server([](std::uint64_t) { return Fate{}; }, milliseconds(500));
  Options options = options_for(server, false, file);
  options.poisson = false;
  options.max_connections = 16;  // far fewer than are due in that time: the others are held back
  Load load(options);
  load.run();
  const Count& got = load.tally().total();
  same(got.in_time, 1000, "a stall: all are answered");
  // Due at t < 500 ms, answered not before 500 ms: of the 1,000, 250 waited at least 250 ms.
  check(got.accepted.quantile(0.75) >= 249'000'000,
        "a stall of 500 ms: a quarter of a second's requests waited over 249 ms: " +
            std::to_string(got.accepted.quantile(0.75) / 1'000'000) + " ms");
  check(load.tally().held() >= 480, "those without a connection count as held back");
}

// A queue with one place and a fixed time of service. With every arrival known, each answer's true time
// follows (Lindley: end = max(end before, arrival) + service). Nothing can make an answer earlier than that.
void a_queue_is_seen(bool websocket, const std::string& file) {
  constexpr std::int64_t kService = 2'000'000;
  KnownServer server([](std::uint64_t) { return Fate{Fate::Kind::kAnswer, milliseconds(2), true}; });
  Options options = options_for(server, websocket, file);
  options.phases = {{400, 3}};
  options.rate = 400;
  Load load(options);
  load.run();
  Histogram truth;
  std::int64_t end = 0;
  for (const std::int64_t due : load.arrivals().due_ns) {
    end = std::max(end, due) + kService;
    truth.add(end - due);
  }
  const Histogram& got = load.tally().total().accepted;
  const std::string protocol = websocket ? "WebSocket" : "HTTP";
  same(got.count(), truth.count(), protocol + ", a queue at 0.8: answers");
  check(got.mean() >= truth.mean(), protocol + ", mean latency " + std::to_string(got.mean() / 1e6) +
                                        " ms, by Lindley at least " + std::to_string(truth.mean() / 1e6));
  check(got.quantile(0.99) >= truth.quantile(0.99) - truth.quantile(0.99) / 64,
        protocol + ", p99 " + std::to_string(static_cast<double>(got.quantile(0.99)) / 1e6) +
            " ms, by Lindley at least " + std::to_string(static_cast<double>(truth.quantile(0.99)) / 1e6));
}

int check_all() {
  char file[] = "/tmp/bench_open_loop_XXXXXX";
  const int descriptor = ::mkstemp(file);
  if (descriptor < 0 || ::close(descriptor) != 0) throw std::runtime_error("no temporary file");
  std::ofstream(file) << R"({"image": "what is sent does not matter here"})";
  histogram_is_right();
  arrivals_are_poisson();
  answers_are_told_apart();
  for (const bool websocket : {false, true}) {
    fates_are_counted(websocket, file);
    a_queue_is_seen(websocket, file);
  }
  a_stall_is_seen(file);
  ::unlink(file);
  std::printf("%s\n", failures == 0 ? "all is as it is known to be" : "the generator is not to be trusted");
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace open_loop

int main() {
  try {
    return open_loop::check_all();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_open_loop_check: %s\n", error.what());
    return 1;
  }
}
