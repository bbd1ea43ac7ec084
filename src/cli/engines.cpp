#include "cli/engines.h"

#include <utility>

#include "engine/onnxruntime/onnxruntime_engine.h"
#include "engine/openvino/openvino_engine.h"

namespace saccade::cli {
namespace {

void add(engine::EngineSet& engines, const char* name, base::Result<std::unique_ptr<engine::Engine>> engine) {
  if (engine) {
    engines.add(*std::move(engine));
  } else {
    engines.add_missing(name, {base::Code::kUnavailable, std::move(engine.error().message)});
  }
}

}  // namespace

engine::EngineSet make_engines() {
  engine::EngineSet engines;
  add(engines, "onnxruntime", engine::onnxruntime::make_engine());
  add(engines, "openvino", engine::openvino::make_engine());
  return engines;
}

}  // namespace saccade::cli
