#include "cli/command_line.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <type_traits>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/nearest.h"
#include "cli/version.h"
#include "request/objective.h"

namespace saccade::cli {
namespace {

template <typename T>
CLI::Option* add(CLI::App& app, const std::string& flag, T& value, const std::string& help) {
  CLI::Option* option =
      app.add_option(flag, value, help)->capture_default_str()->envname(environment_name(flag));
  if constexpr (std::is_same_v<T, bool>) option->default_str(value ? "true" : "false");  // not 1 and 0
  return option;
}

CLI::Option* add_switch(CLI::App& app, const std::string& flag, bool& value, const std::string& help) {
  return app.add_flag(flag, value, help)->envname(environment_name(flag));
}

void define_repository(CLI::App& app, ServeOptions& options) {
  const std::string group = "Model repository";
  add(app, "--model-control-mode", options.model_control_mode,
      "none: what is there at the start is served; poll: changes on the disk are followed; explicit: models "
      "are loaded and unloaded by request")
      ->check(CLI::IsMember({"none", "poll", "explicit"}))
      ->group(group);
  app.add_option("--load-model", options.load_model,
                 "in explicit mode: load this model at the start, * for all; may be given several times")
      ->delimiter(',')
      ->envname("SACCADE_LOAD_MODEL")
      ->group(group);
  add(app, "--repository-poll-secs", options.repository_poll_secs, "in poll mode: time between two looks")
      ->check(CLI::Range(0.05, 86'400.0))
      ->group(group);
  add(app, "--exit-on-error", options.exit_on_error,
      "end where a model of a repository can't be loaded at the start; false: serve the others")
      ->default_str("true")
      ->group(group);
  add(app, "--strict-readiness", options.strict_readiness,
      "not ready while a model of the start is missing; false: ready with the others")
      ->default_str("true")
      ->group(group);
}

// An objective that can't be read is said like any other wrong flag.
std::string check_objective(const std::string& text) {
  const auto objective = request::parse_objective(text);
  return objective ? "" : objective.error().message;
}

void define_schedule(CLI::App& app, ServeOptions& options) {
  const std::string group = "Latency and engines (a model's config.pbtxt goes before)";
  add(app, "--objective", options.objective,
      "the latency that accepted requests are held to, p99=20ms; what can't be answered in time is refused "
      "at "
      "once with 503")
      ->check(check_objective)
      ->group(group);
  add(app, "--engine", options.engine,
      "what runs the models; auto: the one that is faster here, measured when a model is loaded")
      ->check(CLI::IsMember({"auto", "onnxruntime", "openvino"}))
      ->group(group);
  add(app, "--engine-cache", options.engine_cache,
      "the directory where it is kept which engine was faster; otherwise saccade/engines in the user's "
      "cache; "
      "none: measured at every load")
      ->group(group);
  add(app, "--min-instances", options.min_instances, "runs of a model that are kept ready side by side")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1024}))
      ->group(group);
  add(app, "--max-instances", options.max_instances,
      "most runs of a model side by side; 0: as many as fit the processors")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1024}))
      ->group(group);
}

void define_authentication(CLI::App& app, ServeOptions& options) {
  const std::string group = "Who may call";
  add(app, "--api-keys", options.api_keys,
      "the file of API keys and of client certificates' rights; see `saccade key`")
      ->group(group);
  add(app, "--jwt-jwks", options.jwt_jwks,
      "the keys that tokens are signed with: a file, or a URL; needs --jwt-issuer and --jwt-audience")
      ->group(group);
  add(app, "--jwt-ca", options.jwt_ca,
      "authorities (PEM) that the server of such a URL is checked by; none: the system's")
      ->group(group);
  add(app, "--jwt-issuer", options.jwt_issuer, "who must have issued a token (iss)")->group(group);
  add(app, "--jwt-audience", options.jwt_audience, "whom a token must be meant for (aud)")->group(group);
  add(app, "--jwt-leeway-s", options.jwt_leeway_s, "seconds that the issuer's clock may differ by")
      ->check(CLI::Range(0, 600))
      ->group(group);
  add(app, "--jwt-scope-claim", options.jwt_scope_claim, "the claim that says what a token's holder may do")
      ->group(group);
  add(app, "--jwt-scope-prefix", options.jwt_scope_prefix,
      "what stands before predict, read and admin there; other scopes mean nothing here")
      ->group(group);
  add(app, "--jwt-models-claim", options.jwt_models_claim,
      "the claim that says which models; a token without it is good for all")
      ->group(group);
}

