// The issuer's keys, from a file or a URL, kept fresh on a thread of this object's own.
//
// A file is read every second. A URL is fetched again when Cache-Control says that its answer is old (5
// minutes where it says nothing; never more often than once a minute, at least once a day), sooner after a
// failure, and when a token names a key that is not there: that at most once in ten seconds, whoever asks.
// Until there is something new the set that was read last stays in use.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "access/http_get.h"
#include "access/jwk.h"
#include "access/metrics.h"
#include "base/clock.h"
#include "base/error.h"

namespace saccade::access {

class JwksSource {
 public:
  using Fetch = std::function<base::Result<Fetched>(const std::atomic<bool>& stop)>;
  using Done = std::move_only_function<void()>;
  static constexpr base::Duration kAskedPause = std::chrono::seconds(10);

  // `where`: a file, or a URL of https:// or, on this machine, http://. `ca`: as http_get() has it. Error: it
  // is neither, or a file can't be used. A URL may be out of reach when the server starts.
  static base::Result<std::unique_ptr<JwksSource>> open(const std::string& where, const std::string& ca,
                                                        observe::Registry& registry);
  // `every`: at most so long until it is looked at again; 0: as the answers say. Does not look yet.
  JwksSource(std::string where, Fetch fetch, base::Duration every, observe::Registry& registry);
  ~JwksSource();

  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  // Null: there are none yet.
  std::shared_ptr<const KeySet> keys() const;

  // A token names a key that the set does not have. True: the set is fetched again, and `done` is called
  // after that on another thread, whatever came of it. False: that was done a moment ago.
  bool ask(base::TimePoint now, Done done);
  // What ask() would say.
  bool may_ask(base::TimePoint now) const;

  // Begins to look after it.
  void watch();
  // Ends that. Whoever waits is told.
  void close();
  // One look; false: it failed. Called by the watching thread, and once at the start.
  bool refresh();

 private:
  static constexpr std::size_t kMostWaiting = 4096;
  bool may_ask_locked(base::TimePoint now) const;
  void run();
  base::Duration next_look(bool good);
  bool take(std::string text);
  void failed(const std::string& why);

  const std::string where_;
  const Fetch fetch_;
  const base::Duration every_;
  ReloadMetrics metrics_;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> generation_{0};

  // Of refresh()
  std::string tried_;  // what was read last
  bool tried_good_ = false;
  std::string trouble_;  // what was last complained of
  std::chrono::seconds max_age_{0};
  int failures_ = 0;

  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<const KeySet> keys_;
  std::vector<Done> waiting_;
  bool asked_ = false;
  bool looking_ = false;  // because it was asked
  base::TimePoint last_asked_ = base::TimePoint::min();
  std::condition_variable changed_;
  std::thread thread_;
};

// An error where a key set must not be fetched from there.
base::Status check_jwks_url(const std::string& url);

}  // namespace saccade::access
