#!/usr/bin/env python3
"""Open-loop load below and beyond what the machine can do: does the stated latency hold, and what is still answered in time?

    bench/overload.py                    four models, one of them by two ways, three settings: 25 minutes
    bench/overload.py --quick            one model, short points, about a minute: does everything still work?
    bench/overload.py --models magika --settings objective --loads 2,10
    bench/overload.py --self-check       the load generator against a server of which it is known what it does
    bench/overload.py --update-docs      puts the last run's tables and plots into docs

For each model two things are found first (closed loop, no objective): the capacity, and how long one caller waits for its answer; six
times that, and 10 ms at least, is the objective. Then requests arrive at random (Poisson) at multiples of it,
and in a step from 0.2 to 2, against the same server with three settings: an objective; fixed batching (32, 100 ms); and the best
fixed knobs that a small search finds. Latencies count from when a request was due. Writes build/bench/overload.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import cases
import loads
import servers
from machine import ROOT, Stop, circumstances, shown
from overload_report import held_back, tables, update_docs

OUTPUT = ROOT / "build/bench/overload.json"
STEP = "0.2:4s,2:8s"


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a model is asked."""

    model: str
    form: str
    path: str
    loads: tuple[float, ...] = (0.5, 0.8, 0.95, 1.2, 2)
    websocket: bool = False


PLANS = {
    "digits": Plan("digits", "native", "/predict/digits"),
    "digits-websocket": Plan("digits", "native", "/ws/predict/digits", websocket=True),
    "ocr_cls": Plan("ocr_cls", "binary", "/v2/models/ocr_cls/infer"),
    "magika": Plan("magika", "native", "/predict/magika", (0.5, 0.8, 0.95, 1.2, 2, 10)),
    "nudenet": Plan("nudenet", "binary", "/v2/models/nudenet/infer", (0.5, 0.8, 0.95, 1.2, 2, 10)),
}
# As callers behind a few long-lived connections ask; a message that finds them full waits, as one of HTTP does without a free connection.
WEBSOCKETS = ("--protocol", "websocket", "--connections", 8, "--max-connections", 8, "--in-flight", 256)
LONE_ANSWERS = 6  # that go into an objective
SHORTEST_OBJECTIVE_MS = 10.0  # below it a machine's own hold-ups, shared with the generator, decide
FIXED = ("--max-batch-size", "32", "--max-queue-delay-us", "100000")
# Knobs by which a server without an objective is tuned by hand: batch, delay, and how many may wait.
KNOBS = [("--max-batch-size", str(batch), "--max-queue-delay-us", str(delay), "--max-queue", str(queue))
         for batch in (1, 8, 32) for delay in (0, 2000) for queue in (8, 64)]  # fmt: skip
SETTINGS = ["objective", "fixed", "tuned"]
# The generator goes before the server, as callers on machines of their own would: a request that leaves late says nothing about the server.
PRECEDENCE = ("nice", "-n", "-5") if os.geteuid() == 0 else ()


class Point:
    """One server that runs, and a generator to ask it."""

    def __init__(self, plan: Plan, model: cases.Model, flags: tuple[str, ...], settings: servers.Settings, request: cases.Request,
                 objective_ms: float = 0):
        self.plan, self.request, self.settings, self.objective_ms = plan, request, settings, objective_ms
        server = servers.SERVERS[0]
        self.running = servers.Running(server, model, dataclasses.replace(settings, saccade_flags=(*settings.saccade_flags, *flags)))
        row = servers.Row("saccade", plan.form, plan.path.removeprefix("/ws"), plan.path)
        self.target = servers.Target(row, self.running, model, request)

    def __enter__(self) -> Point:
        try:
            self.running.wait_until(self.target)
        except BaseException:
            self.running.family.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.running.family.stop()

    def capacity(self, seconds: float) -> float:
        loads.warm_up(self.target, self.settings)
        load = loads.Load("ws", 8, 8) if self.plan.websocket else loads.Load("http", 32, 1)
        return loads.measure(self.target, load, self.settings, seconds)["requests_per_s"]

    def objective(self, seconds: float) -> float:
        """In milliseconds, with two digits that count."""
        lone = loads.measure(self.target, loads.Load("http", 1, 1), self.settings, seconds)["p50_us"] / 1e3
        return max(float(f"{LONE_ANSWERS * lone:.2g}"), SHORTEST_OBJECTIVE_MS)

    def ask(self, rate: float, seconds: float, schedule: str = "") -> dict:
        headers = [text for key, value in self.request.headers if key != "Content-Type" for text in ("--header", f"{key}: {value}")]
        command = [*PRECEDENCE, self.settings.program("bench_open_loop"), self.running.port, self.plan.path, self.request.file, "--rate", rate,
                   "--objective-ms", self.objective_ms, "--content-type", dict(self.request.headers)["Content-Type"],
                   "--warm-up", min(1.0, seconds / 2), *headers, *(WEBSOCKETS if self.plan.websocket else ())]  # fmt: skip
        command += ["--schedule", schedule, "--interval", 0.25] if schedule else ["--seconds", seconds]
        family = self.running.family
        before = family.cpu_seconds()
        result = loads.run_json(command)
        result["server_cpu_us_per_request"] = 1e6 * (family.cpu_seconds() - before) / max(1, result["offered"])
        family.settle(3)
        if not family.alive():
            raise Stop(f"the server died during the run:\n{family.last_words()}")
        return result


