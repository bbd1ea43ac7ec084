// decode_infer_json: JSON, and binary tensors behind it.
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "protocol/binary_tensor.h"
#include "protocol/infer_inputs.h"
#include "protocol/infer_raw_body.h"
#include "protocol/infer_request.h"
#include "protocol/json_numbers.h"
#include "protocol/json_parser.h"
#include "protocol/json_tensor.h"

namespace saccade::protocol {
namespace {

namespace ondemand = simdjson::ondemand;
using ondemand::json_type;

constexpr std::size_t kMostDims = 16;  // more than any model has, few enough to be kept in place

std::string in_quotes(std::string_view name) {
  return "\"" + std::string(name.substr(0, 100)) + "\"";
}

std::unexpected<base::Error> not_json(simdjson::error_code error) {
  return std::unexpected(json_error(error));
}

// `"inputs"[0]: "shape" must be …`
std::unexpected<base::Error> must_be(std::string_view where, std::string_view field, std::string_view right) {
  return base::invalid_argument((where.empty() ? "" : std::string(where) + ": ") + in_quotes(field) +
                                " must be " + std::string(right));
}

// Calls `member(name, value)` for each member of an object. The names of two members may be equal: whoever
// takes them has to say so.
template <typename Member>
base::Status for_members(ondemand::object object, Member&& member) {
  for (auto entry : object) {
    ondemand::field field;
    std::string_view name;
    if (const auto error = std::move(entry).get(field)) return not_json(error);
    if (const auto error = field.unescaped_key().get(name)) return not_json(error);
    if (base::Status taken = member(name, field.value()); !taken) return taken;
  }
  return {};
}

template <typename Member>
base::Status for_members(ondemand::value value, Member&& member) {
  ondemand::object object;
  if (const auto error = value.get_object().get(object)) return not_json(error);
  return for_members(object, std::forward<Member>(member));
}

base::Result<json_type> type_of(ondemand::value value) {
  json_type kind{};
  if (const auto error = value.type().get(kind)) return not_json(error);
  return kind;
}

// A whole number as the widest integer that holds it, any other as a double.
base::Result<ParameterValue> read_number(ondemand::value value) {
  std::string_view text = value.raw_json_token();
  double number = 0;
  if (const auto error = value.get_double().get(number)) return not_json(error);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  const char* const end = text.data() + text.size();
  std::int64_t whole = 0;
  if (const auto read = std::from_chars(text.data(), end, whole); read.ec == std::errc{} && read.ptr == end) {
    return whole;
  }
  std::uint64_t large = 0;
  if (const auto read = std::from_chars(text.data(), end, large); read.ec == std::errc{} && read.ptr == end) {
    return large;
  }
  return number;
}

// A scalar; nothing for null, which says as much as leaving the member out.
base::Result<std::optional<ParameterValue>> read_parameter(ondemand::value value, json_type kind) {
  if (kind == json_type::null) {
    if (const auto error = pass_over(value)) return not_json(error);
    return std::nullopt;
  }
  if (kind == json_type::boolean) {
    bool truth = false;
    if (const auto error = value.get_bool().get(truth)) return not_json(error);
    return ParameterValue(truth);
  }
  if (kind == json_type::string) {
    std::string_view text;
    if (const auto error = value.get_string().get(text)) return not_json(error);
    return ParameterValue(text);
  }
  auto number = read_number(value);
  if (!number) return std::unexpected(std::move(number.error()));
  return *number;
}

base::Result<std::string_view> read_text(ondemand::value value, std::string_view where,
                                         std::string_view field) {
  const auto kind = type_of(value);
  if (!kind) return std::unexpected(kind.error());
  if (*kind != json_type::string) return must_be(where, field, "a string");
  std::string_view text;
  if (const auto error = value.get_string().get(text)) return not_json(error);
  return text;
}

// The text of a list, which is thereby passed over.
base::Result<std::string_view> read_list_text(ondemand::value value) {
  ondemand::array array;
  std::string_view text;
  auto error = value.get_array().get(array);
  if (!error) error = array.raw_json().get(text);
  if (error) return not_json(error);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  // Whoever reads it relies on the bracket: nothing behind it is looked at.
  if (!text.ends_with(']')) return not_json(simdjson::TAPE_ERROR);
  return text;
}

// A tensor's members as they stand in the JSON, in any order; what they mean is known once all are there.
struct TensorMembers {
  std::string where;  // for messages: `"inputs"[0]`, and its name once that is known
  std::optional<std::string_view> name;
  std::optional<std::string_view> datatype;
  std::optional<std::string_view> data;  // the list, as JSON
  std::array<std::int64_t, kMostDims> dims{};
  std::optional<std::size_t> rank;
  TensorParameters parameters;
  bool has_parameters = false;
};

base::Status once(bool there, std::string_view where, std::string_view field) {
  if (!there) return {};
  return base::invalid_argument((where.empty() ? "" : std::string(where) + ": ") + in_quotes(field) +
                                " is there twice");
}

base::Status read_shape(ondemand::value value, TensorMembers& tensor) {
  constexpr std::string_view kRight = "a list of whole numbers from 0";
  if (base::Status first = once(tensor.rank.has_value(), tensor.where, "shape"); !first) return first;
  const auto kind = type_of(value);
  if (!kind) return std::unexpected(kind.error());
  if (*kind != json_type::array) return must_be(tensor.where, "shape", kRight);
  ondemand::array array;
  if (const auto error = value.get_array().get(array)) return not_json(error);
  tensor.rank = 0;
  for (auto item : array) {
    ondemand::value dim;
    if (const auto error = std::move(item).get(dim)) return not_json(error);
    if (*tensor.rank == kMostDims) {
      return must_be(tensor.where, "shape", "a list of at most " + std::to_string(kMostDims) + " numbers");
    }
    if (dim.get_int64().get(tensor.dims[(*tensor.rank)++])) return must_be(tensor.where, "shape", kRight);
  }
  return {};
}

base::Status read_data(ondemand::value value, TensorMembers& tensor) {
  if (base::Status first = once(tensor.data.has_value(), tensor.where, "data"); !first) return first;
  const auto kind = type_of(value);
  if (!kind) return std::unexpected(kind.error());
  if (*kind == json_type::null) {
    if (const auto error = pass_over(value)) return not_json(error);
    return {};
  }
  if (*kind != json_type::array) return must_be(tensor.where, "data", "a list of the tensor's elements");
  const auto text = read_list_text(value);
  if (!text) return std::unexpected(text.error());
  tensor.data = *text;
  return {};
}

base::Status read_tensor_parameters(ondemand::value value, TensorMembers& tensor) {
  if (base::Status first = once(tensor.has_parameters, tensor.where, "parameters"); !first) return first;
  tensor.has_parameters = true;
  const auto kind = type_of(value);
  if (!kind) return std::unexpected(kind.error());
  if (*kind == json_type::null) {
    if (const auto error = pass_over(value)) return not_json(error);
    return {};
  }
  if (*kind != json_type::object) return must_be(tensor.where, "parameters", "an object");
  return for_members(value, [&](std::string_view name, ondemand::value member) -> base::Status {
    const auto type = type_of(member);
    if (!type) return std::unexpected(type.error());
    if (*type == json_type::array || *type == json_type::object) {
      // Of a name that means something this is wrong; anything else is none of our business.
      if (const auto error = pass_over(member)) return not_json(error);
      return tensor.parameters.refuse_list(tensor.where, name);
    }
    auto read = read_parameter(member, *type);
    if (!read) return std::unexpected(std::move(read.error()));
    if (!*read) return {};
    return tensor.parameters.set(tensor.where, name, **read);
  });
}

// A member of an input or a requested output. `output`: it has only a name and parameters.
base::Status read_member(std::string_view name, ondemand::value value, bool output, TensorMembers& tensor) {
  if (name == "name") {
    if (base::Status first = once(tensor.name.has_value(), tensor.where, name); !first) return first;
    const auto text = read_text(value, tensor.where, name);
    if (!text) return std::unexpected(text.error());
    tensor.name = *text;
    tensor.where = output ? output_name(*text) : input_name(*text);
    return {};
  }
  if (name == "parameters") return read_tensor_parameters(value, tensor);
  if (!output && name == "shape") return read_shape(value, tensor);
  if (!output && name == "data") return read_data(value, tensor);
  if (!output && name == "datatype") {
    if (base::Status first = once(tensor.datatype.has_value(), tensor.where, name); !first) return first;
    const auto text = read_text(value, tensor.where, name);
    if (!text) return std::unexpected(text.error());
    tensor.datatype = *text;
    return {};
  }
  if (const auto error = pass_over(value)) return not_json(error);
  return {};
}

base::Result<tensor::Tensor> tensor_of_json(std::string_view data, const request::TensorSpec& spec,
                                            const tensor::Shape& shape) {
  using tensor::DataType;
  const std::int64_t elements = shape.elements().value_or(0);
  base::Result<tensor::Tensor> read;
  if (spec.type == DataType::kFp16 || spec.type == DataType::kBf16) {
    return base::invalid_argument(input_name(spec.name) + ": " +
                                  std::string(tensor::data_type_name(spec.type)) +
                                  " has no JSON form; send it as binary data (\"binary_data_size\")");
  }
  if (spec.type == DataType::kBytes) {
    ondemand::document document;
    ondemand::value value;
    ondemand::parser& parser = own_inner_parser();
    const auto padded = data.size() + simdjson::SIMDJSON_PADDING;
    if (const auto error = parser.iterate(data.data(), data.size(), padded).get(document))
      return not_json(error);
    if (const auto error = document.get_value().get(value)) return not_json(error);
    read = read_tensor(value, spec.name, spec.type, elements);
  } else {
    const auto expected = std::min(elements, static_cast<std::int64_t>(data.size() / 2 + 1));
    read = read_numbers(data, spec.name, spec.type, expected, Reals::kWithNonFinite);
  }
  if (!read) return read;
  const std::int64_t got = read->shape().elements().value_or(-1);
  if (got != elements) {
    return base::invalid_argument(input_name(spec.name) + ": \"data\" has " + std::to_string(got) +
                                  " elements, \"shape\" " + shape.text() + " has " +
                                  std::to_string(elements));
  }
  read->reshape(shape);
  return read;
}

class JsonInfer {
 public:
  JsonInfer(std::string_view body, std::size_t json_bytes, const request::ModelSignature& model,
            const request::SharedRegions& regions)
      : json_(body.substr(0, json_bytes)),
        binary_(body.substr(json_bytes)),
        model_(model),
        inputs_(model, regions) {}

