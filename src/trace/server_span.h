// One request's span, from its arrival to its answer, with what the model took of it as its children.
// Belongs to the request's loop; ends once, at the latest when nobody holds it any more.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "trace/exporter.h"
#include "trace/span.h"

namespace saccade::trace {

class ServerSpan final : public request::Trace {
 public:
  // `parent`: the caller's context, null: the trace begins here.
  ServerSpan(Exporter& exporter, request::TraceContext own, const request::TraceContext* parent,
             std::string name, base::TimePoint arrived);
  ~ServerSpan() override;

  void rename(std::string name) { span_.name = std::move(name); }
  void set(std::string_view literal_key, std::string value);
  void set(std::string_view literal_key, std::string_view value) { set(literal_key, std::string(value)); }
  void set(std::string_view literal_key, const char* value) { set(literal_key, std::string(value)); }
  void set(std::string_view literal_key, std::int64_t value) {
    span_.attributes.emplace_back(literal_key, value);
  }
  void answered(const request::ModelSignature& model, std::int64_t items,
                const request::Timings& timings) override;
  // `error`: what went wrong, where that is the server's fault.
  void end(std::optional<std::string> error);

 private:
  std::int64_t unix_nanos(base::TimePoint when) const;
  void add_child(std::string_view name, base::TimePoint begin, base::TimePoint end);

  Exporter& exporter_;
  const base::TimePoint arrived_;
  Span span_;
  std::vector<Span> children_;
  bool ended_ = false;
};

}  // namespace saccade::trace
