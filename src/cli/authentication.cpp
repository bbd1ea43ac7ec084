#include "cli/authentication.h"

#include <utility>

namespace saccade::cli {
namespace {

base::Status check(const ServeOptions& options) {
  if (!options.jwt_jwks.empty()) return {};
  if (options.jwt_issuer.empty() && options.jwt_audience.empty() && options.jwt_ca.empty()) return {};
  return base::invalid_argument(
      "--jwt-issuer, --jwt-audience and --jwt-ca are for tokens, which --jwt-jwks makes known");
}

}  // namespace

base::Result<std::unique_ptr<access::Gate>> open_gate(const ServeOptions& options, std::size_t loops,
                                                      observe::Registry& registry) {
  if (const base::Status right = check(options); !right) return std::unexpected(right.error());
  access::Settings settings;
  settings.keys_file = options.api_keys;
  settings.jwks = options.jwt_jwks;
  settings.jwks_ca = options.jwt_ca;
  settings.rules = {.issuer = options.jwt_issuer,
                    .audience = options.jwt_audience,
                    .leeway = options.jwt_leeway_s,
                    .scope_claim = options.jwt_scope_claim,
                    .scope_prefix = options.jwt_scope_prefix,
                    .models_claim = options.jwt_models_claim};
  settings.certificates = !options.tls_client_ca.empty();
  if (!settings.any()) return nullptr;
  // Certificates alone, where clients need not show one: who does is known by it, and the others get in, too.
  settings.anonymous =
      settings.keys_file.empty() && settings.jwks.empty() && options.tls_client_auth != "require";
  return access::Gate::open(std::move(settings), loops, registry);
}

}  // namespace saccade::cli