  base::Result<InferRequest> decode() {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (json_.starts_with(kByteOrderMark)) json_.remove_prefix(kByteOrderMark.size());
    ondemand::document document;
    const auto padded = json_.size() + simdjson::SIMDJSON_PADDING;
    if (const auto error = own_parser().iterate(json_.data(), json_.size(), padded).get(document)) {
      return not_json(error);
    }
    // Got as the document's own, an object is known to end with a brace: nothing behind the text is looked
    // at.
    ondemand::object object;
    if (const auto error = document.get_object().get(object)) {
      if (error != simdjson::INCORRECT_TYPE) return not_json(error);
      return base::invalid_argument("the body must be a JSON object with \"inputs\"");
    }
    base::Status read = for_members(
        object, [this](std::string_view name, ondemand::value value) { return member(name, value); });
    if (!read) return std::unexpected(std::move(read.error()));
    if (!at_end(document)) return base::invalid_argument("there is something behind the JSON object");
    return finish();
  }

 private:
  base::Status member(std::string_view name, ondemand::value value) {
    if (name == "inputs") return tensors(name, value, seen_inputs_);
    if (name == "outputs") return tensors(name, value, seen_outputs_);
    if (name == "id") return id(value);
    if (name == "parameters") return parameters(value);
    if (const auto error = pass_over(value)) return not_json(error);
    return {};
  }

