#!/usr/bin/env python3
"""The digits benchmark: the same request against Saccade, a FastAPI app and a bare loop, in one run.

    bench/run.py                    all servers, 3 rounds, about 10 minutes
    bench/run.py --quick            one short round, about a minute: does everything still work?
    bench/run.py --servers saccade,bare-loop --only http-64 --rounds 9

Prints a Markdown table and writes build/bench/digits.json. What is measured, and how to read it: bench/README.md.
Standard library only; Python 3.11 or newer.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import datetime
import http.client
import json
import math
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
SERVERS = ["saccade", "fastapi-1", "fastapi-2", "bare-loop"]
HOST = "127.0.0.1"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
REQUEST, REQUEST_CLASS = ROOT / "examples/digits/request.json", 7  # the first of the 10,000 test images


class Stop(Exception):
    """A message for the person who runs this; no traceback."""


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


# --- what is measured ------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Case:
    protocol: str  # "http" or "ws"
    connections: int
    in_flight: int  # messages per connection

    @property
    def name(self) -> str:
        suffix = f"x{self.in_flight}" if self.in_flight > 1 else ""
        return f"{self.protocol}-{self.connections}{suffix}"

    @property
    def title(self) -> str:
        if self.protocol == "http":
            return f"HTTP, {self.connections} conn."
        return f"WebSocket, {self.connections} conn., {self.in_flight} in flight"


CASES = [Case("http", c, 1) for c in (1, 16, 64)] + [Case("ws", c, m) for m in (1, 8) for c in (1, 16, 64)]


@dataclasses.dataclass(frozen=True)
class Tools:
    """Files and programs that a run needs."""

    model: Path
    request: Path
    build: Path
    scratch: Path

    def program(self, name: str) -> Path:
        for folder in (self.build / "bench", ROOT / "build/bench/programs", self.build / "bin", self.build):
            if os.access(folder / name, os.X_OK) and (folder / name).is_file():
                return folder / name
        raise Stop(f"{name} is not built: run `make build`, or see the head of bench/CMakeLists.txt")


def venv_python() -> Path:
    """The FastAPI app's own interpreter, made from the pinned requirements when they are new or have changed."""
    folder = ROOT / "build/bench/venv"
    python = folder / "bin/python"
    requirements = BENCH / "fastapi_app/requirements.txt"
    stamp = folder / "requirements.txt"
    if stamp.is_file() and stamp.read_text() == requirements.read_text():
        return python
    print("making a Python environment for the FastAPI app …", file=sys.stderr)
    system = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
    try:
        subprocess.run([system, "-m", "venv", "--clear", folder], check=True, stdout=sys.stderr)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Stop(f"can't make the FastAPI app's environment: {error} (`--servers` can leave fastapi out)") from error
    stamp.write_text(requirements.read_text())
    return python


