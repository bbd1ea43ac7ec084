// decode_infer_message: the protobuf form.
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grpc_service.pb.h"
#include "protocol/binary_tensor.h"
#include "protocol/infer_inputs.h"
#include "protocol/infer_request.h"

namespace saccade::protocol {
namespace {

using inference::InferParameter;
using inference::InferTensorContents;
using InputMessage = inference::ModelInferRequest::InferInputTensor;
using tensor::DataType;

template <typename Parameters, typename Set>
base::Status for_parameters(const Parameters& parameters, std::string_view where, Set&& set) {
  for (const auto& [name, value] : parameters) {
    base::Status taken;
    switch (value.parameter_choice_case()) {
      case InferParameter::kBoolParam:
        taken = set(name, ParameterValue(value.bool_param()));
        break;
      case InferParameter::kInt64Param:
        taken = set(name, ParameterValue(std::int64_t{value.int64_param()}));
        break;
      case InferParameter::kStringParam:
        taken = set(name, ParameterValue(std::string_view(value.string_param())));
        break;
      case InferParameter::kDoubleParam:
        taken = set(name, ParameterValue(value.double_param()));
        break;
      case InferParameter::kUint64Param:
        taken = set(name, ParameterValue(std::uint64_t{value.uint64_param()}));
        break;
      case InferParameter::PARAMETER_CHOICE_NOT_SET:
        taken = base::invalid_argument("parameter \"" + name.substr(0, 100) + "\"" +
                                       (where.empty() ? "" : " of " + std::string(where)) + " has no value");
        break;
    }
    if (!taken) return taken;
  }
  return {};
}

base::Result<TensorParameters> tensor_parameters(
    const google::protobuf::Map<std::string, InferParameter>& sent, const std::string& where) {
  TensorParameters parameters;
  base::Status read = for_parameters(sent, where, [&](std::string_view name, const ParameterValue& value) {
    return parameters.set(where, name, value);
  });
  if (!read) return std::unexpected(std::move(read.error()));
  return parameters;
}

// The one field of the contents that holds elements of a type; empty for those that travel as raw bytes only.
std::string_view contents_field(DataType type) {
  switch (type) {
    case DataType::kBool:
      return "bool_contents";
    case DataType::kInt8:
    case DataType::kInt16:
    case DataType::kInt32:
      return "int_contents";
    case DataType::kInt64:
      return "int64_contents";
    case DataType::kUint8:
    case DataType::kUint16:
    case DataType::kUint32:
      return "uint_contents";
    case DataType::kUint64:
      return "uint64_contents";
    case DataType::kFp32:
      return "fp32_contents";
    case DataType::kFp64:
      return "fp64_contents";
    case DataType::kBytes:
      return "bytes_contents";
    case DataType::kFp16:
    case DataType::kBf16:
      return {};
  }
  return {};
}

// Elements in all fields together: those in a field that is not the type's are too many.
std::size_t elements_in(const InferTensorContents& contents) {
  const auto sizes = {contents.bool_contents_size(),   contents.int_contents_size(),
                      contents.int64_contents_size(),  contents.uint_contents_size(),
                      contents.uint64_contents_size(), contents.fp32_contents_size(),
                      contents.fp64_contents_size(),   contents.bytes_contents_size()};
  std::size_t all = 0;
  for (const int size : sizes) all += static_cast<std::size_t>(size);
  return all;
}

class ContentsReader {
 public:
  ContentsReader(const InferTensorContents& contents, const request::TensorSpec& spec,
                 const tensor::Shape& shape)
      : contents_(contents), spec_(spec), shape_(shape) {}

  base::Result<tensor::Tensor> read() const {
    switch (spec_.type) {
      case DataType::kBool:
        return numbers<std::uint8_t>(contents_.bool_contents());
      case DataType::kInt8:
        return numbers<std::int8_t>(contents_.int_contents());
      case DataType::kInt16:
        return numbers<std::int16_t>(contents_.int_contents());
      case DataType::kInt32:
        return numbers<std::int32_t>(contents_.int_contents());
      case DataType::kInt64:
        return numbers<std::int64_t>(contents_.int64_contents());
      case DataType::kUint8:
        return numbers<std::uint8_t>(contents_.uint_contents());
      case DataType::kUint16:
        return numbers<std::uint16_t>(contents_.uint_contents());
      case DataType::kUint32:
        return numbers<std::uint32_t>(contents_.uint_contents());
      case DataType::kUint64:
        return numbers<std::uint64_t>(contents_.uint64_contents());
      case DataType::kFp32:
        return numbers<float>(contents_.fp32_contents());
      case DataType::kFp64:
        return numbers<double>(contents_.fp64_contents());
      case DataType::kBytes: {
        const auto& sent = contents_.bytes_contents();
        if (base::Status count = check_count(sent.size()); !count)
          return std::unexpected(std::move(count.error()));
        return tensor::Tensor(shape_, std::vector<std::string>(sent.begin(), sent.end()));
      }
      case DataType::kFp16:
      case DataType::kBf16:
        break;
    }
    return base::invalid_argument(input_name(spec_.name) + ": " + type_name() +
                                  " has no field in \"contents\"; send it in \"raw_input_contents\"");
  }

 private:
  std::string type_name() const { return std::string(tensor::data_type_name(spec_.type)); }

