#!/usr/bin/env python3
"""Breaks things at random while clients ask, and checks what must hold whatever breaks.

    test/chaos/run.py --seconds 600            random faults; the seed is printed and repeats the run's choices
    test/chaos/run.py --seed 7 --only "kill -9,disk full"
    test/chaos/run.py --matrix                 each fault once, for the table in docs/reliability.md (matrix.py)
    test/chaos/run.py --list                   the faults, and which can't be tried here

It fails where a request was lost, answered twice or wrongly, a logged row is missing or doubled, the server ended by itself, or its
memory or descriptors did not come back. Times are told and judged by nobody: a busy machine makes them.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # its handlers end a child that is only there to become the server
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
from clients import Load  # noqa: E402
from faults import Fault, available  # noqa: E402
from stage import SANITIZED, Stage  # noqa: E402

CALM_SECONDS = 2.0      # between two faults: what the time to recover is seen in
SETTLE_SECONDS = 20.0   # for connections that are left over to be counted off
EXTRA_DESCRIPTORS = 8
EXTRA_MEMORY_BYTES = (2000 if SANITIZED else 96) * 1_000_000
BESIDE = 0.2            # how often a second fault comes beside the first


@dataclasses.dataclass
class Span:
    """One fault's time, all in seconds of the monotonic clock."""

    faults: list[Fault]
    before: float
    began: float
    ended: float = 0.0
    until: float = 0.0

    @property
    def name(self) -> str:
        return " + ".join(fault.name for fault in self.faults)


async def break_for(stage: Stage, faults: list[Fault], seconds: float, calm: float, before: float) -> Span:
    span = Span(faults, before, time.monotonic())
    cuts = [span.began, float("inf")]
    if any(fault.cuts for fault in faults):
        stage.ledger.may_cut.append(cuts)
    for fault in faults:
        await fault.begin()
    if not all(fault.cuts for fault in faults):
        await asyncio.sleep(seconds)
    for fault in reversed(faults):
        await fault.end()
    span.ended = time.monotonic()
    await asyncio.sleep(calm)
    cuts[1] = span.ended + 1.0
    span.until = time.monotonic()
    return span


async def resting(stage: Stage) -> tuple[int, int]:
    """Descriptors and memory of the server when nobody is connected."""
    await asyncio.sleep(0.5)
    return stage.supervisor.descriptors(), stage.supervisor.memory_bytes()


async def warmed(stage: Stage) -> tuple[int, int]:
    load = Load(stage.ledger, stage.supervisor.port)
    load.start()
    await asyncio.sleep(2)
    await load.stop()
    return await resting(stage)


async def came_back(stage: Stage, baseline: tuple[int, int]) -> str:
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        descriptors, memory = await resting(stage)
        if descriptors <= baseline[0] + EXTRA_DESCRIPTORS and memory <= baseline[1] + EXTRA_MEMORY_BYTES:
            break
        if time.monotonic() > end:
            stage.ledger.breach(f"descriptors went from {baseline[0]} to {descriptors}, memory from {baseline[1] >> 20} to {memory >> 20} MiB")
            break
    return f"descriptors {baseline[0]} → {descriptors}, memory {baseline[1] >> 20} → {memory >> 20} MiB"


def row(stage: Stage, span: Span) -> dict:
    ledger = stage.ledger
    usual = ledger.p99(span.before, span.began)
    during = ledger.p99(span.began, span.ended)
    back = ledger.recovery(span.ended, span.until, usual)
    return {"fault": span.name, "what": "; ".join(fault.what for fault in span.faults), "requests": len(ledger.between(span.began, span.ended)),
            "failed": ledger.failed(span.began, span.until), "p99_before_ms": usual * 1e3, "added_p99_ms": max(0.0, during - usual) * 1e3,
            "recovery_s": back, "lasted_s": span.ended - span.began, "began": span.began, "until": span.until}


def shown(row: dict) -> str:
    back = "not within the calm" if row["recovery_s"] is None else f"{row['recovery_s']:.1f} s"
    return (f"  {row['fault']:32} {row['lasted_s']:5.1f} s  {row['requests']:5} requests  {row['failed']:4} failed  "
            f"p99 {row['p99_before_ms']:6.1f} +{row['added_p99_ms']:7.1f} ms  as usual again after {back}")