# --- servers ---------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class Server:
    """A server process and its children (a process group of its own), from start to stop."""

    def __init__(self, name: str, command: list, path: str = "/predict", ws_path: str = "/ws/predict", **environment):
        self.name, self.path, self.ws_path = name, path, ws_path
        self.command = [str(part) for part in command]
        self.environment = {key: str(value) for key, value in environment.items()}
        self.process: subprocess.Popen | None = None

    def start(self, port: int, log: Path) -> None:
        self.port, self.log = port, log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [part.replace("{port}", str(port)) for part in self.command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT,
                env={**os.environ, **self.environment}, start_new_session=True)  # fmt: skip

    def predict(self, body: bytes) -> dict:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            if response.status != 200:
                raise Stop(f"{self.name} answered {response.status}: {text[:200]!r}")
            return json.loads(text)
        finally:
            connection.close()

    def wait_until_it_answers(self, body: bytes, patience: float = 60) -> dict:
        end = time.monotonic() + patience
        refusal: Exception | None = None
        while time.monotonic() < end:
            if not self.alive():
                raise Stop(f"{self.name} has ended:\n{self.last_words()}")
            try:
                return self.predict(body)
            except (OSError, http.client.HTTPException, Stop, ValueError) as error:  # not yet, or still loading
                refusal = error
            time.sleep(0.05)
        raise Stop(f"{self.name} gives no answer after {patience:.0f} s ({refusal}):\n{self.last_words()}")

    def ws_predict(self, body: bytes) -> dict:
        return websocket_once(self.port, self.ws_path, body)

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def cpu_seconds(self) -> float:
        """Processor time used so far by the process group: what a prediction costs, whoever else is on the machine."""
        total, ticks = 0, os.sysconf("SC_CLK_TCK")
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.process.pid:
                    total += int(fields[11]) + int(fields[12])
        return total / ticks

    def alive(self) -> bool:
        # Looks without reaping: the process's id, and so its group's, stays this server's until stop() is through.
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def stop(self) -> None:
        """Asks the server to end, gives it ten seconds, and ends what is left of its group."""
        if self.process is None:
            return
        os.kill(self.process.pid, signal.SIGTERM)
        end = time.monotonic() + 10
        while self.alive() and time.monotonic() < end:
            time.sleep(0.02)
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None


def websocket_once(port: int, path: str, body: bytes) -> dict:
    """One message out, one in, by hand: the standard library has no WebSocket."""
    with socket.create_connection((HOST, port), timeout=5) as connection, connection.makefile("rb") as reader:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        status = reader.readline()
        if b" 101 " not in status:
            raise Stop(f"no WebSocket on {path}: {status!r}")
        while reader.readline() not in (b"\r\n", b""):
            pass
        length = len(body)
        head = struct.pack("!BBH", 0x81, 0x80 | 126, length) if length < 65536 else struct.pack("!BBQ", 0x81, 0xFF, length)
        if length < 126:
            head = struct.pack("!BB", 0x81, 0x80 | length)
        mask = os.urandom(4)
        connection.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(body)))
        opcode, size = struct.unpack("!BB", reader.read(2))
        if size == 126:
            (size,) = struct.unpack("!H", reader.read(2))
        text = reader.read(size)
        if opcode != 0x81:
            raise Stop(f"WebSocket on {path}: expected one text frame, got {opcode:#x} {text[:100]!r}")
        return json.loads(text)


def make_server(name: str, tools: Tools) -> Server:
    if name == "saccade":
        binary = tools.build / "saccade"
        if not binary.is_file():
            raise Stop(f"{shown(binary)} is not built (`make build`)")
        log = f"sqlite://{tools.scratch}/saccade.db"  # scratch is absolute: three slashes
        command = [binary, "serve", ROOT / "examples/repository", "--host", HOST, "--port", "{port}", "--log", log]
        if first_line([binary, "serve", "--help"], "(--grpc-port)") == "--grpc-port":
            command += ["--grpc-port", free_port()]
        return Server(name, command, "/predict/digits", "/ws/predict/digits")
    if name == "bare-loop":
        return Server(name, [tools.program("bench_bare_loop"), tools.model, "{port}"])
    workers = int(name.removeprefix("fastapi-"))
    environment = {"MODEL": tools.model, "PREDICTIONS_DB": tools.scratch / f"{name}.db"}
    if workers > 1:
        metrics = tools.scratch / f"{name}-metrics"
        metrics.mkdir()
        environment["PROMETHEUS_MULTIPROC_DIR"] = metrics
    command = [venv_python(), "-m", "uvicorn", "app:app", "--app-dir", BENCH / "fastapi_app", "--host", HOST,
               "--port", "{port}", "--workers", workers, "--log-level", "warning", "--no-access-log"]  # fmt: skip
    return Server(name, command, **environment)


# --- load ------------------------------------------------------------------------------------------------------


