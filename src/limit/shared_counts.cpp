#include "limit/shared_counts.h"

#include <array>
#include <cmath>
#include <memory>

#include <openssl/evp.h>

namespace saccade::limit {
namespace {

// Times are microseconds since 2026 with a fraction of 1/32: a number of Lua (a double) holds that for
// centuries.
constexpr std::string_view kScript = R"lua(
local time = redis.call('TIME')
local now = (tonumber(time[1]) - 1767225600) * 1000000 + tonumber(time[2])
local theoretical = {}
local allowed = 1
for i = 1, #KEYS do
  theoretical[i] = tonumber(redis.call('GET', KEYS[i]) or now)
  if theoretical[i] - now > tonumber(ARGV[2 * i]) then allowed = 0 end
end
local answer = {allowed}
for i = 1, #KEYS do
  if allowed == 1 then
    theoretical[i] = math.max(theoretical[i], now) + tonumber(ARGV[2 * i - 1])
    redis.call('SET', KEYS[i], string.format('%.5f', theoretical[i]), 'PX', math.ceil((theoretical[i] - now) / 1000) + 1)
  end
  answer[i + 1] = string.format('%.5f', math.max(theoretical[i] - now, 0))
end
return answer
)lua";

// EVALSHA names a script by its SHA-1.
std::string sha1_of(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += "0123456789abcdef"[digest.at(i) >> 4U];
    out += "0123456789abcdef"[digest.at(i) & 15U];
  }
  return out;
}

std::string micros(base::Duration duration) {
  const double parts = std::ceil(static_cast<double>(duration.count()) * 32 / 1000);  // never looser
  std::array<char, 40> out{};
  const int size = std::snprintf(out.data(), out.size(), "%.5f", parts / 32);
  return {out.data(), static_cast<std::size_t>(size)};
}

base::Result<SharedCounts::Answer> read(const redis::Reply& reply, std::size_t counts) {
  if (reply.kind == redis::Reply::Kind::kError)
    return base::fail(base::Code::kUnavailable, "Redis: " + reply.text);
  if (reply.kind != redis::Reply::Kind::kArray || reply.items.size() != counts + 1)
    return base::fail(base::Code::kUnavailable, "Redis gave no answer of this script");
  SharedCounts::Answer answer{.allowed = reply.items.front().integer == 1, .ahead = {}};
  for (std::size_t i = 1; i < reply.items.size(); ++i) {
    const double ahead = std::strtod(reply.items[i].text.c_str(), nullptr);
    if (!std::isfinite(ahead) || ahead < 0 || ahead > 1e14)
      return base::fail(base::Code::kUnavailable, "Redis gave no answer of this script");
    answer.ahead.emplace_back(static_cast<std::int64_t>(ahead * 1000));
  }
  return answer;
}

}  // namespace

void SharedCounts::take(std::vector<Count> counts, runtime::EventLoop& loop, Answered answered) {
  static const std::string sha1 = sha1_of(kScript);
  std::vector<std::string> words{"EVALSHA", sha1, std::to_string(counts.size())};
  for (Count& count : counts) words.push_back(std::move(count.key));
  for (const Count& count : counts) {
    words.push_back(micros(count.rate.interval));
    words.push_back(micros(count.rate.tolerance));
  }
  std::vector<std::string> again = words;
  const base::TimePoint limit = base::now() + longest_wait_;
  client_.command(std::move(words), longest_wait_, loop,
                  [this, &loop, limit, counts = counts.size(), again = std::move(again),
                   answered = std::move(answered)](base::Result<redis::Reply> reply) mutable {
                    if (!reply) return answered(std::unexpected(std::move(reply.error())));
                    if (!reply->is_error("NOSCRIPT")) return answered(read(*reply, counts));
                    again[0] = "EVAL";  // Redis has it from now on
                    again[1] = kScript;
                    client_.command(
                        std::move(again), limit - base::now(), loop,
                        [counts, answered = std::move(answered)](base::Result<redis::Reply> second) mutable {
                          if (!second) return answered(std::unexpected(std::move(second.error())));
                          answered(read(*second, counts));
                        });
                  });
}

}  // namespace saccade::limit