void define_key(CLI::App& app, KeyOptions& options) {
  app.require_subcommand(1);
  CLI::App* create =
      app.add_subcommand("create", "Make a key, printed once, or give a client certificate rights.");
  CLI::App* revoke = app.add_subcommand("revoke", "Take a key or a certificate's rights back.");
  CLI::App* list = app.add_subcommand("list", "Say which there are.");
  for (CLI::App* command : {create, revoke, list}) {
    command->add_option("--file", options.file, "the file, as --api-keys of `saccade serve` names it")
        ->capture_default_str();
  }
  for (CLI::App* command : {create, revoke}) {
    command->add_option("--name", options.name, "whose it is, as logs and limits call it")->required();
  }
  create
      ->add_option("--scope", options.scopes,
                   "what it is good for: predict, read, admin; may be given several times")
      ->delimiter(',')
      ->check(CLI::IsMember({"predict", "read", "admin"}))
      ->capture_default_str();
  create
      ->add_option(
          "--model", options.models,
          "a model that it is good for, with * and ? as in file names; may be given several times; otherwise "
          "all")
      ->delimiter(',');
  create->add_option("--certificate", options.certificate,
                     "in place of a key: the subject of a client certificate, CN=batch,O=Example");
  create->add_option("--expires", options.expires,
                     "when it ends: 90d, or 2027-01-31T00:00:00Z; otherwise never");
}

