# The daily commands. `make serve` and `make test` are all that a newcomer needs; CONTRIBUTING.md explains the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PORT ?= 8000
JOBS := $(shell nproc)
RELEASE := build/release
# Sources of the server alone: what `make serve` looks at to see whether there is anything to build.
SOURCES := $(shell find src proto cmake -type f 2>/dev/null) CMakeLists.txt

.PHONY: help
help: ## List these commands.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: dependencies
dependencies:
	@scripts/install-packages build
	@scripts/fetch-dependencies

$(RELEASE)/saccade: $(SOURCES)
	@$(MAKE) --no-print-directory dependencies
	@scripts/build release saccade
	@touch $@

.PHONY: build
build: $(RELEASE)/saccade ## Build build/release/saccade.

.PHONY: serve
serve: build ## Build what is missing, then serve both examples on port 8000.
	@exec $(RELEASE)/saccade serve examples/repository --port $(PORT)

.PHONY: test
test: ## Everything that proves it works.
	@scripts/test

.PHONY: lint
lint: ## Format, rooms, clang-tidy, shellcheck.
	@scripts/lint

.PHONY: format
format: ## Rewrite the sources in the house's format.
	@scripts/install-packages lint
	@git ls-files -co --exclude-standard '*.h' '*.cpp' | xargs clang-format-19 -i

.PHONY: asan
asan: ## Unit and end-to-end tests under AddressSanitizer and UndefinedBehaviorSanitizer.
	@scripts/sanitize asan address,undefined

.PHONY: tsan
tsan: ## Unit and end-to-end tests under ThreadSanitizer.
	@scripts/sanitize tsan thread

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZ_SECONDS (60).
	@scripts/fuzz $(FUZZ_SECONDS)

FUZZ_LONG_SECONDS ?= 600
.PHONY: fuzz-long
fuzz-long: ## Each fuzz target for FUZZ_LONG_SECONDS (600), two at a time, with the coverage reached.
	@scripts/fuzz $(FUZZ_LONG_SECONDS) test/fuzz/long

CHAOS_SECONDS ?= 600
.PHONY: chaos
chaos: build ## Break things at random under load for CHAOS_SECONDS (600); CHAOS_ARGS="--seed 7" repeats a run.
	@scripts/install-packages chaos
	@scripts/python-environment
	@.deps/venv/bin/python test/chaos/run.py --seconds $(CHAOS_SECONDS) $(CHAOS_ARGS)

.PHONY: chaos-matrix
chaos-matrix: build ## Each fault once; writes the table in docs/reliability.md.
	@scripts/install-packages chaos
	@scripts/python-environment
	@.deps/venv/bin/python test/chaos/matrix.py

SOAK_SECONDS ?= 1800
.PHONY: soak
soak: build ## SOAK_SECONDS (1800) at 80 % load with reloads; draws docs/plots/soak-*.svg.
	@scripts/python-environment
	@.deps/venv/bin/python test/chaos/soak.py --seconds $(SOAK_SECONDS) --plot

.PHONY: bench
bench: build ## Compare with its peers and two bare loops on this machine, in one run; then gRPC (h2load), perf_analyzer, many connections.
	@scripts/install-packages bench
	@test/models/fetch
	@scripts/build release saccade bench_bare_loop bench_raw_loop bench_websocket_load bench_open_loop bench_open_loop_check bench_no_model bench_no_model_grpc -- -DSACCADE_BENCH=ON
	@bench/run.py $(BENCH_ARGS)
	@bench/h2load.py
	@bench/perf.py
	@bench/connections.py
	@bench/overload.py --self-check
	@bench/overload.py

.PHONY: clients
clients: build ## gRPC clients of five languages, and h2spec.
	@test/clients/run $(CLIENTS)
	@test/clients/h2spec

.PHONY: clean
clean: ## Remove what was built; .deps/ stays.
	@rm -rf build
