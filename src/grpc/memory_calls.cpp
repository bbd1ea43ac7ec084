#include "grpc/inference_service.h"
#include "grpc/services.h"

namespace saccade::grpc {
namespace {

using CallPointer = std::shared_ptr<Call>;

void report(serve::Service& service, Call& call, const std::string& name) {
  const auto regions = service.regions().list(name);
  if (!regions) return call.fail(regions.error());
  inference::SystemSharedMemoryStatusResponse response;
  for (const shared_memory::RegionInfo& region : *regions) {
    auto& status = (*response.mutable_regions())[region.name];
    status.set_name(region.name);
    status.set_key(region.key);
    status.set_offset(region.offset);
    status.set_byte_size(region.byte_size);
  }
  call.answer(response);
}

void add(serve::Service& service, Call& call, const inference::SystemSharedMemoryRegisterRequest& request) {
  // Has a code of its own here, which REST has not.
  if (!request.name().empty() && service.regions().list(request.name())) {
    return call.finish({StatusCode::kAlreadyExists, "shared memory region '" + request.name() +
                                                        "' already in manager; unregister it first"});
  }
  const base::Status added = service.regions().add({.name = request.name(),
                                                    .key = request.key(),
                                                    .offset = request.offset(),
                                                    .byte_size = request.byte_size()});
  if (!added) return call.fail(added.error());
  call.answer(inference::SystemSharedMemoryRegisterResponse());
}

void add_system_calls(Methods& methods, serve::Service& service) {
  const auto& described = inference_service();
  methods.add(described, "SystemSharedMemoryStatus",
              parsed<inference::SystemSharedMemoryStatusRequest>(
                  [&service](const CallPointer& call, const auto& request) {
                    report(service, *call, request.name());
                  }));
  methods.add(
      described, "SystemSharedMemoryRegister",
      parsed<inference::SystemSharedMemoryRegisterRequest>(
          [&service](const CallPointer& call, const auto& request) { add(service, *call, request); }));
  methods.add(described, "SystemSharedMemoryUnregister",
              parsed<inference::SystemSharedMemoryUnregisterRequest>(
                  [&service](const CallPointer& call, const auto& request) {
                    if (request.name().empty()) {
                      service.regions().remove_all();
                    } else {
                      service.regions().remove(request.name());
                    }
                    call->answer(inference::SystemSharedMemoryUnregisterResponse());
                  }));
}

// Models run on the CPU: there are no such regions, and there can be none.
void add_cuda_calls(Methods& methods) {
  const auto& described = inference_service();
  methods.add(
      described, "CudaSharedMemoryStatus",
      parsed<inference::CudaSharedMemoryStatusRequest>([](const CallPointer& call, const auto& request) {
        if (request.name().empty()) return call->answer(inference::CudaSharedMemoryStatusResponse());
        call->fail(
            {base::Code::kNotFound, "Unable to find cuda shared memory region: '" + request.name() + "'"});
      }));
  methods.add(
      described, "CudaSharedMemoryRegister",
      parsed<inference::CudaSharedMemoryRegisterRequest>([](const CallPointer& call, const auto& request) {
        call->fail({base::Code::kInvalidArgument, "failed to register CUDA shared memory region: '" +
                                                      request.name() +
                                                      "', GPUs not supported; use system shared memory"});
      }));
  methods.add(described, "CudaSharedMemoryUnregister",
              parsed<inference::CudaSharedMemoryUnregisterRequest>([](const CallPointer& call, const auto&) {
                call->answer(inference::CudaSharedMemoryUnregisterResponse());
              }));
}

}  // namespace

void add_memory_calls(Methods& methods, serve::Service& service) {
  add_system_calls(methods, service);
  add_cuda_calls(methods);
}

}  // namespace saccade::grpc
