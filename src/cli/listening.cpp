#include "cli/listening.h"

#include <utility>

#include "observe/log.h"

namespace saccade::cli {

base::Result<std::unique_ptr<net::TlsReload>> start_tls(const ServeOptions& options,
                                                        observe::Registry& registry) {
  if (options.tls_certificate.empty() && options.tls_key.empty()) {
    if (options.tls_client_ca.empty()) return nullptr;
    return base::invalid_argument("--tls-client-ca needs TLS: --tls-certificate and --tls-key");
  }
  if (options.tls_certificate.empty() || options.tls_key.empty()) {
    return base::invalid_argument("TLS needs both --tls-certificate and --tls-key");
  }
  net::TlsFiles files{
      .certificate = options.tls_certificate, .key = options.tls_key, .client_ca = options.tls_client_ca};
  if (!files.client_ca.empty()) {
    files.client_auth =
        options.tls_client_auth == "require" ? net::ClientAuth::kRequire : net::ClientAuth::kRequest;
  }
  return net::TlsReload::start(std::move(files), registry);
}

bool requires_certificates(const ServeOptions& options) {
  return !options.tls_client_ca.empty() && options.tls_client_auth == "require";
}

namespace {

std::string where(const ServeOptions& options) {
  std::string said = "--host " + options.host;
  if (options.admin_port != 0) said += ", --admin-host " + options.admin_host;
  return said;
}

// Whoever can reach the server may use it: on this machine's own addresses that is nothing new, on others it
// must be meant.
base::Status check_who_may_call(const ServeOptions& options, bool authenticates, const net::Server& server) {
  if (!server.beyond_loopback()) return {};
  if (authenticates) {
    if (options.tls_key.empty()) {
      observe::log_warning(
          "listening beyond this machine without TLS: keys and predictions can be read on the way; "
          "--tls-certificate and --tls-key encrypt them");
    }
    return {};
  }
  if (!options.allow_anonymous) {
    return base::invalid_argument(
        "listening beyond this machine (" + where(options) +
        ") without authentication: anybody who reaches this address could use and change the models. Ask "
        "callers who they are (--api-keys, --jwt-jwks or --tls-client-ca), stay on this machine with --host "
        "localhost, or say with --allow-anonymous that it is meant");
  }
  observe::log_warning(
      "listening beyond this machine without authentication (--allow-anonymous): anybody who reaches this "
      "address may use {}",
      options.admin_port == 0 ? "and change the models" : "the models");
  return {};
}

}  // namespace

base::Result<std::uint16_t> listen(const ServeOptions& options, bool authenticates, net::Server& server) {
  const bool takes_admin = options.admin_port == 0;
  auto port = server.listen(options.host, options.port, "--port", takes_admin);
  if (!port) return port;
  if (options.grpc_port != 0) {
    const auto grpc = server.listen(options.host, options.grpc_port, "--grpc-port (0: none)", takes_admin);
    if (!grpc) return grpc;
  }
  if (!takes_admin) {
    const auto admin = server.listen(options.admin_host, options.admin_port, "--admin-port (0: none)");
    if (!admin) return admin;
  }
  if (const base::Status may = check_who_may_call(options, authenticates, server); !may) {
    return std::unexpected(may.error());
  }
  return port;
}

}  // namespace saccade::cli
