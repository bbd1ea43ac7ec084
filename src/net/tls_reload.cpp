#include "net/tls_reload.h"

#include <utility>

#include "observe/log.h"

namespace saccade::net {
namespace {
constexpr const char* kReloads = "saccade_tls_reloads_total";
constexpr const char* kReloadsHelp = "Changes of the certificate files that were taken up, or were no good.";
}  // namespace

base::Result<std::unique_ptr<TlsReload>> TlsReload::start(TlsFiles files, observe::Registry& registry) {
  auto texts = TlsTexts::read(files);
  if (!texts) return std::unexpected(texts.error());
  auto context = TlsContext::make(files, *texts);
  if (!context) return std::unexpected(context.error());
  return std::unique_ptr<TlsReload>(
      new TlsReload(std::move(files), *std::move(texts), *std::move(context), registry));
}

TlsReload::TlsReload(TlsFiles files, TlsTexts texts, std::shared_ptr<const TlsContext> context,
                     observe::Registry& registry)
    : files_(std::move(files)),
      tried_(std::move(texts)),
      expiry_(registry.gauge("saccade_tls_certificate_expiry_seconds",
                             "When the certificate in use ends, in seconds since 1970.")),
      reloaded_(registry.counter(kReloads, kReloadsHelp, {{"outcome", "ok"}})),
      failed_(registry.counter(kReloads, kReloadsHelp, {{"outcome", "failed"}})) {
  take(std::move(context));
}

std::shared_ptr<const TlsContext> TlsReload::current() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

void TlsReload::take(std::shared_ptr<const TlsContext> context) {
  expiry_.set(context->expiry());
  const std::lock_guard lock(mutex_);
  context_ = std::move(context);
}

void TlsReload::poll() {
  auto texts = TlsTexts::read(files_);
  if (!texts) {
    seen_.reset();
    if (trouble_ != texts.error().message) failed(texts.error().message);
    return;
  }
  if (*texts == tried_) {
    seen_.reset();
    trouble_.clear();
    return;
  }
  if (seen_ != *texts) {
    seen_ = *std::move(texts);
    return;
  }
  seen_.reset();
  tried_ = *std::move(texts);
  auto context = TlsContext::make(files_, tried_);
  if (!context) return failed(context.error().message);
  trouble_.clear();
  take(*std::move(context));
  reloaded_.add();
  observe::log_info("the certificate files have changed; new connections use them");
}

void TlsReload::failed(const std::string& why) {
  trouble_ = why;
  failed_.add();
  observe::log_error(
      "the certificate files have changed and can't be used: {}; what was loaded before stays in use", why);
}

}  // namespace saccade::net
