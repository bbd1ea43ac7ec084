#include "engine/openvino/openvino_engine.h"

#include <string_view>

#include "engine/openvino/formats.h"
#include "engine/openvino/library.h"
#include "engine/openvino/openvino_session.h"

namespace saccade::engine::openvino {
namespace {

class OpenVinoEngine final : public Engine {
 public:
  OpenVinoEngine(Owned<ov_core_t> core, std::string version)
      : core_(std::move(core)), version_(std::move(version)) {}

  std::string name() const override { return "openvino"; }
  std::string version() const override { return version_; }
  bool reads(const std::filesystem::path& model) const override { return format_of(model).has_value(); }
  std::string platform(const std::filesystem::path& model) const override {
    const auto format = format_of(model);
    return format ? std::string(platform_of(*format)) : "openvino";
  }
  base::Result<std::unique_ptr<Session>> open(const std::filesystem::path& model,
                                              const SessionOptions& options) override {
    return OpenVinoSession::open(*core_, model, options);
  }

 private:
  Owned<ov_core_t> core_;
  std::string version_;
};

// A library that lies where its plugin for the CPU does not would fail with the first model.
base::Status check_plugin(ov_core_t& core, const std::filesystem::path& path) {
  ov_available_devices_t devices{};
  if (const auto status = api().ov_core_get_available_devices(&core, &devices); status != OK) {
    return base::fail(base::Code::kUnavailable,
                      path.string() + ": OpenVINO did not start: " + reason(status));
  }
  bool found = false;
  for (std::size_t i = 0; i < devices.size; ++i)
    found = found || std::string_view(devices.devices[i]) == "CPU";
  api().ov_available_devices_free(&devices);
  if (found) return {};
  return base::fail(base::Code::kUnavailable, path.string() +
                                                  ": OpenVINO has no plugin for the CPU; it must lie beside "
                                                  "the library (libopenvino_intel_cpu_plugin.so or "
                                                  "libopenvino_arm_cpu_plugin.so)");
}

}  // namespace

base::Result<std::unique_ptr<Engine>> make_engine() {
  const base::Result<Library>& loaded = library();
  if (!loaded) return std::unexpected(loaded.error());
  ov_core_t* raw = nullptr;
  if (const auto status = api().ov_core_create(&raw); status != OK) {
    return base::fail(base::Code::kUnavailable,
                      loaded->path.string() + ": OpenVINO did not start: " + reason(status));
  }
  Owned<ov_core_t> core(raw);
  if (base::Status there = check_plugin(*core, loaded->path); !there) {
    return std::unexpected(std::move(there.error()));
  }
  return std::make_unique<OpenVinoEngine>(std::move(core), loaded->version);
}

}  // namespace saccade::engine::openvino
