#include <cstdio>

#include "cli/commands.h"
#include "engine/onnxruntime/onnxruntime_engine.h"
#include "model/completion.h"
#include "model/repository.h"
#include "model/session_settings.h"
#include "model/warmup.h"
#include "observe/log.h"

namespace saccade::cli {
namespace {

void print_ports(const char* kind, const std::vector<request::TensorSpec>& ports) {
  for (const auto& port : ports) {
    std::printf("  %s \"%s\" %s %s", kind, port.name.c_str(),
                std::string(tensor::data_type_name(port.type)).c_str(), port.shape.text().c_str());
    if (!port.labels.empty()) std::printf(", %zu labels", port.labels.size());
    std::printf("\n");
  }
}

void print_wrong(const base::Error& error) {
  std::printf("WRONG %s\n", error.message.c_str());
}

bool check_model(const model::ModelSource& source, engine::Engine& engine) {
  for (const std::string& warning : source.warnings) std::printf("warning: %s\n", warning.c_str());
  const auto settings = model::session_settings(source);
  if (!settings) {
    print_wrong(settings.error());
    return false;
  }
  auto session = engine.open(source.file, settings->options);
  if (!session) {
    print_wrong(session.error());
    return false;
  }
  const auto completed = model::complete(source, **session, engine.name() + "_onnx", {});
  if (!completed) {
    print_wrong(completed.error());
    return false;
  }
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(*std::move(session));
  if (const base::Status warm = model::warm_up(source, *completed, sessions); !warm) {
    print_wrong(warm.error());
    return false;
  }
  const request::ModelSignature& signature = *completed->signature;
  std::printf("OK %s version %s (%s)\n", signature.name.c_str(), signature.version.c_str(),
              source.file.c_str());
  print_ports("input ", signature.inputs);
  print_ports("output", signature.outputs);
  if (signature.batches()) {
    std::printf("  batches, max_batch_size %lld\n", static_cast<long long>(signature.max_batch_size));
  } else {
    std::printf("  does not batch: each request runs alone\n");
  }
  std::printf("  answers as %s\n",
              signature.classifies() ? "a classifier: prediction, class, confidence" : "its outputs by name");
  if (completed->probed.ran) {
    std::printf("  one item takes %.3f ms on one thread\n",
                static_cast<double>(completed->probed.run_time.count()) / 1e6);
  }
  for (const std::string& warning : settings->warnings) std::printf("warning: %s\n", warning.c_str());
  for (const std::string& warning : completed->warnings) std::printf("warning: %s\n", warning.c_str());
  return true;
}

}  // namespace

int check(const CheckOptions& options) {
  observe::set_up_log("warning");
  auto engine = engine::onnxruntime::make_engine();
  if (!engine) {
    print_wrong(engine.error());
    return 1;
  }
  // An argument that is wrong in itself hides none of the others.
  bool all = true;
  std::vector<model::FoundModels> found;
  for (const std::string& argument : options.models) {
    auto one = model::find_models(argument);
    if (!one) {
      print_wrong(one.error());
      all = false;
      continue;
    }
    found.push_back(*std::move(one));
  }
  const auto merged = model::merge(std::move(found));
  if (!merged) {
    print_wrong(merged.error());
    return 1;
  }
  for (const std::string& warning : merged->warnings) std::printf("warning: %s\n", warning.c_str());
  for (const base::Error& problem : merged->problems) print_wrong(problem);
  for (const model::ModelSource& source : merged->models) all = check_model(source, **engine) && all;
  return all && merged->problems.empty() ? 0 : 1;
}

}  // namespace saccade::cli
