// `saccade bench`: the trade between batch and real time, measured: for each batch size how long a run takes,
// how many predictions are made in a second, and what a million of them cost. As `serve` would run the model,
// or in every way that there is.
#include <algorithm>
#include <cstdio>
#include <deque>
#include <string>
#include <vector>

#include "cli/bench_rows.h"
#include "cli/commands.h"
#include "cli/engines.h"
#include "cli/model_arguments.h"
#include "model/open_model.h"
#include "model/session_ground.h"
#include "observe/log.h"
#include "runtime/processors.h"

namespace saccade::cli {
namespace {

// One engine, threads and instances.
using Way = model::EngineCandidate;

class Bench {
 public:
  Bench(const BenchOptions& options, const model::ModelSource& source, const engine::EngineSet& engines)
      : options_(options), source_(source), engines_(engines) {}

  base::Status run() {
    model::LoadOptions load;
    load.processors = processors_;
    if (options_.engine != "all") load.engine = options_.engine;
    if (options_.engine != "auto" || options_.threads > 0) load.engine_budget = {};
    auto opened = model::open_model(source_, engines_, load);
    if (!opened) return std::unexpected(std::move(opened.error()));
    opened_ = *std::move(opened);
    if (!opened_.completed.probed.ran) {
      return base::invalid_argument("made-up inputs don't fit the model: " +
                                    opened_.completed.probed.failure);
    }
    for (const Way& way : ways()) {
      if (base::Status added = add_rig(way); !added) {
        if (options_.engine != "all") return added;
        observe::log_warning("{}: {}", to_text(way), added.error().message);
      }
    }
    add_rows();
    return measure();
  }

  void print_table() const;
  void print_json() const;

 private:
  std::vector<Way> ways() const {
    if (options_.engine != "all") {
      const int threads = options_.threads > 0 ? options_.threads : opened_.options.threads;
      return {{opened_.engine->name(), threads, instances(threads)}};
    }
    std::vector<Way> all;
    const auto readers = engines_.readers(source_.file);
    if (!readers) return all;
    for (const engine::Engine* engine : *readers) {
      for (const int threads : counts(options_.threads, static_cast<int>(processors_))) {
        const auto most = static_cast<int>(instances(threads));
        for (const int beside : counts(static_cast<int>(options_.instances), most)) {
          all.push_back({engine->name(), threads, static_cast<std::size_t>(beside)});
        }
      }
    }
    return all;
  }

  // 1, 2, 4 … up to the most and that itself, or the one that was asked for.
  static std::vector<int> counts(int asked, int most) {
    if (asked > 0) return {asked};
    std::vector<int> found;
    for (int count = 1; count < most; count *= 2) found.push_back(count);
    found.push_back(most);
    return found;
  }

  std::size_t instances(int threads) const {
    if (options_.instances > 0) return options_.instances;
    return std::max<std::size_t>(processors_ / static_cast<std::size_t>(std::max(threads, 1)), 1);
  }

  base::Status add_rig(const Way& way) {
    const auto engine = engines_.find(way.engine);
    if (!engine) return std::unexpected(engine.error());
    engine::SessionOptions session = opened_.options;
    session.threads = way.threads;
    Rig rig{.engine = way.engine, .threads = way.threads, .sessions = {}};
    while (rig.sessions.size() < way.instances) {
      auto next = rig.sessions.empty()
                      ? (*engine)->open(source_.file, session)
                      : model::another_session(source_, **engine, session, *rig.sessions.front());
      if (!next) return std::unexpected(std::move(next.error()));
      rig.sessions.push_back(*std::move(next));
    }
    rigs_.push_back(std::move(rig));
    return {};
  }

  void add_rows() {
    const model::ProbeResult& probed = opened_.completed.probed;
    const bool batches = opened_.completed.signature->batches();
    const std::int64_t size = model::size_to_measure(*opened_.session, probed);
    for (Rig& rig : rigs_) {
      for (std::int64_t batch = 1; batch <= options_.max_batch; batch *= 2) {
        BenchRow row{.rig = &rig, .batch = batch, .inputs = {}, .times = {}, .per_second = {}};
        row.inputs = model::make_samples(opened_.session->facts(), probed.item_shapes, size,
                                         probed.in_rows ? std::optional(batch) : std::nullopt, 1,
                                         probed.largest_integer);
        rows_.push_back(std::move(row));
        if (!batches) break;
      }
    }
  }

