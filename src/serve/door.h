// The one place that decides whether a call may enter. Every transport comes here with what it knows of the
// caller, before it looks at anything else of the request.
//
//   if (!door.open()) {
//     auto entry = door.enter(visit, loop, [&]() -> Door::Later {
//       return [kept = copy_of(request)](base::Result<Entry> entry) { go_on(kept, entry); };
//     });
//     if (!entry) return;  // the answer comes later, on the same loop
//     …
//   }
//
// Built before the server starts; safe from every event loop after that.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/gate.h"
#include "access/right.h"
#include "base/error.h"
#include "limit/limiter.h"
#include "request/caller.h"
#include "runtime/event_loop.h"

namespace saccade::serve {

using access::Right;

// What a transport knows of a call before it enters. The views are needed during enter() only.
struct Visit {
  Right right = Right::kPublic;
  std::string_view model = {};     // that the call is about, as it named it; empty: none, or not known yet
  bool names_model_later = false;  // in its body: whoever reads that asks the caller's may_use()
  std::string_view authorization = {};  // the header's value
  std::string_view api_key = {};        // of X-API-Key
  std::string_view address = {};        // of the connection's other end
  std::string_view certificate = {};    // the client's verified one: its subject
};

struct Entry {
  std::shared_ptr<const request::Caller> caller = {};  // null: nobody was asked
  // What the rate limits say; nothing where there are none. Where they refuse, the call does not enter: it is
  // answered with limits->error(), and the caller learns by the same header fields what it learns otherwise.
  std::optional<limit::Decision> limits = {};

  bool refused() const { return limits && !limits->allowed; }
};

class Door {
 public:
  using Later = std::move_only_function<void(base::Result<Entry>)>;
  // Makes what is called later. Asked for, during enter(), only where there may be a later: a call that is
  // answered at once keeps nothing. What it has made is not called
  // where the answer came at once after all.
  using Keep = std::function<Later()>;

  // `gate` null: callers are not asked who they are.
  explicit Door(std::unique_ptr<access::Gate> gate = nullptr) : gate_(std::move(gate)) {}

  // How often who may come. To be set before the server starts; must outlive this.
  void set_limiter(limit::Limiter* limiter) { limiter_ = limiter; }

  // Nobody is kept waiting any more: who waits is answered on its loop, which must still run.
  void close() {
    if (gate_) gate_->close();
  }

  // Nothing is asked of anybody: enter() need not be called.
  bool open() const { return gate_ == nullptr && limiter_ == nullptr; }
  // Whether whoever enters has said who it is.
  bool authenticates() const { return gate_ != nullptr && gate_->recognises_all(); }

  // The answer at once, or none: then what `keep` has made is called once, on `loop`. Errors:
  // kUnauthenticated, kPermissionDenied, kUnavailable. Whom a rate limit refuses gets an Entry that says so.
  std::optional<base::Result<Entry>> enter(const Visit& visit, runtime::EventLoop& loop, const Keep& keep);

  // The value of WWW-Authenticate for a refusal with 401 or 403 (RFC 6750, 3); empty for any other.
  // `shown`: the call had a key or a token.
  static std::string challenge(Right right, bool shown, const base::Error& error);
  // The refusal of a call that names a model which is not among its caller's.
  static base::Error wrong_model(const request::Caller& caller, std::string_view model);
  // The same of a call that changes what is nobody's model, where its caller's rights are for certain models.
  static base::Error whole_server(const request::Caller& caller);

 private:
  base::Result<Entry> admit(const Visit& visit, access::Gate::Recognised who);

  // The rate limits' part, once it is known who asks.
  std::optional<base::Result<Entry>> count(const Visit& visit, base::Result<Entry> entry,
                                           runtime::EventLoop& loop, const Keep& keep);

  std::unique_ptr<access::Gate> gate_;
  limit::Limiter* limiter_ = nullptr;  // null: as often as they like
};

}  // namespace saccade::serve