void define_serve(CLI::App& app, ServeOptions& options) {
  app.footer(
      "Examples:\n"
      "  saccade serve model.onnx\n"
      "  saccade serve churn=model.onnx --port 9000 --log none\n"
      "  saccade serve repository/ --default-model digits\n\n"
      "Every flag can also be set by the environment (--max-queue as SACCADE_MAX_QUEUE) and in the file that "
      "--config\n"
      "names (max-queue=100). The command line wins over the environment, the environment over the file.");
  add(app, "--config", options.config, "a file of settings in TOML, by the flags' names without the dashes");
  app.add_option("models,--models", options.models,
                 "MODEL.onnx, NAME=MODEL.onnx, or a repository's directory")
      ->required()
      ->delimiter(',')
      ->envname("SACCADE_MODELS");
  add(app, "--host", options.host, "the address to listen on");
  add(app, "--port", options.port, "the port for HTTP, WebSocket and gRPC; 0 takes a free one");
  add(app, "--grpc-port", options.grpc_port,
      "a second port for the same, where gRPC clients look first; 0 opens none");
  add(app, "--metrics-port", options.metrics_port,
      "one more port that serves metrics and health alone; 0 opens none");
  add(app, "--tls-certificate", options.tls_certificate,
      "a certificate in PEM, with its chain: every port speaks TLS; needs --tls-key");
  add(app, "--tls-key", options.tls_key, "the certificate's private key in PEM, without a passphrase");
  add(app, "--tls-client-ca", options.tls_client_ca,
      "certificates in PEM of the authorities whose client certificates are trusted");
  add(app, "--tls-client-auth", options.tls_client_auth,
      "require: no client without a certificate; request: one that is shown must be good")
      ->check(CLI::IsMember({"require", "request"}));
  add(app, "--admin-port", options.admin_port,
      "a port of its own for admin calls (loading, settings, shared memory, keys), which no other port takes "
      "then; 0 opens none");
  add(app, "--admin-host", options.admin_host, "the address of the admin port");
  add_switch(app, "--allow-anonymous", options.allow_anonymous,
             "serve whoever can reach an address beyond this machine, without asking who they are");
  define_authentication(app, options);
  app.add_option(
         "--cors-origin", options.cors_origins,
         "an origin whose web pages may use the server from a browser, or * for all; may be given several "
         "times")
      ->delimiter(',')
      ->envname("SACCADE_CORS_ORIGIN");
  add(app, "--otlp-endpoint", options.otlp_endpoint,
      "where spans go by OTLP over HTTP: http://localhost:4318; otherwise as OTEL_EXPORTER_OTLP_ENDPOINT "
      "says");
  add(app, "--default-model", options.default_model,
      "the model that answers where none is named; otherwise the first");
  define_repository(app, options);
  add(app, "--loops", options.loops, "event loops; 0: one per usable processor")->check(CLI::Range(0, 256));
  add(app, "--log-level", options.log_level, "the server's own log")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  add(app, "--trace-file", options.trace_file,
      "where requests' traces go, in Triton's form, once POST /v2/trace/setting asks for some");

  define_schedule(app, options);
  const std::string log_group = "Prediction log";
  add(app, "--log", options.log,
      "sqlite:FILE (relative), sqlite:///FILE (absolute), postgresql://USER@HOST/DATABASE, or none")
      ->group(log_group);
  add(app, "--log-mode", options.log_mode,
      "drop: a full queue loses rows, counted; block: answers wait for a place in the queue; durable: "
      "answers wait "
      "until their row is stored")
      ->check(CLI::IsMember({"drop", "block", "durable"}))
      ->group(log_group);
  add_switch(app, "--log-inputs", options.log_inputs, "keep the inputs of JSON requests too")
      ->group(log_group);
  add(app, "--log-queue", options.log_queue, "rows that may wait to be stored")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}))
      ->group(log_group);
  add(app, "--log-flush-ms", options.log_flush_ms, "a row waits at most so long to be stored")
      ->check(CLI::Range(1, 60'000))
      ->group(log_group);
  add_switch(app, "--log-sync", options.log_sync, "force each commit to the disk: rows survive a power cut")
      ->group(log_group);
  add(app, "--log-retention-days", options.log_retention_days, "delete rows older than this; 0: keep all")
      ->check(CLI::Range(0.0, 36'500.0))
      ->group(log_group);
  add(app, "--log-max-bytes", options.log_max_bytes, "delete the oldest rows beyond this size; 0: no limit")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 50))
      ->group(log_group);
  add(app, "--log-spill", options.log_spill, "the file where rows wait for a PostgreSQL server that is away")
      ->group(log_group);
  add(app, "--log-spill-max-bytes", options.log_spill_max_bytes, "the most that may wait there")
      ->group(log_group);

  const std::string batch_group = "Batching (for models whose config.pbtxt does not say)";
  add(app, "--max-batch-size", options.max_batch_size, "most items in one run")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{65'536}))
      ->group(batch_group);
  add(app, "--max-queue-delay-us", options.max_queue_delay_us,
      "how long a free instance waits for a fuller batch; 0: not at all")
      ->check(CLI::Range(0, 10'000'000))
      ->group(batch_group);
  add(app, "--max-queue", options.max_queue, "requests that may wait for a model; more are refused with 503")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}))
      ->group(batch_group);

  add(app, "--redis", options.redis,
      "the Redis server that several servers share: redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]");
  const std::string cache_group = "Response cache (a model's config.pbtxt goes before)";
  app.add_option("--cache", options.cache,
                 "a model whose answers are kept for equal requests, or all; may be given several times")
      ->delimiter(',')
      ->envname("SACCADE_CACHE")
      ->group(cache_group);
  add(app, "--cache-bytes", options.cache_bytes, "memory for kept answers; 0: none are kept, whoever asks")
      ->group(cache_group);
  add(app, "--cache-ttl", options.cache_ttl, "how long an answer is good")->group(cache_group);
  add_switch(app, "--cache-redis", options.cache_redis,
             "share kept answers with other servers through --redis")
      ->group(cache_group);
  add(app, "--cache-redis-timeout", options.cache_redis_timeout, "longest that a prediction waits for Redis")
      ->group(cache_group);

  const std::string rate_group = "Rate limits and circuit breakers";
  app.add_option(
         "--rate-limit", options.rate_limits,
         "how often who may call, WHOM:RATE[:BURST]: caller:100/s:200, address:600/m, model=digits:50/s; "
         "may be given several times")
      ->envname("SACCADE_RATE_LIMIT")
      ->group(rate_group);
  add_switch(app, "--rate-limit-redis", options.rate_limit_redis,
             "share the counts with other servers through --redis")
      ->group(rate_group);
  add(app, "--rate-limit-redis-timeout", options.rate_limit_redis_timeout,
      "longest that a call waits for Redis; then this server counts by itself")
      ->group(rate_group);
  add(app, "--rate-limit-room", options.rate_limit_room,
      "callers, addresses and models that each rate limit tells apart")
      ->check(CLI::Range(std::size_t{8}, std::size_t{1} << 26))
      ->group(rate_group);
  app.add_option(
         "--trusted-proxy", options.trusted_proxies,
         "a proxy, or a network of them, whose X-Forwarded-For or Forwarded names the client; may be given "
         "several times")
      ->delimiter(',')
      ->envname("SACCADE_TRUSTED_PROXY")
      ->group(rate_group);
  add(app, "--circuit-breaker", options.circuit_breaker,
      "round each model, unless its config.pbtxt says otherwise: none, on, or like failures=50%,hang=10s")
      ->group(rate_group);

  const std::string limit_group = "Limits";
  add(app, "--max-in-flight", options.max_in_flight, "predictions that are not answered yet; 0: no limit")
      ->check(CLI::Range(std::size_t{0}, std::size_t{100'000'000}))
      ->group(limit_group);
  add(app, "--max-memory", options.max_memory,
      "memory of the inputs of predictions in flight, like 2GiB; 0: no limit")
      ->group(limit_group);
  add(app, "--max-connections", options.max_connections, "open connections")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}))
      ->group(limit_group);
  add(app, "--max-body-bytes", options.max_body_bytes, "of a request's body, or of a WebSocket message")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 40))
      ->group(limit_group);
  const auto seconds = [&](const char* flag, int& value, const char* help) {
    add(app, flag, value, help)->check(CLI::Range(1, 86'400))->group(limit_group);
  };
  seconds("--idle-timeout-s", options.idle_timeout_s, "between two requests of a connection");
  seconds("--header-timeout-s", options.header_timeout_s, "for a request's headers to arrive");
  seconds("--body-timeout-s", options.body_timeout_s, "for a request's body to arrive");
  seconds("--write-timeout-s", options.write_timeout_s, "for a client that does not read its answer");
  seconds("--websocket-ping-s", options.websocket_ping_s,
          "silence before a WebSocket is pinged, and again before it is closed");
  add(app, "--websocket-in-flight", options.websocket_in_flight, "unanswered messages of one WebSocket")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->group(limit_group);
  seconds("--drain-timeout-s", options.drain_timeout_s, "for accepted requests to be answered at the end");
}

void define_check(CLI::App& app, CheckOptions& options) {
  app.add_option("models", options.models, "MODEL.onnx, NAME=MODEL.onnx, or a repository's directory")
      ->required();
}

void define_bench(CLI::App& app, BenchOptions& options) {
  app.add_option("model", options.model, "MODEL.onnx, or a model's directory")->required();
  add(app, "--price", options.price_per_core_hour, "price of a core for an hour, in any currency")
      ->check(CLI::Range(0.0, 1e6));
  add(app, "--seconds", options.seconds, "to measure each row")->check(CLI::Range(0.01, 600.0));
  add(app, "--max-batch", options.max_batch, "the largest batch to try")->check(CLI::Range(1, 65'536));
  add(app, "--engine", options.engine,
      "auto: as `serve` would run it, measured now; all: every engine, number of threads and of instances; "
      "or one "
      "engine's name")
      ->check(CLI::IsMember({"auto", "all", "onnxruntime", "openvino"}));
  add(app, "--threads", options.threads, "inside one run; 0: auto's choice, or 1, or with `all` each number")
      ->check(CLI::Range(0, 256));
  add(app, "--instances", options.instances,
      "runs side by side; 0: as many as fit the processors, or with `all` each number")
      ->check(CLI::Range(std::size_t{0}, std::size_t{256}));
  add(app, "--rounds", options.rounds, "turns in which the time of each row is spent, in between the others'")
      ->check(CLI::Range(1, 100));
  add_switch(app, "--json", options.json, "print JSON instead of a table");
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

// CLI11 since 2.4 passes over a variable whose value it can't take.
std::string wrong_environment(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_envname().empty() || option->count() > 0) continue;
    const char* value = std::getenv(option->get_envname().c_str());  // no other thread runs yet
    if (value == nullptr || *value == '\0') continue;
    return option->get_envname() + "=" + value + " is nothing that " + option->get_name() + " takes";
  }
  return {};
}

int refuse(const std::string& message, const std::string& command) {
  std::fprintf(stderr, "saccade: %s\nsaccade: `saccade%s --help` lists what there is\n", message.c_str(),
               command.empty() ? "" : (" " + command).c_str());
  return 2;
}

// What was probably meant by the first word that is none of ours; CLI11 names the word itself.
std::string meant_by(const CLI::App& app, int argc, char** argv) {
  const auto commands = app.get_subcommands();
  if (commands.empty()) return argc > 1 ? nearest(argv[1], {"serve", "check", "bench", "key"}) : "";
  const std::vector<std::string> flags = flags_of(*commands.front());
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string word = argument.substr(0, argument.find('='));
    if (word.starts_with("--") && std::ranges::find(flags, word) == flags.end()) return nearest(word, flags);
  }
  return "";
}

int report(CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const auto commands = app.get_subcommands();
  std::string message = error.what();
  if (const std::string meant = meant_by(app, argc, argv); !meant.empty()) {
    message += "\nsaccade: did you mean " + meant + "?";
  }
  return refuse(message, commands.empty() ? "" : commands.front()->get_name());
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app("Saccade: real-time inference for ONNX models over HTTP and WebSocket.", "saccade");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  ServeOptions serve_options;
  CheckOptions check_options;
  BenchOptions bench_options;
  CLI::App* serve_command = app.add_subcommand("serve", "Serve models.");
  CLI::App* check_command = app.add_subcommand("check", "Say what would be served, or what is wrong.");
  KeyOptions key_options;
  CLI::App* key_command = app.add_subcommand("key", "Make, revoke and list API keys.");
  CLI::App* bench_command = app.add_subcommand("bench", "Measure a model by batch size.");
  define_serve(*serve_command, serve_options);
  define_check(*check_command, check_options);
  define_bench(*bench_command, bench_options);
  define_key(*key_command, key_options);
  const bool serves = argc > 1 && std::string_view(argv[1]) == "serve";
  if (const std::string file = config_file_of(argc, argv); serves && !file.empty()) {
    if (const base::Status applied = apply_config_file(file, flags_of(*serve_command)); !applied) {
      return refuse(applied.error().message, "serve");
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return report(app, error, argc, argv);
  }
  if (const std::string wrong = wrong_environment(*serve_command);
      serve_command->parsed() && !wrong.empty()) {
    return refuse(wrong, "serve");
  }
  if (serve_command->parsed()) return serve(serve_options);
  if (check_command->parsed()) return check(check_options);
  if (bench_command->parsed()) return bench(bench_options);
  if (key_command->got_subcommand("create")) return create_key(key_options);
  if (key_command->got_subcommand("revoke")) return revoke_key(key_options);
  return list_keys(key_options);
}

}  // namespace saccade::cli