def plan(faults: list[type[Fault]], stage: Stage, choose: random.Random):
    """Without end: each once in random order, then all again; now and then two at once."""
    while True:
        order = choose.sample(faults, len(faults))
        for kind in order:
            chosen = [kind(stage, choose.getrandbits(32))]
            others = [other for other in faults if not other.alone and other is not kind and (not other.service or other.service != kind.service)]
            if others and not kind.alone and choose.random() < BESIDE:
                chosen.append(choose.choice(others)(stage, choose.getrandbits(32)))
            yield chosen, choose.uniform(0.5, 2.5)


async def play(stage: Stage, arguments: argparse.Namespace) -> list[dict]:
    await stage.open()
    faults, left_out = available(stage)
    if arguments.only:
        wanted = {name.strip() for name in arguments.only.split(",")}
        unknown = wanted - {fault.name for fault in faults}
        if unknown:
            raise SystemExit(f"chaos: there is no fault {', '.join(sorted(unknown))} here; --list names them")
        faults = [fault for fault in faults if fault.name in wanted]
    for line in [*left_out, *stage.notes]:
        print(f"  {line}", flush=True)
    if arguments.list:
        for fault in faults:
            print(f"  {fault.name:20} {fault.what}")
        await stage.close()
        return []
    baseline = await warmed(stage)
    load = Load(stage.ledger, stage.supervisor.port)
    load.start()
    rows = []
    before = time.monotonic()
    await asyncio.sleep(CALM_SECONDS + arguments.matrix)
    end = time.monotonic() + arguments.seconds
    if arguments.matrix:
        steps = (([fault(stage, arguments.seed)], 2.0) for fault in faults)
    else:
        steps = plan(faults, stage, random.Random(arguments.seed))
    calm = 2 * CALM_SECONDS if arguments.matrix else CALM_SECONDS
    for chosen, seconds in steps:
        if not arguments.matrix and time.monotonic() > end:
            break
        span = await break_for(stage, chosen, seconds, calm, before)
        rows.append(row(stage, span))
        print(shown(rows[-1]), flush=True)
        before = max(span.ended + 1, span.until - CALM_SECONDS)
    await load.stop()
    print("  " + await came_back(stage, baseline), flush=True)
    logged = await stage.close()
    missing = stage.ledger.compare(logged)
    stage.ledger.broken += stage.supervisor.unexpected
    in_log = set(logged)
    for each in rows:
        each["rows_lost"] = sum(request.outcome == "answered" and request.id not in in_log
                                for request in stage.ledger.between(each["began"], each["until"]))
    answered = sum(request.outcome == "answered" for request in stage.ledger.requests)
    print(f"  {len(stage.ledger.requests)} requests: {answered} answered, {len(stage.ledger.requests) - answered} refused or cut; "
          f"{missing} rows missing; {stage.supervisor.starts} starts of the server")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("CHAOS_SECONDS", 600)))
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", help="these faults, by name, separated by commas")
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite", help="where predictions are logged")
    parser.add_argument("--matrix", action="store_true", help="each fault once, two seconds each")
    parser.add_argument("--output", type=pathlib.Path, help="where the figures go, as JSON")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.seed is None:
        arguments.seed = random.SystemRandom().randrange(1 << 31)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else max(soft, 65536), hard))
    print(f"chaos: seed {arguments.seed}, log in {arguments.store}; repeat the choices with --seed {arguments.seed}", flush=True)

    folder = pathlib.Path(tempfile.mkdtemp(prefix="saccade-chaos-"))
    stage = Stage(folder, arguments.store)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started and mounted is ended then, too

    async def whole() -> list[dict]:
        try:
            return await play(stage, arguments)
        finally:
            await stage.clean()

    rows = asyncio.run(whole())
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps({"seed": arguments.seed, "store": arguments.store, "rows": rows}, indent=1))
    if stage.ledger.broken:
        print(f"chaos: {len(stage.ledger.broken)} rules broken (seed {arguments.seed}); the server's words are in {folder}/stderr")
        for line in stage.ledger.broken[:30]:
            print(f"  {line}")
        return 1
    shutil.rmtree(folder, ignore_errors=True)
    print("chaos: nothing lost, nothing twice, nothing left behind")
    return 0


if __name__ == "__main__":
    sys.exit(main())
