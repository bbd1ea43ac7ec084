#include "access/key_file.h"

#include <gtest/gtest.h>

#include "access/api_key.h"
#include "access/key_table.h"
#include "access/times.h"

namespace saccade::access {
namespace {

const std::string kDigest(64, 'a');

std::string file_of(const std::string& entry) {
  return "{\"keys\":[" + entry + "]}";
}

TEST(KeyFile, IsReadAndWritten) {
  const auto entries =
      parse_keys(file_of(R"({"name":"ci","sha256":")" + kDigest +
                         R"(","scopes":["predict","read"],"models":["digits*"],"expires":"2027-01-31",
                                             "created":"2026-11-24T12:00:00Z"},
                                          {"name":"batch","certificate":"CN=batch,O=Example","scopes":["admin"],"cache":"private"})"));
  ASSERT_TRUE(entries.has_value()) << entries.error().message;
  ASSERT_EQ(entries->size(), 2U);
  EXPECT_EQ(entries->at(0).digest, std::string(32, '\xAA'));
  EXPECT_EQ(entries->at(0).rights, Rights({Right::kPredict, Right::kRead}));
  EXPECT_EQ(entries->at(0).expires, 1'801'353'600);
  EXPECT_EQ(entries->at(1).certificate, "CN=batch,O=Example");
  EXPECT_FALSE(entries->at(1).models.has_value());
  const auto again = parse_keys(write_keys(*entries));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, *entries);
  EXPECT_TRUE(parse_keys(write_keys({})).has_value());
}

TEST(KeyFile, SaysWhatIsWrongAndWhere) {
  const std::string key = R"("sha256":")" + kDigest + "\"";
  const std::string good = R"({"name":"a",)" + key + R"(,"scopes":["read"]})";
  const std::pair<std::string, std::string> cases[] = {
      {"", "JSON"},
      {"[]", "\"keys\""},
      {R"({"keys":{}})", "\"keys\""},
      {R"({"keys":[],"more":1})", "one member"},
      {file_of("7"), "\"keys\"[0] must be an object"},
      {file_of(good + ",7"), "\"keys\"[1]"},
      {file_of(R"({"name":"a","scopes":["read"]})"), "either"},
      {file_of(R"({"name":"a",)" + key + R"(,"certificate":"CN=a","scopes":["read"]})"), "either"},
      {file_of(R"({"name":"a",)" + key + "}"), "(\"a\") lacks \"scopes\""},
      {file_of("{" + key + R"(,"scopes":["read"]})"), "lacks \"name\""},
      {file_of(R"({"name":"a",)" + key + R"(,"scopes":[]})"), "scopes"},
      {file_of(R"({"name":"a",)" + key + R"(,"scopes":["write"]})"), "none of predict, read, admin"},
      {file_of(R"({"name":"a",)" + key + R"(,"scopes":["read"],"models":"digits"})"), "models"},
      {file_of(R"({"name":"a",)" + key + R"(,"scopes":["read"],"models":[""]})"), "models"},
      {file_of(R"({"name":"a",)" + key + R"(,"scopes":["read"],"expires":"soon"})"), "expires"},
      {file_of(R"({"name":"a",)" + key + R"(,"scopes":["read"],"rights":[]})"), "a member \"rights\""},
      {file_of(R"({"name":"a\n",)" + key + R"(,"scopes":["read"]})"), "control"},
      {file_of(R"({"name":"a","sha256":"abc","scopes":["read"]})"), "64 hexadecimal"},
      {file_of(good + R"(,{"name":"a","certificate":"CN=a","scopes":["read"]})"), "names must differ"},
      {file_of(good + R"(,{"name":"b",)" + key + R"(,"scopes":["read"]})"), "another entry"},
  };
  for (const auto& [text, said] : cases) {
    const auto entries = parse_keys(text);
    ASSERT_FALSE(entries.has_value()) << text;
    EXPECT_NE(entries.error().message.find(said), std::string::npos) << text << "\n"
                                                                     << entries.error().message;
  }
}

TEST(KeyTable, FindsKeysAndCertificatesAndKeepsWhatHasNotChanged) {
  const std::string key = *make_api_key();
  KeyEntry ci{.name = "ci", .digest = sha256(key), .rights = {Right::kPredict}};
  KeyEntry batch{.name = "batch", .certificate = "CN=batch", .rights = {Right::kRead}};
  const KeyTable first({ci, batch}, nullptr);
  EXPECT_EQ(first.find_key(sha256(key))->name, "ci");
  EXPECT_EQ(first.find_key(sha256(key + "x")), nullptr);
  EXPECT_EQ(first.find_key(""), nullptr);
  EXPECT_EQ(first.find_certificate("CN=batch")->name, "batch");
  EXPECT_EQ(first.find_certificate("CN=batc"), nullptr);
  // A digest that begins alike is another one.
  std::string alike = sha256(key);
  alike.back() = static_cast<char>(alike.back() ^ 1);
  EXPECT_EQ(first.find_key(alike), nullptr);

  ci.rights.add(Right::kRead);
  const KeyTable second({ci, batch}, &first);
  first.end_all_but(second);
  EXPECT_TRUE(first.find_key(sha256(key))->ended);
  EXPECT_FALSE(second.find_key(sha256(key))->ended);
  EXPECT_EQ(second.find_certificate("CN=batch"), first.find_certificate("CN=batch"));
  EXPECT_FALSE(second.find_certificate("CN=batch")->ended);
}

TEST(ApiKeys, AreLongAndDiffer) {
  const std::string one = *make_api_key();
  EXPECT_TRUE(one.starts_with("scd_"));
  EXPECT_EQ(one.size(), 4U + 43U);
  EXPECT_NE(one, *make_api_key());
}

TEST(Times, AreReadAndWritten) {
  EXPECT_EQ(parse_utc("1970-01-01"), 0);
  EXPECT_EQ(parse_utc("2027-01-31T01:02:03Z"), 1'801'357'323);
  EXPECT_EQ(utc_text(1'801'357'323), "2027-01-31T01:02:03Z");
  for (const char* wrong :
       {"", "2027-02-29", "2027-13-01", "2027-1-1", "2027-01-31T24:00:00Z", "2027-01-31 00:00:00Z",
        "2027-01-31T00:00:00", "2027-01-31T00:00:00+01:00", "20270131"}) {
    EXPECT_FALSE(parse_utc(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace saccade::access