def load(server: Server, case: Case, tools: Tools, seconds: float, warm_up: float) -> dict:
    """One measurement. Numbers in the unit that their key names."""
    if case.protocol == "http":
        def command(duration: float) -> list:
            # wrk takes whole seconds
            return ["wrk", "-t1", f"-c{case.connections}", f"-d{max(1, math.ceil(duration))}s", "--timeout", "10s", "-s",
                    BENCH / "load/predict.lua", f"http://{HOST}:{server.port}{server.path}", "--", tools.request]  # fmt: skip
        if warm_up > 0:
            run_json(command(warm_up))
    else:
        def command(duration: float) -> list:
            return [tools.program("bench_websocket_load"), server.port, server.ws_path, tools.request, "--connections",
                    case.connections, "--in-flight", case.in_flight, "--seconds", duration, "--warm-up", 0]  # fmt: skip
        if warm_up > 0:
            run_json(command(min(warm_up, 1)))
    before = server.cpu_seconds()
    result = run_json(command(seconds))
    used = server.cpu_seconds() - before
    result["cpu_us_per_request"] = 1e6 * used / max(1, result["requests"])
    return result


def run_json(command: list) -> dict:
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise Stop(f"{Path(command[0]).name} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-500:]}")
    return json.loads(lines[-1])


# --- the run ---------------------------------------------------------------------------------------------------


def check_answers(servers: list[Server], body: bytes, expected: int | None) -> int:
    """Fast and wrong is worth nothing: every server must give the same class, the right one where it is known."""
    answers = {}
    for server in servers:
        for protocol, answer in (("HTTP", server.predict(body)), ("WebSocket", server.ws_predict(body))):
            if "class" not in answer:
                raise Stop(f"{server.name} over {protocol}: no class in {answer}")
            answers[f"{server.name} over {protocol}"] = answer["class"], round(answer["confidence"], 3)
    distinct = set(answers.values())
    classes = {int(answer[0]) for answer in distinct}
    if len(classes) > 1 or (expected is not None and classes != {expected}):
        want = "" if expected is None else f"; the right class is {expected}"
        raise Stop(f"the servers don't agree{want}: {answers}")
    confidences = [answer[1] for answer in distinct]
    if max(confidences) - min(confidences) > 0.01:
        raise Stop(f"the servers agree on the class but not on the confidence: {answers}")
    return classes.pop()


def measure(servers: list[Server], cases: list[Case], tools: Tools, rounds: int, seconds: float, warm_up: float) -> dict:
    """{case: {server: [one result per round]}}. Servers take turns within a case, so what disturbs one disturbs all."""
    results = {case.name: {server.name: [] for server in servers} for case in cases}
    for turn in range(rounds):
        for case in cases:
            # A different one goes first each round: nobody always follows the heaviest.
            order = servers[turn % len(servers):] + servers[: turn % len(servers)]
            for server in order:
                if not server.alive():
                    raise Stop(f"{server.name} died during the run:\n{server.last_words()}")
                result = load(server, case, tools, seconds, warm_up)
                results[case.name][server.name].append(result)
                print(f"round {turn + 1}/{rounds}  {case.name:7} {server.name:10} {result['requests_per_s']:>9,.0f}/s  "
                      f"p50 {result['p50_us']:,.0f} µs  p99 {result['p99_us']:,.0f} µs"
                      + (f"  ERRORS {result['errors']}" if result["errors"] else ""), file=sys.stderr)  # fmt: skip
    return results


def median_of(results: list[dict], key: str) -> float:
    return statistics.median(result[key] for result in results)


def ratio(mine: list[dict], *others: list[dict]) -> float | None:
    """To the best of the others: the median of each round's own ratio, so that what slows a whole round cancels out."""
    if not others:
        return None
    best = [max(result["requests_per_s"] for result in turn) for turn in zip(*others)]
    return statistics.median(a["requests_per_s"] / b if b else math.inf for a, b in zip(mine, best))


