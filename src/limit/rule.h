// What a rate limit says: who is counted together, and how much that may be.
//
//   WHOM:RATE[:BURST]      caller:100/s:200      address:600/m      model=digits:50/s caller,model=digits:5/s
//
// WHOM is one or more of caller, address and model; each of them has a count of its own for each caller
// (address, model), or, with =NAME, is about that one alone. RATE is a number and s, m, h or d; BURST how
// many may come at once (left out: what comes in a second, at least 1).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "limit/gcra.h"
#include "limit/network.h"

namespace saccade::limit {

// Who calls what. An empty part is not known, and no rule about it applies.
struct Call {
  std::string_view caller;
  std::string_view address;  // of the client, as text
  std::string_view model;
  bool models_only = false;  // rules that are not about models have counted it already
};

struct Rule {
  struct Part {
    bool counted = false;
    std::string name;                // empty: each one
    std::optional<Network> network;  // of a named address
  };

  std::string text;   // as it was given
  std::string title;  // "caller", "address", "model=digits": its name in headers and metrics
  Part caller;
  Part address;
  Part model;
  Rate rate;

  static base::Result<Rule> parse(std::string_view text);
  // Of the same parts: only the one with the most names counts for a call that both match.
  bool same_parts(const Rule& other) const;
  int names() const;
  bool matches(const Call& call, const std::optional<Address>& address) const;
};

// Checked as a whole, and in the order in which they are asked: of the same parts, those with more names
// first.
base::Result<std::vector<Rule>> parse_rules(const std::vector<std::string>& texts);

}  // namespace saccade::limit
