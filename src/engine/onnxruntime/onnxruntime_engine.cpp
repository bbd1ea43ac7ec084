#include "engine/onnxruntime/onnxruntime_engine.h"

#include <mutex>

#include "engine/onnxruntime/library.h"
#include "engine/onnxruntime/onnxruntime_session.h"

namespace saccade::engine::onnxruntime {
namespace {

class OnnxRuntimeEngine final : public Engine {
 public:
  OnnxRuntimeEngine(Ort::Env environment, std::string version)
      : environment_(std::move(environment)), version_(std::move(version)) {}

  std::string name() const override { return "onnxruntime"; }
  std::string version() const override { return version_; }
  bool reads(const std::filesystem::path& model) const override {
    return model.extension() == ".onnx" || model.extension() == ".ort";
  }
  std::string platform(const std::filesystem::path&) const override { return "onnxruntime_onnx"; }
  base::Result<std::unique_ptr<Session>> open(const std::filesystem::path& model,
                                              const SessionOptions& options) override {
    return OnnxRuntimeSession::open(environment_, model, options);
  }

 private:
  Ort::Env environment_;
  std::string version_;
};

}  // namespace

base::Result<std::unique_ptr<Engine>> make_engine() {
  const base::Result<Library> loaded = library();
  if (!loaded) return std::unexpected(loaded.error());
  static std::once_flag once;
  std::call_once(once, [&] { Ort::InitApi(loaded->api); });
  try {
    // Its own log speaks only of what ends a call; every such failure also comes back as an error.
    Ort::Env environment(ORT_LOGGING_LEVEL_FATAL, "saccade");
    // What is served here is nobody else's business.
    environment.DisableTelemetryEvents();
    return std::make_unique<OnnxRuntimeEngine>(std::move(environment), loaded->version);
  } catch (const Ort::Exception& error) {
    return base::fail(base::Code::kInternal, std::string("ONNX Runtime did not start: ") + error.what());
  }
}

}  // namespace saccade::engine::onnxruntime
