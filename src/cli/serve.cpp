#include <csignal>
#include <cstdio>
#include <future>
#include <memory>
#include <sys/resource.h>
#include <thread>

#include "cli/authentication.h"
#include "cli/cache_options.h"
#include "cli/commands.h"
#include "cli/engines.h"
#include "cli/example_commands.h"
#include "cli/front.h"
#include "cli/limit_options.h"
#include "cli/listening.h"
#include "cli/metrics_address.h"
#include "cli/model_arguments.h"
#include "cli/version.h"
#include "http/routes.h"
#include "net/server.h"
#include "observe/log.h"
#include "redis/client.h"
#include "runtime/processors.h"
#include "schedule/run_pool.h"
#include "serve/door.h"
#include "serve/service.h"
#include "trace/tracing.h"

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
  log.spill = options.log_spill;
  log.spill_bytes = options.log_spill_max_bytes;
  return record::open_log(options.log, log, registry);
}

// Until a signal asks for the end. Meanwhile this thread looks after what changes on the disk.
int wait_for_end(const sigset_t& signals, net::TlsReload* tls) {
  constexpr timespec kSecond{.tv_sec = 1, .tv_nsec = 0};
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &kSecond);
    if (signal > 0) return signal;
    if (tls != nullptr) tls->poll();
  }
}

// Its connection is made in the background: a Redis that is away keeps nobody from starting. Null: none is
// named.
base::Result<std::unique_ptr<redis::Client>> connect_redis(const ServeOptions& options,
                                                           observe::Registry& registry) {
  if (options.redis.empty()) return nullptr;
  auto address = redis::parse_url(options.redis);
  if (!address) return base::invalid_argument("--redis: " + address.error().message);
  redis::ClientSettings settings;
  settings.address = *std::move(address);
  return std::make_unique<redis::Client>(std::move(settings), registry);
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
               MetricsAddress& metrics, serve::Service& service, serve::Door& door, redis::Client* redis) {
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
  door.close();
  if (redis != nullptr) redis->close();
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
  const auto tls = start_tls(options, registry);
  if (!tls) return fail(tls.error());
  auto cors = http::Cors::make(options.cors_origins);
  if (!cors) return fail(cors.error());
  auto spans = trace::read_settings(options.otlp_endpoint, kVersion, trace::process_environment);
  if (!spans) return fail(spans.error());
  trace::Tracing tracing(*std::move(spans), registry);  // outlives whatever may hold a span
  auto log = open_log(options, registry);
  if (!log) return fail(log.error());

  const auto cache = cache_settings(options);
  if (!cache) return fail(cache.error());
  const auto redis = connect_redis(options, registry);
  if (!redis) return fail(redis.error());
  const auto limiter = rate_limits(options, redis->get(), registry);
  if (!limiter) return fail(limiter.error());
  const auto proxies = trusted_proxies(options);
  if (!proxies) return fail(proxies.error());
  const auto load = load_settings(options);
  if (!load) return fail(load.error());
  if (const auto breaker = breaker_settings(options); !breaker) return fail(breaker.error());

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
  if (cache->memory_bytes > 0) service.set_cache(*cache, options.cache_redis ? redis->get() : nullptr);
  service.set_limiter(limiter->get());
  if (load->any()) service.set_load_limits(*load);
  http::Predictor predictor(service, &tracing);
  http::Router router(registry, limits_of(options).body_bytes);
  auto gate = open_gate(options, loop_count, registry);
  if (!gate) return fail(gate.error());
  serve::Door door(*std::move(gate));
  door.set_limiter(limiter->get());
  router.set_door(door);
  router.set_trusted_proxies(*proxies);
  router.set_trails({.cors = *std::move(cors), .tracing = &tracing});
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
      {.message_bytes = options.max_body_bytes, .stream_in_flight = options.websocket_in_flight}, kVersion,
      &tracing);
  calls.set_door(door);
  calls.set_trusted_proxies(*proxies);
  Front front(router, calls);
  net::Server server(loops, limits_of(options), front, registry);
  if (*tls) server.use_tls(**tls);
  const auto port = listen(options, door.authenticates(), server);
  if (!port) return fail(port.error());
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
    const int signal = wait_for_end(signals, tls->get());
    observe::log_info("{}: ending; accepted requests are still answered",
                      signal == SIGINT ? "SIGINT" : "SIGTERM");
  }
  shut_down(options, loops, server, metrics, service, door, redis->get());
  tracing.close(2s);
  if (!loaded) return loaded.error().code == base::Code::kCancelled ? 0 : fail(loaded.error());
  observe::log_info("ended");
  return 0;
}

}  // namespace saccade::cli
