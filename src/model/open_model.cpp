#include "model/open_model.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <ranges>

#include "model/agreement.h"
#include "model/content_hash.h"
#include "model/session_ground.h"
#include "model/session_settings.h"
#include "model/text_file.h"
#include "observe/log.h"
#include "runtime/processors.h"

namespace saccade::model {
namespace {

using engine::Engine;
using Sessions = std::vector<std::unique_ptr<engine::Session>>;

// Made-up inputs whose outputs are compared.
constexpr unsigned kComparisons = 3;
// By which share usual turns may be worse than good ones for what came of them to be remembered for good:
// beyond it the machine had so much else to do that another load may find another one ahead.
constexpr double kNoisy = 0.15;
// The same where lone runs had a processor for less of their time: others took it in every turn alike.
constexpr double kOwnProcessor = 0.85;
// An engine whose lone run takes so many times the shortest one's is not opened again with more threads.
constexpr double kHopeless = 3;
constexpr int kRunsToDespair = 3;
// A model whose files are larger is not held in memory a second time for the sake of lone requests.
constexpr std::uintmax_t kMostHeldTwice = std::uintmax_t{256} << 20;
// Runs shorter than this cost less than handing them to another thread, which every candidate but the first
// does.
constexpr base::Duration kTooShortToHandOver = std::chrono::microseconds(10);

std::string where(const ModelSource& source) {
  return "model \"" + source.name + "\" version " + source.version;
}

// Why an engine is not taken.
struct Objection {
  std::string reason;
  bool differs = false;  // it gives other outputs, which somebody should look into; false: it can't run it
};

// On a few made-up inputs. `size`: for free dimensions, such as real requests have; at the smallest that a
// model takes, an engine may leave an output empty where another does not.
std::optional<Objection> compare(engine::Session& reference, engine::Session& other,
                                 const ProbeResult& probed, std::int64_t size) {
  if (auto ports = difference(reference.facts(), other.facts())) return Objection{*std::move(ports), true};
  for (unsigned seed = 1; seed <= kComparisons; ++seed) {
    const auto inputs = make_samples(reference.facts(), probed, size, 1, seed);
    const auto views = tensor::views_of(inputs);
    const auto expected = reference.run(views);
    if (!expected) continue;  // nothing to compare with
    const auto got = other.run(views);
    if (!got) return Objection{got.error().message, false};
    if (auto outputs = difference(reference.facts().outputs, **expected, **got)) {
      return Objection{*std::move(outputs), true};
    }
  }
  return std::nullopt;
}

// Of one item, the shortest of a few runs; the longest time there is where one fails.
base::Duration shortest_run(engine::Session& session, const ProbeResult& probed, std::int64_t size) {
  const auto inputs = make_samples(session.facts(), probed, size);
  const auto views = tensor::views_of(inputs);
  base::Duration shortest = base::Duration::max();
  for (int run = 0; run < kRunsToDespair; ++run) {
    const base::TimePoint start = base::now();
    if (!session.run(views)) return base::Duration::max();
    shortest = std::min(shortest, base::now() - start);
  }
  return shortest;
}

std::string first_line(const std::string& text) {
  return printable(text.substr(0, text.find('\n')));
}

class Opening {
 public:
  Opening(const ModelSource& source, const engine::EngineSet& engines, const LoadOptions& options)
      : source_(source), set_(engines), options_(options) {}

  base::Result<OpenedModel> open() {
    auto settings = session_settings(source_);
    if (!settings) return std::unexpected(settings.error());
    settings_ = *std::move(settings);
    auto engines = engines_for(source_, set_, options_.engine);
    if (!engines) return std::unexpected(engines.error());
    engines_ = *std::move(engines);
    opened_.options = settings_.options;
    if (base::Status first = open_reference(); !first) return std::unexpected(first.error());
    auto completed =
        complete(source_, *opened_.session, opened_.engine->platform(source_.file), options_.batching);
    if (!completed) return std::unexpected(completed.error());
    opened_.completed = *std::move(completed);
    add_warnings(settings_.warnings);
    add_warnings(warnings_);
    choose_candidate();
    settle_lone_threads();
    return std::move(opened_);
  }

