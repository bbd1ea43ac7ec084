// The server's TLS context, made anew when its files change: new connections get the newest one, those that
// are open keep theirs. Files that are no good leave the one before in use.
//
// The files are looked at by poll(), from one thread; a change is taken up once two looks have seen the same
// contents, so that a certificate and its key may be replaced one after the other. current() is safe from any
// thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/tls.h"
#include "net/tls_files.h"
#include "observe/metrics.h"

namespace saccade::net {

class TlsReload {
 public:
  // Loads the files for the first time.
  static base::Result<std::unique_ptr<TlsReload>> start(TlsFiles files, observe::Registry& registry);

  std::shared_ptr<const TlsContext> current() const;
  void poll();

 private:
  TlsReload(TlsFiles files, TlsTexts texts, std::shared_ptr<const TlsContext> context,
            observe::Registry& registry);
  void take(std::shared_ptr<const TlsContext> context);
  void failed(const std::string& why);

  const TlsFiles files_;
  TlsTexts tried_;                // the contents that were loaded last, or found to be no good
  std::optional<TlsTexts> seen_;  // a change, seen once
  std::string trouble_;           // said already
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> context_;  // guarded by mutex_
  observe::Gauge& expiry_;
  observe::Counter& reloaded_;
  observe::Counter& failed_;
};

}  // namespace saccade::net
