"""The servers: how each is started for a model, and what its rows in the tables ask of it.

A server is one Family of processes; a row is one way to ask it (our server has three: its own form, the Open Inference Protocol's
JSON, and that with the tensors in binary). Why each peer is set up as it is: README.md in this folder.
"""

from __future__ import annotations

import base64
import dataclasses
import http.client
import json
import os
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import environments
from cases import Model, Request
from machine import BENCH, HOST, ROOT, Family, Stop, cores, first_line, free_port, shown

PEERS = BENCH / "peers"


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a run is told about where things are."""

    build: Path
    scratch: Path
    saccade_flags: tuple[str, ...] = ()

    def program(self, name: str) -> Path:
        for folder in (self.build / "bench", ROOT / "build/bench/programs", self.build / "bin", self.build):
            if os.access(folder / name, os.X_OK) and (folder / name).is_file():
                return folder / name
        raise Stop(f"{name} is not built: run `make build`, or see the head of bench/CMakeLists.txt")


@dataclasses.dataclass(frozen=True)
class Launch:
    command: list
    environment: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    form: str  # of its requests
    path: str  # {model} stands for the model's name
    ws_path: str = ""  # where it speaks WebSocket


@dataclasses.dataclass(frozen=True)
class Server:
    name: str
    launch: Callable[[Model, int, Path, Settings], Launch]  # the folder is this start's own
    rows: tuple[Row, ...]
    version: Callable[[Settings], str] = lambda settings: ""
    digits_only: bool = False


def saccade(model: Model, port: int, folder: Path, settings: Settings) -> Launch:
    binary = settings.build / "saccade"
    if not binary.is_file():
        raise Stop(f"{shown(binary)} is not built (`make build`)")
    log = f"sqlite://{folder}/predictions.db"  # absolute: three slashes
    return Launch([binary, "serve", f"{model.name}={model.file}", "--host", HOST, "--port", port, "--grpc-port", "0", "--log", log,
                   *settings.saccade_flags])  # fmt: skip


def program(name: str) -> Callable[[Model, int, Path, Settings], Launch]:
    return lambda model, port, _folder, settings: Launch([settings.program(name), model.file, port])


def shared(model: Model, threads: int, **more) -> dict:
    """The environment of peers/onnx_model.py. Telemetry is off wherever a peer has some."""
    return {"MODEL": str(model.file), "THREADS": str(threads), "PYTHONDONTWRITEBYTECODE": "1", "DO_NOT_TRACK": "1",
            **{key: str(value) for key, value in more.items()}}  # fmt: skip


def fastapi(workers: int) -> Callable[[Model, int, Path, Settings], Launch]:
    def launch(model: Model, port: int, folder: Path, _settings: Settings) -> Launch:
        # One worker has all cores for an operator; a model of microseconds gains nothing by that.
        threads = cores() if workers == 1 and model.name != "digits" else 1
        environment = shared(model, threads, PREDICTIONS_DB=folder / "predictions.db")
        if workers > 1:
            (folder / "metrics").mkdir()
            environment["PROMETHEUS_MULTIPROC_DIR"] = str(folder / "metrics")
        return Launch([environments.python("fastapi"), "-m", "uvicorn", "app:app", "--app-dir", PEERS / "fastapi", "--host", HOST,
                       "--port", port, "--workers", workers, "--log-level", "warning", "--no-access-log"], environment)  # fmt: skip
    return launch


def litserve(model: Model, port: int, folder: Path, _settings: Settings) -> Launch:
    return Launch([environments.python("litserve"), PEERS / "litserve/server.py", port, cores()], shared(model, 1))


def mlserver(model: Model, port: int, folder: Path, _settings: Settings) -> Launch:
    python = environments.python("mlserver")
    settings = {"host": HOST, "http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "debug": False,
                "parallel_workers": cores(), "metrics_dir": str(folder), "environments_dir": str(folder)}  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps({"name": model.name, "implementation": "runtime.OnnxRuntime"}))
    return Launch([python.parent / "mlserver", "start", folder], shared(model, 1, PYTHONPATH=PEERS / "mlserver"))


TRITON_CONFIG = """\
name: "{name}"
backend: "python"
max_batch_size: 32
dynamic_batching {{ max_queue_delay_microseconds: 0 }}
instance_group [ {{ count: {instances} kind: KIND_CPU }} ]
"""


def triton(model: Model, port: int, folder: Path, _settings: Settings) -> Launch:
    python = environments.python("triton")
    site = environments.site_packages("triton")
    home = site / "pytriton/tritonserver"
    stub = home / "backends/python/triton_python_backend_stub"
    if not stub.exists():  # the wheel brings one for each version of Python
        version = site.parent.name.removeprefix("python")
        found = [one for one in (home / "python_backend_stubs" / version).rglob("*") if one.is_file()]
        if not found:
            raise Stop(f"Triton's wheel has no Python backend for Python {version}")
        shutil.copy(found[0], stub)
        stub.chmod(0o755)
    (folder / f"models/{model.name}/1").mkdir(parents=True)
    (folder / f"models/{model.name}/config.pbtxt").write_text(TRITON_CONFIG.format(name=model.name, instances=cores()))
    shutil.copy(PEERS / "triton/model.py", folder / f"models/{model.name}/1/model.py")
    environment = shared(model, 1, PYTHONPATH=site, LD_LIBRARY_PATH=site / "nvidia_pytriton.libs",
                         PATH=f"{python.parent}:{os.environ['PATH']}")  # fmt: skip
    return Launch([home / "bin/tritonserver", f"--model-repository={folder}/models", f"--backend-directory={home}/backends",
                   f"--cache-directory={home}/caches", f"--http-address={HOST}", f"--http-port={port}", "--allow-grpc=false",
                   f"--metrics-address={HOST}", f"--metrics-port={free_port()}",
                   f"--backend-config=python,shm-region-prefix-name=saccade_bench_{os.getpid()}_"], environment)  # fmt: skip


def ray(model: Model, port: int, folder: Path, _settings: Settings) -> Launch:
    proxy = folder.parent / "h"  # short: a socket lies below it and below a name of 56 letters; HAProxy has room for 97
    environment = shared(model, 1, OMP_NUM_THREADS=1, RAY_USAGE_STATS_ENABLED=0, RAY_FOLDER=folder / "r",
                         RAY_SERVE_ENABLE_HA_PROXY=1, RAY_SERVE_THROUGHPUT_OPTIMIZED=1, RAY_SERVE_HAPROXY_NBTHREAD=cores(),
                         RAY_SERVE_HAPROXY_CONFIG_FILE_LOC=proxy / "haproxy.cfg", RAY_SERVE_HAPROXY_SOCKET_PATH=proxy / "admin.sock",
                         RAY_SERVE_HAPROXY_SERVER_STATE_BASE=proxy, RAY_SERVE_HAPROXY_SERVER_STATE_FILE=proxy / "server-state",
                         RAY_SERVE_HAPROXY_METRICS_PORT=free_port(), RAY_SERVE_HAPROXY_STATS_PORT=free_port())  # fmt: skip
    return Launch([environments.python("ray"), PEERS / "ray/server.py", port, cores()], environment)


def bentoml(model: Model, port: int, folder: Path, _settings: Settings) -> Launch:
    environment = shared(model, 1, WORKERS=cores(), BENTOML_DO_NOT_TRACK="True", BENTOML_HOME=folder)
    return Launch([environments.python("bentoml"), "-m", "bentoml", "serve", "service:Predict", "--working-dir", PEERS / "bentoml",
                   "--host", HOST, "--port", port], environment)  # fmt: skip


def kserve(model: Model, port: int, folder: Path, _settings: Settings) -> Launch:
    return Launch([environments.python("kserve"), PEERS / "kserve/server.py", f"--model_name={model.name}", f"--http_port={port}",
                   f"--workers={cores()}", "--enable_grpc=false"], shared(model, 1))  # fmt: skip


def mosec(batch: int) -> Callable[[Model, int, Path, Settings], Launch]:
    return lambda model, port, folder, _settings: Launch(
        [environments.python("mosec"), PEERS / "mosec/server.py", "--address", HOST, "--port", port, "--path", folder / "ipc",
         "--timeout", "60000", "--log-level", "warning"], shared(model, 1, WORKERS=cores(), MAX_BATCH=batch))  # fmt: skip


def package(name: str, title: str, distribution: str) -> Callable[[Settings], str]:
    return lambda _settings: f"{title} {environments.version(name, distribution)}"


INFER = "/v2/models/{model}/infer"
SERVERS = [
    Server("saccade", saccade,
           (Row("saccade", "native", "/predict/{model}", "/ws/predict/{model}"), Row("saccade-v2", "v2", INFER),
            Row("saccade-binary", "binary", INFER)),
           lambda settings: f"Saccade {first_line([settings.build / 'saccade', '--version'])}"),
    Server("fastapi-1", fastapi(1), (Row("fastapi-1", "native", "/predict", "/ws/predict"),), package("fastapi", "FastAPI", "fastapi")),
    Server("fastapi-2", fastapi(2), (Row("fastapi-2", "native", "/predict", "/ws/predict"),), package("fastapi", "uvicorn", "uvicorn")),
    Server("litserve", litserve, (Row("litserve", "native", "/predict"),), package("litserve", "LitServe", "litserve")),
    Server("bentoml", bentoml, (Row("bentoml", "native", "/predict"),), package("bentoml", "BentoML", "bentoml")),
    Server("ray", ray, (Row("ray", "native", "/predict"),), package("ray", "Ray", "ray")),
    Server("mosec", mosec(1), (Row("mosec", "native", "/predict"),), package("mosec", "Mosec", "mosec")),
    Server("mosec-batch", mosec(16), (Row("mosec-batch", "native", "/predict"),), digits_only=True),
    Server("mlserver", mlserver, (Row("mlserver", "v2", INFER),), package("mlserver", "MLServer", "mlserver")),
    Server("kserve", kserve, (Row("kserve", "v2", INFER),), package("kserve", "KServe", "kserve")),
    Server("triton", triton, (Row("triton", "v2", INFER), Row("triton-binary", "binary", INFER)),
           lambda _settings: f"Triton 2.51.0 (nvidia-pytriton {environments.version('triton', 'nvidia-pytriton')})"),
    Server("bare-loop", program("bench_bare_loop"), (Row("bare-loop", "native", "/predict", "/ws/predict"),), digits_only=True),
    Server("raw-loop", program("bench_raw_loop"), (Row("raw-loop", "native", "/predict"),), digits_only=True),
]  # fmt: skip
LIMITS = ("bare-loop", "raw-loop")  # programs that only answer this one request: no peers, but how far it can go
ROWS = [row.name for server in SERVERS for row in server.rows]


class Running:
    """A server that runs, for one model."""

    def __init__(self, server: Server, model: Model, settings: Settings):
        self.server, self.name, self.port = server, server.name, free_port()
        folder = Path(tempfile.mkdtemp(prefix=server.name[:2], dir=settings.scratch))
        launch = server.launch(model, self.port, folder, settings)
        self.family = Family(launch.command, launch.environment, folder, folder / "server.log")

    def wait_until(self, target: "Target", patience: float = 120) -> None:
        """Until it answers at all; whether it answers right is for later."""
        end = time.monotonic() + patience
        refusal: Exception | None = None
        while time.monotonic() < end:
            if not self.family.alive():
                raise Stop(f"{self.name} has ended:\n{self.family.last_words()}")
            try:
                target.ask()
                return
            except (OSError, http.client.HTTPException, Stop, ValueError) as error:  # not yet, or still loading
                refusal = error
            time.sleep(0.1)
        raise Stop(f"{self.name} gives no answer after {patience:.0f} s ({refusal}):\n{self.family.last_words()}")


class Target:
    """A row of the tables while its server runs: where to send which request."""

    def __init__(self, row: Row, running: Running, model: Model, request: Request):
        self.row, self.running, self.request, self.name = row, running, request, row.name
        self.path, self.ws_path = row.path.format(model=model.name), row.ws_path.format(model=model.name)
        self.url = f"http://{HOST}:{running.port}{self.path}"

    def ask(self) -> dict:
        connection = http.client.HTTPConnection(HOST, self.running.port, timeout=30)
        try:
            connection.request("POST", self.path, self.request.body, dict(self.request.headers))
            response = connection.getresponse()
            body = response.read()
            if response.status != 200:
                raise Stop(f"{self.name} answered {response.status}: {body[:300]!r}")
            length = response.getheader("Inference-Header-Content-Length")
            return with_data(json.loads(body[:int(length)]), body[int(length):]) if length else json.loads(body)
        finally:
            connection.close()

    def ask_ws(self) -> dict:
        return websocket_once(self.running.port, self.ws_path, self.request.body)


def with_data(answer: dict, tail: bytes) -> dict:
    """The protocol's binary outputs put back into the JSON."""
    for output in answer["outputs"]:
        size = output["parameters"]["binary_data_size"]
        output["data"], tail = list(struct.unpack(f"<{size // 4}f", tail[:size])), tail[size:]
    return answer


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
