// Any bytes as the body of TensorFlow Serving's predict and classify, against several made-up models (the
// first byte says which): refused with a message, or inputs that keep their promises. What is taken must be
// JSON to another parser too.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json_text.h"
#include "made_models.h"
#include "protocol/v1_request.h"
#include "protocol/v1_response.h"

namespace {

using namespace saccade;
using tensor::DataType;

// The common ones, and some whose names and types mean something to this protocol.
const std::vector<request::ModelSignature>& models() {
  static const std::vector<request::ModelSignature> all = [] {
    std::vector<request::ModelSignature> made(made_models().begin(), made_models().begin() + 4);
    made.push_back(protocol::model_of(
        {{"a", DataType::kBytes, {-1, -1}, {}}, {"b_bytes", DataType::kBytes, {-1, -1}, {}}}, 0));
    made.push_back(protocol::model_of({{"b64", DataType::kBytes, {-1}, {}}}, 2));
    for (request::ModelSignature& model : made) model.outputs = model.inputs;
    return made;
  }();
  return all;
}

// NaN and Infinity, which are taken and written, but are not JSON.
bool has_words(std::string_view text) {
  return text.find("NaN") != text.npos || text.find("Infinity") != text.npos;
}

void check(const protocol::V1Request& request, const request::ModelSignature& model) {
  require(request.inputs.size() == model.inputs.size());
  require(!model.batches() || (request.batch >= 1 && request.batch <= model.max_batch_size));
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const tensor::Tensor& input = request.inputs[i];
    require(input.type() == model.inputs[i].type && model.inputs[i].shape.accepts(input.shape()));
    require(!model.batches() || input.shape()[0] == request.batch);
    const auto elements = static_cast<std::size_t>(input.shape().elements().value_or(-1));
    require(input.type() != DataType::kBytes || input.strings().size() == elements);
    std::size_t sum = 0;  // every element was written, or is at least there to be read
    for (std::size_t at = 0; at < input.byte_size(); ++at) sum += static_cast<std::size_t>(input.data()[at]);
    require(sum + 1 != 0);
  }
  // A model that answers with what it was given.
  request::InferenceResponse response;
  for (const tensor::Tensor& input : request.inputs) response.outputs.push_back(input.view());
  const auto answer = protocol::encode_v1_predict(response, model, request.rows);
  require(answer ? has_words(*answer) || is_json(*answer) : !model.batches());
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const request::ModelSignature& model = models()[data[0] % models().size()];
  --size;
  const PaddedText padded(data + 1, size);
  const std::string_view text = padded.view();
  for (const auto decode : {protocol::decode_v1_predict, protocol::decode_v1_classify}) {
    if (const auto request = decode(text, model)) {
      check(*request, model);
      require(has_words(text) || is_json(text));
    } else {
      require(request.error().code == base::Code::kInvalidArgument && !request.error().message.empty());
    }
  }
  return 0;
}
