#!/usr/bin/env python3
"""Triton's load generator against Saccade: REST and gRPC, in every way that it knows to ask; before that, beside others.

    bench/perf.py                       all of it, about ten minutes
    bench/perf.py --part against        only the first table: the same load at 16 against servers that run no model, and Triton
    bench/perf.py --part ways --only grpc --concurrency 16
    bench/perf.py --part ways --server 127.0.0.1:8000,127.0.0.1:8001     one that runs already

The first table's ratios are medians of each round's own ratio, servers taking turns. The second: the rate and the latency that the client saw, and the server's own share of it, which perf_analyzer takes
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
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tables
from machine import Stop, circumstances
from no_model_servers import TITLES, Started, inferences, settings_of, started

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


def measure(case: Case, address: str, concurrency: int, folder: Path, spread: int = 40) -> dict[str, float]:
    """`spread`: by how many per cent its windows may differ; it gives no result where they never agree."""
    table = folder / "perf.csv"
    table.unlink(missing_ok=True)
    command = [str(BENCH / "perf-analyzer"), "-m", MODEL, "-u", address, "-i", "grpc" if case.grpc else "http",
               "--concurrency-range", str(concurrency), "-p", str(WINDOW_MS), "-r", "8", "-s", str(spread),
               "--percentile", "50", "--verbose-csv", "-f", str(table), *case.flags]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=180, env=os.environ)
    if not table.exists():
        sys.exit(f"{case.name}: perf_analyzer gave no result:\n{(done.stdout + done.stderr)[-2000:]}")
    with table.open() as file:
        row = next(csv.DictReader(file))
    return {name: float(value) for name, value in row.items() if value and re.fullmatch(r"[\d.e+-]+", value)}


# --- beside others ---------------------------------------------------------------------------------------------

AGAINST = ["saccade", "no-model", "no-model-grpc++", "triton"]
AGAINST_CASES = [CASES[0], CASES[3]]
AGAINST_CONCURRENCY = 16


def beside_others(running: list[Started], rounds: int, folder: Path) -> dict[str, dict[str, list[dict]]]:
    """{case: {server: a measurement per round}}"""
    results: dict[str, dict[str, list[dict]]] = {}
    for number in range(rounds):
        turn = number % len(running)
        for case in AGAINST_CASES:
            for server in running[turn:] + running[:turn]:
                address = server.grpc if case.grpc else server.rest
                if not address:
                    continue
                before, asked = server.family.cpu_seconds(), inferences(server)
                row = measure(case, address, AGAINST_CONCURRENCY, folder, spread=400)  # rounds even it out
                if asked is not None:
                    row["cpu_us"] = 1e6 * (server.family.cpu_seconds() - before) / max(1, inferences(server) - asked)
                results.setdefault(case.name, {}).setdefault(server.name, []).append(row)
                print(f"round {number + 1}, {case.name}, {server.name}: {row['Inferences/Second']:,.0f}/s", file=sys.stderr)
    return results


def against_table(results: dict[str, dict[str, list[dict]]]) -> str:
    lines = []
    for case, by_server in results.items():
        mine = by_server.get("saccade")
        for name, rows in by_server.items():
            ratios = [ours["Inferences/Second"] / row["Inferences/Second"] for ours, row in zip(mine or [], rows)]
            ratio = statistics.median(ratios) if ratios and name != "saccade" else None
            used = f"{statistics.median(row['cpu_us'] for row in rows):.1f}" if "cpu_us" in rows[0] else "–"
            lines.append([case, TITLES[name], f"{statistics.median(row['Inferences/Second'] for row in rows):,.0f}",
                          f"{statistics.median(row['p50 latency'] for row in rows):,.0f}", used, tables.times(ratio)])  # fmt: skip
    return tables.table(["", "server", "inferences/s", "p50 µs", "CPU/inference, µs", "Saccade is × this"], lines, left=2)


def against(binary: Path, names: list[str], rounds: int) -> None:
    where = circumstances() | {"rounds": rounds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with started(names, folder, settings_of(binary.parent, folder)) as running:
            results = beside_others(running, rounds, folder)
    print(f"perf_analyzer at {AGAINST_CONCURRENCY}. {tables.heading(where)}\n{against_table(results)}\n")


# --- every way to ask ------------------------------------------------------------------------------------------


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


def ways(options: argparse.Namespace) -> int:
    """How many rows did not add up."""
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
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/saccade")
    parser.add_argument("--part", choices=["all", "against", "ways"], default="all")
    parser.add_argument("--rounds", type=int, default=3, help="of the first table")
    parser.add_argument("--against", default=",".join(AGAINST), help="servers of the first table, with commas between")
    parser.add_argument("--only", default="", help="cases of the second table whose name contains this")
    parser.add_argument("--concurrency", default="1,16,64")
    parser.add_argument("--server", help="REST address and gRPC address of a server that runs already, with a comma between")
    options = parser.parse_args()
    names = options.against.split(",")
    if unknown := set(names) - set(AGAINST):
        parser.error(f"no server {', '.join(sorted(unknown))}; there are {', '.join(AGAINST)}")
    if options.part != "ways":
        against(options.binary, names, options.rounds)
    if options.part != "against":
        sys.exit(1 if ways(options) else 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started ends with us
    try:
        main()
    except Stop as why:
        sys.exit(f"perf.py: {why}")