 private:
  void add_warnings(const std::vector<std::string>& more) {
    auto& warnings = opened_.completed.warnings;
    warnings.insert(warnings.end(), more.begin(), more.end());
  }

  // The first engine that opens the file.
  base::Status open_reference() {
    if (settings_.options.device != engine::Device::kCpu) {
      base::Status opened = open_first();
      if (opened) return opened;
      const std::string problem = where(source_) + ": device " +
                                  std::string(device_name(settings_.options.device)) + ": " +
                                  opened.error().message;
      if (!settings_.cpu_fallback) {
        return base::fail(opened.error().code,
                          problem + "; the parameter device_fallback \"cpu\" serves it on the CPU then");
      }
      warnings_.push_back(problem + "; it runs on the CPU");
      opened_.options.device = engine::Device::kCpu;
      opened_.options.device_id = 0;
    }
    return open_first();
  }

  base::Status open_first() {
    base::Status first_error;
    for (std::size_t i = 0; i < engines_.size(); ++i) {
      auto session = engines_[i]->open(source_.file, opened_.options);
      if (session) {
        opened_.engine = engines_[i];
        opened_.session = *std::move(session);
        if (!first_error) {
          warnings_.push_back(where(source_) + ": " + engines_.front()->name() + " does not take it: " +
                              first_error.error().message + "; " + opened_.engine->name() + " runs it");
        }
        engines_.erase(engines_.begin(), engines_.begin() + static_cast<std::ptrdiff_t>(i));
        return {};
      }
      if (first_error) first_error = std::unexpected(std::move(session.error()));
    }
    return first_error;
  }

  // What may be taken; the session that is open is the first of them.
  std::vector<EngineCandidate> candidates() const {
    const auto processors = static_cast<int>(std::max<std::size_t>(options_.processors, 1));
    std::vector<int> threads{opened_.options.threads};
    const bool splits = !settings_.threads_said && opened_.options.device == engine::Device::kCpu &&
                        !runs_on_loops(source_, opened_.completed, 1, options_);
    if (splits) {
      for (int count = 2; count < processors; count *= 2) threads.push_back(count);
      if (processors > 1) threads.push_back(processors);
    }
    std::vector<EngineCandidate> found;
    for (const int count : threads) {
      const int each = count == 0 ? processors : count;
      const std::size_t instances =
          instances_for(source_, opened_.completed.policy, each, options_.processors);
      if (count > 1 && splits && instances * static_cast<std::size_t>(count) > options_.processors) continue;
      for (const Engine* engine : engines_) found.push_back({engine->name(), count, instances});
      if (opened_.options.device != engine::Device::kCpu) found.resize(1);
    }
    return found;
  }

  // What the configuration says goes before what was measured; fewer threads than other runs have help
  // nobody.
  void settle_lone_threads() {
    if (settings_.lone_threads) opened_.lone_threads = *settings_.lone_threads;
    if (opened_.lone_threads == 0) opened_.lone_threads = static_cast<int>(options_.processors);
    const bool on_cpu = opened_.options.device == engine::Device::kCpu;
    if (!on_cpu || opened_.options.threads == 0 || opened_.lone_threads < opened_.options.threads ||
        !may_be_held_twice()) {
      opened_.lone_threads = opened_.options.threads;
    }
  }

  bool may_be_held_twice() const { return content_size(source_.file) <= kMostHeldTwice; }

  void choose_candidate() {
    const std::vector<EngineCandidate> all = candidates();
    if (all.size() < 2 || !opened_.completed.probed.ran || options_.engine_budget.count() <= 0) return;
    if (too_short_to_hand_over()) return;
    // Two that measure at the same time would measure each other.
    static std::mutex one_at_a_time;
    const std::lock_guard lock(one_at_a_time);
    const std::string key = make_key(all);
    if (key.empty() || !recall(key, all)) measure_all(key, all);
  }

  bool too_short_to_hand_over() const {
    const CompletedModel& completed = opened_.completed;
    return opened_.session->runs_on_caller() && completed.probed.run_time < kTooShortToHandOver &&
           !takes_any_size(*completed.signature);
  }

