#include "net/tls_files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace saccade::net {
namespace {

base::Result<std::string> read_file(const std::string& flag, const std::string& file) {
  const auto fail = [&](const std::string& why) {
    return base::invalid_argument(flag + " " + file + ": " + why);
  };
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(std::fopen(file.c_str(), "re"), std::fclose);
  if (opened == nullptr) return fail(std::strerror(errno));
  std::string text;
  char part[4096];
  for (;;) {
    const std::size_t count = std::fread(part, 1, sizeof part, opened.get());
    text.append(part, count);
    if (text.size() > TlsTexts::kMost) return fail("has more than 4 MiB, which no certificate has");
    if (count < sizeof part) break;
  }
  if (std::ferror(opened.get()) != 0) return fail(std::strerror(errno));
  return text;
}

}  // namespace

base::Result<TlsTexts> TlsTexts::read(const TlsFiles& files) {
  auto certificate = read_file("--tls-certificate", files.certificate);
  if (!certificate) return std::unexpected(certificate.error());
  auto key = read_file("--tls-key", files.key);
  if (!key) return std::unexpected(key.error());
  std::string client_ca;
  if (!files.client_ca.empty()) {
    auto read = read_file("--tls-client-ca", files.client_ca);
    if (!read) return std::unexpected(read.error());
    client_ca = *std::move(read);
  }
  return TlsTexts{*std::move(certificate), *std::move(key), std::move(client_ca)};
}

}  // namespace saccade::net
