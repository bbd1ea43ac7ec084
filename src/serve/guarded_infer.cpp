#include "serve/guarded_infer.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "observe/log.h"
#include "resilience/call_guard.h"

namespace saccade::serve {
namespace {

using resilience::CallGuard;

base::Error refusal(const model::Catalog::ModelPointer& model, base::TimePoint now) {
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(model->guard()->breaker().retry_after(now));
  const auto retry = std::max(wait, std::chrono::milliseconds(1));
  const request::ModelSignature& signature = *model->signature();
  return {base::Code::kUnavailable,
          "the circuit breaker of model \"" + signature.name + "\" version " + signature.version +
              " is open: too many of its last runs failed, were slow or hung; try again in " +
              std::to_string(retry.count()) + " ms",
          retry};
}

}  // namespace

std::optional<base::Error> guard(const model::Catalog::ModelPointer& model, schedule::Done& done) {
  const base::TimePoint now = base::now();
  const std::shared_ptr<CallGuard>& guard = model->guard();
  if (!guard->enter(now)) return refusal(model, now);
  done = [guard, now, signature = model->signature(),
          done = std::move(done)](base::Result<request::InferenceResponse> response) mutable {
    auto outcome = CallGuard::Outcome::kNothing;
    base::Duration took{0};
    if (response) {
      outcome = CallGuard::Outcome::kOk;
      took = response->timings.run_finished - response->timings.run_started;
    } else if (response.error().code == base::Code::kInternal) {
      outcome = CallGuard::Outcome::kFailed;
    }
    const std::uint64_t opened = guard->breaker().opened();
    guard->leave(now, base::now(), took, outcome);
    if (guard->breaker().opened() != opened) [[unlikely]]
      observe::log_warning("model {} version {}: the circuit breaker is open", signature->name,
                           signature->version);
    done(std::move(response));
  };
  return std::nullopt;
}

}  // namespace saccade::serve