def summarise(results: dict, servers: list[Server]) -> dict:
    summary = {}
    for case, by_server in results.items():
        fastapi = [mine for name, mine in by_server.items() if name.startswith("fastapi")]
        bare_loop = [mine for name, mine in by_server.items() if name == "bare-loop"]
        summary[case] = {}
        for server in servers:
            mine = by_server[server.name]
            keys = ("requests_per_s", "p50_us", "p90_us", "p99_us", "max_us", "cpu_us_per_request")
            row = {key: median_of(mine, key) for key in keys}
            row["errors"] = sum(result["errors"] for result in mine)
            row["ratio_to_bare_loop"] = ratio(mine, *bare_loop)
            row["ratio_to_best_fastapi"] = ratio(mine, *fastapi)
            summary[case][server.name] = row
    return summary


def table(summary: dict, cases: list[Case]) -> str:
    def times(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    def milliseconds(us: float) -> str:
        return f"{us / 1000:.3f}" if us < 1000 else f"{us / 1000:.2f}"

    lines = ["| load | server | requests/s | p50, ms | p99, ms | CPU/request, µs | × bare loop | × best FastAPI | errors |",
             "|---|---|--:|--:|--:|--:|--:|--:|--:|"]  # fmt: skip
    for case in cases:
        for name, row in summary[case.name].items():
            lines.append(f"| {case.title} | {name} | {row['requests_per_s']:,.0f} | {milliseconds(row['p50_us'])} | "
                         f"{milliseconds(row['p99_us'])} | {row['cpu_us_per_request']:,.1f} | "
                         f"{times(row['ratio_to_bare_loop'])} | {times(row['ratio_to_best_fastapi'])} | {row['errors']:,} |")  # fmt: skip
    return "\n".join(lines)


# --- where it ran ----------------------------------------------------------------------------------------------


def first_line(command: list, pattern: str = r"(.+)") -> str:
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "not there"
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1).strip() if found else "unknown"


def circumstances(names: list[str], tools: Tools) -> dict:
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text())
    versions = {"wrk": first_line(["wrk", "--version"], r"wrk (\S+)")}
    for name, header, pattern in (
        ("Boost", "boost/version.hpp", r'BOOST_LIB_VERSION "(.+)"'),
        ("simdjson", "simdjson.h", r"define SIMDJSON_VERSION \"?([\d.]+)"),
    ):
        text = Path("/usr/include", header)
        found = re.search(pattern, text.read_text(errors="replace")) if text.is_file() else None
        versions[name] = found.group(1).replace("_", ".") if found else "unknown"
    if libraries := sorted((ROOT / ".deps/onnxruntime/lib").glob("libonnxruntime.so.*.*")):
        versions["ONNX Runtime"] = libraries[0].name.removeprefix("libonnxruntime.so.")
    if "saccade" in names:
        versions["Saccade"] = first_line([tools.build / "saccade", "--version"])
    if any(name.startswith("fastapi") for name in names):
        pins = (BENCH / "fastapi_app/requirements.txt").read_text()
        for name in ("fastapi", "uvicorn", "uvloop", "httptools", "websockets", "onnxruntime"):
            versions[f"Python {name}"] = re.search(rf"^{name}(?:\[\w+\])?==(\S+)", pins, re.MULTILINE).group(1)
        versions["Python"] = first_line([ROOT / "build/bench/venv/bin/python", "--version"], r"Python (\S+)")
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": cpu.group(1) if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{system.group(1) if system else platform.system()}, Linux {platform.release()}",
        "load_average_before": os.getloadavg()[0],
        "model_bytes": tools.model.stat().st_size,
        "request_bytes": tools.request.stat().st_size,
        "versions": versions,
    }


def heading(where: dict, rounds: int, seconds: float) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    return (f"Digits benchmark, {where['date']}: {where['processor']}, {where['cores']} cores shared by server and load "
            f"generator, {where['system']}; load average before: {where['load_average_before']:.1f}.\n"
            f"{versions}.\nMedians of {rounds} round(s) of {seconds:g} s, servers taking turns. "
            f"Only the ratios carry over to another run or machine.\n")  # fmt: skip


