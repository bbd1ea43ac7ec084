#include "protocol/infer_fields.h"

#include <algorithm>
#include <string>
#include <utility>

#include "protocol/binary_tensor.h"
#include "protocol/infer_inputs.h"

namespace saccade::protocol {
namespace {

// Takes fields off the front of a message (protobuf's wire format): a tag, which is a number and a wire type,
// and a value.
class Wire {
 public:
  explicit Wire(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }

  bool varint(std::uint64_t& value) {
    constexpr unsigned kMostBits = 63;
    value = 0;
    for (unsigned shift = 0; shift <= kMostBits && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool bytes(std::string_view& value) {
    std::uint64_t length = 0;
    if (!varint(length) || length > rest_.size()) return false;
    value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }

  // A string that protobuf would take without a further look.
  bool text(std::string_view& value) {
    return bytes(value) &&
           std::ranges::none_of(value, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  }

 private:
  std::string_view rest_;
};

constexpr std::uint64_t kVarint = 0;
constexpr std::uint64_t kBytes = 2;

constexpr std::uint64_t tag(std::uint64_t number, std::uint64_t type) {
  return number << 3U | type;
}

bool read_shape(std::string_view packed, InferFields::Input& input) {
  for (Wire wire(packed); !wire.empty();) {
    std::uint64_t dim = 0;
    if (!wire.varint(dim) || !input.shape.add(static_cast<std::int64_t>(dim))) return false;
  }
  return true;
}

bool read_input(std::string_view message, InferFields::Input& input) {
  for (Wire wire(message); !wire.empty();) {
    std::uint64_t field = 0;
    std::uint64_t dim = 0;
    std::string_view packed;
    if (!wire.varint(field)) return false;
    bool read = false;
    switch (field) {
      case tag(1, kBytes):
        read = wire.text(input.name);
        break;
      case tag(2, kBytes):
        read = wire.text(input.datatype);
        break;
      case tag(3, kBytes):
        read = wire.bytes(packed) && read_shape(packed, input);
        break;
      case tag(3, kVarint):
        read = wire.varint(dim) && input.shape.add(static_cast<std::int64_t>(dim));
        break;
      default:
        break;
    }
    if (!read) return false;
  }
  return true;
}

bool read_output(std::string_view message, std::string_view& name) {
  for (Wire wire(message); !wire.empty();) {
    std::uint64_t field = 0;
    if (!wire.varint(field) || field != tag(1, kBytes) || !wire.text(name)) return false;
  }
  return true;
}

bool read_field(std::uint64_t field, Wire& wire, InferFields& fields) {
  std::string_view bytes;
  switch (field) {
    case tag(1, kBytes):
      return wire.text(fields.model_name);
    case tag(2, kBytes):
      return wire.text(fields.model_version);
    case tag(3, kBytes):
      return wire.text(fields.id);
    case tag(5, kBytes): {
      InferFields::Input input;
      return wire.bytes(bytes) && read_input(bytes, input) && fields.inputs.add(input);
    }
    case tag(6, kBytes): {
      std::string_view name;
      return wire.bytes(bytes) && read_output(bytes, name) && fields.outputs.add(name);
    }
    case tag(7, kBytes):
      return wire.bytes(bytes) && fields.raw.add(bytes);
    default:
      return false;
  }
}

}  // namespace

bool read_infer_fields(std::string_view message, InferFields& fields) {
  for (Wire wire(message); !wire.empty();) {
    std::uint64_t field = 0;
    if (!wire.varint(field) || !read_field(field, wire, fields)) return false;
  }
  // Without raw tensors the elements would be in typed contents.
  return fields.raw.size() > 0 && fields.raw.size() == fields.inputs.size();
}

base::Result<InferRequest> decode_infer_fields(const InferFields& fields,
                                               const request::ModelSignature& model,
                                               const request::SharedRegions& regions) {
  InferInputs inputs(model, regions);
  for (std::size_t i = 0; i < fields.inputs.size(); ++i) {
    const InferFields::Input& sent = fields.inputs.all()[i];
    const auto place = inputs.place(sent.name);
    if (!place) return std::unexpected(place.error());
    const request::TensorSpec& spec = model.inputs[*place];
    const auto shape = inputs.check(*place, sent.datatype, sent.shape.all());
    if (!shape) return std::unexpected(shape.error());
    auto tensor = tensor_of_bytes(fields.raw.all()[i], spec.name, spec.type, *shape);
    if (!tensor) return std::unexpected(std::move(tensor.error()));
    inputs.set(*place, *std::move(tensor));
  }
  for (const std::string_view name : fields.outputs.all()) {
    if (base::Status asked = inputs.add_output(name, {}); !asked)
      return std::unexpected(std::move(asked.error()));
  }
  auto request = inputs.finish(false, false);
  if (request) request->inference.client_id = std::string(fields.id);
  return request;
}

}  // namespace saccade::protocol
