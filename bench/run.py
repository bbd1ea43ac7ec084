#!/usr/bin/env python3
"""The benchmark: Saccade, its peers and two bare loops answer the same requests with the same models, in one run.

    bench/run.py                    everything, 3 rounds, about forty minutes
    bench/run.py --quick            one short round of a few servers, about two minutes: does it all still work?
    bench/run.py --models digits --servers saccade,triton --only http-64 --rounds 9
    bench/run.py --update           and writes the tables into README.md and docs/performance.md

Prints Markdown tables and writes build/bench/results.json. What is measured, and how to read it: bench/README.md.
Standard library only; Python 3.11 or newer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import cases
import loads
import tables
from machine import ROOT, Stop, await_quiet, circumstances, shown
from servers import ROWS, SERVERS, Running, Settings, Target

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
QUICK_MODELS = ["digits", "nudenet"]


def chosen(text: str | None, known: list[str], what: str) -> list[str]:
    if not text:
        return known
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise Stop(f"no {what} '{name}'; there are: {', '.join(known)}")
    return [name for name in known if name in names]


def with_our_forms(names: list[str]) -> list[str]:
    """A peer is compared with us in its own form: where both are asked for, that row of ours is measured, too."""
    forms = {row.form for server in SERVERS for row in server.rows if row.name in names}
    ours = {row.name for row in SERVERS[0].rows if row.form in forms}
    return [name for name in ROWS if name in names or (SERVERS[0].name in names and name in ours)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Saccade against its peers; see bench/README.md.")
    parser.add_argument("--quick", action="store_true", help="one short round, HTTP at 16 connections, two models: a check, not a measurement")
    parser.add_argument("--rounds", type=int, help="rounds (default 3)")
    parser.add_argument("--seconds", type=float, help="seconds per measurement (default: 2 to 8, by model; wrk takes whole ones)")
    parser.add_argument("--models", metavar="A,B", help=f"which of: {', '.join(model.name for model in cases.MODELS)}")
    parser.add_argument("--servers", metavar="A,B", help=f"which of: {', '.join(ROWS)}")
    parser.add_argument("--only", metavar="A,B", help=f"which of: {', '.join(load.name for load in loads.LOADS)}")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build/release", help="where the binaries are")
    parser.add_argument("--saccade-flags", default="", metavar="FLAGS", help="more flags for saccade serve, in one string")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench/results.json", help="every single round")
    parser.add_argument("--update", action="store_true", help="write the tables into README.md and docs/performance.md")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (1 if options.quick else None)
    if options.quick:
        options.models = options.models or ",".join(QUICK_MODELS)
        options.only = options.only or "http-16"
    if options.rounds < 1 or (options.seconds is not None and options.seconds < 1):
        parser.error("at least one round and one second")
    if options.update and (options.quick or options.servers or options.models or options.only):
        parser.error("--update is for a full run: without --quick, --models, --servers and --only")
    return options


# --- one model -------------------------------------------------------------------------------------------------


def start(model: cases.Model, names: list[str], asked_for: bool, settings: Settings, stack: contextlib.ExitStack) -> list[Target]:
    """Starts the servers of these rows; each row's target. One that can't be started is left out unless it was asked for by name."""
    requests = cases.requests(model, settings.scratch)
    running: list[tuple[Running, list[Target]]] = []
    for server in SERVERS:
        rows = [row for row in server.rows if row.name in names and (row.form != "binary" or model.name == "nudenet")]
        if not rows or (server.digits_only and model.name != "digits"):
            continue
        try:
            if server is SERVERS[0]:
                await_quiet()  # the last model's servers may be ending yet
            one = Running(server, model, settings)
        except Stop as reason:
            if asked_for:
                raise
            print(f"leaving out {server.name}: {reason}", file=sys.stderr)
            continue
        stack.callback(one.family.stop)
        running.append((one, [Target(row, one, model, requests[row.form]) for row in rows]))
        if server is SERVERS[0]:  # measures engines and threads while it starts, which nobody is to disturb
            one.wait_until(running[0][1][0])
    for one, targets in running:  # the others start at the same time
        one.wait_until(targets[0])
    return [target for _one, targets in running for target in targets]


def check(model: cases.Model, targets: list[Target], settings: Settings) -> None:
    """Fast and wrong is worth nothing: every one must give ONNX Runtime's own answer."""
    right = cases.expected(model, cases.requests(model, settings.scratch)["native"])
    for target in targets:
        answers = {"HTTP": target.ask()} | ({"WebSocket": target.ask_ws()} if target.ws_path and model.name == "digits" else {})
        for protocol, answer in answers.items():
            if fault := right.differs(answer):
                raise Stop(f"{target.name} over {protocol} gives a wrong answer for {model.name}: {fault}")
    print(f"{model.name}: right answers from {', '.join(target.name for target in targets)}", file=sys.stderr)


