// The services, each added to the table of methods by one function.
#pragma once

#include <string>

#include "grpc/methods.h"
#include "serve/service.h"

namespace saccade::grpc {

// Parts of inference.GRPCInferenceService.
void add_infer_calls(Methods& methods, serve::Service& service);
void add_model_calls(Methods& methods, serve::Service& service, const std::string& server_version);
void add_repository_calls(Methods& methods, serve::Service& service);
void add_memory_calls(Methods& methods, serve::Service& service);
void add_setting_calls(Methods& methods, serve::Service& service);

// grpc.health.v1.Health.
void add_health_service(Methods& methods, serve::Service& service);

// grpc.reflection.v1 and v1alpha, about all services that were added before and after.
void add_reflection_services(Methods& methods);

}  // namespace saccade::grpc
