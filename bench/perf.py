#!/usr/bin/env python3
"""Triton's load generator against Saccade: REST and gRPC, in every way that it knows to ask.

    bench/perf.py                       all cases, about four minutes
    bench/perf.py --only grpc --concurrency 16
    bench/perf.py --servers saccade=127.0.0.1:8000,127.0.0.1:8001     one that runs already

Prints a Markdown table: the rate and the latency that the client saw, and the server's own share of it, which perf_analyzer takes
from the server's statistics. Each row's parts are checked: queue and compute must be there, and must not be more than the whole.
Standard library only; Python 3.11 or newer.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
MODEL = "digits"
WINDOW_MS = 2000


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    grpc: bool
    flags: tuple[str, ...] = ()


CASES = [
    Case("REST", False),
    Case("REST, async", False, ("--async",)),
    Case("REST, shared memory", False, ("--shared-memory", "system")),
    Case("gRPC", True),
    Case("gRPC, async", True, ("--async",)),
    Case("gRPC, stream", True, ("--streaming", "--async")),
    Case("gRPC, shared memory", True, ("--shared-memory", "system")),
]

# Names of perf_analyzer's columns, in microseconds.
CLIENT = ["Client Send", "Network+Server Send/Recv", "Client Recv"]
SERVER = ["Server Queue", "Server Compute Input", "Server Compute Infer", "Server Compute Output"]


@contextlib.contextmanager
def saccade(binary: Path, folder: Path):
    """A server of our own: its REST and gRPC addresses."""
    out = (folder / "stdout").open("w+")
    command = [str(binary), "serve", str(ROOT / "examples/repository"), "--port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=(folder / "stderr").open("w"))
    try:
        end = time.monotonic() + 30
        while not (found := re.search(r"serves on http://\S+:(\d+)", (folder / "stdout").read_text())):
            if process.poll() is not None or time.monotonic() > end:
                sys.exit("the server did not start:\n" + (folder / "stderr").read_text())
            time.sleep(0.05)
        address = f"127.0.0.1:{found.group(1)}"
        yield address, address  # one port speaks both
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def measure(case: Case, address: str, concurrency: int, folder: Path) -> dict[str, float]:
    table = folder / "perf.csv"
    table.unlink(missing_ok=True)
    command = [str(BENCH / "perf-analyzer"), "-m", MODEL, "-u", address, "-i", "grpc" if case.grpc else "http",
               "--concurrency-range", str(concurrency), "-p", str(WINDOW_MS), "-r", "8", "-s", "40",
               "--percentile", "50", "--verbose-csv", "-f", str(table), *case.flags]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, env=os.environ)
    if not table.exists():
        sys.exit(f"{case.name}: perf_analyzer gave no result:\n{(done.stdout + done.stderr)[-2000:]}")
    with table.open() as file:
        row = next(csv.DictReader(file))
    return {name: float(value) for name, value in row.items() if value and re.fullmatch(r"[\d.e+-]+", value)}


def check(case: Case, row: dict[str, float]) -> str:
    """What is wrong with the server's breakdown; empty where it adds up."""
    missing = [name for name in SERVER if name not in row]
    if missing:
        return "no " + ", ".join(missing)
    server = sum(row[name] for name in SERVER)
    whole = server + sum(row.get(name, 0) for name in CLIENT)
    if not row["Server Compute Infer"] > 0:
        return "the model's time is 0"
    latency = row.get("Avg latency", whole)
    return "" if server <= latency else f"the server's parts ({server:.0f} µs) are more than the whole ({latency:.0f} µs)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/saccade")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--concurrency", default="1,16,64")
    parser.add_argument("--server", help="REST address and gRPC address of a server that runs already, with a comma between")
    options = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        rest, grpc = options.server.split(",") if options.server else stack.enter_context(saccade(options.binary, folder))
        print("| | concurrency | inferences/s | p50 µs | p99 µs | queue µs | compute µs (in, infer, out) | adds up |")
        print("|---|---|---|---|---|---|---|---|")
        for case in CASES:
            if options.only.lower() not in case.name.lower():
                continue
            for concurrency in map(int, options.concurrency.split(",")):
                row = measure(case, grpc if case.grpc else rest, concurrency, folder)
                fault = check(case, row)
                faults += bool(fault)
                compute = ", ".join(f"{row.get(name, 0):.0f}" for name in SERVER[1:])
                print(f"| {case.name} | {concurrency} | {row['Inferences/Second']:,.0f} | {row.get('p50 latency', 0):.0f} | "
                      f"{row.get('p99 latency', 0):.0f} | {row.get(SERVER[0], 0):.0f} | {compute} | {fault or 'yes'} |", flush=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
