// The keys that count now: the file is read every second, on a thread of this object's own, and a change is
// taken up as a whole or not at all.
//
// Any thread may ask for the table. Taking a key out of the file ends its identity, and with it whatever was
// let in by it and stayed open.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "access/key_table.h"
#include "access/metrics.h"
#include "base/error.h"

namespace saccade::access {

class KeyStore {
 public:
  // Error: the file can't be used as it is now.
  static base::Result<std::unique_ptr<KeyStore>> open(std::string file, observe::Registry& registry);
  ~KeyStore();

  // Grows with each table.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  std::shared_ptr<const KeyTable> table() const;

  // Begins to look after the file.
  void watch();
  // One look. Called by the watching thread, and by tests instead of it.
  void poll();

 private:
  KeyStore(std::string file, std::string text, std::vector<KeyEntry> entries, observe::Registry& registry);
  void publish(std::vector<KeyEntry> entries);
  void failed(const std::string& why);
  void run();

  const std::string file_;
  ReloadMetrics metrics_;
  observe::Gauge& loaded_;
  std::string tried_;  // the contents that were last taken up or refused; of poll()
  bool tried_good_ = true;
  std::string trouble_;  // what was last complained of; of poll()
  std::atomic<std::uint64_t> generation_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<const KeyTable> table_;  // guarded by mutex_
  bool ends_ = false;                      // guarded by mutex_
  std::condition_variable end_;
  std::thread thread_;
};

}  // namespace saccade::access
