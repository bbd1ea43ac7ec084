#include "record/postgres_rows.h"

#include "record/postgres_connection.h"
#include "record/postgres_schema.h"

namespace saccade::record {
namespace {

constexpr std::size_t kFields = 9;

void append_short(std::string& out, std::uint16_t number) {
  out += static_cast<char>(number >> 8);
  out += static_cast<char>(number & 0xFF);
}

void append_word(std::string& out, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
}

void append_field(std::string& out, std::string_view bytes) {
  append_word(out, static_cast<std::uint32_t>(bytes.size()));
  out += bytes;
}

void append_field_or_null(std::string& out, std::string_view bytes) {
  if (bytes.empty()) return append_word(out, 0xFFFFFFFF);
  append_field(out, bytes);
}

}  // namespace

RowView RowView::of(const Prediction& row) {
  return {.id = row.id,
          .unix_micros = row.unix_micros,
          .model = row.model ? std::string_view(row.model->name) : std::string_view(),
          .version = row.model ? std::string_view(row.model->version) : std::string_view(),
          .client_id = row.client_id,
          .result = row.result,
          .latency_micros = row.latency_micros,
          .input = row.input};
}

RowView RowView::of(const StoredPrediction& row) {
  return {.id = row.id,
          .unix_micros = row.unix_micros,
          .model = row.model,
          .version = row.version,
          .client_id = row.client_id,
          .result = row.result,
          .latency_micros = row.latency_micros,
          .input = row.input};
}

CopyRows::CopyRows() {
  bytes_.append("PGCOPY\n\377\r\n\0", 11);
  append_word(bytes_, 0);  // flags
  append_word(bytes_, 0);  // no extension
}

void CopyRows::add(const RowView& row) {
  append_short(bytes_, kFields);
  append_field(bytes_, PostgresConnection::binary(row.id));
  append_field(bytes_, PostgresConnection::binary_time(created_at(row.id)));
  append_field(bytes_, PostgresConnection::binary_time(row.unix_micros));
  append_field(bytes_, row.model);
  append_field(bytes_, row.version);
  append_field_or_null(bytes_, row.client_id);
  append_field(bytes_, row.result);
  append_field(bytes_, PostgresConnection::binary(row.latency_micros));
  append_field_or_null(bytes_, row.input);
}

const std::string& CopyRows::finish() {
  append_short(bytes_, 0xFFFF);
  return bytes_;
}

}  // namespace saccade::record
