#include "tally.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace open_loop {
namespace {

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    char escaped[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7F) {
      std::snprintf(escaped, sizeof escaped, "\\u%04x", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string quantiles(const Histogram& histogram) {
  std::string out = "{\"count\":" + std::to_string(histogram.count());
  const auto put = [&](const char* name, double ns) {
    out += std::string(",\"") + name + "_ms\":" + number(ns / 1e6);
  };
  put("mean", histogram.mean());
  put("p50", static_cast<double>(histogram.quantile(0.5)));
  put("p90", static_cast<double>(histogram.quantile(0.9)));
  put("p99", static_cast<double>(histogram.quantile(0.99)));
  put("p999", static_cast<double>(histogram.quantile(0.999)));
  put("max", static_cast<double>(histogram.max()));
  return out + '}';
}

std::string members(const Count& count, double seconds) {
  std::string out;
  const auto put = [&](const char* name, std::uint64_t value) {
    out += std::string("\"") + name + "\":" + std::to_string(value) + ',';
  };
  const auto rate = [&](const char* name, std::uint64_t value) {
    out += std::string("\"") + name + "\":" + number(static_cast<double>(value) / seconds) + ',';
  };
  put("offered", count.offered);
  put("in_time", count.in_time);
  put("late", count.late);
  put("refused", count.refused);
  put("expired", count.expired);
  put("wrong", count.wrong);
  put("broken", count.broken);
  put("unanswered", count.unanswered);
  put("unsent", count.unsent);
  rate("offered_per_s", count.offered);
  rate("answered_per_s", count.in_time + count.late);
  rate("goodput_per_s", count.in_time);
  return out + "\"seconds\":" + number(seconds) + ",\"accepted\":" + quantiles(count.accepted) +
         ",\"refusals\":" + quantiles(count.refusals);
}

double length(const std::vector<Phase>& phases, std::size_t first) {
  double seconds = 0;
  for (std::size_t i = first; i < phases.size(); ++i) seconds += phases[i].seconds;
  return seconds;
}

}  // namespace

Tally::Tally(const Options& options, const Arrivals& arrivals, std::size_t first)
    : options_(options),
      arrivals_(arrivals),
      first_(first),
      objective_ns_(options.objective_ms > 0 ? static_cast<std::int64_t>(options.objective_ms * 1e6)
                                             : std::numeric_limits<std::int64_t>::max()),
      begin_ns_(static_cast<std::int64_t>(options.warm_up * 1e9)),
      phases_(options.phases.size()) {
  if (options.interval > 0)
    steps_.resize(static_cast<std::size_t>(std::ceil(length(options.phases, 0) / options.interval)));
}

// Counts a request everywhere that it belongs.
template <class Change>
void Tally::count(std::size_t request, Change change) {
  if (request < first_) return;
  change(total_);
  std::size_t phase = 0;  // the warm-up is the arrivals' phase 0
  while (phase + 1 < phases_.size() && request >= arrivals_.phase_of[phase + 2]) ++phase;
  change(phases_[phase]);
  if (steps_.empty()) return;
  const double at = static_cast<double>(arrivals_.due_ns[request] - begin_ns_) / 1e9;
  change(steps_[std::min(steps_.size() - 1, static_cast<std::size_t>(at / options_.interval))]);
}

void Tally::sent(std::size_t request, std::int64_t late_ns, bool held) {
  ++sent_;
  count(request, [](Count& place) { ++place.offered; });
  if (request >= first_) (held ? held_ : lateness_).add(late_ns);
}

void Tally::answered(std::size_t request, std::int64_t latency_ns, const Answer& answer) {
  count(request, [&](Count& place) {
    switch (answer.verdict) {
      case Verdict::kDone:
        ++(latency_ns <= objective_ns_ ? place.in_time : place.late);
        place.accepted.add(latency_ns);
        break;
      case Verdict::kRefused:
        ++place.refused;
        place.refusals.add(latency_ns);
        break;
      case Verdict::kExpired:
        ++place.expired;
        place.refusals.add(latency_ns);
        break;
      case Verdict::kWrong:
        ++place.wrong;
        break;
    }
  });
  if (answer.verdict == Verdict::kWrong) complain(answer.text);
}

void Tally::broken(std::size_t request, const std::string& why) {
  count(request, [](Count& place) { ++place.broken; });
  complain(why);
}

void Tally::unanswered(std::size_t request, std::int64_t waited_ns, bool sent) {
  count(request, [&](Count& place) {
    if (!sent) ++place.offered;
    if (!sent) ++place.unsent;
    ++place.unanswered;
    place.accepted.add(waited_ns);
  });
}

void Tally::complain(const std::string& why) {
  if (first_error_.empty()) first_error_ = why.empty() ? "an error that says nothing" : why;
}

std::string Tally::json(double cpu_seconds, double wall_seconds) const {
  std::string out = "{\"protocol\":\"" + std::string(options_.websocket ? "websocket" : "http") +
                    "\",\"arrivals\":\"" + (options_.poisson ? "poisson" : "constant") +
                    "\",\"seed\":" + std::to_string(options_.seed) +
                    ",\"objective_ms\":" + number(options_.objective_ms) + ',' +
                    members(total_, length(options_.phases, 0));
  const auto requests = static_cast<double>(std::max<std::uint64_t>(1, sent_));
  out += ",\"generator\":{\"cpu_share\":" + number(cpu_seconds / wall_seconds) +
         ",\"cpu_us_per_request\":" + number(cpu_seconds * 1e6 / requests) +
         ",\"connections\":" + std::to_string(connections_) + ",\"late_to_send\":" + quantiles(lateness_) +
         ",\"held_back\":" + quantiles(held_) + "},\"first_error\":" + quoted(first_error_) + ",\"phases\":[";
  for (std::size_t i = 0; i < phases_.size(); ++i) {
    out += (i > 0 ? ",{" : "{") + std::string("\"rate\":") + number(options_.phases[i].rate) + ',' +
           members(phases_[i], options_.phases[i].seconds) + '}';
  }
  out += "],\"series\":[";
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const double at = static_cast<double>(i) * options_.interval;
    const double left = std::min(options_.interval, length(options_.phases, 0) - at);
    out += (i > 0 ? ",{" : "{") + std::string("\"at\":") + number(at) + ',' + members(steps_[i], left) + '}';
  }
  return out + "]}";
}

}  // namespace open_loop
