// A stored answer as bytes, for a cache that several servers share. Pure functions.
//
// One byte for the form's version, eight of the SHA-256 of what follows, then, little-endian: when the answer
// was made (µs since 1970), how long it is good (µs), and each output's type, shape and elements.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "cache/stored_answer.h"
#include "request/model_signature.h"

namespace saccade::cache {

inline constexpr char kCodecVersion = 1;

// The two clocks at one moment: stored answers know the steady one, other servers the wall's.
struct Moment {
  base::TimePoint steady{};
  std::int64_t unix_micros = 0;

  static Moment now() { return {base::now(), base::unix_micros()}; }
};

std::string encode_answer(const StoredAnswer& answer, const Moment& now);

// The bytes may be anything: they come from a place that others write to. Errors (kInvalidArgument) where
// they are another version's, damaged, no answer of this model, or where the answer's time is over. It is
// good no longer than `longest` from when it was made; a time in the future counts as now.
base::Result<AnswerPointer> decode_answer(std::string_view bytes, const request::ModelSignature& model,
                                          const Moment& now, base::Duration longest);

}  // namespace saccade::cache
