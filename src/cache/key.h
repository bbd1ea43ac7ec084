// Under what an answer is kept: everything that it hangs on.
#pragma once

#include <cstdint>
#include <string_view>

#include "cache/digest.h"
#include "request/inference_request.h"

namespace saccade::cache {

// What answers of one loaded copy of a model are known by.
struct ModelIdentity {
  std::uint64_t copy = 0;  // of this process; no two have the same, so that none gets another's answers
  Digest content{};        // the same for equal models of all servers, or of this copy alone
  bool shared = false;     // whether the content is the model's, so that other servers know it too
};

// An identity that only this copy has.
ModelIdentity own_identity();

struct Key {
  std::uint64_t copy = 0;
  Digest digest{};

  friend bool operator==(const Key&, const Key&) = default;
};

// Buckets are chosen with a number that is the process's secret, so that nobody can fill one on purpose.
struct KeyHash {
  std::size_t operator()(const Key& key) const;
};

// Of the model, the inputs (types, shapes, elements) and the number of items. `partition` keeps apart who may
// not share answers; empty: the part of everybody else.
Key key_of(const ModelIdentity& model, const request::InferenceRequest& request, std::string_view partition);

}  // namespace saccade::cache
