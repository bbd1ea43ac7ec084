#include "record/postgres_rows.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "record/postgres_connection.h"
#include "record/postgres_schema.h"

namespace saccade::record {
namespace {

using namespace std::string_literals;

// 2020-01-02 00:00:00.005 UTC
const base::Uuid kId = *base::Uuid::parse("016f638d-4405-7abc-8def-0123456789ab");

TEST(PostgresRows, AreAsCopyTakesThem) {
  const auto model = std::make_shared<request::ModelSignature>();
  model->name = "digits";
  model->version = "3";
  const Prediction row{.id = kId,
                       .unix_micros = 946'684'800'000'001,  // a microsecond into 2000
                       .model = model,
                       .client_id = {},
                       .result = R"({"class":7})",
                       .latency_micros = 258,
                       .input = "[1]"};
  CopyRows copy;
  copy.add(RowView::of(row));
  std::string expected = "PGCOPY\n\377\r\n\0"s + "\0\0\0\0\0\0\0\0"s;
  expected += "\0\x09"s;
  expected += "\0\0\0\x10"s + std::string(reinterpret_cast<const char*>(kId.bytes.data()), 16);
  expected += "\0\0\0\x08"s + PostgresConnection::binary_time(created_at(kId));
  expected += "\0\0\0\x08\0\0\0\0\0\0\0\x01"s;
  expected += "\0\0\0\x06"s + "digits" + "\0\0\0\x01"s + "3";
  expected += "\377\377\377\377"s;  // NULL
  expected += "\0\0\0\x0b"s + R"({"class":7})";
  expected += "\0\0\0\x08\0\0\0\0\0\0\x01\x02"s;
  expected += "\0\0\0\x03"s + "[1]";
  expected += "\377\377"s;
  EXPECT_EQ(copy.finish(), expected);
}

TEST(PostgresRows, ARowReadBackIsTheSame) {
  const StoredPrediction row{.id = kId,
                             .unix_micros = 1,
                             .model = "m",
                             .version = "1",
                             .client_id = "\"a\"",
                             .result = "{}",
                             .latency_micros = 2,
                             .input = {}};
  const auto model = std::make_shared<request::ModelSignature>();
  model->name = "m";
  model->version = "1";
  const Prediction same{.id = kId,
                        .unix_micros = 1,
                        .model = model,
                        .client_id = "\"a\"",
                        .result = "{}",
                        .latency_micros = 2,
                        .input = {}};
  CopyRows one;
  CopyRows other;
  one.add(RowView::of(row));
  other.add(RowView::of(same));
  EXPECT_EQ(one.finish(), other.finish());
}

TEST(PostgresSchema, ThePartitionFollowsFromTheId) {
  const std::int64_t made = created_at(kId);
  EXPECT_EQ(partition_suffix(day_of(made)), "p20200102");
  EXPECT_EQ(partition_suffix(0), "p19700101");
  EXPECT_EQ(partition_suffix(day_of(1'835'395'200'000'000)), "p20280229");
  EXPECT_EQ(day_of(86'399'999'999), 0);
  EXPECT_EQ(day_of(86'400'000'000), 1);
  EXPECT_EQ(day_of(-1), -1);
  const std::int64_t now = base::unix_micros();
  const std::int64_t made_now = created_at(base::Uuid::make());
  EXPECT_GE(made_now, now - 1'000);
  EXPECT_LT(made_now, now + 60'000'000);
}

TEST(PostgresConnection, BinaryParameters) {
  EXPECT_EQ(PostgresConnection::binary(std::int64_t{-2}), "\377\377\377\377\377\377\377\376"s);
  EXPECT_EQ(PostgresConnection::binary(1.0), "\x3f\xf0\0\0\0\0\0\0"s);
  EXPECT_EQ(PostgresConnection::binary_time(946'684'800'000'000), std::string(8, '\0'));
}

TEST(PostgresAddress, IsNamedWithoutItsPassword) {
  const auto address = PostgresAddress::parse("postgresql://me:secret@db.example:6543/log?sslmode=require");
  ASSERT_TRUE(address) << address.error().message;
  EXPECT_EQ(address->name, "PostgreSQL db.example:6543/log");
}

TEST(PostgresAddress, SaysWhatIsWrongWithoutThePassword) {
  for (const auto& [url, said] : {std::pair{"postgresql://me:secret@h/d?nonsense=1", "nonsense"},
                                  {"postgresql://me:secret@[::1/d", "log URL"},
                                  {"postgresql://me:%secret@h/d", "%XX"},
                                  {"postgresql://me:pass/secret@h/d", "%XX"},
                                  {"postgresql://me@h/d?password=secret&nonsense=1", "nonsense"}}) {
    const auto address = PostgresAddress::parse(url);
    ASSERT_FALSE(address) << url;
    EXPECT_NE(address.error().message.find(said), std::string::npos) << address.error().message;
    EXPECT_EQ(address.error().message.find("secret"), std::string::npos) << address.error().message;
  }
}

// Nobody listens there: an error at once, not after the patience.
TEST(PostgresConnection, NobodyThere) {
  const auto address = PostgresAddress::parse("postgresql://me@127.0.0.1:1/d");
  ASSERT_TRUE(address);
  const auto opened = PostgresConnection::open(*address, std::chrono::minutes(10));
  ASSERT_FALSE(opened);
  EXPECT_TRUE(opened.error().lost);
  EXPECT_FALSE(PostgresConnection::server_answers(*address));
}

}  // namespace
}  // namespace saccade::record
