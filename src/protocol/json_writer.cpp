#include "protocol/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <simdjson.h>

#include "tensor/half.h"

namespace saccade::protocol {
namespace {

using tensor::DataType;

template <typename T>
void append_chars(std::string& out, T number) {
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

template <typename T>
void append_real(std::string& out, T number) {
  if (std::isfinite(number)) {
    append_chars(out, number);
  } else {
    out += "null";
  }
}

template <typename T>
void append_any_real(std::string& out, T number) {
  if (std::isfinite(number)) {
    const std::size_t start = out.size();
    append_chars(out, number);
    // "1.0": in languages that tell whole numbers from others a float stays one.
    if (number == std::trunc(number) && out.find_first_of(".e", start) == std::string::npos) out += ".0";
  } else {
    out += std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
  }
}

// The elements one after the other, each as `append` writes it.
template <typename T, typename Append>
void append_all(std::string& out, const tensor::TensorView& tensor, Append&& append) {
  bool first = true;
  for (const T element : tensor.as<T>()) {
    if (!first) out += ',';
    first = false;
    append(element);
  }
}

bool needs_escape(char c) {
  return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
}

void append_escaped(std::string& out, char c) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20) {
        out += "\\u00";
        out += kHex[static_cast<unsigned char>(c) >> 4];
        out += kHex[c & 15];
      } else {
        out += c;
      }
  }
}

// The length of the valid UTF-8 sequence at the front of `text`; 0: there is none.
std::size_t sequence_length(std::string_view text) {
  for (std::size_t length = 1; length <= 4 && length <= text.size(); ++length) {
    if (simdjson::validate_utf8(text.data(), length)) return length;
  }
  return 0;
}

void append_level(std::string& out, const tensor::TensorView& tensor, std::size_t axis, std::size_t& index) {
  if (axis == tensor.shape.rank()) return append_element(out, tensor, index++);
  out += '[';
  for (std::int64_t i = 0; i < tensor.shape[axis]; ++i) {
    if (i > 0) out += ',';
    append_level(out, tensor, axis + 1, index);
  }
  out += ']';
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out += '"';
  if (simdjson::validate_utf8(text.data(), text.size())) {
    while (!text.empty()) {
      const auto plain = static_cast<std::size_t>(std::ranges::find_if(text, needs_escape) - text.begin());
      out.append(text.substr(0, plain));
      text.remove_prefix(plain);
      if (text.empty()) break;
      append_escaped(out, text.front());
      text.remove_prefix(1);
    }
  } else {
    while (!text.empty()) {
      const std::size_t length = sequence_length(text);
      if (length == 0) {
        out += "\xEF\xBF\xBD";
      } else if (length == 1) {
        append_escaped(out, text.front());
      } else {
        out += text.substr(0, length);
      }
      text.remove_prefix(length == 0 ? 1 : length);
    }
  }
  out += '"';
}

void append_number(std::string& out, std::int64_t number) {
  append_chars(out, number);
}
void append_number(std::string& out, std::uint64_t number) {
  append_chars(out, number);
}
void append_number(std::string& out, float number) {
  append_real(out, number);
}
void append_number(std::string& out, double number) {
  append_real(out, number);
}

void append_element(std::string& out, const tensor::TensorView& tensor, std::size_t index) {
  switch (tensor.type) {
    case DataType::kBool:
      out += tensor.at<std::uint8_t>(index) != 0 ? "true" : "false";
      break;
    case DataType::kUint8:
      append_chars(out, static_cast<unsigned>(tensor.at<std::uint8_t>(index)));
      break;
    case DataType::kUint16:
      append_chars(out, tensor.at<std::uint16_t>(index));
      break;
    case DataType::kUint32:
      append_chars(out, tensor.at<std::uint32_t>(index));
      break;
    case DataType::kUint64:
      append_chars(out, tensor.at<std::uint64_t>(index));
      break;
    case DataType::kInt8:
      append_chars(out, static_cast<int>(tensor.at<std::int8_t>(index)));
      break;
    case DataType::kInt16:
      append_chars(out, tensor.at<std::int16_t>(index));
      break;
    case DataType::kInt32:
      append_chars(out, tensor.at<std::int32_t>(index));
      break;
    case DataType::kInt64:
      append_chars(out, tensor.at<std::int64_t>(index));
      break;
    case DataType::kFp16:
      append_real(out, tensor::fp16_to_float(tensor.at<std::uint16_t>(index)));
      break;
    case DataType::kBf16:
      append_real(out, tensor::bf16_to_float(tensor.at<std::uint16_t>(index)));
      break;
    case DataType::kFp32:
      append_real(out, tensor.at<float>(index));
      break;
    case DataType::kFp64:
      append_real(out, tensor.at<double>(index));
      break;
    case DataType::kBytes:
      append_string(out, tensor.strings[index]);
      break;
  }
}

void append_any_element(std::string& out, const tensor::TensorView& tensor, std::size_t index) {
  if (tensor.type == DataType::kFp32) return append_any_real(out, tensor.at<float>(index));
  if (tensor.type == DataType::kFp64) return append_any_real(out, tensor.at<double>(index));
  append_element(out, tensor, index);
}

void append_flat(std::string& out, const tensor::TensorView& tensor) {
  out += '[';
  switch (tensor.type) {
    case DataType::kFp32:
      append_all<float>(out, tensor, [&out](float number) { append_any_real(out, number); });
      break;
    case DataType::kFp64:
      append_all<double>(out, tensor, [&out](double number) { append_any_real(out, number); });
      break;
    default: {
      const auto elements = static_cast<std::size_t>(tensor.shape.elements().value_or(0));
      for (std::size_t i = 0; i < elements; ++i) {
        if (i > 0) out += ',';
        append_element(out, tensor, i);
      }
    }
  }
  out += ']';
}

void append_tensor(std::string& out, const tensor::TensorView& tensor) {
  std::size_t index = 0;
  append_level(out, tensor, 0, index);
}

}  // namespace saccade::protocol
