// Certificates made on the spot, in files that change under the server.
#include "net/tls_reload.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace saccade::net {
namespace {

struct Pair {
  std::string certificate;
  std::string key;
};

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<std::size_t>(length));
  BIO_free(bio);
  return text;
}

// Signed by itself, good from an hour ago until `days` from now.
Pair made(int days) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), days);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86'400L);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                             -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  BIO* certificate_out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_out, certificate);
  BIO* key_out = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_out, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {text_of(certificate_out), text_of(key_out)};
}

class Reload : public testing::Test {
 protected:
  Reload() {
    std::string pattern = (std::filesystem::temp_directory_path() / "saccade-tls-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    files_.certificate = folder_ / "server.pem";
    files_.key = folder_ / "server.key";
    write(made(10));
  }
  ~Reload() override { std::filesystem::remove_all(folder_); }

  static void write_file(const std::string& file, const std::string& text) {
    std::ofstream(file, std::ios::trunc) << text;
  }
  void write(const Pair& pair) const {
    write_file(files_.certificate, pair.certificate);
    write_file(files_.key, pair.key);
  }
  std::unique_ptr<TlsReload> start() {
    auto started = TlsReload::start(files_, registry_);
    EXPECT_TRUE(started) << (started ? "" : started.error().message);
    return *std::move(started);
  }
  std::uint64_t count(const char* outcome) {
    return registry_.counter("saccade_tls_reloads_total", "", {{"outcome", outcome}}).value();
  }
  std::int64_t days_left() {
    return (registry_.gauge("saccade_tls_certificate_expiry_seconds", "").value() - std::time(nullptr) +
            43'200) /
           86'400;
  }

  std::filesystem::path folder_;
  TlsFiles files_;
  observe::Registry registry_;
};

TEST_F(Reload, NothingChangesWhereTheFilesDoNot) {
  const auto tls = start();
  const auto first = tls->current();
  tls->poll();
  const auto texts = TlsTexts::read(files_);
  write({texts->certificate, texts->key});  // the same again
  tls->poll();
  tls->poll();
  EXPECT_EQ(tls->current(), first);
  EXPECT_EQ(count("ok"), 0U);
}

TEST_F(Reload, AChangeIsTakenOnceItHasBeenSeenTwice) {
  const auto tls = start();
  const auto first = tls->current();
  EXPECT_EQ(days_left(), 10);
  write(made(20));
  tls->poll();
  EXPECT_EQ(tls->current(), first);
  tls->poll();
  EXPECT_NE(tls->current(), first);
  EXPECT_EQ(days_left(), 20);
  EXPECT_EQ(count("ok"), 1U);
}

TEST_F(Reload, ACertificateAndItsKeyMayComeOneAfterTheOther) {
  const auto tls = start();
  const Pair fresh = made(20);
  write_file(files_.certificate, fresh.certificate);
  tls->poll();
  write_file(files_.key, fresh.key);
  tls->poll();
  tls->poll();
  EXPECT_EQ(days_left(), 20);
  EXPECT_EQ(count("failed"), 0U);
}

TEST_F(Reload, WhatIsNoGoodLeavesTheOldOneAndIsCountedOnce) {
  const auto tls = start();
  const auto first = tls->current();
  const Pair fresh = made(20);
  write_file(files_.certificate, fresh.certificate);
  for (int i = 0; i < 4; ++i) tls->poll();
  EXPECT_EQ(tls->current(), first);
  EXPECT_EQ(count("failed"), 1U);
  std::filesystem::remove(files_.key);
  for (int i = 0; i < 4; ++i) tls->poll();
  EXPECT_EQ(count("failed"), 2U);
  write(fresh);
  tls->poll();
  tls->poll();
  EXPECT_EQ(days_left(), 20);
  EXPECT_EQ(count("ok"), 1U);
}

TEST_F(Reload, TheClientsAuthorityIsWatchedToo) {
  files_.client_ca = folder_ / "ca.pem";
  files_.client_auth = ClientAuth::kRequire;
  write_file(files_.client_ca, made(5).certificate);
  const auto tls = start();
  const auto first = tls->current();
  write_file(files_.client_ca, "");
  tls->poll();
  tls->poll();
  EXPECT_EQ(tls->current(), first);  // never open to all because a file was emptied
  EXPECT_EQ(count("failed"), 1U);
  write_file(files_.client_ca, made(5).certificate + made(6).certificate);
  tls->poll();
  tls->poll();
  EXPECT_NE(tls->current(), first);
}

TEST_F(Reload, WhatIsNoGoodAtTheStartIsNamed) {
  write_file(files_.key, made(3).key);
  auto started = TlsReload::start(files_, registry_);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("is not the key of the certificate"), std::string::npos);
  write_file(files_.certificate, made(3).certificate + "-----BEGIN CERTIFICATE-----\nbroken\n");
  started = TlsReload::start(files_, registry_);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("--tls-certificate"), std::string::npos);
}

}  // namespace
}  // namespace saccade::net
