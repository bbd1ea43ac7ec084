// Any bytes as the body of /predict, against several made-up models (the first byte says which): refused with
// a message, or inputs that keep their promises. What is taken must be JSON to another parser too.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "json_text.h"
#include "made_models.h"
#include "protocol/predict_request.h"

namespace {

using namespace saccade;
using tensor::DataType;

void check(const protocol::PredictRequest& request, const request::ModelSignature& model) {
  require(request.inputs.size() == model.inputs.size());
  require(request.batch >= 1 && request.batch <= (model.batches() ? model.max_batch_size : 1));
  require(request.batch == 1 || !request.single);
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const tensor::Tensor& input = request.inputs[i];
    require(input.type() == model.inputs[i].type && model.inputs[i].shape.accepts(input.shape()));
    require(!model.batches() || input.shape()[0] == request.batch);
    const auto elements = static_cast<std::size_t>(input.shape().elements().value_or(-1));
    require(input.type() != DataType::kBytes || input.strings().size() == elements);
    // Every element was written: under MemorySanitizer this would be seen, here it is at least read.
    std::size_t sum = 0;
    for (std::size_t at = 0; at < input.byte_size(); ++at) sum += static_cast<std::size_t>(input.data()[at]);
    require(sum + 1 != 0);
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): the name is libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const request::ModelSignature& model = made_models()[data[0] % made_models().size()];
  --size;
  const PaddedText padded(data + 1, size);
  const std::string_view text = padded.view();
  if (const auto request = protocol::decode_predict(text, model)) {
    check(*request, model);
    require(is_json(text));
    require(request->id.empty() || is_json(request->id));
  } else {
    require(request.error().code == base::Code::kInvalidArgument && !request.error().message.empty());
  }
  const std::string id = protocol::find_id(text);
  require(id.empty() || is_json(id));
  if (const auto request = protocol::decode_raw(text, model)) check(*request, model);
  return 0;
}
