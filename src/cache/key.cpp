#include "cache/key.h"

#include <atomic>
#include <cstring>

namespace saccade::cache {
namespace {

constexpr std::uint64_t kForm = 1;  // of what is hashed; a change of it is a new number

std::uint64_t word_of(const Digest& digest, std::size_t place) {
  std::uint64_t word = 0;
  std::memcpy(&word, digest.data() + place * sizeof word, sizeof word);
  return word;
}

void add_tensor(Hasher& hasher, const tensor::Tensor& input) {
  const tensor::Shape& shape = input.shape();
  hasher.add_number(static_cast<std::uint64_t>(input.type()) | (shape.rank() << 8));
  for (const std::int64_t dim : shape.dims()) hasher.add_number(static_cast<std::uint64_t>(dim));
  if (input.type() == tensor::DataType::kBytes) {
    for (const std::string& text : input.strings()) hasher.add_part(text);
    return;
  }
  hasher.add_part({reinterpret_cast<const char*>(input.data()), input.byte_size()});
}

}  // namespace

ModelIdentity own_identity() {
  static std::atomic<std::uint64_t> last{0};
  return {
      .copy = last.fetch_add(1, std::memory_order_relaxed) + 1, .content = random_digest(), .shared = false};
}

std::size_t KeyHash::operator()(const Key& key) const {
  static const Digest secret = random_digest();
  const std::uint64_t mixed = (word_of(key.digest, 0) ^ word_of(secret, 0)) * (word_of(secret, 1) | 1);
  return (mixed ^ (mixed >> 32)) + key.copy;
}

Key key_of(const ModelIdentity& model, const request::InferenceRequest& request, std::string_view partition) {
  thread_local Hasher hasher;
  hasher.add_number(kForm);
  hasher.add(bytes_of(model.content));
  hasher.add_part(partition);
  hasher.add_number(static_cast<std::uint64_t>(request.batch));
  hasher.add_number(request.inputs.size());
  for (const tensor::Tensor& input : request.inputs) add_tensor(hasher, input);
  return {.copy = model.copy, .digest = hasher.finish()};
}

}  // namespace saccade::cache
