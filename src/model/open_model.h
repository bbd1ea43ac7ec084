// From a model's files to one opened session of the engine that is to run it, tried out.
//
// Where several engines read the file, or runs may be split over several threads, all that come into question
// are measured (engine_trial.h) and one is chosen (engine_choice.h), unless a choice is remembered
// (choice_memory.h). Outputs must agree with those of the first engine that reads the file, the reference; an
// engine whose don't is not taken, and the model's warnings say so. What is said of the model (its ports,
// whether it batches or classifies) is always what the reference says, so that it doesn't change with the
// choice.
#pragma once

#include <memory>
#include <vector>

#include "engine/engine_set.h"
#include "model/completion.h"
#include "model/engine_choice.h"
#include "model/load_options.h"
#include "model/repository.h"

namespace saccade::model {

struct OpenedModel {
  engine::Engine* engine = nullptr;  // of the set, never null
  engine::SessionOptions options;    // as this session was opened, and further ones are to be
  int lone_threads = 1;  // of a run that has the machine to itself; options.threads: as all others
  std::unique_ptr<engine::Session> session;
  CompletedModel completed;
  std::vector<CandidateFigures> figures;  // what was measured; empty: nothing, or it was remembered
};

// Blocks for as long as opening and measuring takes; one model is measured at a time in a process. Errors
// name the configuration's field, or say why the file can't be opened.
base::Result<OpenedModel> open_model(const ModelSource& source, const engine::EngineSet& engines,
                                     const LoadOptions& options);

// Runs side by side with so many threads each: what the configuration says, or as many as fit the processors.
std::size_t instances_for(const ModelSource& source, const schedule::BatchPolicy& policy, int threads,
                          std::size_t processors);

// The engines that would be tried for a model, the reference first. The error says what there is.
base::Result<std::vector<engine::Engine*>> engines_for(const ModelSource& source,
                                                       const engine::EngineSet& engines,
                                                       const std::string& engine);

// Whether requests can be of any size: then a made-up one tells little about how long a real one takes.
bool takes_any_size(const request::ModelSignature& signature);

// Whether a model is to run where its requests are decoded: a run is short, on one thread, and nothing asks
// for more.
bool runs_on_loops(const ModelSource& source, const CompletedModel& completed, int threads,
                   const LoadOptions& options);

// Another session of an opened model, for another thread.
base::Result<std::unique_ptr<engine::Session>> another_session(const ModelSource& source,
                                                               engine::Engine& engine,
                                                               const engine::SessionOptions& options,
                                                               engine::Session& first);

}  // namespace saccade::model
