"""The servers that run no model (no_model/), and Triton with gRPC: what h2load.py and perf.py compare ours with."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import socket
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import servers
from cases import MODELS
from machine import HOST, ROOT, Family, Stop, free_port

DIGITS = MODELS[0]
TRITON_PORTS = """\
input [ {{ name: "{model.input}" data_type: TYPE_FP32 dims: [ 28, 28 ] }} ]
output [ {{ name: "probabilities" data_type: TYPE_FP32 dims: [ 10 ] }} ]
"""


@dataclasses.dataclass(frozen=True)
class Started:
    name: str
    family: Family
    rest: str  # address; empty: it doesn't speak it
    grpc: str


def saccade(folder: Path, settings: servers.Settings) -> tuple[list, dict, str, str]:
    """As it comes: the log, the metrics and both examples."""
    port = free_port()
    command = [settings.build / "saccade", "serve", ROOT / "examples/repository", "--host", HOST, "--port", port, "--grpc-port", "0",
               "--log", f"sqlite://{folder}/predictions.db", *settings.saccade_flags]  # fmt: skip
    return command, {}, f"{HOST}:{port}", f"{HOST}:{port}"  # one port speaks both


def own_stack(folder: Path, settings: servers.Settings) -> tuple[list, dict, str, str]:
    port = free_port()
    return [settings.program("bench_no_model"), port], {}, f"{HOST}:{port}", f"{HOST}:{port}"


def grpc_library(folder: Path, settings: servers.Settings) -> tuple[list, dict, str, str]:
    port = free_port()
    return [settings.program("bench_no_model_grpc"), port], {}, "", f"{HOST}:{port}"


def triton(folder: Path, settings: servers.Settings) -> tuple[list, dict, str, str]:
    """The peer of run.py with gRPC on, and with the ports that perf_analyzer asks the model's configuration for."""
    port, grpc = free_port(), free_port()
    launch = servers.triton(DIGITS, port, folder, settings)
    with (folder / f"models/{DIGITS.name}/config.pbtxt").open("a") as config:
        config.write(TRITON_PORTS.format(model=DIGITS))
    command = [str(part) for part in launch.command]
    command[command.index("--allow-grpc=false")] = "--allow-grpc=true"
    return [*command, f"--grpc-address={HOST}", f"--grpc-port={grpc}"], launch.environment, f"{HOST}:{port}", f"{HOST}:{grpc}"


SERVERS = {"saccade": saccade, "no-model": own_stack, "no-model-grpc++": grpc_library, "triton": triton}
TITLES = {
    "saccade": "saccade, digits",
    "no-model": "no model: Saccade's `net` alone",
    "no-model-grpc++": "no model: grpc++, callback API",
    "triton": "Triton, digits (Python backend)",
}


def accepts(address: str) -> bool:
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def started(names: list[str], folder: Path, settings: servers.Settings, *, tls: bool = False) -> Iterator[list[Started]]:
    """All of them at once; one that can't be had here is said to be left out. They end with the block. `tls`: they speak nothing else."""
    running: list[Started] = []
    try:
        for name in names:
            place = folder / name
            place.mkdir()
            try:
                command, environment, rest, grpc = SERVERS[name](place, settings)
            except Stop as why:
                print(f"without {name}: {why}", file=sys.stderr)
                continue
            one = Started(name, Family(command, environment, place, place / "server.log"), rest, grpc)
            running.append(one)
            wait_for(one, tls)
        yield running
    finally:
        for one in running:
            one.family.stop()


def wait_for(server: Started, tls: bool, patience: float = 120) -> None:
    ready = f"/v2/models/{DIGITS.name}/ready"
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if not server.family.alive():
            raise Stop(f"{server.name} has ended:\n{server.family.last_words()}")
        if accepts(server.grpc) and (not server.rest or status(server.rest, ready, tls) == 200):
            return
        time.sleep(0.1)
    raise Stop(f"{server.name} is not ready after {patience:.0f} s:\n{server.family.last_words()}")


def status(address: str, path: str, tls: bool) -> int:
    """Of a GET; 0 where there is no answer."""
    host, port = address.split(":")
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    client = http.client.HTTPSConnection(host, int(port), timeout=2, context=unverified) if tls else http.client.HTTPConnection(
        host, int(port), timeout=2)  # fmt: skip
    try:
        client.request("GET", path)
        return client.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        client.close()


def settings_of(build: Path, scratch: Path, flags: tuple[str, ...] = ()) -> servers.Settings:
    binary = build / "saccade"
    if not binary.is_file():
        raise Stop(f"{binary} is not built (`make build`)")
    return servers.Settings(build=build.resolve(), scratch=scratch, saccade_flags=flags)


def inferences(server: Started) -> int | None:
    """How many it has answered since its start, as its statistics say; none where it has no REST to ask them by."""
    if not server.rest:
        return None
    host, port = server.rest.split(":")
    client = http.client.HTTPConnection(host, int(port), timeout=5)
    try:
        client.request("GET", f"/v2/models/{DIGITS.name}/stats")
        return sum(int(model.get("inference_count", 0)) for model in json.loads(client.getresponse().read())["model_stats"])
    finally:
        client.close()