  base::Status check_count(int sent) const {
    const std::string field(contents_field(spec_.type));
    const auto count = static_cast<std::size_t>(sent);
    if (count != elements_in(contents_)) {
      return base::invalid_argument(input_name(spec_.name) + ": \"contents\" of " + type_name() +
                                    " go into \"" + field + "\" and no other field");
    }
    const auto wanted = static_cast<std::size_t>(shape_.elements().value_or(0));
    if (count == wanted) return {};
    return base::invalid_argument(input_name(spec_.name) + ": \"" + field + "\" has " +
                                  std::to_string(count) + " elements, \"shape\" " + shape_.text() + " has " +
                                  std::to_string(wanted));
  }

  template <typename T, typename Sent>
  base::Result<tensor::Tensor> numbers(const google::protobuf::RepeatedField<Sent>& sent) const {
    if (base::Status count = check_count(sent.size()); !count)
      return std::unexpected(std::move(count.error()));
    tensor::Tensor tensor(spec_.type, shape_);
    auto into = tensor.as<T>().begin();
    for (int i = 0; i < sent.size(); ++i, ++into) {
      const Sent value = sent[i];
      if constexpr (sizeof(T) < sizeof(Sent)) {
        if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
          return base::invalid_argument(input_name(spec_.name) + ": element " + std::to_string(i) + ", " +
                                        std::to_string(value) + ", is out of the range of " + type_name());
        }
      }
      *into = static_cast<T>(value);
    }
    return tensor;
  }

  const InferTensorContents& contents_;
  const request::TensorSpec& spec_;
  const tensor::Shape& shape_;
};

class MessageInfer {
 public:
  MessageInfer(const inference::ModelInferRequest& message, const request::ModelSignature& model,
               const request::SharedRegions& regions)
      : message_(message), model_(model), inputs_(model, regions) {}

  base::Result<InferRequest> decode() {
    RequestParameters parameters;
    base::Status read = for_parameters(
        message_.parameters(), "",
        [&](std::string_view name, const ParameterValue& value) { return parameters.set(name, value); });
    for (int i = 0; read && i < message_.inputs_size(); ++i) read = input(message_.inputs(i));
    for (int i = 0; read && i < message_.outputs_size(); ++i) {
      const auto& output = message_.outputs(i);
      const auto asked = tensor_parameters(output.parameters(), output_name(output.name()));
      read =
          asked ? inputs_.add_output(output.name(), without_binary(*asked)) : std::unexpected(asked.error());
    }
    if (!read) return std::unexpected(std::move(read.error()));
    if (raw_ < message_.raw_input_contents_size()) {
      return base::invalid_argument("\"raw_input_contents\" has " +
                                    std::to_string(message_.raw_input_contents_size()) +
                                    " entries, the inputs need " + std::to_string(raw_));
    }
    auto request = inputs_.finish(false, false);
    if (!request) return request;
    parameters.apply(*request);
    request->inference.client_id = message_.id();
    return request;
  }

 private:
  // In this form every output is binary, asked for or not.
  static TensorParameters without_binary(TensorParameters parameters) {
    parameters.forget_binary_data();
    return parameters;
  }

  base::Status input(const InputMessage& sent) {
    const auto place = inputs_.place(sent.name());
    if (!place) return std::unexpected(place.error());
    const request::TensorSpec& spec = model_.inputs[*place];
    const std::string where = input_name(spec.name);
    const auto shape = inputs_.check(*place, sent.datatype(),
                                     {sent.shape().data(), static_cast<std::size_t>(sent.shape_size())});
    if (!shape) return std::unexpected(shape.error());
    const auto parameters = tensor_parameters(sent.parameters(), where);
    if (!parameters) return std::unexpected(parameters.error());
    const auto region = parameters->shared_memory(where);
    if (!region) return std::unexpected(region.error());
    const std::optional<request::RegionSlice>& slice = *region;
    const bool raw = message_.raw_input_contents_size() > 0;
    if (sent.has_contents() && elements_in(sent.contents()) > 0 && (raw || slice)) {
      return base::invalid_argument(
          where + ": \"contents\" must be empty where " +
          (raw ? "\"raw_input_contents\" is used" : "\"shared_memory_region\" is given"));
    }
    if (slice) return inputs_.set_from_region(*place, *slice, *shape);
    auto tensor = raw ? take_raw(spec, *shape) : ContentsReader(sent.contents(), spec, *shape).read();
    if (!tensor) return std::unexpected(std::move(tensor.error()));
    inputs_.set(*place, *std::move(tensor));
    return {};
  }

  base::Result<tensor::Tensor> take_raw(const request::TensorSpec& spec, const tensor::Shape& shape) {
    if (raw_ == message_.raw_input_contents_size()) {
      return base::invalid_argument(input_name(spec.name) +
                                    " has no entry in \"raw_input_contents\", which has " +
                                    std::to_string(raw_));
    }
    return tensor_of_bytes(message_.raw_input_contents(raw_++), spec.name, spec.type, shape);
  }

  const inference::ModelInferRequest& message_;
  const request::ModelSignature& model_;
  InferInputs inputs_;
  int raw_ = 0;  // entries of raw_input_contents that were taken
};

}  // namespace

base::Result<InferRequest> decode_infer_message(const inference::ModelInferRequest& message,
                                                const request::ModelSignature& model,
                                                const request::SharedRegions& regions) {
  return MessageInfer(message, model, regions).decode();
}

}  // namespace saccade::protocol
