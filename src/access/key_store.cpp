#include "access/key_store.h"

#include <chrono>
#include <pthread.h>
#include <utility>

#include "access/read_file.h"
#include "observe/log.h"

namespace saccade::access {

base::Result<std::unique_ptr<KeyStore>> KeyStore::open(std::string file, observe::Registry& registry) {
  auto text = read_file(file, kLargestKeyFile);
  if (!text) return base::invalid_argument("--api-keys " + text.error().message);
  auto entries = parse_keys(*text);
  if (!entries) return base::invalid_argument("--api-keys " + file + ": " + entries.error().message);
  return std::unique_ptr<KeyStore>(
      new KeyStore(std::move(file), *std::move(text), *std::move(entries), registry));
}

KeyStore::KeyStore(std::string file, std::string text, std::vector<KeyEntry> entries,
                   observe::Registry& registry)
    : file_(std::move(file)),
      metrics_(registry, "keys"),
      loaded_(registry.gauge("saccade_auth_keys", "API keys and certificates that are known.")),
      tried_(std::move(text)) {
  publish(std::move(entries));
}

KeyStore::~KeyStore() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  end_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<const KeyTable> KeyStore::table() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

void KeyStore::publish(std::vector<KeyEntry> entries) {
  const auto before = table();
  auto next = std::make_shared<const KeyTable>(std::move(entries), before.get());
  loaded_.set(static_cast<std::int64_t>(next->size()));
  {
    const std::lock_guard lock(mutex_);
    table_ = next;
  }
  generation_.fetch_add(1, std::memory_order_release);
  if (before) before->end_all_but(*next);
  metrics_.succeeded();
}

void KeyStore::watch() {
  thread_ = std::thread([this] { run(); });
}

void KeyStore::run() {
  pthread_setname_np(pthread_self(), "keys");
  std::unique_lock lock(mutex_);
  while (!end_.wait_for(lock, std::chrono::seconds(1), [this] { return ends_; })) {
    lock.unlock();
    poll();
    lock.lock();
  }
}

void KeyStore::poll() {
  auto text = read_file(file_, kLargestKeyFile);
  if (!text) return failed(text.error().message);
  if (*text == tried_) {
    if (tried_good_) trouble_.clear();
    return;
  }
  tried_ = *std::move(text);
  auto entries = parse_keys(tried_);
  tried_good_ = entries.has_value();
  if (!entries) return failed(file_ + ": " + entries.error().message);
  trouble_.clear();
  const std::size_t count = entries->size();
  publish(*std::move(entries));
  observe::log_info("{} has changed: {} keys and certificates", file_, count);
}

// A file that stays away is complained of once.
void KeyStore::failed(const std::string& why) {
  if (trouble_ == why) return;
  trouble_ = why;
  metrics_.failed.add();
  observe::log_error("the keys file has changed and can't be used: {}; the keys known before still count",
                     why);
}

}  // namespace saccade::access
