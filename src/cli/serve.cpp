#include <csignal>
#include <cstdio>
#include <future>
#include <memory>
#include <sys/resource.h>
#include <thread>

#include "cli/commands.h"
#include "cli/engines.h"
#include "cli/example_commands.h"
#include "cli/front.h"
#include "cli/metrics_address.h"
#include "cli/model_arguments.h"
#include "cli/version.h"
#include "http/routes.h"
#include "net/server.h"
#include "observe/log.h"
#include "runtime/processors.h"
#include "schedule/run_pool.h"
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

// Where a certificate is named, everything that is served to clients speaks TLS.
base::Status use_tls(const ServeOptions& options, net::Server& server) {
  if (options.tls_certificate.empty() && options.tls_key.empty()) return {};
  if (options.tls_certificate.empty() || options.tls_key.empty()) {
    return base::invalid_argument("TLS needs both --tls-certificate and --tls-key");
  }
  auto tls = net::TlsContext::load(options.tls_certificate, options.tls_key);
  if (!tls) return std::unexpected(tls.error());
  server.use_tls(*std::move(tls));
  return {};
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

// In a repository that changes nothing need be there yet.
base::Status look_at_models(const ServeOptions& options) {
  if (options.model_control_mode != "none") return {};
  const auto found = find_all(options.models);
  if (!found) return std::unexpected(found.error());
  for (const std::string& warning : found->warnings) observe::log_warning("{}", warning);
  for (const base::Error& problem : problems_without_a_model(options.models, *found)) {
    observe::log_error("not served: {}", problem.message);
  }
  return {};
}

// What a newcomer pastes next. On stdout, so that it is there whatever the log's level.
void greet(const ServeOptions& options, std::uint16_t port, serve::Service& service) {
  const std::string host = options.host == "0.0.0.0" || options.host == "::" ? "localhost" : options.host;
  const std::string place = host + ":" + std::to_string(port);
  const std::string grpc = host + ":" + std::to_string(options.grpc_port == 0 ? port : options.grpc_port);
  const std::string url = (options.tls_key.empty() ? "http://" : "https://") + place;
  std::printf("\nSaccade %s serves on %s, gRPC on %s\n", kVersion, url.c_str(), grpc.c_str());
  const std::string default_model = service.catalog().default_model();
  for (const auto& model : service.catalog().all()) {
    const auto& signature = *model->signature();
    std::printf("  /predict/%s%s\n", signature.name.c_str(),
                signature.name == default_model ? "   (the default model)" : "");
  }
  std::printf("\nTry:\n");
  for (const std::string& command : example_commands(url, service)) std::printf("  %s\n", command.c_str());
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
               MetricsAddress& metrics, serve::Service& service) {
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
  metrics.end();  // scraped and probed until here
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

  if (const base::Status looked = look_at_models(options); !looked) return fail(looked.error());
  const engine::EngineSet engines = make_engines();

  observe::Registry registry;
  auto log = open_log(options, registry);
  if (!log) return fail(log.error());

  const std::size_t loop_count =
      options.loops > 0 ? static_cast<std::size_t>(options.loops) : runtime::usable_processors();
  runtime::LoopGroup loops(loop_count);
  // Its threads outlive all models: they end with the service.
  const auto pool = std::make_shared<schedule::RunPool>(runtime::usable_processors());
  pool->add_metrics(registry);
  serve::Service service(registry, *std::move(log), log_mode_of(options.log_mode), options.log_inputs);
  service.set_repository(
      std::make_unique<model::LiveRepository>(service.catalog(), registry, engines,
                                              repository_options(options, loop_count, pool)),
      options.strict_readiness);
  http::Predictor predictor(service);
  http::Router router(registry, limits_of(options).body_bytes);
  http::add_predict_routes(router, service, predictor);
  http::add_infer_routes(router, service);
  http::add_log_routes(router, service);
  http::add_status_routes(router, service);
  http::add_schedule_routes(router, service);
  http::add_v2_model_routes(router, service, kVersion);
  http::add_v2_repository_routes(router, service);
  http::add_v2_setting_routes(router, service);
  http::add_v2_memory_routes(router, service);
  http::add_v1_routes(router, service);
  http::add_documentation_routes(router, service, kVersion);
  registry.gauge("saccade_build_info", "Always 1; the version is a label.", {{"version", kVersion}}).set(1);

  grpc::GrpcHandler calls(
      service, registry, loops,
      {.message_bytes = options.max_body_bytes, .stream_in_flight = options.websocket_in_flight}, kVersion);
  Front front(router, calls);
  net::Server server(loops, limits_of(options), front, registry);
  if (const base::Status secured = use_tls(options, server); !secured) return fail(secured.error());
  const auto port = server.listen(options.host, options.port, "--port");
  if (!port) return fail(port.error());
  if (options.grpc_port != 0) {
    const auto grpc_port = server.listen(options.host, options.grpc_port, "--grpc-port (0: none)");
    if (!grpc_port) return fail(grpc_port.error());
  }
  MetricsAddress metrics(loops, limits_of(options), service);
  if (const base::Status opened = metrics.open(options.host, options.metrics_port); !opened) {
    return fail(opened.error());
  }
  if (!options.trace_file.empty()) {
    if (const base::Status opened = service.tracer().open(options.trace_file); !opened) {
      return fail(opened.error());
    }
  }
  loops.start();
  server.start();
  metrics.start();

  const base::Status loaded = service.repository()->start([&] { return signal_pending(signals); });
  if (loaded) {
    service.set_ready(true);
    greet(options, *port, service);
    int signal = 0;
    sigwait(&signals, &signal);
    observe::log_info("{}: ending; accepted requests are still answered",
                      signal == SIGINT ? "SIGINT" : "SIGTERM");
  }
  shut_down(options, loops, server, metrics, service);
  if (!loaded) return loaded.error().code == base::Code::kCancelled ? 0 : fail(loaded.error());
  observe::log_info("ended");
  return 0;
}

}  // namespace saccade::cli
