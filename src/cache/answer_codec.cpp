#include "cache/answer_codec.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "cache/digest.h"

namespace saccade::cache {
namespace {

constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kHeadBytes = 1 + kChecksumBytes;
constexpr std::size_t kMostOutputs = 4096;

std::string checksum(std::string_view bytes) {
  thread_local Hasher hasher;
  hasher.add(bytes);
  return std::string(bytes_of(hasher.finish()).substr(0, kChecksumBytes));
}

template <typename Number>
void append(std::string& out, Number number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof bytes);
}

void append_tensor(std::string& out, const tensor::Tensor& output) {
  append(out, static_cast<std::uint8_t>(output.type()));
  append(out, static_cast<std::uint8_t>(output.shape().rank()));
  for (const std::int64_t dim : output.shape().dims()) append(out, dim);
  if (output.type() == tensor::DataType::kBytes) {
    for (const std::string& text : output.strings()) {
      append(out, static_cast<std::uint64_t>(text.size()));
      out += text;
    }
    return;
  }
  out.append(reinterpret_cast<const char*>(output.data()), output.byte_size());
}

// Reads from the front; once something is missing everything is.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view take(std::uint64_t count) {
    if (failed_ || count > rest_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  template <typename Number>
  Number number() {
    const std::string_view bytes = take(sizeof(Number));
    Number number{};
    if (!failed_) std::memcpy(&number, bytes.data(), sizeof number);
    return number;
  }
  std::size_t left() const { return rest_.size(); }
  bool failed() const { return failed_; }
  bool ended() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

// Nothing where it is no tensor of this kind. Memory is taken only for what the bytes have.
std::optional<tensor::Tensor> read_tensor(Reader& in, const request::TensorSpec& spec) {
  const auto type = in.number<std::uint8_t>();
  const auto rank = in.number<std::uint8_t>();
  if (in.failed() || type != static_cast<std::uint8_t>(spec.type) || rank > tensor::Shape::kMaxRank)
    return {};
  tensor::Shape shape;
  for (std::size_t axis = 0; axis < rank; ++axis) shape.push_back(in.number<std::int64_t>());
  if (in.failed() || shape.has_free_dimension() || !spec.shape.accepts(shape)) return {};
  const auto elements = shape.elements();
  if (!elements || *elements < 0) return {};
  const auto count = static_cast<std::uint64_t>(*elements);
  if (spec.type == tensor::DataType::kBytes) {
    if (count > in.left() / sizeof(std::uint64_t)) return {};
    std::vector<std::string> texts;
    texts.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) texts.emplace_back(in.take(in.number<std::uint64_t>()));
    if (in.failed()) return {};
    return tensor::Tensor(shape, std::move(texts));
  }
  if (count > in.left() / tensor::element_size(spec.type)) return {};
  tensor::Tensor output(spec.type, shape);
  const std::string_view elements_bytes = in.take(output.byte_size());
  if (in.failed()) return {};
  if (!elements_bytes.empty()) std::memcpy(output.data(), elements_bytes.data(), elements_bytes.size());
  return output;
}

}  // namespace

std::string encode_answer(const StoredAnswer& answer, const Moment& now) {
  using std::chrono::duration_cast, std::chrono::microseconds;
  std::string body;
  body.reserve(answer.bytes() + 64);
  append(body, now.unix_micros - static_cast<std::int64_t>(
                                     duration_cast<microseconds>(now.steady - answer.made()).count()));
  append(body, static_cast<std::int64_t>(duration_cast<microseconds>(answer.lifetime()).count()));
  append(body, static_cast<std::uint32_t>(answer.outputs().size()));
  for (const tensor::Tensor& output : answer.outputs()) append_tensor(body, output);
  return kCodecVersion + checksum(body) + body;
}

base::Result<AnswerPointer> decode_answer(std::string_view bytes, const request::ModelSignature& model,
                                          const Moment& now, base::Duration longest) {
  if (bytes.size() < kHeadBytes || bytes[0] != kCodecVersion) {
    return base::invalid_argument("a stored answer is of another form than version " +
                                  std::to_string(kCodecVersion));
  }
  const std::string_view body = bytes.substr(kHeadBytes);
  if (checksum(body) != bytes.substr(1, kChecksumBytes)) {
    return base::invalid_argument("a stored answer is damaged: its checksum is wrong");
  }
  Reader in(body);
  const auto made = in.number<std::int64_t>();
  const auto lifetime_micros = in.number<std::int64_t>();
  const auto count = in.number<std::uint32_t>();
  if (in.failed() || count != model.outputs.size() || count > kMostOutputs) {
    return base::invalid_argument("a stored answer has not the outputs of model \"" + model.name + "\"");
  }
  std::vector<tensor::Tensor> outputs;
  for (const request::TensorSpec& spec : model.outputs) {
    auto output = read_tensor(in, spec);
    if (!output) {
      return base::invalid_argument("a stored answer's output \"" + spec.name + "\" does not fit the model");
    }
    outputs.push_back(*std::move(output));
  }
  if (!in.ended()) return base::invalid_argument("a stored answer has more bytes than its outputs");

  constexpr std::int64_t kYear = 366LL * 24 * 3600 * 1'000'000;  // both times below are far from overflowing
  const base::Duration lifetime = std::min<base::Duration>(
      std::chrono::microseconds(std::clamp<std::int64_t>(lifetime_micros, 0, kYear)), longest);
  const base::Duration age =
      std::chrono::microseconds(made >= now.unix_micros          ? 0
                                : made < now.unix_micros - kYear ? kYear
                                                                 : now.unix_micros - made);
  if (age >= lifetime) return base::invalid_argument("a stored answer's time is over");
  return std::make_shared<const StoredAnswer>(std::move(outputs), now.steady - age, lifetime);
}

}  // namespace saccade::cache
