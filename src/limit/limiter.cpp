#include "limit/limiter.h"

namespace saccade::limit {

Limiter::Limiter(LimiterSettings settings, redis::Client* redis, observe::Registry& registry)
    : settings_(std::move(settings)),
      allowed_(registry.counter("saccade_rate_limit_allowed_total", "Calls that the rate limits let in.")),
      by_redis_(
          registry.counter("saccade_rate_limit_decisions_total",
                           "Decisions about calls that a rate limit applies to, by where they were made.",
                           {{"place", "redis"}})),
      from_memory_(registry.counter("saccade_rate_limit_decisions_total", "", {{"place", "memory"}})),
      without_redis_(registry.counter("saccade_rate_limit_decisions_total", "", {{"place", "fallback"}})),
      falling_back_(
          registry.gauge("saccade_rate_limit_fallback",
                         "1: Redis is away or slow, and this replica limits by itself; 0: it does not.")) {
  for (const Rule& rule : settings_.rules) {
    tables_.push_back(std::make_unique<Table>(rule.rate, settings_.room));
    refused_.push_back(&registry.counter("saccade_rate_limit_refused_total",
                                         "Calls refused, by the rate limit that refused them.",
                                         {{"rule", rule.title}}));
    shared_.push_back(registry.counter_source(
        "saccade_rate_limit_crowded_total",
        "Calls that had to share a count because the table of their rate limit was full there.",
        {{"rule", rule.title}},
        [table = tables_.back().get()] { return static_cast<double>(table->shared()); }));
  }
  if (redis != nullptr) shared_counts_ = std::make_unique<SharedCounts>(*redis, settings_.longest_wait);
}

std::vector<Limiter::Counted> Limiter::applying(const Call& call) const {
  std::vector<Counted> counted;
  std::optional<Address> address;
  if (!call.address.empty()) address = Address::parse(call.address);
  std::string who;
  for (std::size_t i = 0; i < settings_.rules.size(); ++i) {
    const Rule& rule = settings_.rules[i];
    if ((call.models_only && !rule.model.counted) || !rule.matches(call, address)) continue;
    bool replaced = false;  // by one of the same parts with more names
    for (const Counted& other : counted) replaced = replaced || settings_.rules[other.rule].same_parts(rule);
    if (replaced) continue;
    who.clear();
    if (rule.caller.counted) who.append(call.caller);
    who += '\n';
    if (rule.address.counted && address) {
      const Address subscriber = address->subscriber();
      who += subscriber.text();
    }
    who += '\n';
    if (rule.model.counted) who.append(call.model);
    counted.push_back({.rule = i, .key = siphash(key_, who), .who = shared_counts_ ? who : std::string()});
  }
  return counted;
}

std::optional<Decision> Limiter::take(const Call& call, runtime::EventLoop& loop, const Keep& keep) {
  std::vector<Counted> counted = applying(call);
  if (counted.empty()) return Decision{};
  const base::TimePoint now = base::now();
  if (!shared_counts_) {
    from_memory_.add();
    return counted_as(take_here(counted, now));
  }
  if (auto refused = refused_from_memory(counted, now)) {
    from_memory_.add();
    return counted_as(*refused);
  }
  if (!shared_counts_->available()) {
    falling_back_.set(1);
    without_redis_.add();
    return counted_as(take_here(counted, now));
  }
  ask(std::move(counted), now, loop, keep());
  return std::nullopt;
}

// Takes what the rule has left into the decision, if it is less than that of the others.
void Limiter::weigh(Decision& decision, std::size_t rule, base::TimePoint theoretical,
                    base::TimePoint now) const {
  const Rate& rate = settings_.rules[rule].rate;
  const std::int64_t remaining = rate.remaining(theoretical, now);
  if (decision.rule != nullptr && remaining >= decision.remaining) return;
  decision.rule = &settings_.rules[rule];
  decision.remaining = remaining;
  decision.full_in = std::max<base::Duration>(theoretical - now, base::Duration(0));
}

// A count that Redis last put so far ahead that it can't have room yet, whatever happened there since.
std::optional<Decision> Limiter::refused_from_memory(const std::vector<Counted>& counted,
                                                     base::TimePoint now) {
  for (const Counted& one : counted) {
    const base::TimePoint theoretical = tables_[one.rule]->look(one.key, now);
    const base::Duration wait = settings_.rules[one.rule].rate.wait(theoretical, now);
    if (wait.count() <= 0) continue;
    return Decision{.allowed = false,
                    .rule = &settings_.rules[one.rule],
                    .remaining = 0,
                    .full_in = theoretical - now,
                    .retry_after = wait};
  }
  return std::nullopt;
}

Decision Limiter::take_here(const std::vector<Counted>& counted, base::TimePoint now) {
  Decision decision;
  std::vector<base::TimePoint> taken;
  taken.reserve(counted.size());
  for (const Counted& one : counted) {
    const Table::Taken result = tables_[one.rule]->take(one.key, now);
    if (result.allowed) {
      taken.push_back(result.theoretical);
      weigh(decision, one.rule, result.theoretical, now);
      continue;
    }
    for (std::size_t i = 0; i < taken.size(); ++i)
      tables_[counted[i].rule]->give_back(counted[i].key, taken[i], base::now());
    return {.allowed = false,
            .rule = &settings_.rules[one.rule],
            .remaining = 0,
            .full_in = result.theoretical - now,
            .retry_after = settings_.rules[one.rule].rate.wait(result.theoretical, now)};
  }
  return decision;
}

void Limiter::ask(std::vector<Counted> counted, base::TimePoint now, runtime::EventLoop& loop, Later later) {
  std::vector<SharedCounts::Count> counts;
  counts.reserve(counted.size());
  for (const Counted& one : counted) {
    const Rule& rule = settings_.rules[one.rule];
    counts.push_back({.key = "saccade:limit:" + rule.title + ":" + one.who, .rate = rule.rate});
  }
  shared_counts_->take(std::move(counts), loop,
                       [this, counted = std::move(counted), now,
                        later = std::move(later)](base::Result<SharedCounts::Answer> answer) mutable {
                         if (answer) {
                           falling_back_.set(0);
                           by_redis_.add();
                           return later(counted_as(learn(counted, *answer, now)));
                         }
                         falling_back_.set(1);
                         without_redis_.add();
                         later(counted_as(take_here(counted, base::now())));
                       });
}

// By the time at which Redis was asked, which was before it looked: what is kept here is never ahead of what
// is there.
Decision Limiter::learn(const std::vector<Counted>& counted, const SharedCounts::Answer& answer,
                        base::TimePoint asked) {
  Decision decision{
      .allowed = answer.allowed, .rule = nullptr, .remaining = 0, .full_in = {}, .retry_after = {}};
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const base::TimePoint theoretical = asked + answer.ahead[i];
    tables_[counted[i].rule]->raise(counted[i].key, theoretical, asked);
    if (decision.allowed) {
      weigh(decision, counted[i].rule, theoretical, asked);
      continue;
    }
    const Rule& rule = settings_.rules[counted[i].rule];
    const base::Duration wait = rule.rate.wait(theoretical, asked);
    if (decision.rule != nullptr && wait <= decision.retry_after) continue;
    decision.rule = &rule;
    decision.retry_after = wait;
    decision.full_in = answer.ahead[i];
  }
  return decision;
}

Decision Limiter::counted_as(Decision decision) {
  if (decision.allowed) {
    allowed_.add();
  } else {
    refused_[static_cast<std::size_t>(decision.rule - settings_.rules.data())]->add();
  }
  return decision;
}

}  // namespace saccade::limit
