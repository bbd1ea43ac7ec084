#include "serve/door.h"

#include <memory>
#include <utility>

namespace saccade::serve {
namespace {

constexpr std::string_view kRealm = "Bearer realm=\"saccade\"";

base::Error forbid(std::string_view who, const std::string& why) {
  return {base::Code::kPermissionDenied, "\"" + std::string(who) + "\" may not do this: " + why};
}

// Whoever is refused otherwise is counted by address all the same, and told of the limit once that is used
// up: so guessing keys is not free.
base::Result<Entry> decided(base::Result<Entry> entry, const limit::Decision& decision) {
  if (!entry && decision.allowed) return entry;
  if (!entry) entry = Entry{};
  entry->limits = decision;
  return entry;
}

}  // namespace

std::optional<base::Result<Entry>> Door::enter(const Visit& visit, runtime::EventLoop& loop,
                                               const Keep& keep) {
  if (open() || visit.right == Right::kPublic) return Entry{};
  if (gate_ == nullptr) return count(visit, Entry{}, loop, keep);
  const access::Proof proof{
      .authorization = visit.authorization, .api_key = visit.api_key, .certificate = visit.certificate};
  auto who = gate_->recognise(proof, loop, [&]() -> access::Gate::Later {
    return [this, kept = Visit(visit), model = std::string(visit.model), address = std::string(visit.address),
            &loop, later = keep()](access::Gate::Recognised recognised) mutable {
      kept.model = model;  // what it showed has gone
      kept.address = address;
      auto entry = admit(kept, std::move(recognised));
      if (limiter_ == nullptr) return later(std::move(entry));
      // One of the two calls it, whichever has the answer.
      const auto shared = std::make_shared<Later>(std::move(later));
      auto counted = count(kept, std::move(entry), loop, [shared]() -> Later {
        return [shared](base::Result<Entry> last) { (*shared)(std::move(last)); };
      });
      if (counted) (*shared)(*std::move(counted));
    };
  });
  if (!who) return std::nullopt;
  auto entry = admit(visit, *std::move(who));
  if (limiter_ == nullptr) return entry;
  return count(visit, std::move(entry), loop, keep);
}

std::optional<base::Result<Entry>> Door::count(const Visit& visit, base::Result<Entry> entry,
                                               runtime::EventLoop& loop, const Keep& keep) {
  using Uncounted = request::Caller::Uncounted;
  limit::Call call{.caller = {}, .address = visit.address, .model = {}};
  if (entry) {
    auto caller = entry->caller ? std::make_shared<request::Caller>(*entry->caller)
                                : std::make_shared<request::Caller>();
    caller->address = std::string(visit.address);
    caller->uncounted = visit.model.empty() ? Uncounted::kModel : Uncounted::kNothing;
    entry->caller = caller;
    call.caller = caller->name;
    call.model = visit.model;
  }
  auto decision = limiter_->take(call, loop, [&]() -> limit::Limiter::Later {
    return [entry, later = keep()](const limit::Decision& last) mutable {
      later(decided(std::move(entry), last));
    };
  });
  if (!decision) return std::nullopt;
  return decided(std::move(entry), *decision);
}

// Looks at no view of the visit but its model and its address.
base::Result<Entry> Door::admit(const Visit& visit, access::Gate::Recognised who) {
  if (!who) return std::unexpected(std::move(who.error()));
  auto caller = std::make_shared<request::Caller>();
  caller->address = std::string(visit.address);
  if (*who == nullptr) return Entry{.caller = std::move(caller), .limits = {}};
  const access::Identity& identity = **who;
  const auto refuse = [this](base::Error why) {
    gate_->metrics().count(access::Outcome::kForbidden);
    return std::unexpected(std::move(why));
  };
  caller->name = identity.name;
  caller->shares_cache = identity.shares_cache;
  if (!identity.rights.allow(visit.right)) {
    return refuse(
        forbid(identity.name, "it needs the right \"" + std::string(access::right_name(visit.right)) + "\""));
  }
  if (!visit.model.empty() && !identity.may_use(visit.model))
    return refuse(wrong_model(*caller, visit.model));
  const bool concerns_all = visit.right == Right::kAdmin && visit.model.empty() && !visit.names_model_later;
  if (concerns_all && identity.models) return refuse(whole_server(*caller));
  caller->identity = *std::move(who);
  return Entry{.caller = std::move(caller), .limits = {}};
}

base::Error Door::wrong_model(const request::Caller& caller, std::string_view model) {
  return forbid(caller.name,
                "its rights are for other models than \"" + std::string(model.substr(0, 200)) + "\"");
}

base::Error Door::whole_server(const request::Caller& caller) {
  return forbid(caller.name, "this concerns the whole server, and its rights are for certain models");
}

std::string Door::challenge(Right right, bool shown, const base::Error& error) {
  std::string value;
  if (error.code == base::Code::kUnauthenticated) {
    value = kRealm;
    if (shown) value += ", error=\"invalid_token\"";  // where nothing was, no error is named (RFC 6750, 3.1)
  } else if (error.code == base::Code::kPermissionDenied) {
    value = kRealm;
    value += ", error=\"insufficient_scope\", scope=\"" + std::string(access::right_name(right)) + "\"";
  }
  return value;
}

}  // namespace saccade::serve
