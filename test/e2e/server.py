"""Starts the real binary on a free port, waits until it serves, and ends it by SIGTERM.

SACCADE_BINARY names another build, for example one with sanitizers.
"""

import atexit
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import httpx

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SACCADE_BINARY") or PROJECT / "build/release/saccade").resolve()
SANITIZED = any(word in str(BINARY) for word in ("asan", "tsan"))
REPOSITORY = PROJECT / "examples/repository"
DIGITS = REPOSITORY / "digits/1/model.onnx"

# No TLS here: without the certificates a client is made forty times as fast.
PLAIN = {"timeout": 20, "trust_env": False, "verify": False}

# Which engine is faster for a model is measured once in a session of tests, and not remembered for another.
ENGINE_CACHE = tempfile.mkdtemp(prefix="saccade-engines-")
atexit.register(shutil.rmtree, ENGINE_CACHE, ignore_errors=True)
os.environ.setdefault("SACCADE_ENGINE_CACHE", ENGINE_CACHE)

START_SECONDS = 90  # the first load of a model measures engines
END_SECONDS = 40 if SANITIZED else 20


def wait_until(condition, seconds, what):
    """Calls condition() until it is true, and returns what it gave."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds} s in vain for: {what}"
        time.sleep(0.01)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def metric(server, start):
    """The value of the first series of that name; `start` may have all of its labels."""
    for line in server.get("/metrics").text.splitlines():
        if line.startswith(start + " ") or line.startswith(start + "{"):
            return float(line.split()[-1])
    raise AssertionError(f"no metric {start}")


class Server:
    """One running server. Its streams go to files in `folder`, which is also its working directory."""

    def __init__(self, folder, *models, flags=(), environment=None, limits=None):
        self.folder = pathlib.Path(folder)
        self.log_file = self.folder / "predictions.db"
        if "--grpc-port" not in flags:
            flags = ["--grpc-port", 0, *flags]  # any port speaks all protocols
        arguments = [str(BINARY), "serve", *map(str, models or [REPOSITORY]), "--port", "0", *map(str, flags)]
        self._out, self._err = self.folder / "stdout", self.folder / "stderr"
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.process = subprocess.Popen(
                arguments, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, **(environment or {})}, preexec_fn=limits)
        try:
            self.port, self.grpc_port = wait_until(self._greeting, START_SECONDS, "the greeting")
        except BaseException:
            self.kill()
            raise
        tls = "s" if "--tls-key" in flags else ""
        self.url = f"http{tls}://localhost:{self.port}"
        self.websocket_url = f"ws{tls}://localhost:{self.port}"

    def _greeting(self):
        code = self.process.poll()
        assert code is None, f"the server ended at once with {code}:\n{self.stderr()}"
        found = re.search(r"serves on https?://[^\s:]+:(\d+), gRPC on [^\s:]+:(\d+)", self._out.read_text())
        return found and (int(found.group(1)), int(found.group(2)))

    def stderr(self):
        return self._err.read_text(errors="replace")

    def stdout(self):
        return self._out.read_text(errors="replace")

    def client(self, **options):
        return httpx.Client(base_url=self.url, **PLAIN, **options)

    def async_client(self, connections=100, **options):
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return httpx.AsyncClient(base_url=self.url, **PLAIN, limits=limits, **options)

    def get(self, path, **options):
        return httpx.get(self.url + path, **PLAIN, **options)

    def post(self, path, **options):
        return httpx.post(self.url + path, **PLAIN, **options)

    def memory_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def kill(self):
        self.process.kill()
        self.process.wait(END_SECONDS)

    def wait(self, seconds=END_SECONDS):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not end within {seconds} s:\n{self.stderr()}") from None

    def stop(self):
        """The orderly end, which must always work."""
        if self.process.poll() is None:
            self.terminate()
        code = self.wait()
        assert code == 0, f"the server ended with {code}:\n{self.stderr()}"


def run(*arguments, folder, seconds=START_SECONDS, **options):
    """Runs the binary to its end, for commands that are expected to end."""
    options.setdefault("env", {**os.environ, "SACCADE_GRPC_PORT": "0"})
    return subprocess.run([str(BINARY), *map(str, arguments)], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=seconds, **options)