  // All that the choice hangs on. Empty: it can't be remembered.
  std::string make_key(const std::vector<EngineCandidate>& all) const {
    if (options_.choices == nullptr) return {};
    const auto hash = content_hash(source_.file);
    if (!hash) return {};
    std::string key = "rule 4\nmodel " + *hash + "\nshapes";
    for (const tensor::Shape& shape : opened_.completed.probed.item_shapes) key += " " + shape.text();
    const engine::SessionOptions& said = settings_.options;
    key += "\nbatch " + std::to_string(opened_.completed.policy.max_batch_size) + "\nsession " +
           std::to_string(static_cast<int>(said.optimization)) + " " + std::to_string(said.threads_between) +
           " " + std::to_string(static_cast<int>(said.parallel)) + "\nobjective " +
           request::to_text(opened_.completed.policy.objective) + "\nengines";
    for (const Engine* engine : engines_) key += " " + engine->name() + " " + engine->version();
    key += "\ncandidates";
    for (const EngineCandidate& one : all) key += " " + to_text(one) + " x" + std::to_string(one.instances);
    key += "\nprocessors " + std::to_string(options_.processors) + "\nprocessor " + runtime::processor_kind();
    return key;
  }

  bool recall(const std::string& key, const std::vector<EngineCandidate>& all) {
    const auto known = options_.choices->find(key);
    if (!known || std::ranges::find(all, known->candidate) == all.end()) return false;
    if (!use(known->candidate, nullptr, {})) return false;
    if (!known->warning.empty()) add_warnings({known->warning});
    opened_.lone_threads = known->lone_threads;
    observe::log_info("{}: {}, as measured before: {}", where(source_), to_text(known->candidate),
                      known->figures);
    return true;
  }

  // `session`: of that candidate; null: it is opened. `size`: for free dimensions, at which it is known to
  // run. False: it can't be used, and what was in use before still is.
  bool use(const EngineCandidate& candidate, std::unique_ptr<engine::Session> session,
           std::optional<std::int64_t> size) {
    const bool as_opened = is_open(candidate);
    if (session == nullptr && as_opened) return true;
    Engine* engine = engine_of(candidate);
    engine::SessionOptions options = opened_.options;
    options.threads = candidate.threads;
    if (session == nullptr) {
      auto opened = engine->open(source_.file, options);
      if (!opened || difference(opened_.session->facts(), (*opened)->facts())) return false;
      session = *std::move(opened);
    }
    if (!as_opened && !measure_chosen(*session, size)) return false;
    opened_.engine = engine;
    opened_.options = options;
    opened_.session = std::move(session);
    return true;
  }

  // What is known of one run, by the session that was chosen instead of the one that was probed. Where what
  // is the smallest to one engine is too small for it, its made-up inputs are of the size that engines are
  // compared at.
  bool measure_chosen(engine::Session& session, std::optional<std::int64_t> size) {
    ProbeResult& probed = opened_.completed.probed;
    if (const base::Duration as_probed = measure_run(session, probed.sample); as_probed.count() > 0) {
      probed.run_time = as_probed;
      return true;
    }
    const std::int64_t larger = size ? *size : size_to_measure(session, probed);
    std::vector<tensor::Tensor> sample = make_samples(session.facts(), probed, larger);
    const base::Duration run_time = measure_run(session, sample);
    if (run_time.count() <= 0) return false;
    probed.free_size = larger;
    probed.sample = std::move(sample);
    probed.run_time = run_time;
    return true;
  }

  Engine* engine_of(const EngineCandidate& candidate) const {
    return *std::ranges::find(engines_, candidate.engine,
                              [](const Engine* engine) { return engine->name(); });
  }

