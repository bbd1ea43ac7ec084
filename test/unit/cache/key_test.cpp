// Two requests have the same key exactly where they must have the same answer.
#include "cache/key.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <gtest/gtest.h>

#include "base/hex.h"

namespace saccade::cache {
namespace {

using tensor::DataType;
using tensor::Shape;
using tensor::Tensor;

Tensor floats(const Shape& shape, const std::vector<float>& values) {
  Tensor tensor(DataType::kFp32, shape);
  std::ranges::copy(values, tensor.as<float>().begin());
  return tensor;
}

request::InferenceRequest request_of(std::vector<Tensor> inputs, std::int64_t batch = 1) {
  request::InferenceRequest request;
  request.inputs = std::move(inputs);
  request.batch = batch;
  return request;
}

template <typename... Inputs>
request::InferenceRequest request_of_one(Inputs... inputs) {
  std::vector<Tensor> list;
  (list.push_back(std::move(inputs)), ...);
  return request_of(std::move(list));
}

TEST(DigestTest, IsSha256) {
  Hasher hasher;
  hasher.add("abc");
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(base::hex(bytes_of(hasher.finish())), expected);
  hasher.add("ab");
  hasher.add("c");
  EXPECT_EQ(base::hex(bytes_of(hasher.finish())), expected) << "a hasher begins anew";
}

TEST(KeyTest, EqualInputsHaveTheSameKey) {
  const ModelIdentity model = own_identity();
  const auto one = request_of_one(floats({1, 2}, {1, 2}));
  auto other = request_of_one(floats({1, 2}, {1, 2}));
  other.client_id = "another";
  other.priority = 3;
  EXPECT_EQ(key_of(model, one, ""), key_of(model, other, ""));
  EXPECT_EQ(KeyHash{}(key_of(model, one, "")), KeyHash{}(key_of(model, other, "")));
}

TEST(KeyTest, WhateverChangesTheAnswerChangesTheKey) {
  const ModelIdentity model = own_identity();
  std::set<Digest> digests;
  const auto add = [&](const request::InferenceRequest& request, std::string_view partition = "") {
    EXPECT_TRUE(digests.insert(key_of(model, request, partition).digest).second)
        << "number " << digests.size() << " is like one before";
  };
  add(request_of_one(floats({1, 2}, {1, 2})));
  add(request_of_one(floats({1, 2}, {1, 3})));
  add(request_of_one(floats({2, 1}, {1, 2})));
  add(request_of_one(floats({2}, {1, 2})));
  add(request_of_one(floats({1}, {1}), floats({1}, {2})));
  add(request_of_one(floats({1}, {2}), floats({1}, {1})));
  add(request_of_one(floats({1, 2}, {1, 2})), "a caller with a part of its own");
  add(request_of_one(floats({1, 2}, {0.0F, 2})));
  add(request_of_one(floats({1, 2}, {-0.0F, 2})));
  add(request_of_one(Tensor({2}, {"ab", "c"})));
  add(request_of_one(Tensor({2}, {"a", "bc"})));
  add(request_of_one(Tensor({1}, {"abc"})));
  std::vector<Tensor> twice;
  twice.push_back(floats({1, 2}, {1, 2}));
  add(request_of(std::move(twice), 2));
  Tensor whole(DataType::kInt32, {1, 2});
  std::memcpy(whole.data(), floats({1, 2}, {1, 2}).data(), whole.byte_size());
  add(request_of_one(std::move(whole)));
}

TEST(KeyTest, CopiesOfAModelShareNothingOnTheirOwn) {
  const auto request = request_of_one(floats({1}, {1}));
  const ModelIdentity one = own_identity();
  ModelIdentity other = own_identity();
  EXPECT_NE(key_of(one, request, ""), key_of(other, request, ""));
  other.content = one.content;  // equal files
  EXPECT_NE(key_of(one, request, ""), key_of(other, request, ""));
  EXPECT_EQ(key_of(one, request, "").digest, key_of(other, request, "").digest) << "what Redis is asked by";
}

}  // namespace
}  // namespace saccade::cache
