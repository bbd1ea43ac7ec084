#include "http/content_coding.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <memory>

#include <zlib.h>

#include "net/http_message.h"

namespace saccade::http {
namespace {

constexpr int kWindowBits = 15;
constexpr int kGzipHeader = 16;  // added to the window's bits
constexpr int kLevel = 1;        // the loop compresses: the speed counts more than the last percent
constexpr std::size_t kFirstRoom = std::size_t{16} * 1024;

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// Cuts the part before `separator` off the front.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

bool is_gzip(std::string_view name) {
  return net::equal_ignoring_case(name, "gzip") || net::equal_ignoring_case(name, "x-gzip");
}
bool is_deflate(std::string_view name) {
  return net::equal_ignoring_case(name, "deflate");
}

// The weight behind a coding's name ("q=0.5"), 1 where there is none.
double weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view parameter = cut(parameters, ';');
    const std::string_view name = cut(parameter, '=');
    if (!net::equal_ignoring_case(name, "q")) continue;
    double weight = 0;
    std::from_chars(parameter.data(), parameter.data() + parameter.size(), weight);
    return weight;
  }
  return 1;
}

// A stream of zlib's that is taken up again: making one costs more than a small body.
class Deflater {
 public:
  explicit Deflater(int window_bits) {
    ready_ = deflateInit2(&stream_, kLevel, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Deflater() {
    if (ready_) deflateEnd(&stream_);
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  std::optional<std::string> run(std::string_view bytes) {
    if (!ready_ || deflateReset(&stream_) != Z_OK) return std::nullopt;
    std::string out;
    out.resize(deflateBound(&stream_, static_cast<uLong>(bytes.size())));
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    // Zlib counts in 32 bits; larger bodies go piece by piece.
    std::size_t in_left = bytes.size();
    std::size_t out_left = out.size();
    int state = Z_OK;
    while (state == Z_OK) {
      const auto in = static_cast<uInt>(std::min<std::size_t>(in_left, std::numeric_limits<uInt>::max()));
      const auto room = static_cast<uInt>(std::min<std::size_t>(out_left, std::numeric_limits<uInt>::max()));
      stream_.avail_in = in;
      stream_.avail_out = room;
      state = deflate(&stream_, in_left == in ? Z_FINISH : Z_NO_FLUSH);
      in_left -= in - stream_.avail_in;
      out_left -= room - stream_.avail_out;
    }
    if (state != Z_STREAM_END) return std::nullopt;
    out.resize(out.size() - out_left);
    return out;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

class Inflater {
 public:
  explicit Inflater(int window_bits) { ready_ = inflateInit2(&stream_, window_bits) == Z_OK; }
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  base::Result<std::string> run(std::string_view bytes, std::size_t limit, std::string_view name) {
    const auto damaged = [name](const std::string& why) {
      return base::invalid_argument("the body is not valid " + std::string(name) +
                                    ", as Content-Encoding says: " + why);
    };
    if (!ready_) return base::fail(base::Code::kUnavailable, "there is no memory to decompress the body");
    if (bytes.size() > std::numeric_limits<uInt>::max() || limit > std::numeric_limits<uInt>::max()) {
      return base::fail(base::Code::kTooLarge, "bodies of 4 GiB and more can't be compressed");
    }
    std::string out;
    std::size_t made = 0;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    for (;;) {
      // One byte more than is allowed, so that a body of exactly the limit is told from a larger one.
      out.resize(std::min(std::max(kFirstRoom, made * 2), limit + 1));
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + made);
      stream_.avail_out = static_cast<uInt>(out.size() - made);
      const int state = inflate(&stream_, Z_NO_FLUSH);
      made = out.size() - stream_.avail_out;
      if (made > limit) {
        return base::fail(base::Code::kTooLarge, "the body is larger than " + std::to_string(limit) +
                                                     " bytes once it is decompressed");
      }
      if (state == Z_STREAM_END) break;
      if (state == Z_OK && stream_.avail_out == 0) continue;
      if (state == Z_OK || state == Z_BUF_ERROR) return damaged("it ends too early");
      return damaged(stream_.msg != nullptr ? stream_.msg : "it is damaged");
    }
    if (stream_.avail_in > 0) {
      return damaged(std::to_string(stream_.avail_in) + " bytes follow its end");
    }
    out.resize(made);
    return out;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

// "deflate" is zlib's format (RFC 9110, 8.4.1.2), but some send it without zlib's head.
bool has_zlib_head(std::string_view bytes) {
  if (bytes.size() < 2) return true;
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  return (first & 0x0FU) == Z_DEFLATED && (first * 256U + second) % 31U == 0;
}

}  // namespace

std::string_view coding_name(Coding coding) {
  switch (coding) {
    case Coding::kIdentity:
      return "";
    case Coding::kGzip:
      return "gzip";
    case Coding::kDeflate:
      return "deflate";
  }
  return "";
}

base::Result<Coding> parse_coding(std::string_view content_encoding) {
  const std::string_view name = trimmed(content_encoding);
  if (name.empty() || net::equal_ignoring_case(name, "identity")) return Coding::kIdentity;
  if (is_gzip(name)) return Coding::kGzip;
  if (is_deflate(name)) return Coding::kDeflate;
  return base::invalid_argument("Content-Encoding is \"" + std::string(name.substr(0, 100)) +
                                "\"; gzip, deflate and identity are taken, one at a time");
}

Coding preferred_coding(std::string_view accept_encoding) {
  Coding best = Coding::kIdentity;
  double best_weight = 0;
  while (!accept_encoding.empty()) {
    std::string_view parameters = cut(accept_encoding, ',');
    const std::string_view name = cut(parameters, ';');
    const Coding coding = is_gzip(name)      ? Coding::kGzip
                          : is_deflate(name) ? Coding::kDeflate
                                             : Coding::kIdentity;
    if (coding == Coding::kIdentity) continue;
    const double weight = weight_of(parameters);
    if (weight > best_weight) {
      best = coding;
      best_weight = weight;
    }
  }
  return best;
}

base::Result<std::string> decompress(Coding coding, std::string_view bytes, std::size_t limit) {
  base::Result<std::string> out;
  if (coding == Coding::kIdentity) {
    out = std::string(bytes);
  } else {
    const bool gzip = coding == Coding::kGzip;
    const int bits = gzip ? kWindowBits + kGzipHeader : has_zlib_head(bytes) ? kWindowBits : -kWindowBits;
    out = Inflater(bits).run(bytes, limit, coding_name(coding));
  }
  if (out) out->reserve(out->size() + net::kBodyPadding);
  return out;
}

std::optional<std::string> compress(Coding coding, std::string_view bytes) {
  if (coding == Coding::kIdentity) return std::string(bytes);
  thread_local std::unique_ptr<Deflater> kept[2];
  const bool gzip = coding == Coding::kGzip;
  std::unique_ptr<Deflater>& deflater = kept[gzip ? 0 : 1];
  if (deflater == nullptr)
    deflater = std::make_unique<Deflater>(gzip ? kWindowBits + kGzipHeader : kWindowBits);
  return deflater->run(bytes);
}

}  // namespace saccade::http