  void measure_all(const std::string& key, const std::vector<EngineCandidate>& all) {
    const base::TimePoint start = base::now();
    const std::int64_t size = size_to_measure(*opened_.session, opened_.completed.probed);
    std::vector<EngineCandidate> ready;
    std::vector<Sessions> sessions;
    std::string warning;
    open_all(all, size, ready, sessions, warning);
    if (!warning.empty()) add_warnings({warning});
    if (ready.empty()) return;  // the one that is open stays
    std::size_t best = 0;
    SessionGround ground(std::move(sessions), opened_.completed.probed, size);
    if (ready.size() > 1) {
      observe::log_info("{}: measuring {}, for {:.1f} s as a rule at most …", where(source_), list(ready),
                        base::seconds(options_.engine_budget));
      opened_.figures = measure(ready, limits(), ground);
      best = choose(opened_.figures, opened_.completed.policy.objective, may_be_held_twice());
      say(base::now() - start, ready[best]);
    } else {
      opened_.figures = {{.candidate = ready[0], .alone = {}, .sizes = {}}};
    }
    if (!use(ready[best], ground.take(best), size)) {
      observe::log_warning("{}: {} was ahead, but fails a run; {} stays", where(source_),
                           to_text(ready[best]), opened_.engine->name());
      return;
    }
    const double noise = opened_.figures[best].noise;
    const double share = ground.processor_share();
    const bool doubtful = noise > kNoisy || share < kOwnProcessor;
    if (doubtful) {
      observe::log_info(
          "{}: the machine was busy meanwhile: turns differed by {:.0f} %, runs had a processor for {:.0f} % "
          "of their time; what was found is kept for an hour only",
          where(source_), noise * 100, share * 100);
    }
    opened_.lone_threads = lone_threads(opened_.figures, best, doubtful);
    if (!key.empty()) {
      options_.choices->keep(
          key, {ready[best], to_text(opened_.figures[best]), warning, doubtful, opened_.lone_threads});
    }
  }

  // The sessions of all that can be opened and agree.
  void open_all(const std::vector<EngineCandidate>& all, std::int64_t size,
                std::vector<EngineCandidate>& ready, std::vector<Sessions>& sessions, std::string& warning) {
    std::vector<std::string> refused;
    std::map<std::string, base::Duration> lone;  // by the engine, on its first number of threads
    const base::TimePoint start = base::now();
    const auto hopeless = [&](const std::string& engine) {
      const auto best = std::ranges::min(lone | std::views::values);
      return static_cast<double>(lone.at(engine).count()) > kHopeless * static_cast<double>(best.count());
    };
    for (const EngineCandidate& candidate : all) {
      if (std::ranges::find(refused, candidate.engine) != refused.end()) continue;
      // A model that takes long to open is measured once with each engine and split no further.
      const bool known = std::ranges::find(ready, candidate.engine, &EngineCandidate::engine) != ready.end();
      if (known && (hopeless(candidate.engine) || base::now() - start > options_.engine_budget)) continue;
      auto opened = open_instances(candidate);
      std::optional<Objection> objection;
      if (!opened) {
        objection = Objection{opened.error().message, false};
      } else if (candidate.engine != opened_.engine->name() && !known) {
        objection = compare(*opened_.session, *opened->front(), opened_.completed.probed, size);
      }
      if (objection) {
        refused.push_back(candidate.engine);
        refuse(candidate, *objection, warning);
        continue;
      }
      if (!known) lone[candidate.engine] = shortest_run(*opened->front(), opened_.completed.probed, size);
      ready.push_back(candidate);
      sessions.push_back(*std::move(opened));
    }
  }

  void refuse(const EngineCandidate& candidate, const Objection& objection, std::string& warning) const {
    if (!objection.differs) {
      observe::log_info("{}: {} does not run it: {}", where(source_), candidate.engine,
                        first_line(objection.reason));
      return;
    }
    warning = where(source_) + ": " + candidate.engine + " is not used, it answers otherwise than " +
              opened_.engine->name() + ": " + first_line(objection.reason);
  }

  bool is_open(const EngineCandidate& candidate) const {
    return candidate.engine == opened_.engine->name() && candidate.threads == opened_.options.threads;
  }

