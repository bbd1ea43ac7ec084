// The answers about the server and its models of the Open Inference Protocol (with Triton's extensions), as
// the protobuf messages that gRPC sends; REST sends the same through message_json.h.
//
// Pure functions, safe from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "request/model_signature.h"
#include "request/model_statistics.h"

namespace inference {
class ModelMetadataResponse;
class ModelStatisticsResponse;
class RepositoryIndexResponse;
class ServerMetadataResponse;
}  // namespace inference

namespace saccade::protocol {

// Lists the extensions that work here, and no others: clients look before they use one.
inference::ServerMetadataResponse server_metadata(std::string_view server_version);

// `versions`: all that the model serves; the rest is as one of them (`model`) takes and gives it.
inference::ModelMetadataResponse model_metadata(const request::ModelSignature& model,
                                                const std::vector<std::string>& versions);

inference::ModelStatisticsResponse model_statistics(const std::vector<request::ModelStatistics>& models);

// A line of the repository's index. `state` and `reason` are empty where there is nothing to say.
void add_to_index(inference::RepositoryIndexResponse& index, std::string_view name, std::string_view version,
                  std::string_view state, std::string_view reason);

}  // namespace saccade::protocol
