#include "serve/load_limits.h"

#include <string>
#include <utility>

#include "runtime/memory_in_flight.h"

namespace saccade::serve {
namespace {

constexpr std::chrono::milliseconds kRetryAfter{1000};

std::uint64_t bytes_of(const request::InferenceRequest& request) {
  std::uint64_t bytes = 0;
  for (const tensor::Tensor& input : request.inputs) {
    if (input.type() != tensor::DataType::kBytes) {
      bytes += input.byte_size();
      continue;
    }
    for (const std::string& text : input.strings()) bytes += sizeof(std::string) + text.size();
  }
  return bytes;
}

}  // namespace

LoadLimits::LoadLimits(const LoadSettings& settings, observe::Registry& registry)
    : settings_(settings),
      refused_in_flight_(registry.counter("saccade_load_refused_total",
                                          "Predictions refused because of what was in flight already.",
                                          {{"limit", "max_in_flight"}})),
      refused_memory_(registry.counter("saccade_load_refused_total", "", {{"limit", "max_memory"}})) {
  runtime::memory_in_flight().set_limit(settings.max_memory);
  registry.gauge_from("saccade_predictions_in_flight", "Predictions decoded and not answered yet.", {},
                      [this] { return static_cast<double>(in_flight_.load(std::memory_order_relaxed)); });
  registry.gauge_from("saccade_memory_in_flight_bytes",
                      "Memory of bodies being received and of the inputs of predictions in flight.", {},
                      [] { return static_cast<double>(runtime::memory_in_flight().bytes()); });
}

std::optional<base::Error> LoadLimits::enter(const request::InferenceRequest& request, schedule::Done& done) {
  runtime::MemoryInFlight& memory = runtime::memory_in_flight();
  const std::uint64_t bytes = memory.limit() > 0 ? bytes_of(request) : 0;
  if (memory.limit() > 0 && bytes > memory.limit()) {
    refused_memory_.add();
    return base::Error{base::Code::kTooLarge, "the request's inputs take " + std::to_string(bytes) +
                                                  " bytes; all requests together may take the " +
                                                  std::to_string(memory.limit()) + " of --max-memory"};
  }
  // Taken first and given back, so that two that come at the same time never both get the last place.
  const std::size_t others = in_flight_.fetch_add(1, std::memory_order_relaxed);
  if (settings_.max_in_flight > 0 && others >= settings_.max_in_flight) {
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
    refused_in_flight_.add();
    return base::Error{base::Code::kUnavailable,
                       std::to_string(settings_.max_in_flight) +
                           " predictions are in flight already, as many as --max-in-flight lets in",
                       kRetryAfter};
  }
  if (!memory.try_add(bytes)) {
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
    refused_memory_.add();
    return base::Error{base::Code::kUnavailable,
                       "requests in flight hold " + std::to_string(memory.bytes()) +
                           " bytes, and this one's " + std::to_string(bytes) +
                           " are too many for --max-memory " + std::to_string(memory.limit()),
                       kRetryAfter};
  }
  done = [this, bytes, done = std::move(done)](base::Result<request::InferenceResponse> response) mutable {
    runtime::memory_in_flight().remove(bytes);
    in_flight_.fetch_sub(1, std::memory_order_relaxed);
    done(std::move(response));
  };
  return std::nullopt;
}

}  // namespace saccade::serve
