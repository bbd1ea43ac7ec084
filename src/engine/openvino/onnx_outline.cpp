#include "engine/openvino/onnx_outline.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <set>

namespace saccade::engine::openvino {
namespace {

constexpr std::uint32_t kGraph = 7, kMetadata = 14;                        // of ModelProto
constexpr std::uint32_t kInitializer = 5, kGraphInput = 11, kOutput = 12;  // of GraphProto
constexpr std::uint32_t kTensorName = 8;                                   // of TensorProto
constexpr std::uint32_t kFirst = 1, kSecond = 2;  // ValueInfoProto.name; StringStringEntryProto's pair
constexpr std::uint64_t kLongestText = 16U << 20U;

struct Field {
  std::uint32_t number = 0;
  bool has_length = false;
  std::streamoff end = 0;  // where the next one begins
};

class Reader {
 public:
  explicit Reader(const std::filesystem::path& file) : file_(file, std::ios::binary) {
    file_.seekg(0, std::ios::end);
    end_ = file_.tellg();
    file_.seekg(0);
  }
  bool good() const { return file_.good(); }
  std::streamoff end() const { return end_; }

  // Calls `take(field)` for each field up to `end`; whatever it leaves unread is passed over.
  template <typename Take>
  bool each(std::streamoff end, Take take) {
    while (good() && file_.tellg() < end) {
      Field field;
      if (!next(end, field) || !take(field)) return false;
      if (file_.tellg() != field.end) file_.seekg(field.end);
    }
    return good() && file_.tellg() == end;
  }

  std::string text(const Field& field) {
    const auto size = static_cast<std::uint64_t>(field.end - file_.tellg());
    std::string text(static_cast<std::size_t>(std::min(size, kLongestText)), '\0');
    file_.read(text.data(), static_cast<std::streamsize>(text.size()));
    return text;
  }

 private:
  bool varint(std::uint64_t& value) {
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const int byte = file_.get();
      if (byte < 0) return false;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }

  bool next(std::streamoff end, Field& field) {
    std::uint64_t tag = 0;
    std::uint64_t length = 0;
    if (!varint(tag)) return false;
    field.number = static_cast<std::uint32_t>(tag >> 3U);
    switch (tag & 7U) {
      case 0:
        if (!varint(length)) return false;
        length = 0;
        break;
      case 1:
        length = 8;
        break;
      case 2:
        if (!varint(length)) return false;
        field.has_length = true;
        break;
      case 5:
        length = 4;
        break;
      default:
        return false;
    }
    const std::streamoff here = file_.tellg();
    if (length > static_cast<std::uint64_t>(end - std::min(here, end))) return false;
    field.end = here + static_cast<std::streamoff>(length);
    return true;
  }

  std::ifstream file_;
  std::streamoff end_ = 0;
};

// The text in a message's field of this number; empty where it has none.
bool read_text(Reader& reader, const Field& message, std::uint32_t number, std::string& into) {
  return reader.each(message.end, [&](const Field& field) {
    if (field.number == number && field.has_length) into = reader.text(field);
    return true;
  });
}

bool read_graph(Reader& reader, const Field& graph, OnnxOutline& outline) {
  std::set<std::string> valued;
  const bool whole = reader.each(graph.end, [&](const Field& field) {
    if (!field.has_length) return true;
    std::string name;
    if (field.number == kInitializer) {
      if (!read_text(reader, field, kTensorName, name)) return false;
      valued.insert(std::move(name));
    } else if (field.number == kGraphInput || field.number == kOutput) {
      if (!read_text(reader, field, kFirst, name)) return false;
      (field.number == kOutput ? outline.outputs : outline.inputs).push_back(std::move(name));
    }
    return true;
  });
  std::erase_if(outline.inputs, [&](const std::string& name) { return valued.contains(name); });
  return whole;
}

bool read_entry(Reader& reader, const Field& entry, OnnxOutline& outline) {
  std::string key;
  std::string value;
  const bool whole = reader.each(entry.end, [&](const Field& field) {
    if (field.has_length && field.number == kFirst) key = reader.text(field);
    if (field.has_length && field.number == kSecond) value = reader.text(field);
    return true;
  });
  outline.metadata[std::move(key)] = std::move(value);
  return whole;
}

}  // namespace

std::optional<OnnxOutline> read_outline(const std::filesystem::path& file) {
  Reader reader(file);
  if (!reader.good()) return std::nullopt;
  OnnxOutline outline;
  const bool whole = reader.each(reader.end(), [&](const Field& field) {
    if (!field.has_length) return true;
    if (field.number == kGraph) return read_graph(reader, field, outline);
    if (field.number == kMetadata) return read_entry(reader, field, outline);
    return true;
  });
  if (!whole) return std::nullopt;
  return outline;
}

}  // namespace saccade::engine::openvino