  base::Result<Sessions> open_instances(const EngineCandidate& candidate) const {
    Sessions sessions;
    Engine& engine = *engine_of(candidate);
    engine::SessionOptions options = opened_.options;
    options.threads = candidate.threads;
    if (is_open(candidate)) {
      if (auto shared = opened_.session->share()) sessions.push_back(std::move(shared));
    }
    while (sessions.size() < candidate.instances) {
      auto session = sessions.empty() ? engine.open(source_.file, options)
                                      : another_session(source_, engine, options, *sessions.front());
      if (!session) return std::unexpected(std::move(session.error()));
      sessions.push_back(*std::move(session));
    }
    return sessions;
  }

  TrialLimits limits() const {
    TrialLimits limits{.budget = options_.engine_budget};
    const std::int64_t most = opened_.completed.signature->max_batch_size;
    for (const std::int64_t size : {std::int64_t{8}, std::int64_t{32}}) {
      if (std::min(size, most) > limits.sizes.back()) limits.sizes.push_back(std::min(size, most));
    }
    return limits;
  }

  static std::string list(const std::vector<EngineCandidate>& candidates) {
    std::string text;
    for (const EngineCandidate& one : candidates) text += (text.empty() ? "" : ", ") + to_text(one);
    return text;
  }

  void say(base::Duration taken, const EngineCandidate& best) const {
    for (const CandidateFigures& figures : opened_.figures) {
      observe::log_info("{}: {}: {}{}", where(source_), to_text(figures.candidate),
                        figures.measured ? to_text(figures) : "not measured",
                        figures.given_up ? " (given up)" : "");
    }
    observe::log_info("{}: takes {}, measured in {:.1f} s", where(source_), to_text(best),
                      base::seconds(taken));
  }

  const ModelSource& source_;
  const engine::EngineSet& set_;
  const LoadOptions& options_;
  SessionSettings settings_;
  std::vector<Engine*> engines_;  // that may run it, the reference first
  std::vector<std::string> warnings_;
  OpenedModel opened_;
};

}  // namespace

base::Result<OpenedModel> open_model(const ModelSource& source, const engine::EngineSet& engines,
                                     const LoadOptions& options) {
  return Opening(source, engines, options).open();
}

std::size_t instances_for(const ModelSource& source, const schedule::BatchPolicy& policy, int threads,
                          std::size_t processors) {
  if (source.config.instance_count > 0) return static_cast<std::size_t>(source.config.instance_count);
  std::size_t fit = std::max<std::size_t>(processors / static_cast<std::size_t>(std::max(threads, 1)), 1);
  if (policy.max_instances > 0) fit = std::min(fit, policy.max_instances);
  return std::max(fit, policy.min_instances);
}

base::Result<std::vector<Engine*>> engines_for(const ModelSource& source, const engine::EngineSet& engines,
                                               const std::string& engine) {
  const auto settings = session_settings(source);
  if (!settings) return std::unexpected(settings.error());
  const std::string& name = settings->engine.empty() ? engine : settings->engine;
  if (name == kAnyEngine) return engines.readers(source.file);
  const auto found = engines.find(name);
  if (!found) return base::fail(found.error().code, where(source) + ": " + found.error().message);
  if (!(*found)->reads(source.file)) {
    return base::invalid_argument(where(source) + ": the engine " + name + " does not read " +
                                  source.file.filename().string());
  }
  return std::vector<Engine*>{*found};
}

bool takes_any_size(const request::ModelSignature& signature) {
  return std::ranges::any_of(signature.inputs, [&](const request::TensorSpec& input) {
    const bool batch_first = signature.batches() && input.shape.rank() > 0;
    return (batch_first ? input.shape.without_first() : input.shape).has_free_dimension();
  });
}

bool runs_on_loops(const ModelSource& source, const CompletedModel& completed, int threads,
                   const LoadOptions& options) {
  return completed.probed.ran && threads == 1 && !takes_any_size(*completed.signature) &&
         completed.probed.run_time <= options.loop_run_limit &&
         completed.policy.max_queue_delay.count() == 0 && source.config.instance_count == 0;
}

base::Result<std::unique_ptr<engine::Session>> another_session(const ModelSource& source, Engine& engine,
                                                               const engine::SessionOptions& options,
                                                               engine::Session& first) {
  if (auto shared = first.share()) return shared;
  return engine.open(source.file, options);
}

}  // namespace saccade::model
