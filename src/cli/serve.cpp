#include <csignal>
#include <cstdio>
#include <future>
#include <memory>
#include <sys/resource.h>
#include <thread>

#include "cli/commands.h"
#include "cli/example_commands.h"
#include "cli/model_arguments.h"
#include "cli/version.h"
#include "engine/onnxruntime/onnxruntime_engine.h"
#include "http/routes.h"
#include "net/server.h"
#include "observe/log.h"
#include "runtime/processors.h"
#include "serve/service.h"

namespace saccade::cli {
namespace {

using namespace std::chrono_literals;

int fail(const base::Error& error) {
  observe::log_error("{}", error.message);
  return 1;
}

net::Limits limits_of(const ServeOptions& options) {
  net::Limits limits;
  limits.connections = options.max_connections;
  limits.body_bytes = options.max_body_bytes;
  limits.idle_timeout = std::chrono::seconds(options.idle_timeout_s);
  limits.header_timeout = std::chrono::seconds(options.header_timeout_s);
  limits.body_timeout = std::chrono::seconds(options.body_timeout_s);
  limits.write_timeout = std::chrono::seconds(options.write_timeout_s);
  limits.websocket_ping_after = std::chrono::seconds(options.websocket_ping_s);
  limits.websocket_in_flight = options.websocket_in_flight;
  return limits;
}

base::Result<std::unique_ptr<record::PredictionLog>> open_log(const ServeOptions& options,
                                                              observe::Registry& registry) {
  if (options.log == "none") return nullptr;
  record::LogOptions log;
  log.queue_capacity = options.log_queue;
  log.flush_interval = std::chrono::milliseconds(options.log_flush_ms);
  log.sync_every_commit = options.log_sync;
  log.retention_age = std::chrono::seconds(static_cast<std::int64_t>(options.log_retention_days * 86'400));
  log.retention_bytes = options.log_max_bytes;
  return record::open_log(options.log, log, registry);
}

serve::LogMode log_mode_of(const std::string& name) {
  if (name == "block") return serve::LogMode::kBlock;
  if (name == "durable") return serve::LogMode::kDurable;
  return serve::LogMode::kDrop;
}

// As many descriptors as the system lets this process have: each connection takes one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Signals are taken by the main thread alone, by waiting for them. To be called before any thread starts.
sigset_t block_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

bool signal_pending(const sigset_t& signals) {
  const timespec at_once{};
  return sigtimedwait(&signals, nullptr, &at_once) > 0;
}

base::Status load_models(const ServeOptions& options, const model::FoundModels& found,
                         serve::Service& service, engine::Engine& engine, std::size_t loops,
                         const sigset_t& signals) {
  model::LoadOptions load;
  load.batching.max_batch_size = options.max_batch_size;
  load.batching.max_queue_delay = std::chrono::microseconds(options.max_queue_delay_us);
  load.batching.max_queue = options.max_queue;
  load.processors = runtime::usable_processors();
  load.loops = loops;
  // None answers before all can: until then a model that is to come would be an unknown one, and the default
  // another.
  std::vector<model::Catalog::ModelPointer> loaded;
  for (const model::ModelSource& source : found.models) {
    if (signal_pending(signals)) return base::fail(base::Code::kCancelled, "ended while loading models");
    for (const std::string& warning : source.warnings) observe::log_warning("{}", warning);
    auto model = model::LoadedModel::load(source, engine, service.registry(), load);
    if (!model) return std::unexpected(model.error());
    for (const std::string& warning : (*model)->warnings()) observe::log_warning("{}", warning);
    const request::ModelSignature& signature = *(*model)->signature();
    observe::log_info(
        "model {} version {}: {}, {}, one item takes {:.3f} ms, runs {}", signature.name, signature.version,
        signature.classifies() ? "a classifier" : "answers with its outputs",
        signature.batches() ? "batches up to " + std::to_string(signature.max_batch_size) : "no batching",
        static_cast<double>((*model)->run_time().count()) / 1e6, (*model)->describe_schedule());
    loaded.push_back(*std::move(model));
  }
  for (const auto& model : loaded) service.catalog().add(model);
  if (loaded.empty()) return base::invalid_argument("no model can be served");
  const std::string wanted =
      options.default_model.empty() ? found.models.front().name : options.default_model;
  if (const auto default_model = service.catalog().find(wanted, ""); !default_model) {
    return base::invalid_argument("--default-model: " + default_model.error().message);
  }
  service.catalog().set_default(wanted);
  return {};
}

// What a newcomer pastes next. On stdout, so that it is there whatever the log's level.
void greet(const ServeOptions& options, std::uint16_t port, serve::Service& service) {
  const std::string place = (options.host == "0.0.0.0" || options.host == "::" ? "localhost" : options.host) +
                            ":" + std::to_string(port);
  std::printf("\nSaccade %s serves on http://%s\n", kVersion, place.c_str());
  const std::string default_model = service.catalog().default_model();
  for (const auto& model : service.catalog().all()) {
    const auto& signature = *model->signature();
    std::printf("  /predict/%s%s\n", signature.name.c_str(),
                signature.name == default_model ? "   (the default model)" : "");
  }
  std::printf("\nTry:\n");
  for (const std::string& command : example_commands(place, service)) std::printf("  %s\n", command.c_str());
  std::printf("\n");
  std::fflush(stdout);
}

// Runs on each loop once what was posted there before has run.
void wait_for_loops(runtime::LoopGroup& loops) {
  for (std::size_t i = 0; i < loops.size(); ++i) {
    std::promise<void> reached;
    loops[i].post([&reached] { reached.set_value(); });
    reached.get_future().wait();
  }
}

// Not ready → no new connections → everything accepted is answered → WebSockets closed with 1001 → log
// stored.
void shut_down(const ServeOptions& options, runtime::LoopGroup& loops, net::Server& server,
               serve::Service& service) {
  service.set_ready(false);
  server.stop_accepting();
  server.drain();
  const auto end = base::now() + std::chrono::seconds(options.drain_timeout_s);
  while (server.connections() > 0 && base::now() < end) std::this_thread::sleep_for(2ms);
  if (server.connections() > 0) {
    observe::log_warning("{} connections did not end within {} s and are cut", server.connections(),
                         options.drain_timeout_s);
  }
  server.close_all();
  wait_for_loops(loops);
  service.close();
  wait_for_loops(loops);
  loops.stop();
}

}  // namespace

int serve(const ServeOptions& options) {
  observe::set_up_log(options.log_level);
  const sigset_t signals = block_signals();
  raise_descriptor_limit();

  const auto found = find_all(options.models);
  if (!found) return fail(found.error());
  for (const std::string& warning : found->warnings) observe::log_warning("{}", warning);
  for (const base::Error& problem : found->problems) observe::log_error("not served: {}", problem.message);
  auto engine = engine::onnxruntime::make_engine();
  if (!engine) return fail(engine.error());

  observe::Registry registry;
  auto log = open_log(options, registry);
  if (!log) return fail(log.error());

  const std::size_t loop_count =
      options.loops > 0 ? static_cast<std::size_t>(options.loops) : runtime::usable_processors();
  runtime::LoopGroup loops(loop_count);
  serve::Service service(registry, *std::move(log), log_mode_of(options.log_mode), options.log_inputs);
  http::Predictor predictor(service);
  http::Router router(registry);
  http::add_predict_routes(router, service, predictor);
  http::add_log_routes(router, service);
  http::add_status_routes(router, service);
  registry.gauge("saccade_build_info", "Always 1; the version is a label.", {{"version", kVersion}}).set(1);

  net::Server server(loops, limits_of(options), router, registry);
  const auto port = server.listen(options.host, options.port);
  if (!port) return fail(port.error());
  loops.start();
  server.start();

  const base::Status loaded = load_models(options, *found, service, **engine, loop_count, signals);
  if (loaded) {
    service.set_ready(true);
    greet(options, *port, service);
    int signal = 0;
    sigwait(&signals, &signal);
    observe::log_info("{}: ending; accepted requests are still answered",
                      signal == SIGINT ? "SIGINT" : "SIGTERM");
  }
  shut_down(options, loops, server, service);
  if (!loaded) return loaded.error().code == base::Code::kCancelled ? 0 : fail(loaded.error());
  observe::log_info("ended");
  return 0;
}

}  // namespace saccade::cli