  // All in turn, again and again, so that whatever else the machine does hits all alike.
  base::Status measure() {
    if (rows_.empty()) return base::invalid_argument("no engine runs " + source_.file.string());
    const auto slice = std::chrono::duration_cast<base::Duration>(
        std::chrono::duration<double>(options_.seconds / options_.rounds));
    for (int round = 0; round < options_.rounds; ++round) {
      for (BenchRow& row : rows_) {
        if (base::Status turn = row.take_turn(slice); !turn) return turn;
      }
    }
    return {};
  }

  const BenchRow& best() const { return *std::ranges::max_element(rows_, {}, &BenchRow::throughput); }

  const BenchOptions& options_;
  const model::ModelSource& source_;
  const engine::EngineSet& engines_;
  const std::size_t processors_ = runtime::usable_processors();
  model::OpenedModel opened_;
  std::deque<Rig> rigs_;
  std::vector<BenchRow> rows_;
};

void Bench::print_table() const {
  std::printf("%s, a core at %g an hour, the median of %d turns\n\n", source_.name.c_str(),
              options_.price_per_core_hour, options_.rounds);
  std::printf("%-12s  %7s  %9s  %6s  %12s  %12s  %14s  %16s\n", "engine", "threads", "instances", "batch",
              "p50 ms", "p99 ms", "predictions/s", "cost per million");
  for (const BenchRow& row : rows_) {
    std::printf("%-12s  %7d  %9zu  %6lld  %12.4f  %12.4f  %14.0f  %16.6f\n", row.rig->engine.c_str(),
                row.rig->threads, row.rig->sessions.size(), static_cast<long long>(row.batch),
                row.milliseconds(0.50), row.milliseconds(0.99), row.throughput(),
                row.cost_per_million(options_.price_per_core_hour));
  }
  const BenchRow& most = best();
  std::printf("\nbest for throughput: %s, %d thread%s, %zu side by side, batch %lld\n",
              most.rig->engine.c_str(), most.rig->threads, most.rig->threads == 1 ? "" : "s",
              most.rig->sessions.size(), static_cast<long long>(most.batch));
}

void Bench::print_json() const {
  std::printf("{\"model\":\"%s\",\"processors\":%zu,\"price_per_core_hour\":%g,\"rows\":[",
              source_.name.c_str(), processors_, options_.price_per_core_hour);
  for (const BenchRow& row : rows_) {
    std::printf(
        "%s{\"engine\":\"%s\",\"threads\":%d,\"instances\":%zu,\"batch\":%lld,\"p50_ms\":%.6f,"
        "\"p99_ms\":%.6f,\"predictions_per_second\":%.1f,\"cost_per_million\":%.8f,\"turns\":[",
        &row == &rows_.front() ? "" : ",", row.rig->engine.c_str(), row.rig->threads,
        row.rig->sessions.size(), static_cast<long long>(row.batch), row.milliseconds(0.50),
        row.milliseconds(0.99), row.throughput(), row.cost_per_million(options_.price_per_core_hour));
    for (std::size_t i = 0; i < row.per_second.size(); ++i) {
      std::printf("%s%.1f", i == 0 ? "" : ",", row.per_second[i]);
    }
    std::printf("]}");
  }
  const BenchRow& most = best();
  std::printf("],\"best\":{\"engine\":\"%s\",\"threads\":%d,\"instances\":%zu,\"batch\":%lld}}\n",
              most.rig->engine.c_str(), most.rig->threads, most.rig->sessions.size(),
              static_cast<long long>(most.batch));
}

int fail(const base::Error& error) {
  observe::log_error("{}", error.message);
  return 1;
}

}  // namespace

int bench(const BenchOptions& options) {
  observe::set_up_log("warning");
  auto found = find_all({options.model});
  if (!found) return fail(found.error());
  if (found->models.size() != 1) {
    if (!found->problems.empty()) return fail(found->problems.front());
    return fail(
        {base::Code::kInvalidArgument, options.model + " holds " + std::to_string(found->models.size()) +
                                           " models; name one of them: its .onnx file or its directory"});
  }
  const engine::EngineSet engines = make_engines();
  Bench bench(options, found->models.front(), engines);
  if (const base::Status ran = bench.run(); !ran) return fail(ran.error());
  if (options.json) {
    bench.print_json();
  } else {
    bench.print_table();
  }
  return 0;
}

}  // namespace saccade::cli
