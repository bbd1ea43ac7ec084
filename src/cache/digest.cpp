#include "cache/digest.h"

#include <cstring>
#include <random>

#include <openssl/evp.h>
#include <openssl/rand.h>

namespace saccade::cache {
namespace {

// Looked up once: that costs more than hashing a small input.
const EVP_MD* sha256() {
  static EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  return found != nullptr ? found : EVP_sha256();
}

}  // namespace

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
};

Hasher::Hasher() : state_(std::make_unique<State>()) {
  EVP_DigestInit_ex2(state_->context, sha256(), nullptr);
}

Hasher::~Hasher() {
  EVP_MD_CTX_free(state_->context);
}

void Hasher::add(std::string_view bytes) {
  EVP_DigestUpdate(state_->context, bytes.data(), bytes.size());
}

void Hasher::add_number(std::uint64_t number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  add({bytes, sizeof bytes});
}

void Hasher::add_part(std::string_view bytes) {
  add_number(bytes.size());
  add(bytes);
}

Digest Hasher::finish() {
  Digest digest{};
  EVP_DigestFinal_ex(state_->context, digest.data(), nullptr);
  EVP_DigestInit_ex2(state_->context, nullptr, nullptr);  // the same algorithm again
  return digest;
}

Digest random_digest() {
  Digest digest{};
  if (RAND_bytes(digest.data(), static_cast<int>(digest.size())) == 1) return digest;
  std::random_device device;
  for (auto& byte : digest) byte = static_cast<std::uint8_t>(device());
  return digest;
}

}  // namespace saccade::cache
