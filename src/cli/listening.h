// On which addresses the server is reached, how the way there is protected, and whether it may be open to
// all.
#pragma once

#include <cstdint>
#include <memory>

#include "base/error.h"
#include "cli/options.h"
#include "net/server.h"
#include "net/tls_reload.h"
#include "observe/metrics.h"

namespace saccade::cli {

// Where a certificate is named, everything that is served to clients speaks TLS. Null: none is.
base::Result<std::unique_ptr<net::TlsReload>> start_tls(const ServeOptions& options,
                                                        observe::Registry& registry);
// No client gets in without a certificate.
bool requires_certificates(const ServeOptions& options);
// Binds every port; the first one's number. `authenticates`: callers say who they are.
base::Result<std::uint16_t> listen(const ServeOptions& options, bool authenticates, net::Server& server);

}  // namespace saccade::cli
