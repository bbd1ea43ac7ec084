// Who asks, as far as the server knows; made when a call enters, carried with its request. Constant, but for
// the end of an identity.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::request {

// What was proven: the holder of a key, of a token or of a certificate, wherever it calls from. Shared by all
// its calls; any thread may look.
struct Identity {
  std::string name;
  std::optional<std::vector<std::string>> models = {};  // patterns with * and ?; absent: all models
  std::int64_t expires = std::numeric_limits<std::int64_t>::max();  // seconds since 1970
  std::atomic<bool> ended{false};  // set when it was taken back, or is not what it was

  bool may_use(std::string_view model) const;
  // `now`: seconds since 1970.
  bool valid(std::int64_t now) const { return !ended.load(std::memory_order_relaxed) && now < expires; }
};

struct Caller {
  std::string name;     // of the API key, the token's subject, the certificate's; empty: nobody said
  std::string address;  // of the connection's other end
  // Whether cached answers may be this caller's and others' alike; false: it gets its own alone.
  bool shares_cache = true;
  std::shared_ptr<const Identity> identity = {};  // null: nobody was asked
  // What rate limits still have to count of each prediction that is asked for under this.
  enum class Uncounted : std::uint8_t {
    kNothing,
    kModel,  // the limits about models: the call did not name one when it entered
    kAll,    // it is one message of many
  };
  Uncounted uncounted = Uncounted::kNothing;

  bool may_use(std::string_view model) const { return identity == nullptr || identity->may_use(model); }
  // Whether a connection that was let in with it may ask more. Reads the clock where there is an end to it.
  bool may_go_on() const;
};

// `pattern`: * stands for any characters, ? for one.
bool matches_pattern(std::string_view pattern, std::string_view text);

}  // namespace saccade::request
