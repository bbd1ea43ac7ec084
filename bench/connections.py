#!/usr/bin/env python3
"""Many open connections, few of them active: memory per idle connection, and what the idle ones cost the active ones.

    bench/connections.py                     10,000 of each kind, about two minutes
    bench/connections.py --count 2000 --only websocket

Opens the idle connections (each has been used once: a WebSocket's handshake, an HTTP request, HTTP/2's preface with a request, TLS's
handshake), and divides what the server's resident memory has grown by by their number: the kernel's socket buffers are not in it. For
WebSocket it also measures a hundredth of them as active connections, each with one message in flight, before the others are there and
beside them. Standard library only; Python 3.11 or newer.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import tables
from loads import run_json
from machine import HOST, ROOT, Stop, circumstances
from no_model_servers import DIGITS, settings_of, started

ACTIVE_SHARE = 100  # one in so many
KINDS = ["websocket", "http1", "http2", "tls"]
TITLES = {"websocket": "WebSocket", "http1": "HTTP/1.1, kept alive", "http2": "HTTP/2", "tls": "HTTP/1.1 over TLS"}

UPGRADE = (f"GET /ws/predict/{DIGITS.name} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Key: c2FjY2FkZS1iZW5jaC0wMQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")  # fmt: skip
GET = f"GET /v2/health/live HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
# The preface, empty SETTINGS, and one request: HEADERS (end of stream and of headers) of stream 1, from HPACK's static table: GET, http,
# the path and the host as literals.
PATH = b"/v2/health/live"
BLOCK = b"\x82\x86\x04" + bytes([len(PATH)]) + PATH + b"\x01" + bytes([len(HOST)]) + HOST.encode()
HTTP2 = (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" +
         len(BLOCK).to_bytes(3, "big") + b"\1\5\0\0\0\1" + BLOCK)  # fmt: skip


def resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise Stop(f"process {pid} has no resident size")


def settled(pid: int) -> int:
    """Once it has stopped changing."""
    before = resident(pid)
    for _ in range(20):
        time.sleep(0.5)
        now = resident(pid)
        if abs(now - before) < 64 * 1024:
            return now
        before = now
    return before


def open_one(kind: str, port: int, tls: ssl.SSLContext | None) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=30)
    if tls is not None:
        connection = tls.wrap_socket(connection, server_hostname="localhost")
    connection.sendall(HTTP2 if kind == "http2" else (UPGRADE if kind == "websocket" else GET).encode())
    answer = connection.recv(4096)
    if kind == "http2":
        # Frames of stream 0, then the answer's HEADERS on stream 1.
        while not has_answer(answer):
            more = connection.recv(4096)
            if not more:
                raise Stop("the server ended an HTTP/2 connection")
            answer += more
        return connection
    wanted = b"HTTP/1.1 101" if kind == "websocket" else b"HTTP/1.1 200"
    if not answer.startswith(wanted):
        raise Stop(f"{kind}: got {answer[:80]!r}")
    return connection


def has_answer(data: bytes) -> bool:
    while len(data) >= 9:
        if data[3] == 1 and data[8] == 1:
            return True
        data = data[9 + int.from_bytes(data[:3], "big"):]
    return False


@contextlib.contextmanager
def opened(kind: str, port: int, count: int, tls: ssl.SSLContext | None) -> Iterator[None]:
    connections: list[socket.socket] = []
    try:
        for _ in range(count):
            connections.append(open_one(kind, port, tls))
        yield
    finally:
        for connection in connections:
            connection.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        raise Stop("openssl is missing: scripts/install-packages test")
    key, certificate_file = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-keyout", key, "-out", certificate_file, "-subj", "/CN=localhost"], check=True, capture_output=True)  # fmt: skip
    return key, certificate_file


def active(program: Path, port: int, count: int, seconds: float) -> dict:
    return run_json([program, port, f"/ws/predict/{DIGITS.name}", ROOT / "examples/digits/request.json", "--connections", count,
                     "--in-flight", 1, "--seconds", seconds, "--warm-up", 1])  # fmt: skip


def measure(kind: str, build: Path, count: int, rounds: int, folder: Path) -> dict:
    flags: tuple[str, ...] = ()
    tls = None
    if kind == "tls":
        key, certificate_file = certificate(folder)
        flags = ("--tls-key", str(key), "--tls-certificate", str(certificate_file))
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    settings = settings_of(build, folder, flags)
    result: dict = {"kind": kind, "count": count}
    with started(["saccade"], folder, settings, tls=tls is not None) as [server]:
        port = int(server.rest.rpartition(":")[2])
        with opened(kind, port, 200, tls):  # what the first ones bring about is no part of the next one's price
            pass
        # Before anything else has made the process grow: what a load leaves free would hide what connections take.
        before = settled(server.family.process.pid)
        with opened(kind, port, count, tls):
            result["bytes"] = (settled(server.family.process.pid) - before) / count
        if kind == "websocket":
            program, share = settings.program("bench_websocket_load"), max(1, count // ACTIVE_SHARE)
            result["alone"] = [active(program, port, share, 2) for _ in range(rounds)]
            with opened(kind, port, count - share, tls):
                result["beside"] = [active(program, port, share, 2) for _ in range(rounds)]
    return result


def raise_limit(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 1000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Stop(f"this process may open {hard} files; {wanted} are needed (ulimit -n, as root)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, with commas between")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench/connections.json")
    options = parser.parse_args()
    kinds = options.only.split(",")
    if unknown := set(kinds) - set(KINDS):
        raise Stop(f"no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    raise_limit(options.count)
    where = circumstances() | {"rounds": options.rounds}
    results = []
    for kind in kinds:
        with tempfile.TemporaryDirectory() as name:
            results.append(measure(kind, options.build, options.count, options.rounds, Path(name)))
            print(f"{kind}: {results[-1]['bytes']:,.0f} bytes each", file=sys.stderr)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({"where": where, "results": results}, indent=1))
    print(tables.heading(where))
    print(tables.table(["idle connections", "how many", "KiB each"],
                       [[TITLES[one["kind"]], f"{one['count']:,}", f"{one['bytes'] / 1024:.2f}"] for one in results]))  # fmt: skip
    for one in results:
        if "alone" in one:
            alone, beside = (statistics.median(row["p99_us"] for row in one[key]) for key in ("alone", "beside"))
            print(f"\n{one['count'] // ACTIVE_SHARE} active WebSockets, p99: {alone / 1000:.2f} ms alone, {beside / 1000:.2f} ms beside "
                  f"{one['count'] - one['count'] // ACTIVE_SHARE:,} idle ones (× {beside / alone:.2f}); errors: "
                  f"{sum(row['errors'] for row in one['alone'] + one['beside'])}.")  # fmt: skip


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        main()
    except Stop as why:
        sys.exit(f"connections.py: {why}")
