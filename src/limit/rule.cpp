#include "limit/rule.h"

#include <algorithm>
#include <charconv>

namespace saccade::limit {
namespace {

constexpr std::int64_t kLargest = 1'000'000;  // calls, of a rate and of a burst
constexpr std::string_view kForm =
    "it should be WHOM:RATE[:BURST], like caller:100/s:200, address:600/m or caller,model=digits:5/s:10";

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > kLargest)
    return std::nullopt;
  return value;
}

std::optional<base::Duration> unit(std::string_view text) {
  if (text == "s") return std::chrono::seconds(1);
  if (text == "m") return std::chrono::minutes(1);
  if (text == "h") return std::chrono::hours(1);
  if (text == "d") return std::chrono::hours(24);
  return std::nullopt;
}

// Cuts what stands behind the last colon.
std::optional<std::string_view> cut_last(std::string_view& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view last = text.substr(colon + 1);
  text = text.substr(0, colon);
  return last;
}

}  // namespace

base::Result<Rule> Rule::parse(std::string_view text) {
  const auto wrong = [&](const std::string& what) {
    return base::invalid_argument("rate limit \"" + std::string(text) + "\": " + what + "; " +
                                  std::string(kForm));
  };
  Rule rule{.text = std::string(text), .title = {}, .caller = {}, .address = {}, .model = {}, .rate = {}};
  std::string_view whom = text;  // names may have colons, so it is read from its end
  auto last = cut_last(whom);
  if (!last) return wrong("it has no rate");
  std::optional<std::int64_t> burst;
  if (last->find('/') == std::string_view::npos) {
    burst = number(*last);
    if (!burst) return wrong("the burst \"" + std::string(*last) + "\" should be a number from 1 to 1000000");
    last = cut_last(whom);
    if (!last) return wrong("it has no rate");
  }
  const std::size_t slash = last->find('/');
  const auto calls = slash == std::string_view::npos ? std::nullopt : number(last->substr(0, slash));
  const auto per = slash == std::string_view::npos ? std::nullopt : unit(last->substr(slash + 1));
  if (!calls || !per)
    return wrong("the rate \"" + std::string(*last) +
                 "\" should be a number from 1 to 1000000 and /s, /m, /h or /d");
  rule.rate.interval = base::Duration((per->count() + *calls - 1) / *calls);  // never more than was asked for
  const auto in_a_second =
      std::max<std::int64_t>(1, base::Duration(std::chrono::seconds(1)) / rule.rate.interval);
  rule.rate.tolerance = rule.rate.interval * (burst.value_or(in_a_second) - 1);
  if (rule.rate.tolerance > std::chrono::hours(24 * 365))
    return wrong("the burst is more than comes in a year");

  rule.title = whom;
  while (!whom.empty()) {
    const std::size_t comma = whom.find(',');
    const std::string_view piece = whom.substr(0, comma);
    whom = comma == std::string_view::npos ? std::string_view{} : whom.substr(comma + 1);
    const std::size_t equals = piece.find('=');
    const std::string_view kind = piece.substr(0, equals);
    Part* part = kind == "caller"    ? &rule.caller
                 : kind == "address" ? &rule.address
                 : kind == "model"   ? &rule.model
                                     : nullptr;
    if (part == nullptr) return wrong("\"" + std::string(kind) + "\" is none of caller, address and model");
    if (part->counted) return wrong("it names " + std::string(kind) + " twice");
    part->counted = true;
    if (equals == std::string_view::npos) continue;
    part->name = piece.substr(equals + 1);
    if (part->name.empty()) return wrong("behind " + std::string(kind) + "= stands no name");
    if (part->name.find_first_of("\"\\") != std::string::npos ||
        std::ranges::any_of(part->name, [](char c) { return c < 0x20 || c > 0x7e; }))
      return wrong("a name should be of printable ASCII, without \" and \\");
    if (part == &rule.address) {
      auto network = Network::parse(part->name);
      if (!network) return wrong(network.error().message);
      part->network = *network;
    }
  }
  if (!rule.caller.counted && !rule.address.counted && !rule.model.counted)
    return wrong("it does not say whom it is about");
  return rule;
}

bool Rule::same_parts(const Rule& other) const {
  return caller.counted == other.caller.counted && address.counted == other.address.counted &&
         model.counted == other.model.counted;
}

int Rule::names() const {
  return (caller.name.empty() ? 0 : 1) + (address.name.empty() ? 0 : 1) + (model.name.empty() ? 0 : 1);
}

bool Rule::matches(const Call& call, const std::optional<Address>& from) const {
  if (caller.counted && (call.caller.empty() || (!caller.name.empty() && caller.name != call.caller)))
    return false;
  if (model.counted && (call.model.empty() || (!model.name.empty() && model.name != call.model)))
    return false;
  return !address.counted || (from && (!address.network || address.network->contains(*from)));
}

base::Result<std::vector<Rule>> parse_rules(const std::vector<std::string>& texts) {
  std::vector<Rule> rules;
  for (const std::string& text : texts) {
    auto rule = Rule::parse(text);
    if (!rule) return std::unexpected(std::move(rule.error()));
    for (const Rule& other : rules) {
      if (other.title == rule->title)
        return base::invalid_argument("rate limits \"" + other.text + "\" and \"" + text +
                                      "\" are about the same; leave one of them out");
    }
    // those that name more come first, equals as they were given
    const auto place =
        std::ranges::find_if(rules, [&rule](const Rule& other) { return other.names() < rule->names(); });
    rules.insert(place, *std::move(rule));
  }
  return rules;
}

}  // namespace saccade::limit
