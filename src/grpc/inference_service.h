// The descriptor of inference.GRPCInferenceService, and what several of its calls say.
#pragma once

#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>

#include "base/error.h"
#include "grpc_service.pb.h"

namespace saccade::grpc {

inline const google::protobuf::ServiceDescriptor& inference_service() {
  return *inference::ServerLiveRequest::descriptor()->file()->FindServiceByName("GRPCInferenceService");
}

// A version is a whole number above zero; empty stands for the one that the server chooses.
base::Status check_version(std::string_view version);

}  // namespace saccade::grpc
