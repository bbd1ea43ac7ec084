#include "grpc/compression.h"

#include <algorithm>
#include <limits>

#include <zlib.h>

namespace saccade::grpc {
namespace {

// zlib's number for the window, with its flag for gzip's own head and checksum instead of zlib's.
int window_bits(Encoding encoding) {
  return encoding == Encoding::kGzip ? MAX_WBITS + 16 : MAX_WBITS;
}

constexpr std::size_t kFirstBytes = std::size_t{16} * 1024;
constexpr std::size_t kMostStep = std::numeric_limits<uInt>::max();
constexpr int kLevel = Z_BEST_SPEED;  // tensors gain little from more, and everybody on this loop waits
constexpr int kMemory = 8;            // zlib's default

Bytef* place(std::string& out, std::size_t at) {
  return reinterpret_cast<Bytef*>(out.data() + at);
}

// zlib takes a pointer to what it does not change.
Bytef* input(std::string_view bytes) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
}

Outcome not_encoded(Encoding encoding) {
  return {StatusCode::kInternal, "a message says that it is compressed with " +
                                     std::string(encoding_name(encoding)) + " and is not"};
}

// Fills `out` with what the stream gives, at most limit + 1 bytes.
int run_inflate(z_stream& stream, std::string_view bytes, std::size_t limit, std::string& out) {
  std::size_t made = 0;
  int state = Z_OK;
  std::size_t taken = 0;
  while (state == Z_OK) {
    if (made == out.size()) {
      if (made > limit) return Z_OK;
      out.resize(std::min(limit + 1, std::max(kFirstBytes, 2 * out.size())));
    }
    const std::size_t feed = std::min(bytes.size() - taken, kMostStep);
    const std::size_t room = std::min(out.size() - made, kMostStep);
    stream.next_in = input(bytes.substr(taken));
    stream.avail_in = static_cast<uInt>(feed);
    stream.next_out = place(out, made);
    stream.avail_out = static_cast<uInt>(room);
    state = inflate(&stream, Z_NO_FLUSH);
    taken += feed - stream.avail_in;
    made += room - stream.avail_out;
    // Nothing moves any more: the bytes end too early.
    if (state == Z_OK && feed == stream.avail_in && room == stream.avail_out) state = Z_BUF_ERROR;
  }
  out.resize(made);
  if (state == Z_STREAM_END && taken != bytes.size()) return Z_DATA_ERROR;
  return state;
}

}  // namespace

std::optional<Encoding> parse_encoding(std::string_view name) {
  for (const Encoding encoding : {Encoding::kIdentity, Encoding::kDeflate, Encoding::kGzip}) {
    if (name == encoding_name(encoding)) return encoding;
  }
  return std::nullopt;
}

std::string_view encoding_name(Encoding encoding) {
  switch (encoding) {
    case Encoding::kIdentity:
      return "identity";
    case Encoding::kDeflate:
      return "deflate";
    case Encoding::kGzip:
      return "gzip";
  }
  return "identity";
}

bool lists(std::string_view list, Encoding encoding) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    std::string_view name = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (name == encoding_name(encoding)) return true;
  }
  return false;
}

std::expected<std::string, Outcome> decompress(Encoding encoding, std::string_view bytes, std::size_t limit) {
  if (encoding == Encoding::kIdentity) return std::string(bytes);
  z_stream stream{};
  if (inflateInit2(&stream, window_bits(encoding)) != Z_OK) {
    return std::unexpected(
        Outcome{StatusCode::kResourceExhausted, "there is no memory to decompress a message"});
  }
  std::string out;
  const int state = run_inflate(stream, bytes, limit, out);
  inflateEnd(&stream);
  if (out.size() > limit) {
    return std::unexpected(Outcome{
        StatusCode::kResourceExhausted,
        "a message has more than the " + std::to_string(limit) + " bytes taken once it is decompressed"});
  }
  if (state != Z_STREAM_END) return std::unexpected(not_encoded(encoding));
  return out;
}

bool compress(Encoding encoding, std::string_view bytes, std::string& out) {
  if (encoding == Encoding::kIdentity || bytes.size() > kMostStep) return false;
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, window_bits(encoding), kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
    return false;
  }
  const std::size_t before = out.size();
  const uLong bound = deflateBound(&stream, bytes.size());
  bool whole = false;
  if (bound <= kMostStep) {
    out.resize(before + bound);
    stream.next_in = input(bytes);
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = place(out, before);
    stream.avail_out = static_cast<uInt>(bound);
    whole = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(whole ? before + bound - stream.avail_out : before);
  }
  deflateEnd(&stream);
  return whole;
}

}  // namespace saccade::grpc
