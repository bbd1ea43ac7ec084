#include "cache/memory_tier.h"

#include <algorithm>

namespace saccade::cache {
namespace {

constexpr std::size_t kMostShards = 16;
constexpr std::size_t kLeastShardBytes = std::size_t{1} << 20;
constexpr std::uint8_t kMostFrequent = 3;
constexpr std::uint8_t kAskedAgain = 2;  // finds since it came that make a newcomer stay

}  // namespace

class MemoryTier::Shard {
 public:
  Shard(std::size_t capacity, Metrics& metrics) : capacity_(capacity), metrics_(metrics) {}
  ~Shard() {
    metrics_.bytes.add(-static_cast<std::int64_t>(bytes()));
    metrics_.entries.add(-static_cast<std::int64_t>(index_.size()));
  }

  AnswerPointer find(const Key& key, base::TimePoint now) {
    AnswerPointer ended;  // its memory is given back without the lock
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    Entry& entry = *found->second;
    if (entry.answer->expires() <= now) {
      ended = entry.answer;
      drop(found->second, metrics_.evicted_expired);
      return nullptr;
    }
    if (entry.frequency < kMostFrequent) ++entry.frequency;
    return entry.answer;
  }

  void insert(const Key& key, AnswerPointer answer, base::TimePoint now, std::size_t hash) {
    const std::size_t cost = answer->bytes() + kEntryBytes;
    if (cost > capacity_ || answer->expires() <= now) return;
    std::vector<AnswerPointer> left;  // likewise
    const std::lock_guard lock(mutex_);
    const std::size_t before = bytes();
    std::uint8_t frequency = 0;
    bool known = false;
    if (const auto found = index_.find(key); found != index_.end()) {
      frequency = found->second->frequency;
      known = found->second->in_main;
      left.push_back(found->second->answer);
      take_out(found->second);
    }
    while (bytes() + cost > capacity_) evict(left, now);
    known = forget_ghost(hash) || known;
    Queue& queue = known ? main_ : small_;
    queue.list.push_front({key, std::move(answer), cost, frequency, known});
    queue.bytes += cost;
    index_.emplace(key, queue.list.begin());
    metrics_.bytes.add(static_cast<std::int64_t>(bytes()) - static_cast<std::int64_t>(before));
    metrics_.entries.add(1);
  }

  std::size_t held() const {
    const std::lock_guard lock(mutex_);
    return bytes();
  }
  std::size_t entries() const {
    const std::lock_guard lock(mutex_);
    return index_.size();
  }

 private:
  struct Entry {
    Key key;
    AnswerPointer answer;
    std::size_t cost;
    std::uint8_t frequency;
    bool in_main;
  };
  struct Queue {
    std::list<Entry> list;  // the newest first
    std::size_t bytes = 0;
  };
  using Place = std::list<Entry>::iterator;

  std::size_t bytes() const { return small_.bytes + main_.bytes + ghosts_.size() * kGhostBytes; }
  Queue& queue_of(const Entry& entry) { return entry.in_main ? main_ : small_; }

  void take_out(Place place) {
    Queue& queue = queue_of(*place);
    queue.bytes -= place->cost;
    index_.erase(place->key);
    queue.list.erase(place);
    metrics_.entries.add(-1);
  }
  void drop(Place place, observe::Counter& reason) {
    metrics_.bytes.add(-static_cast<std::int64_t>(place->cost));
    take_out(place);
    reason.add();
  }

  // Makes at least some room; whoever calls it counts the bytes.
  void evict(std::vector<AnswerPointer>& left, base::TimePoint now) {
    if (small_.list.empty() && main_.list.empty()) return forget_oldest_ghost();
    if (!small_.list.empty() && (small_.bytes > capacity_ / 10 || main_.list.empty())) {
      return evict_small(left, now);
    }
    evict_main(left, now);
  }
  void leave(Place place, std::vector<AnswerPointer>& left, base::TimePoint now) {
    (place->answer->expires() <= now ? metrics_.evicted_expired : metrics_.evicted_for_room).add();
    left.push_back(std::move(place->answer));
    take_out(place);
  }
  void evict_small(std::vector<AnswerPointer>& left, base::TimePoint now) {
    while (!small_.list.empty()) {
      const Place last = std::prev(small_.list.end());
      const bool ended = last->answer->expires() <= now;
      if (ended || last->frequency < kAskedAgain) {
        if (!ended) remember(KeyHash{}(last->key));
        return leave(last, left, now);
      }
      small_.bytes -= last->cost;
      main_.bytes += last->cost;
      last->in_main = true;
      last->frequency = 0;
      main_.list.splice(main_.list.begin(), small_.list, last);
    }
  }
  void evict_main(std::vector<AnswerPointer>& left, base::TimePoint now) {
    for (;;) {
      const Place last = std::prev(main_.list.end());
      if (last->frequency == 0 || last->answer->expires() <= now) return leave(last, left, now);
      --last->frequency;
      main_.list.splice(main_.list.begin(), main_.list, last);
    }
  }

  // As many as there are answers.
  void remember(std::size_t hash) {
    if (ghosts_.insert(hash).second) ghost_order_.push_back(hash);
    while (ghosts_.size() > std::max<std::size_t>(index_.size(), 1)) forget_oldest_ghost();
  }
  void forget_oldest_ghost() {
    while (!ghost_order_.empty()) {
      const std::size_t oldest = ghost_order_.front();
      ghost_order_.pop_front();
      if (ghosts_.erase(oldest) > 0) return;
    }
  }
  // Whether it was remembered. Its place in the order stays until it is the oldest, so that is cleared up
  // when such places are most of it.
  bool forget_ghost(std::size_t hash) {
    if (ghosts_.erase(hash) == 0) return false;
    if (ghost_order_.size() > 2 * ghosts_.size() + 16) {
      std::erase_if(ghost_order_, [this](std::size_t one) { return !ghosts_.contains(one); });
    }
    return true;
  }

  const std::size_t capacity_;
  Metrics& metrics_;
  mutable std::mutex mutex_;  // guards what follows
  Queue small_, main_;
  std::unordered_map<Key, Place, KeyHash> index_;
  std::unordered_set<std::size_t> ghosts_;
  std::deque<std::size_t> ghost_order_;  // the oldest first; some have been forgotten since
};

MemoryTier::MemoryTier(std::size_t capacity_bytes, Metrics& metrics, std::size_t shards) {
  if (shards == 0) shards = std::clamp<std::size_t>(capacity_bytes / kLeastShardBytes, 1, kMostShards);
  for (std::size_t i = 0; i < shards; ++i) {
    shards_.push_back(std::make_unique<Shard>(capacity_bytes / shards, metrics));
  }
}

MemoryTier::~MemoryTier() = default;

AnswerPointer MemoryTier::find(const Key& key, base::TimePoint now) {
  return shard_of(KeyHash{}(key)).find(key, now);
}

void MemoryTier::insert(const Key& key, AnswerPointer answer, base::TimePoint now) {
  const std::size_t hash = KeyHash{}(key);
  shard_of(hash).insert(key, std::move(answer), now, hash);
}

std::size_t MemoryTier::bytes() const {
  std::size_t sum = 0;
  for (const auto& shard : shards_) sum += shard->held();
  return sum;
}

std::size_t MemoryTier::entries() const {
  std::size_t sum = 0;
  for (const auto& shard : shards_) sum += shard->entries();
  return sum;
}

}  // namespace saccade::cache
