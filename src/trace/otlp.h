// Spans as OTLP has them (opentelemetry-proto, collector/trace/v1), in protobuf's binary form.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trace/span.h"

namespace saccade::trace {

// Attributes of the server itself ("service.name"), which go with every batch.
using Resource = std::vector<std::pair<std::string, std::string>>;

std::string encode_otlp(const Resource& resource, std::string_view version, std::span<const Span> spans);
// How many spans of a batch the collector's answer says that it has not taken.
std::int64_t rejected_spans(std::string_view answer);

}  // namespace saccade::trace
