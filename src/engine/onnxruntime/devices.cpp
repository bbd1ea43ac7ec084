#include "engine/onnxruntime/devices.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "engine/onnxruntime/library.h"

namespace saccade::engine::onnxruntime {
namespace {

using base::Code;

constexpr std::string_view provider_of(Device device) {
  return device == Device::kTensorRt ? "TensorrtExecutionProvider" : "CUDAExecutionProvider";
}

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// The build that is loaded may not know the device at all.
base::Status check_build(Device device) {
  const std::vector<std::string> providers = Ort::GetAvailableProviders();
  if (std::ranges::find(providers, provider_of(device)) != providers.end()) return {};
  const auto loaded = library();
  return base::fail(Code::kUnavailable,
                    "the device " + std::string(device_name(device)) + " needs ONNX Runtime's " +
                        std::string(provider_of(device)) + ", and " +
                        (loaded ? loaded->path.string() + " (" + loaded->version + ")" : "this build") +
                        " has only " + join(providers) +
                        "; name the libonnxruntime.so of a GPU build (that of the Python package "
                        "onnxruntime-gpu, for example) in the environment variable SACCADE_ONNXRUNTIME");
}

void append_cuda(Ort::SessionOptions& settings, const std::string& device_id) {
  const OrtApi& api = Ort::GetApi();
  OrtCUDAProviderOptionsV2* raw = nullptr;
  Ort::ThrowOnError(api.CreateCUDAProviderOptions(&raw));
  const std::unique_ptr<OrtCUDAProviderOptionsV2, decltype(api.ReleaseCUDAProviderOptions)> cuda(
      raw, api.ReleaseCUDAProviderOptions);
  const std::array<const char*, 1> keys{"device_id"};
  const std::array<const char*, 1> values{device_id.c_str()};
  Ort::ThrowOnError(api.UpdateCUDAProviderOptions(cuda.get(), keys.data(), values.data(), keys.size()));
  settings.AppendExecutionProvider_CUDA_V2(*cuda);
}

void append_tensorrt(Ort::SessionOptions& settings, const std::string& device_id) {
  const OrtApi& api = Ort::GetApi();
  OrtTensorRTProviderOptionsV2* raw = nullptr;
  Ort::ThrowOnError(api.CreateTensorRTProviderOptions(&raw));
  const std::unique_ptr<OrtTensorRTProviderOptionsV2, decltype(api.ReleaseTensorRTProviderOptions)> tensorrt(
      raw, api.ReleaseTensorRTProviderOptions);
  const std::array<const char*, 1> keys{"device_id"};
  const std::array<const char*, 1> values{device_id.c_str()};
  Ort::ThrowOnError(
      api.UpdateTensorRTProviderOptions(tensorrt.get(), keys.data(), values.data(), keys.size()));
  settings.AppendExecutionProvider_TensorRT_V2(*tensorrt);
}

}  // namespace

std::string_view device_name(Device device) {
  switch (device) {
    case Device::kCpu:
      return "cpu";
    case Device::kCuda:
      return "cuda";
    case Device::kTensorRt:
      return "tensorrt";
  }
  return "cpu";
}

base::Status use_device(Ort::SessionOptions& settings, const SessionOptions& options) {
  if (options.device == Device::kCpu) return {};
  if (base::Status has = check_build(options.device); !has) return has;
  const std::string device_id = std::to_string(options.device_id);
  try {
    if (options.device == Device::kTensorRt) append_tensorrt(settings, device_id);
    append_cuda(settings, device_id);
  } catch (const Ort::Exception& error) {
    return base::fail(Code::kUnavailable,
                      "the device " + std::string(device_name(options.device)) +
                          " can't be used: " + error.what() +
                          "; it needs NVIDIA's driver, CUDA and cuDNN in the versions of this ONNX Runtime" +
                          (options.device == Device::kTensorRt ? ", and TensorRT" : "") +
                          ", where the loader finds them (LD_LIBRARY_PATH)");
  }
  return {};
}

}  // namespace saccade::engine::onnxruntime
