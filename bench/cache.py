#!/usr/bin/env python3
"""What the response cache saves: the same requests without it, from memory, and from Redis, in turns on one machine.

    bench/cache.py                                  both examples, five rounds
    bench/cache.py --binary build/asan/saccade --rounds 1 --requests 50

One caller asks over one connection. Printed are, for each model and way: the time in the server from a request's arrival until
its answer was there (the statistics' success.ns), the caller's median, the processor time that the server took for each, and
the last as a ratio to the same without a cache. Redis is Debian's, started here on a free port of the loopback interface.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WAYS = ["no cache", "memory", "redis"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    def __init__(self, command, folder, ready):
        self.output = open(Path(folder) / f"{Path(command[0]).name}-{free_port()}.log", "w+b")
        self.process = subprocess.Popen([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=subprocess.STDOUT)
        end = time.monotonic() + 120
        while not ready(self):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"{command[0]} did not start:\n{self.text()}")
            time.sleep(0.05)

    def text(self):
        return Path(self.output.name).read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def processor_seconds(self):
        """Of all threads, in nanoseconds' resolution: the clock ticks of /proc/PID/stat are too coarse for this."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


class Saccade(Process):
    def __init__(self, binary, folder, *flags):
        super().__init__([binary, "serve", ROOT / "examples/repository", "--port", "0", "--grpc-port", "0", "--log", "none",
                          "--engine", "onnxruntime", *flags], folder, lambda it: "Try:" in it.text())
        port = int(re.search(r"serves on http://[^\s:]+:(\d+)", self.text()).group(1))
        self.connection = http.client.HTTPConnection("localhost", port, timeout=60)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, body)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            sys.exit(f"{method} {path}: {answer.status} {content[:300]!r}")
        return content

    def figures(self, model):
        stats = json.loads(self.ask("GET", f"/v2/models/{model}/stats"))["model_stats"][0]["inference_stats"]
        return stats["success"]["ns"], stats["success"]["count"], stats["cache_hit"]["count"]

    def metric(self, name):
        return sum(float(value) for value in
                   re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.ask("GET", "/metrics").decode(), re.M))


def bodies(model, count, seed):
    made = random.Random(seed)
    if model == "digits":
        return [json.dumps({"image": [[round(made.random(), 3) for _ in range(28)] for _ in range(28)]}) for _ in range(count)]
    words = "the film was a long dull bright fine tale of two lost hours and one good friend".split()
    return [json.dumps({"text": " ".join(made.choices(words, k=20))}) for _ in range(count)]


def measure(server, model, requests):
    """(µs in the server, the caller's median in µs, µs of processor time), each for one request; and how many were hits."""
    ns, count, hits = server.figures(model)
    before, waited = server.processor_seconds(), []
    for body in requests:
        start = time.perf_counter()
        server.ask("POST", f"/predict/{model}", body)
        waited.append(time.perf_counter() - start)
    spent = server.processor_seconds() - before
    after_ns, after_count, after_hits = server.figures(model)
    return ((after_ns - ns) / (after_count - count) / 1e3, statistics.median(waited) * 1e6, spent / len(requests) * 1e6), after_hits - hits


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "build/release/saccade")
    parser.add_argument("--models", default="digits,sentiment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1000, help="of each way in a round")
    chosen = parser.parse_args()
    binary = chosen.binary.resolve()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        redis = Process(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], folder,
                        lambda it: "Ready to accept" in it.text())
        shared = ["--cache", "all", "--cache-ttl", "1h", "--redis", f"redis://127.0.0.1:{port}", "--cache-redis",
                  "--cache-redis-timeout", "1s"]
        servers = [redis]
        try:
            plain = Saccade(binary, folder)
            servers.append(plain)
            memory = Saccade(binary, folder, "--cache", "all", "--cache-ttl", "1h")
            servers.append(memory)
            filler, taker = (Saccade(binary, folder, *shared) for _ in range(2))
            servers += [filler, taker]
            while not all(server.metric("saccade_redis_connected") for server in (filler, taker)):
                time.sleep(0.05)
            print(f"{'model':10} {'way':9} {'in the server µs':>17} {'caller, median µs':>18} {'processor µs':>13} {'ratio':>7}")
            for model in chosen.models.split(","):
                rounds = {way: [] for way in WAYS}
                for number in range(chosen.rounds):
                    requests = bodies(model, chosen.requests, f"{model} {number}")
                    for server in (memory, filler):
                        measure(server, model, requests)  # misses
                    for way, server in zip(WAYS, (plain, memory, taker)):
                        figures, hits = measure(server, model, requests)
                        if hits < len(set(requests)) * (0 if way == "no cache" else 0.99):
                            sys.exit(f"{way}: {hits} hits of {len(requests)}; this is no measurement")
                        rounds[way].append(figures)
                middle = {way: [statistics.median(column) for column in zip(*rounds[way])] for way in WAYS}
                for way in WAYS:
                    server_us, caller, processor = middle[way]
                    ratio = statistics.median(one[2] / other[2] for one, other in zip(rounds[way], rounds["no cache"]))
                    print(f"{model:10} {way:9} {server_us:17.1f} {caller:18.1f} {processor:13.1f} {ratio:7.2f}")
        finally:
            for server in reversed(servers):
                server.stop()


if __name__ == "__main__":
    main()