def tune(name: str, model: cases.Model, settings: servers.Settings, request: cases.Request, objective_ms: float, capacity: float,
         seconds: float) -> tuple[str, ...]:
    """The knobs with the most answers in time, a little below capacity and at twice it."""
    best, flags = -1.0, KNOBS[0]
    for knobs in KNOBS:
        with Point(PLANS[name], model, knobs, settings, request, objective_ms) as point:
            score = sum(point.ask(capacity * share, seconds)["goodput_per_s"] for share in (0.8, 2))
        print(f"{name}  {' '.join(knobs)}: {score:,.0f}", file=sys.stderr)
        if score > best:
            best, flags = score, knobs
    return flags


def measure(plan_name: str, options: argparse.Namespace, settings: servers.Settings, scratch: Path) -> dict:
    plan = PLANS[plan_name]
    model = next(model for model in cases.MODELS if model.name == plan.model)
    if not model.file.is_file():
        raise Stop(f"{shown(model.file)} is not there (test/models/fetch)")
    request = cases.requests(model, scratch)[plan.form]
    with Point(plan, model, (), settings, request) as point:
        capacity = point.capacity(2 if options.quick else 4)
        objective_ms = point.objective(1 if options.quick else 2)
    result = {"capacity_per_s": capacity, "objective_ms": objective_ms, "settings": {}}
    for name in options.settings:
        flags: tuple[str, ...] = ("--objective", f"p99={objective_ms:g}ms")
        if name == "fixed":
            flags = FIXED
        elif name == "tuned":
            flags = KNOBS[0] if options.quick else tune(plan_name, model, settings, request, objective_ms, capacity, 1.5)
        found = result["settings"][name] = {"flags": list(flags), "points": {}}
        with Point(plan, model, flags, settings, request, objective_ms) as point:
            for share in options.loads or plan.loads:
                one = found["points"][f"{share:g}"] = point.ask(capacity * share, options.seconds)
                print(f"{plan_name:16} {name:9} {share:5g} x  {line(one)}", file=sys.stderr)
            if not options.no_step:
                found["step"] = point.ask(capacity, 0, STEP)
                print(f"{plan_name:16} {name:9}  step    {line(found['step'])}", file=sys.stderr)
    return result


def line(point: dict) -> str:
    generator = point["generator"]
    return (f"offered {point['offered_per_s']:,.0f}/s, in time {point['goodput_per_s']:,.0f}/s, late {point['late']}, refused "
            f"{point['refused']}, expired {point['expired']}, errors {point['wrong'] + point['broken']}, unanswered {point['unanswered']}; p99 "
            f"{point['accepted']['p99_ms']:.1f} ms, refusals' {point['refusals']['p99_ms']:.1f} ms; generator {generator['cpu_share']:.2f} "
            f"cores, {generator['late_to_send']['p99_ms']:.2f} ms behind at p99, held back {held_back(point):.0%}  {point['first_error'][:120]}")  # fmt: skip


# --- command line ----------------------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    def several(known: list[str]):
        def read(text: str) -> list[str]:
            names = [name.strip() for name in text.split(",")]
            if unknown := [name for name in names if name not in known]:
                raise argparse.ArgumentTypeError(f"there is no {unknown[0]}; there are: {', '.join(known)}")
            return names
        return read

    def shares(text: str) -> list[float]:
        try:
            values = [float(part) for part in text.split(",")]
        except ValueError:
            values = []
        if not values or not all(math.isfinite(value) and value > 0 for value in values):
            raise argparse.ArgumentTypeError(f"'{text}' is no list of multiples, like 0.5,2")
        return values

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="magika, two loads, short: a check, not a measurement")
    parser.add_argument("--self-check", action="store_true", help="the generator against a known server")
    parser.add_argument("--update-docs", action="store_true", help="the tables and plots of the last run into docs/performance.md and docs/plots")
    parser.add_argument("--models", type=several(list(PLANS)), help=", ".join(PLANS))
    parser.add_argument("--settings", type=several(SETTINGS), default=SETTINGS, help=", ".join(SETTINGS))
    parser.add_argument("--loads", type=shares, help="multiples of the capacity (default: 0.5 to 2, and 10 for magika and nudenet)")
    parser.add_argument("--seconds", type=float, help="per point (default 5)")
    parser.add_argument("--no-step", action="store_true", help="without the step from 0.2 to 2")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build/release")
    parser.add_argument("--flags", default="", help="more flags of the server")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    options.models = options.models or (["magika"] if options.quick else list(PLANS))
    options.loads = options.loads or ([0.8, 2.0] if options.quick else None)
    options.seconds = options.seconds or (2 if options.quick else 5)
    options.no_step = options.no_step or options.quick
    if options.seconds <= 0:
        parser.error("--seconds: more than 0")
    return options


def run(options: argparse.Namespace, scratch: Path) -> int:
    settings = servers.Settings(options.build_dir.resolve(), scratch, tuple(options.flags.split()))
    if options.self_check:
        return subprocess.run([settings.program("bench_open_loop_check")], check=False).returncode
    if options.update_docs:
        if not options.output.is_file():
            raise Stop(f"{shown(options.output)} is not there: run bench/overload.py first")
        update_docs(json.loads(options.output.read_text()))
        return 0
    done = {**circumstances(), "precedence": " ".join(PRECEDENCE), "seconds": options.seconds, "quick": options.quick, "models": {}}
    options.output.parent.mkdir(parents=True, exist_ok=True)
    for name in PLANS:
        if name in options.models:
            done["models"][name] = measure(name, options, settings, scratch)
            options.output.write_text(json.dumps(done, indent=1) + "\n")
    print(tables(done))
    print(f"(every point: {shown(options.output)})")
    return 0


def interrupted(number: int, _frame) -> None:
    raise SystemExit(128 + number)  # unwinds, and ends the servers


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    options = arguments()
    try:
        with tempfile.TemporaryDirectory(prefix="so") as scratch:
            return run(options, Path(scratch))
    except Stop as message:
        print(f"bench/overload.py: {message}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