# --- command line ----------------------------------------------------------------------------------------------


def chosen(text: str | None, known: list[str], what: str) -> list[str]:
    if not text:
        return known
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise Stop(f"no {what} '{name}'; there are: {', '.join(known)}")
    return [name for name in known if name in names]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The digits benchmark; see bench/README.md.")
    parser.add_argument("--quick", action="store_true", help="one round of one second: a check, not a measurement")
    parser.add_argument("--rounds", type=int, help="rounds (default 3)")
    parser.add_argument("--seconds", type=float, help="seconds per measurement (default 4; wrk takes whole ones)")
    parser.add_argument("--servers", metavar="A,B", help=f"which of: {', '.join(SERVERS)}")
    parser.add_argument("--only", metavar="A,B", help=f"which of: {', '.join(case.name for case in CASES)}")
    parser.add_argument("--build-dir", type=Path, default=ROOT / "build/release", help="where the binaries are")
    parser.add_argument("--model", type=Path, default=ROOT / "examples/repository/digits/1/model.onnx")
    parser.add_argument("--request", type=Path, default=REQUEST)
    parser.add_argument("--expect", type=int, metavar="CLASS", help="the request's right class (default: 7 for the default request)")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench/digits.json")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 1 if options.quick else 3
    if options.seconds is None:
        options.seconds = 1 if options.quick else 4
    if options.expect is None and options.request == REQUEST:
        options.expect = REQUEST_CLASS
    if options.rounds < 1 or options.seconds < 1:
        parser.error("at least one round and one second")
    return options


def run(options: argparse.Namespace, scratch: Path) -> None:
    names = chosen(options.servers, SERVERS, "server")
    cases = [case for case in CASES if case.name in chosen(options.only, [case.name for case in CASES], "case")]
    for path in (options.model, options.request):
        if not path.is_file():
            raise Stop(f"{shown(path)} is not there")
    if shutil.which("wrk") is None:
        raise Stop("wrk is not installed (scripts/install-packages bench)")
    tools = Tools(options.model.resolve(), options.request.resolve(), options.build_dir.resolve(), scratch)
    body = tools.request.read_bytes()
    servers: list[Server] = []
    try:
        for name in names:
            try:
                server = make_server(name, tools)
            except Stop as reason:
                if options.servers:  # asked for by name
                    raise
                print(f"skipping {name}: {reason}", file=sys.stderr)
                continue
            servers.append(server)
            server.start(free_port(), scratch / f"{name}.log")
            server.wait_until_it_answers(body)
        if not servers:
            raise Stop("no server to measure")
        where = circumstances([server.name for server in servers], tools)
        where["class"] = check_answers(servers, body, options.expect)
        print(f"all answer class {where['class']}: {', '.join(server.name for server in servers)}", file=sys.stderr)
        warm_up = 0 if options.quick else 1
        results = measure(servers, cases, tools, options.rounds, options.seconds, warm_up)
    finally:
        for number in SIGNALS:  # a second Ctrl-C must not leave a server behind; this takes seconds at most
            signal.signal(number, signal.SIG_IGN)
        for server in servers:
            server.stop()
    summary = summarise(results, servers)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({
        **where, "rounds": options.rounds, "seconds": options.seconds, "summary": summary, "results": results,
    }, indent=1) + "\n")  # fmt: skip
    print(heading(where, options.rounds, options.seconds))
    print(table(summary, cases))
    print(f"\n(every round: {shown(options.output)})")


def interrupted(number: int, _frame) -> None:
    raise SystemExit(128 + number)  # unwinds through `finally`, which ends the servers


def main() -> int:
    for number in SIGNALS:
        signal.signal(number, interrupted)
    try:
        with tempfile.TemporaryDirectory(prefix="saccade-bench-") as scratch:
            run(arguments(), Path(scratch))
    except Stop as message:
        print(f"bench/run.py: {message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