  base::Status id(ondemand::value value) {
    if (base::Status first = once(seen_id_, "", "id"); !first) return first;
    seen_id_ = true;
    if (const auto null = absent(value); !null || *null)
      return null ? base::Status{} : std::unexpected(null.error());
    const auto text = read_text(value, "", "id");
    if (!text) return std::unexpected(text.error());
    client_id_ = *text;
    return {};
  }

  // Passes over a null, which is as good as no member where the member need not be there.
  base::Result<bool> absent(ondemand::value value) {
    const auto kind = type_of(value);
    if (!kind) return std::unexpected(kind.error());
    if (*kind != json_type::null) return false;
    if (const auto error = pass_over(value)) return not_json(error);
    return true;
  }

  base::Status parameters(ondemand::value value) {
    if (base::Status first = once(seen_parameters_, "", "parameters"); !first) return first;
    seen_parameters_ = true;
    const auto kind = type_of(value);
    if (!kind) return std::unexpected(kind.error());
    if (const auto null = absent(value); !null || *null)
      return null ? base::Status{} : std::unexpected(null.error());
    if (*kind != json_type::object) return must_be("", "parameters", "an object");
    return for_members(value, [this](std::string_view name, ondemand::value item) -> base::Status {
      const auto type = type_of(item);
      if (!type) return std::unexpected(type.error());
      if (*type == json_type::array || *type == json_type::object) {
        return base::invalid_argument("parameter " + in_quotes(name) +
                                      " must be a string, a number, true or false");
      }
      auto read = read_parameter(item, *type);
      if (!read) return std::unexpected(std::move(read.error()));
      if (!*read) return {};
      return parameters_.set(name, **read);
    });
  }