def measure(model: cases.Model, targets: list[Target], wanted: list[loads.Load], options, settings: Settings) -> dict:
    """{load: {row: [one result per round]}}. Servers take turns within a load, so what disturbs one disturbs all."""
    results: dict[str, dict[str, list]] = {load.name: {} for load in wanted}
    for target in targets if not options.quick else []:
        loads.warm_up(target, settings)
    for turn in range(options.rounds):
        for load in wanted:
            fit = [target for target in targets if load.protocol == "http" or target.ws_path]
            # A different one goes first each round: nobody always follows the heaviest.
            for target in fit[turn % len(fit):] + fit[: turn % len(fit)] if fit else []:
                if not target.running.family.alive():
                    raise Stop(f"{target.name} died during the run:\n{target.running.family.last_words()}")
                result = loads.measure(target, load, settings, options.seconds or model.seconds)
                results[load.name].setdefault(target.name, []).append(result)
                print(f"{model.name} {turn + 1}/{options.rounds}  {load.name:7} {target.name:14} {result['requests_per_s']:>9,.1f}/s  "
                      f"p50 {result['p50_us']:,.0f} µs  p99 {result['p99_us']:,.0f} µs  cpu {result['cpu_us_per_request']:,.0f} µs"
                      + (f"  ERRORS {result['errors']}" if result["errors"] else ""), file=sys.stderr, flush=True)  # fmt: skip
    return {name: rows for name, rows in results.items() if rows}


# --- the run ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def servers_end():
    """Ends what is pushed onto this stack, whatever happens. A second Ctrl-C must not leave a server behind: it waits till all are ended."""
    with contextlib.ExitStack() as stack:
        try:
            yield stack
        finally:
            before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
            stack.close()
            for number, handler in before.items():
                signal.signal(number, handler)


def run(options: argparse.Namespace, scratch: Path) -> None:
    names = with_our_forms(chosen(options.servers, ROWS, "server"))
    models = [model for model in cases.MODELS if model.name in chosen(options.models, [one.name for one in cases.MODELS], "model")]
    asked = chosen(options.only, [one.name for one in loads.LOADS], "load") if options.only else [one.name for one in loads.USUAL]
    wanted = [load for load in loads.LOADS if load.name in asked]
    for model in models:
        if not model.file.is_file():
            raise Stop(f"{shown(model.file)} is not there (test/models/fetch)")
    if shutil.which("wrk") is None:
        raise Stop("wrk is not installed (scripts/install-packages bench)")
    settings = Settings(options.build_dir.resolve(), scratch, tuple(shlex.split(options.saccade_flags)))
    where = {**circumstances(), "rounds": options.rounds}
    results, present = {}, set()
    for model in models:
        fit = [load for load in wanted if load.protocol == "http" or model.name == "digits"]
        if not fit:
            continue
        with servers_end() as stack:
            targets = start(model, names, bool(options.servers), settings, stack)
            if not targets:
                continue
            check(model, targets, settings)
            results[model.name] = measure(model, targets, fit, options, settings)
            present |= {target.running.name for target in targets}
    if not results:
        raise Stop("nothing to measure: no server has such a load")
    for server in SERVERS:
        if server.name in present and (version := server.version(settings)):
            where["versions"][version.split(" ")[0]] = version.split(" ", 1)[1]
    summary = tables.summarise(results)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({**where, "summary": summary, "results": results}, indent=1) + "\n")
    print(tables.heading(where), tables.short(summary), tables.full(summary), sep="\n")
    print(f"\n(every round: {shown(options.output)})")
    if options.update:
        tables.update(where, summary)


def interrupted(number: int, _frame) -> None:
    raise SystemExit(128 + number)  # unwinds through the stack, which ends the servers


def main() -> int:
    try:
        options = arguments()
        for number in SIGNALS:
            signal.signal(number, interrupted)
        with tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as scratch:
            run(options, Path(scratch))
    except Stop as message:
        print(f"bench/run.py: {message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
