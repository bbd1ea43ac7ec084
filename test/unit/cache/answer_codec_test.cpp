// What is shared through another server comes back as it was, or not at all.
#include "cache/answer_codec.h"

#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "cache/digest.h"

namespace saccade::cache {
namespace {

using namespace std::chrono_literals;
using tensor::DataType;
using tensor::Shape;
using tensor::Tensor;

const Moment kNow{.steady = base::TimePoint{2h}, .unix_micros = 1'800'000'000'000'000};

request::ModelSignature model() {
  request::ModelSignature signature;
  signature.name = "m";
  signature.outputs = {{"scores", DataType::kFp32, {-1, 3}, {}}, {"words", DataType::kBytes, {-1, 1}, {}}};
  return signature;
}

StoredAnswer stored(base::Duration lifetime = 60s) {
  std::vector<Tensor> outputs;
  outputs.emplace_back(DataType::kFp32, Shape{2, 3});
  for (int i = 0; i < 6; ++i)
    outputs[0].as<float>()[static_cast<std::size_t>(i)] = 0.5F * static_cast<float>(i);
  outputs.emplace_back(Shape{2, 1}, std::vector<std::string>{"", std::string("a\0b", 3)});
  return {std::move(outputs), kNow.steady - 5s, lifetime};
}

Moment later(base::Duration by) {
  return {
      .steady = kNow.steady + 7777s + by,  // another process: its steady clock says anything
      .unix_micros = kNow.unix_micros + std::chrono::duration_cast<std::chrono::microseconds>(by).count()};
}

TEST(AnswerCodecTest, ComesBackAsItWas) {
  const Moment then = later(10s);
  const auto decoded = decode_answer(encode_answer(stored(), kNow), model(), then, 1h);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  const StoredAnswer& answer = **decoded;
  ASSERT_EQ(answer.outputs().size(), 2U);
  EXPECT_EQ(answer.outputs()[0].shape(), (Shape{2, 3}));
  EXPECT_EQ(answer.outputs()[0].view().as<float>()[5], 2.5F);
  EXPECT_EQ(answer.outputs()[1].strings()[1], std::string("a\0b", 3));
  EXPECT_EQ(then.steady - answer.made(), 15s) << "its age goes on";
  EXPECT_EQ(answer.lifetime(), 60s);
}

TEST(AnswerCodecTest, IsGoodNoLongerThanBothAllow) {
  const std::string bytes = encode_answer(stored(), kNow);
  EXPECT_FALSE(decode_answer(bytes, model(), later(55s), 1h).has_value()) << "60 s after it was made";
  EXPECT_TRUE(decode_answer(bytes, model(), later(54s), 1h).has_value());
  EXPECT_FALSE(decode_answer(bytes, model(), later(6s), 10s).has_value()) << "this server allows 10 s";
  const auto shorter = decode_answer(bytes, model(), later(1s), 10s);
  ASSERT_TRUE(shorter.has_value());
  EXPECT_EQ((*shorter)->lifetime(), 10s);
  const auto future = decode_answer(bytes, model(), later(-1h), 1h);
  ASSERT_TRUE(future.has_value()) << "the other server's clock is ahead";
  EXPECT_EQ((*future)->made(), later(-1h).steady);
}

TEST(AnswerCodecTest, RefusesOtherModelsAnswers) {
  const std::string bytes = encode_answer(stored(), kNow);
  request::ModelSignature other = model();
  other.outputs.pop_back();
  EXPECT_FALSE(decode_answer(bytes, other, kNow, 1h).has_value());
  other = model();
  other.outputs[0].type = DataType::kInt32;
  EXPECT_FALSE(decode_answer(bytes, other, kNow, 1h).has_value());
  other = model();
  other.outputs[0].shape = {-1, 4};
  EXPECT_FALSE(decode_answer(bytes, other, kNow, 1h).has_value());
}

TEST(AnswerCodecTest, RefusesWhateverIsDamaged) {
  const std::string bytes = encode_answer(stored(), kNow);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_FALSE(decode_answer(bytes.substr(0, length), model(), kNow, 1h).has_value()) << length;
  }
  for (std::size_t place = 0; place < bytes.size(); ++place) {
    std::string changed = bytes;
    changed[place] = static_cast<char>(changed[place] ^ 0x10);
    ASSERT_FALSE(decode_answer(changed, model(), kNow, 1h).has_value()) << place;
  }
  EXPECT_FALSE(decode_answer(bytes + "x", model(), kNow, 1h).has_value());
}

// With a checksum that is right, as somebody would write it on purpose.
TEST(AnswerCodecTest, TakesNoHarmFromLies) {
  const std::string bytes = encode_answer(stored(), kNow);
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string body = bytes.substr(9);
    for (int change = 0; change < 1 + i % 4; ++change)
      body[random() % body.size()] = static_cast<char>(random());
    Hasher hasher;
    hasher.add(body);
    const Digest digest = hasher.finish();
    const auto decoded =
        decode_answer(kCodecVersion + std::string(bytes_of(digest).substr(0, 8)) + body, model(), kNow, 1h);
    if (decoded) {
      EXPECT_TRUE(model().outputs[0].shape.accepts((*decoded)->outputs()[0].shape()));
    }
  }
}

}  // namespace
}  // namespace saccade::cache
