// Rows as COPY … (FORMAT binary) takes them (PostgreSQL's manual, "COPY", "Binary Format"): a signature, per
// row the number of fields and for each its length and bytes, all numbers in network order, and a trailer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/uuid.h"
#include "record/prediction_log.h"

namespace saccade::record {

// One row, wherever it comes from. Valid as long as that is.
struct RowView {
  base::Uuid id;
  std::int64_t unix_micros = 0;
  std::string_view model;
  std::string_view version;
  std::string_view client_id;
  std::string_view result;
  std::int64_t latency_micros = 0;
  std::string_view input;

  static RowView of(const Prediction& row);
  static RowView of(const StoredPrediction& row);
};

class CopyRows {
 public:
  CopyRows();
  void add(const RowView& row);
  // The whole, with its trailer; nothing may be added after it.
  const std::string& finish();

 private:
  std::string bytes_;
};

}  // namespace saccade::record
