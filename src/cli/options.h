// What can be set, with its defaults; filled by command_line.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace saccade::cli {

struct ServeOptions {
  std::string config;  // read before the rest, by config_file.h
  std::vector<std::string> models;
  std::string host = "localhost";
  std::uint16_t port = 8000;
  std::uint16_t grpc_port = 8001;  // 0: none
  std::uint16_t metrics_port = 0;  // 0: none
  std::string tls_certificate;     // a file; empty: no TLS
  std::string tls_key;
  std::string tls_client_ca;                // a file; empty: clients show no certificate
  std::string tls_client_auth = "require";  // or request
  std::string admin_host = "localhost";
  std::uint16_t admin_port = 0;  // 0: admin calls are answered on every port
  bool allow_anonymous = false;
  std::string api_keys;  // a file; empty: none
  std::string jwt_jwks;  // a file or a URL; empty: no tokens
  std::string jwt_ca;
  std::string jwt_issuer;
  std::string jwt_audience;
  int jwt_leeway_s = 30;
  std::string jwt_scope_claim = "scope";
  std::string jwt_scope_prefix = "saccade:";
  std::string jwt_models_claim = "models";
  std::vector<std::string> cors_origins;  // "*" or origins; empty: nothing of the kind is looked at
  std::string otlp_endpoint;              // empty: as OpenTelemetry's own variables say
  std::string default_model;
  std::string model_control_mode = "none";  // none, poll, explicit
  std::vector<std::string> load_model;      // in explicit mode; "*" for all
  double repository_poll_secs = 15;
  bool exit_on_error = true;
  bool strict_readiness = true;
  int loops = 0;  // 0: one per usable processor
  std::string log_level = "info";
  std::string trace_file;  // empty: nothing can be traced

  std::string log = "sqlite:predictions.db";
  std::string log_mode = "drop";
  bool log_inputs = false;
  std::size_t log_queue = 65'536;
  int log_flush_ms = 100;
  bool log_sync = false;
  double log_retention_days = 0;
  std::int64_t log_max_bytes = 0;
  std::string log_spill = "predictions-spill.db";
  std::int64_t log_spill_max_bytes = std::int64_t{1} << 30;

  std::string objective;        // as request::parse_objective reads it; empty: none
  std::string engine = "auto";  // auto, or one engine's name
  std::string engine_cache;     // a directory, or none; empty: the user's cache
  std::size_t min_instances = 0;
  std::size_t max_instances = 0;  // 0: as many as fit the processors
  std::int64_t max_batch_size = 64;
  int max_queue_delay_us = 0;
  std::size_t max_queue = 4096;

  std::string redis;  // a URL; empty: none

  std::vector<std::string> cache;  // models whose answers are cached; "all" for all
  std::string cache_bytes = "256MiB";
  std::string cache_ttl = "60s";
  bool cache_redis = false;
  std::string cache_redis_timeout = "5ms";

  std::vector<std::string> rate_limits;  // as limit::Rule reads them
  bool rate_limit_redis = false;
  std::string rate_limit_redis_timeout = "5ms";
  std::size_t rate_limit_room = 65'536;
  std::vector<std::string> trusted_proxies;
  std::string circuit_breaker = "none";  // as resilience::parse_breaker reads it
  std::size_t max_in_flight = 0;         // 0: no limit
  std::string max_memory = "0";          // likewise

  std::size_t max_connections = 20'000;
  std::size_t max_body_bytes = std::size_t{64} * 1024 * 1024;
  int idle_timeout_s = 75;
  int header_timeout_s = 10;
  int body_timeout_s = 30;
  int write_timeout_s = 30;
  int websocket_ping_s = 30;
  std::size_t websocket_in_flight = 256;
  int drain_timeout_s = 30;
};

struct KeyOptions {
  std::string file = "keys.json";
  std::string name;
  std::vector<std::string> scopes = {"predict", "read"};
  std::vector<std::string> models;  // patterns; empty: all
  std::string certificate;          // a subject; empty: a key is made
  std::string expires;              // a time, or days from now ("90d"); empty: never
};

struct CheckOptions {
  std::vector<std::string> models;
};

struct BenchOptions {
  std::string model;
  double price_per_core_hour = 0.04;
  double seconds = 1.0;
  std::int64_t max_batch = 64;
  std::string engine = "auto";  // auto: what serve would take; all: every combination; or one engine's name
  int threads = 0;              // 0: auto's choice, otherwise 1
  std::size_t instances = 0;    // 0: as many as fit the processors
  int rounds = 5;
  bool json = false;
};

}  // namespace saccade::cli
