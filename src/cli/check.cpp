#include <cstdio>

#include "cli/commands.h"
#include "cli/engines.h"
#include "model/open_model.h"
#include "model/repository.h"
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

// "onnxruntime 1.32.0", or all between which the measuring decides.
std::string tried(const model::ModelSource& source, const engine::EngineSet& engines,
                  const model::OpenedModel& opened) {
  const auto all = model::engines_for(source, engines, "auto");
  if (!all || all->size() < 2 || !opened.completed.probed.ran ||
      opened.options.device != engine::Device::kCpu) {
    return opened.engine->name() + " " + opened.engine->version();
  }
  std::string text;
  for (const engine::Engine* engine : *all) {
    text += (text.empty() ? "" : " or ") + engine->name() + " " + engine->version();
  }
  return text + ", whichever is faster when it is served";
}

bool check_model(const model::ModelSource& source, const engine::EngineSet& engines) {
  for (const std::string& warning : source.warnings) std::printf("warning: %s\n", warning.c_str());
  model::LoadOptions options;
  options.engine_budget = {};
  auto opened = model::open_model(source, engines, options);
  if (!opened) {
    print_wrong(opened.error());
    return false;
  }
  const model::CompletedModel& completed = opened->completed;
  std::vector<std::unique_ptr<engine::Session>> sessions;
  sessions.push_back(std::move(opened->session));
  if (const base::Status warm = model::warm_up(source, completed, sessions); !warm) {
    print_wrong(warm.error());
    return false;
  }
  const request::ModelSignature& signature = *completed.signature;
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
  if (completed.probed.ran) {
    std::printf("  one item takes %.3f ms on one thread with %s\n",
                static_cast<double>(completed.probed.run_time.count()) / 1e6, opened->engine->name().c_str());
  }
  std::printf("  engine %s\n", tried(source, engines, *opened).c_str());
  for (const std::string& warning : completed.warnings) std::printf("warning: %s\n", warning.c_str());
  return true;
}

}  // namespace

int check(const CheckOptions& options) {
  observe::set_up_log("warning");
  const engine::EngineSet engines = make_engines();
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
  for (const model::ModelSource& source : merged->models) all = check_model(source, engines) && all;
  return all && merged->problems.empty() ? 0 : 1;
}

}  // namespace saccade::cli
