#include "access/jwks_source.h"

#include <algorithm>
#include <pthread.h>
#include <utility>

#include "access/read_file.h"
#include "access/words.h"
#include "observe/log.h"

namespace saccade::access {
namespace {

using std::chrono::seconds;
constexpr seconds kUsual{300};
constexpr seconds kSoonest{60};
constexpr seconds kLatest{86'400};
constexpr seconds kFirstRetry{5};
constexpr std::size_t kLargestAuthorities = std::size_t{4} << 20;  // the system's own list has 0.2 MB

bool is_url(std::string_view where) {
  return where.find("://") != where.npos;
}

}  // namespace

// Whoever can change the keys on their way can make tokens for everything.
base::Status check_jwks_url(const std::string& url) {
  const std::size_t colon = url.find("://");
  const std::string_view scheme = std::string_view(url).substr(0, colon);
  if (same_word(scheme, "https")) return {};
  std::string_view host = std::string_view(url).substr(colon + 3);
  host = host.substr(0, host.find('/'));
  const bool named = host.find('@') == host.npos;
  const std::size_t port = host.starts_with('[') ? host.find("]:") : host.find(':');
  if (port != host.npos) host = host.substr(0, host.starts_with('[') ? port + 1 : port);
  const bool here = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
  if (same_word(scheme, "http") && named && here) return {};
  return base::invalid_argument("--jwt-jwks " + url +
                                ": keys are fetched over https://, or over http:// from this machine");
}

base::Result<std::unique_ptr<JwksSource>> JwksSource::open(const std::string& where, const std::string& ca,
                                                           observe::Registry& registry) {
  if (is_url(where)) {
    if (base::Status right = check_jwks_url(where); !right) return std::unexpected(std::move(right.error()));
    if (!ca.empty()) {
      const auto readable = read_file(ca, kLargestAuthorities);
      if (!readable) return base::invalid_argument("--jwt-ca " + readable.error().message);
    }
    const auto fetch = [where, ca](const std::atomic<bool>& stop) {
      return http_get(where, ca, kLargestKeySet, stop);
    };
    auto source = std::make_unique<JwksSource>(where, fetch, base::Duration(0), registry);
    source->refresh();
    return source;
  }
  const auto fetch = [where](const std::atomic<bool>&) -> base::Result<Fetched> {
    auto text = read_file(where, kLargestKeySet);
    if (!text) return std::unexpected(std::move(text.error()));
    return Fetched{.body = *std::move(text)};
  };
  auto source = std::make_unique<JwksSource>(where, fetch, seconds(1), registry);
  if (!source->refresh()) return base::invalid_argument("--jwt-jwks " + source->trouble_);
  return source;
}

JwksSource::JwksSource(std::string where, Fetch fetch, base::Duration every, observe::Registry& registry)
    : where_(std::move(where)), fetch_(std::move(fetch)), every_(every), metrics_(registry, "jwks") {}

JwksSource::~JwksSource() {
  close();
}

void JwksSource::close() {
  std::vector<Done> done;
  {
    const std::lock_guard lock(mutex_);  // so that nobody goes to wait between his look at stop_ and this
    stop_.store(true, std::memory_order_relaxed);
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  {
    const std::lock_guard lock(mutex_);
    done = std::exchange(waiting_, {});
  }
  for (Done& one : done) one();
}

std::shared_ptr<const KeySet> JwksSource::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

bool JwksSource::may_ask_locked(base::TimePoint now) const {
  if (waiting_.size() >= kMostWaiting || stop_.load(std::memory_order_relaxed)) return false;
  if (asked_ || looking_) return true;  // joins those who wait already
  return last_asked_ == base::TimePoint::min() || now - last_asked_ >= kAskedPause;
}

bool JwksSource::may_ask(base::TimePoint now) const {
  const std::lock_guard lock(mutex_);
  return may_ask_locked(now);
}

bool JwksSource::ask(base::TimePoint now, Done done) {
  const std::lock_guard lock(mutex_);
  if (!may_ask_locked(now)) return false;
  waiting_.push_back(std::move(done));
  if (asked_ || looking_) return true;
  last_asked_ = now;
  asked_ = true;
  changed_.notify_all();
  return true;
}

void JwksSource::watch() {
  thread_ = std::thread([this] { run(); });
}

void JwksSource::run() {
  pthread_setname_np(pthread_self(), "jwks");
  bool good = failures_ == 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto until = base::now() + next_look(good);
    changed_.wait_until(lock, until, [this] { return asked_ || stop_.load(std::memory_order_relaxed); });
    if (stop_.load(std::memory_order_relaxed)) return;
    looking_ = std::exchange(asked_, false);
    lock.unlock();
    good = refresh();
    lock.lock();
    std::vector<Done> done;
    if (std::exchange(looking_, false)) done = std::exchange(waiting_, {});
    lock.unlock();
    for (Done& one : done) one();
    done.clear();
    lock.lock();
  }
}

base::Duration JwksSource::next_look(bool good) {
  if (every_.count() > 0) return every_;
  if (good) return max_age_;
  return std::min<seconds>(kFirstRetry * (1 << std::min(failures_ - 1, 6)), kUsual);
}

bool JwksSource::refresh() {
  auto fetched = fetch_(stop_);
  if (!fetched) {
    failed(fetched.error().message);
    return false;
  }
  max_age_ = std::clamp(fetched->max_age.value_or(kUsual), kSoonest, kLatest);
  if (fetched->body != tried_) return take(std::move(fetched->body));
  if (tried_good_) {  // it was out of reach meanwhile
    failures_ = 0;
    trouble_.clear();
  }
  return tried_good_;
}

bool JwksSource::take(std::string text) {
  tried_ = std::move(text);
  auto set = KeySet::parse(tried_);
  tried_good_ = set.has_value();
  if (!set) {
    failed(where_ + ": " + set.error().message);
    return false;
  }
  failures_ = 0;
  trouble_.clear();
  const std::size_t count = set->keys().size();
  {
    const std::lock_guard lock(mutex_);
    keys_ = std::make_shared<const KeySet>(*std::move(set));
  }
  generation_.fetch_add(1, std::memory_order_release);
  metrics_.succeeded();
  observe::log_info("{}: {} keys that tokens may be signed with", where_, count);
  return true;
}

void JwksSource::failed(const std::string& why) {
  ++failures_;
  if (trouble_ == why) return;
  trouble_ = why;
  metrics_.failed.add();
  observe::log_error("the keys for tokens ({}) can't be had: {}; those known before still count", where_,
                     why);
}

}  // namespace saccade::access
