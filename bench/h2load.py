#!/usr/bin/env python3
"""gRPC under h2load: ModelInfer of one digit on 4 connections of 16 streams, beside our own REST and servers that run no model.

    bench/h2load.py                          3 rounds, about two minutes
    bench/h2load.py --rounds 9 --seconds 3
    bench/h2load.py --only saccade,no-model

One round: each server in turn, and our REST (wrk, 64 connections, POST /predict/digits) behind it. Prints a Markdown table and writes
every round to build/bench/h2load.json. Ratios are medians of the rounds' own ratios. Standard library only; Python 3.11 or newer.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import tables
from cases import values
from loads import run_json
from machine import BENCH, ROOT, Stop, circumstances
from no_model_servers import DIGITS, TITLES, Started, settings_of, started

SERVERS = ["saccade", "no-model", "no-model-grpc++"]
METHOD = "/inference.GRPCInferenceService/ModelInfer"
CONNECTIONS, STREAMS = 4, 16
REST_CONNECTIONS = 64


# --- the request -----------------------------------------------------------------------------------------------


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protobuf message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def framed_request() -> bytes:
    """A ModelInferRequest of one image in raw_input_contents, with gRPC's five bytes before it."""
    pixels = values(DIGITS)
    shape = b"".join(varint(size) for size in DIGITS.shape)
    tensor = field(1, DIGITS.input.encode()) + field(2, DIGITS.datatype.encode()) + field(3, shape)
    message = field(1, DIGITS.name.encode()) + field(5, tensor) + field(7, struct.pack(f"<{len(pixels)}f", *pixels))
    return struct.pack(">BI", 0, len(message)) + message


# --- measuring -------------------------------------------------------------------------------------------------


def h2load(server: Started, body: Path, seconds: int) -> dict:
    """A call whose answer has no message counts as an error: h2load looks at HTTP's status, which is 200 for failed calls, too."""
    command = ["h2load", "-c", str(CONNECTIONS), "-m", str(STREAMS), "-t", "1", "-D", str(seconds), "--warm-up-time", "1",
               "-H", "content-type: application/grpc", "-H", "te: trailers", "-d", str(body), f"http://{server.grpc}{METHOD}"]  # fmt: skip
    before = server.family.cpu_seconds()
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    cpu = server.family.cpu_seconds() - before
    counts = re.search(r"requests: (\d+) total, .*?(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
    sizes = re.search(r"\((\d+)\) data", done.stdout)
    if done.returncode != 0 or counts is None or sizes is None:
        raise Stop(f"h2load against {server.name} failed ({done.returncode}): {(done.stdout + done.stderr)[-800:]}")
    total, _done, succeeded, failed, errored = (int(text) for text in counts.groups())
    if succeeded and int(sizes.group(1)) / succeeded < 40:  # the ten probabilities alone
        raise Stop(f"{server.name} answers ModelInfer without a message:\n{server.family.last_words()}")
    # The processor time is that of the warm-up, too; it does as much per second.
    return {"requests": succeeded, "requests_per_s": succeeded / seconds, "errors": failed + errored,
            "cpu_us_per_request": 1e6 * cpu / max(1, total) * seconds / (seconds + 1)}  # fmt: skip


def rest(server: Started, seconds: int) -> dict:
    before = server.family.cpu_seconds()
    result = run_json(["wrk", "-t1", f"-c{REST_CONNECTIONS}", f"-d{seconds}s", "-s", BENCH / "load/predict.lua",
                       f"http://{server.rest}/predict/{DIGITS.name}", "--", ROOT / "examples/digits/request.json"])  # fmt: skip
    result["cpu_us_per_request"] = 1e6 * (server.family.cpu_seconds() - before) / max(1, result["requests"])
    return result


REST_ROW = "saccade, REST"


def measure(running: list[Started], body: Path, rounds: int, seconds: int) -> dict[str, list[dict]]:
    results: dict[str, list[dict]] = {}
    for number in range(rounds):
        turn = number % len(running)
        for server in running[turn:] + running[:turn]:  # everybody goes first once
            results.setdefault(server.name, []).append(h2load(server, body, seconds))
            if server.name == "saccade":
                results.setdefault(REST_ROW, []).append(rest(server, seconds))
        shown = ", ".join(f"{name} {rows[-1]['requests_per_s']:,.0f}/s" for name, rows in results.items())
        print(f"round {number + 1}: {shown}", file=sys.stderr)
    return results


def report(results: dict[str, list[dict]]) -> str:
    mine = results.get("saccade")
    lines = []
    for name, rows in results.items():
        ratio = tables.ratio(mine, rows, "requests_per_s") if mine and name != "saccade" else None
        title = f"{REST_ROW} /predict, {REST_CONNECTIONS} conn. (wrk)" if name == REST_ROW else TITLES[name]
        lines.append([title, f"{statistics.median(row['requests_per_s'] for row in rows):,.0f}",
                      f"{statistics.median(row['cpu_us_per_request'] for row in rows):.1f}", tables.times(ratio),
                      str(sum(row["errors"] for row in rows))])  # fmt: skip
    head = ["server", "calls/s", "CPU/call, µs", "saccade's gRPC is × this", "errors"]
    return tables.table(head, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--only", default=",".join(SERVERS), help="servers, with commas between")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench/h2load.json")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(SERVERS):
        raise Stop(f"no server {', '.join(sorted(unknown))}; there are {', '.join(SERVERS)}")
    if shutil.which("h2load") is None:
        raise Stop("h2load is missing: scripts/install-packages bench")
    where = circumstances() | {"rounds": options.rounds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        body = folder / "request.grpc"
        body.write_bytes(framed_request())
        with started(names, folder, settings_of(options.build, folder)) as running:
            results = measure(running, body, options.rounds, options.seconds)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"where": where, "results": results}, indent=1))
    print(f"gRPC, h2load, {CONNECTIONS} connections of {STREAMS} streams. {tables.heading(where)}\n{report(results)}")


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):  # what was started ends with us
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        main()
    except Stop as why:
        sys.exit(f"h2load.py: {why}")