  // "inputs" or "outputs".
  base::Status tensors(std::string_view list, ondemand::value value, bool& seen) {
    if (base::Status first = once(seen, "", list); !first) return first;
    seen = true;
    const bool output = list == "outputs";
    const auto kind = type_of(value);
    if (!kind) return std::unexpected(kind.error());
    if (output && *kind == json_type::null) {
      if (const auto error = pass_over(value)) return not_json(error);
      return {};
    }
    if (*kind != json_type::array) return must_be("", list, "a list of objects");
    ondemand::array array;
    if (const auto error = value.get_array().get(array)) return not_json(error);
    std::size_t index = 0;
    for (auto entry : array) {
      ondemand::value item;
      if (const auto error = std::move(entry).get(item)) return not_json(error);
      if (base::Status read = tensor(list, index++, item, output); !read) return read;
    }
    return {};
  }

  base::Status tensor(std::string_view list, std::size_t index, ondemand::value value, bool output) {
    TensorMembers members;
    members.where = in_quotes(list) + "[" + std::to_string(index) + "]";
    const auto kind = type_of(value);
    if (!kind) return std::unexpected(kind.error());
    if (*kind != json_type::object) return base::invalid_argument(members.where + " must be an object");
    base::Status read = for_members(value, [&](std::string_view name, ondemand::value member) {
      return read_member(name, member, output, members);
    });
    if (!read) return read;
    if (!members.name) return base::invalid_argument(members.where + ": \"name\" is missing");
    return output ? inputs_.add_output(*members.name, members.parameters) : input(*members.name, members);
  }

  base::Status input(std::string_view name, const TensorMembers& members) {
    const auto place = inputs_.place(name);
    if (!place) return std::unexpected(place.error());
    if (!members.datatype) return base::invalid_argument(members.where + ": \"datatype\" is missing");
    if (!members.rank) return base::invalid_argument(members.where + ": \"shape\" is missing");
    const auto shape = inputs_.check(*place, *members.datatype, std::span(members.dims).first(*members.rank));
    if (!shape) return std::unexpected(shape.error());
    const auto region = members.parameters.shared_memory(members.where);
    if (!region) return std::unexpected(region.error());
    const std::optional<request::RegionSlice>& slice = *region;
    const auto binary = members.parameters.binary_data_size();
    const int sources = (members.data ? 1 : 0) + (binary ? 1 : 0) + (slice ? 1 : 0);
    if (sources != 1) {
      return base::invalid_argument(
          members.where + (sources == 0 ? " has no data" : " has its data in more than one place") +
          ": exactly one of \"data\" and the parameters \"binary_data_size\" and \"shared_memory_region\" is "
          "needed");
    }
    if (slice) return inputs_.set_from_region(*place, *slice, *shape);
    const request::TensorSpec& spec = model_.inputs[*place];
    auto tensor =
        binary ? take_binary(*binary, spec, *shape) : tensor_of_json(members.data.value_or(""), spec, *shape);
    if (!tensor) return std::unexpected(std::move(tensor.error()));
    inputs_.set(*place, *std::move(tensor));
    return {};
  }

  base::Result<tensor::Tensor> take_binary(std::uint64_t size, const request::TensorSpec& spec,
                                           const tensor::Shape& shape) {
    if (size > binary_.size()) {
      return base::invalid_argument(input_name(spec.name) + ": \"binary_data_size\" is " +
                                    std::to_string(size) + ", but " + std::to_string(binary_.size()) +
                                    " bytes are left behind the JSON");
    }
    const auto bytes = binary_.substr(0, static_cast<std::size_t>(size));
    binary_.remove_prefix(bytes.size());
    return tensor_of_bytes(bytes, spec.name, spec.type, shape);
  }

  base::Result<InferRequest> finish() {
    if (!seen_inputs_) return base::invalid_argument("\"inputs\" is missing");
    if (!binary_.empty()) {
      return base::invalid_argument(std::to_string(binary_.size()) +
                                    " bytes follow the JSON that no input's \"binary_data_size\" counts");
    }
    auto request = inputs_.finish(parameters_.binary_output(), true);
    if (!request) return request;
    parameters_.apply(*request);
    request->inference.client_id = std::move(client_id_);
    return request;
  }

  std::string_view json_;
  std::string_view binary_;  // what is left of the tensors behind it
  const request::ModelSignature& model_;
  InferInputs inputs_;
  RequestParameters parameters_;
  std::string client_id_;
  bool seen_id_ = false;
  bool seen_inputs_ = false;
  bool seen_outputs_ = false;
  bool seen_parameters_ = false;
};

}  // namespace

base::Result<InferRequest> decode_infer_json(std::string_view body, std::size_t json_bytes,
                                             const request::ModelSignature& model,
                                             const request::SharedRegions& regions) {
  if (json_bytes == 0) return decode_raw_body(body, model, regions);
  return JsonInfer(body, std::min(json_bytes, body.size()), model, regions).decode();
}

}  // namespace saccade::protocol
