#!/usr/bin/env python3
"""A long run at 80 % of what the machine can do, with reloads all along: memory and descriptors must stay flat.

    test/chaos/soak.py --seconds 1800

What the machine can do is found first, with the same clients and no pause. Then each client asks at a steady pace of 80 % of that, a new
version of a model comes and goes every ten seconds, and memory and descriptors are looked at every second. Straight lines are fitted to both;
it fails where, after the first fifth (caches and pools fill), the fitted growth over the whole run is more than the noise explains and more than
the bounds below. Draws docs/plots/soak.svg with --plot.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
import clients  # noqa: E402
from clients import Load  # noqa: E402
from stage import SANITIZED, Stage  # noqa: E402
from supervisor import PROJECT  # noqa: E402

sys.path.insert(0, str(PROJECT / "bench"))
from line_chart import Chart, draw  # noqa: E402

SHARE = 0.8
PROBE_SECONDS = 10.0
RELOAD_SECONDS = 10.0
MOST_GROWTH_BYTES_PER_HOUR = (400 if SANITIZED else 16) * 1_000_000
MOST_GROWTH_DESCRIPTORS = 4  # over the whole run


def fitted(points: list[tuple[float, float]]) -> tuple[float, float]:
    """The slope of the straight line by least squares, and twice its standard error, both per second.

    Samples of one second hang together; the error is taken over means of twenty blocks, which hardly do."""
    size = max(1, len(points) // 20)
    blocks = [points[i:i + size] for i in range(0, len(points) - size + 1, size)]
    means = [(statistics.fmean(x for x, _ in block), statistics.fmean(y for _, y in block)) for block in blocks]
    if len(means) < 3:
        return 0.0, float("inf")
    slope, intercept = statistics.linear_regression([x for x, _ in means], [y for _, y in means])
    middle = statistics.fmean(x for x, _ in means)
    squares = sum((y - slope * x - intercept) ** 2 for x, y in means)
    error = (squares / (len(means) - 2) / sum((x - middle) ** 2 for x, _ in means)) ** 0.5
    return slope, 2 * error


async def capacity(stage: Stage) -> float:
    """Answered requests a second with no pause between them."""
    clients.PAUSE_SECONDS = 0.0
    load = Load(stage.ledger, stage.supervisor.port)
    load.start()
    await asyncio.sleep(PROBE_SECONDS / 5)
    before, began = len(stage.ledger.requests), time.monotonic()
    await asyncio.sleep(PROBE_SECONDS)
    rate = (len(stage.ledger.requests) - before) / (time.monotonic() - began)
    await load.stop()
    return rate


async def reloads(stage: Stage) -> None:
    """Without end: a good version 9 of `digits` comes, and goes."""
    folder, hidden = stage.repository / "digits/9", stage.repository / "digits/.9"
    while True:
        await asyncio.sleep(RELOAD_SECONDS / 2)
        shutil.copytree(stage.repository / "digits/1", hidden)
        hidden.rename(folder)
        await asyncio.sleep(RELOAD_SECONDS / 2)
        shutil.rmtree(folder)


async def pace(stage: Stage, rate: float) -> None:
    """Adjusts the clients' pause until they ask at this rate; a cloud of closed loops has no other knob."""
    clients.PAUSE_SECONDS = sum(clients.KINDS.values()) / rate * (1 - SHARE)
    while True:
        before, began = stage.ledger.begun, time.monotonic()
        await asyncio.sleep(2)
        now = (stage.ledger.begun - before) / (time.monotonic() - began)
        clients.PAUSE_SECONDS = min(0.5, max(0.0001, clients.PAUSE_SECONDS * (1 + 0.5 * (now / rate - 1))))


async def soak(stage: Stage, seconds: float) -> dict:
    await stage.open()
    most = await capacity(stage)
    print(f"soak: {most:,.0f} requests a second with no pause; {seconds:.0f} s at {SHARE:.0%} of that", flush=True)
    await asyncio.sleep(1)
    stage.ledger.requests.clear()
    load = Load(stage.ledger, stage.supervisor.port)
    load.start()
    helpers = [asyncio.create_task(reloads(stage)), asyncio.create_task(pace(stage, SHARE * most))]
    memory, descriptors, began, total, failed = [], [], time.monotonic(), 0, 0
    while (at := time.monotonic() - began) < seconds:
        memory.append((at, stage.supervisor.memory_bytes()))
        descriptors.append((at, stage.supervisor.descriptors()))
        await asyncio.sleep(1)
        for helper in helpers:
            if helper.done():
                helper.result()
        done = [request for request in stage.ledger.requests if request.outcome]
        total += len(done)
        failed += sum(request.outcome != "answered" for request in done)
        stage.ledger.requests = [request for request in stage.ledger.requests if not request.outcome]
    for helper in helpers:
        helper.cancel()
    await load.stop()
    await stage.supervisor.stop()
    stage.ledger.broken += stage.supervisor.unexpected
    return {"memory": memory, "descriptors": descriptors, "seconds": seconds, "rate": total / seconds, "failed": failed, "starts": stage.supervisor.starts}


def judge(run: dict, broken: list[str]) -> list[str]:
    """One line for each figure."""
    settled = run["seconds"] / 5
    lines = []
    for name, unit, scale, most in (("memory", "MB/h", 3600 / 1e6, MOST_GROWTH_BYTES_PER_HOUR / 1e6),
                                    ("descriptors", "over the run", run["seconds"], MOST_GROWTH_DESCRIPTORS)):
        slope, noise = fitted([point for point in run[name] if point[0] >= settled])
        lines.append(f"{name}: {slope * scale:+.2f} ± {noise * scale:.2f} {unit} (at most {most:.0f})")
        if (slope - noise) * scale > most:
            broken.append(f"{name} grows: {lines[-1]}")
    return lines


def plot(run: dict, lines: list[str]) -> None:
    folder = PROJECT / "docs/plots"
    folder.mkdir(exist_ok=True)
    minutes = lambda points, scale: [(at / 60, value * scale) for at, value in points]  # noqa: E731
    for name, label, scale in (("memory", "resident memory, MB", 1e-6), ("descriptors", "open descriptors", 1)):
        points = run[name][::max(1, len(run[name]) // 400)]
        line = next(text for text in lines if text.startswith(name)).split(" (")[0]
        (folder / f"soak-{name}.svg").write_text(draw(Chart(line, "minutes", label, {name: minutes(points, scale)})))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("SOAK_SECONDS", 1800)))
    parser.add_argument("--plot", action="store_true", help="draw docs/plots/soak-memory.svg and soak-descriptors.svg")
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="saccade-soak-"))
    stage = Stage(folder, "sqlite", flags=["--log-max-bytes", "50000000"])

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started and mounted is ended then, too

    async def whole() -> dict:
        try:
            return await soak(stage, arguments.seconds)
        finally:
            await stage.clean()

    run = asyncio.run(whole())
    lines = judge(run, stage.ledger.broken)
    output = PROJECT / "build/chaos/soak.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(run))
    print(f"soak: {run['rate']:,.0f} requests a second for {run['seconds']:.0f} s, {run['failed']} failed")
    for line in lines:
        print(f"  {line}")
    if arguments.plot:
        plot(run, lines)
    for line in stage.ledger.broken[:30]:
        print(f"soak: BROKEN {line}")
    if not stage.ledger.broken:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if stage.ledger.broken else 0


if __name__ == "__main__":
    sys.exit(main())
