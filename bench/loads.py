"""The loads and what generates them: wrk for HTTP, bench_websocket_load for WebSocket, the same one for every server."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
from pathlib import Path

from machine import BENCH, Stop
from servers import Settings, Target


@dataclasses.dataclass(frozen=True)
class Load:
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


HTTP = [Load("http", connections, 1) for connections in (1, 16, 64)]
WEBSOCKET = [Load("ws", connections, messages) for messages in (1, 8) for connections in (1, 16, 64)]
LOADS = HTTP + WEBSOCKET
USUAL = [load for load in LOADS if load.protocol == "http" or load.connections != 16]  # without --only: what fits into the time


def command(target: Target, load: Load, settings: Settings, seconds: float) -> list:
    if load.protocol == "http":  # wrk takes whole seconds
        headers = [text for key, value in target.request.headers for text in ("-H", f"{key}: {value}")]
        return ["wrk", "-t1", f"-c{load.connections}", f"-d{max(1, math.ceil(seconds))}s", "--timeout", "60s", *headers,
                "-s", BENCH / "load/predict.lua", target.url, "--", target.request.file]  # fmt: skip
    return [settings.program("bench_websocket_load"), target.running.port, target.ws_path, target.request.file, "--connections",
            load.connections, "--in-flight", load.in_flight, "--seconds", seconds, "--warm-up", 0]  # fmt: skip


def warm_up(target: Target, settings: Settings) -> None:
    """A second with several connections: pools grow, and what is made at the first request is made."""
    run_json(command(target, HTTP[1], settings, 1))
    target.running.family.settle()


def measure(target: Target, load: Load, settings: Settings, seconds: float) -> dict:
    """One measurement. Numbers in the unit that their key names."""
    family = target.running.family
    before = family.cpu_seconds()
    result = run_json(command(target, load, settings, seconds))
    result["cpu_us_per_request"] = 1e6 * (family.cpu_seconds() - before) / max(1, result["requests"])
    family.settle()
    return result


def run_json(parts: list) -> dict:
    done = subprocess.run([str(part) for part in parts], capture_output=True, text=True, check=False, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise Stop(f"{Path(parts[0]).name} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-500:]}")
    return json.loads(lines[-1])
