"""Processes: starting one with all that it starts itself, what it has used of the processor, ending it; and where all this runs."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import re
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
HOST = "127.0.0.1"
TICKS = os.sysconf("SC_CLK_TCK")
MARK = "SACCADE_BENCH_MARK"


class Stop(Exception):
    """A message for the person who runs this; no traceback."""


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def cores() -> int:
    return len(os.sched_getaffinity(0))


def await_quiet(most_s: float = 60) -> None:
    """Until the processors have had next to nothing to do for a second."""
    def busy() -> float:
        ticks = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return sum(ticks) - ticks[3] - ticks[4]  # all but idle and waiting for a disk

    end = time.monotonic() + most_s
    while time.monotonic() < end:
        before = busy()
        time.sleep(1)
        if busy() - before < 0.1 * TICKS:
            return


class Family:
    """A process and everything that it has started, however far that has moved away.

    Some servers (Ray's) put their children into process groups and sessions of their own, some rename them and lose their
    environment with it. So a process belongs to the family if it is in the first one's session, or has its mark in the environment,
    or descends from one that does; who was seen once stays a member. A member is a process id with its start time: an id that is used
    again is somebody else.
    """

    def __init__(self, command: list, environment: dict, folder: Path, log: Path):
        self.mark = secrets.token_hex(8)
        self.log = log
        self.members: set[tuple[int, str]] = set()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=folder,
                env={**os.environ, **environment, MARK: self.mark}, start_new_session=True)  # fmt: skip

    def look(self) -> dict[tuple[int, str], int]:
        """The members that run, with the ticks that each has used."""
        seen, parents = {}, {}
        token = f"{MARK}={self.mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                key = int(folder.name), fields[19]
                parents[key[0]] = int(fields[1])
                seen[key] = int(fields[11]) + int(fields[12])
                if int(fields[3]) == self.process.pid or token in (folder / "environ").read_bytes():
                    self.members.add(key)
        alive = {key[0] for key in self.members if key in seen}
        grown = True
        while grown:  # children of children
            new = {key for key in seen if parents[key[0]] in alive and key[0] not in alive}
            grown = bool(new)
            self.members |= new
            alive |= {key[0] for key in new}
        return {key: ticks for key, ticks in seen.items() if key in self.members}

    def cpu_seconds(self) -> float:
        """What a prediction costs, whoever else is on the machine."""
        return sum(self.look().values()) / TICKS

    def settle(self, patience: float = 20) -> None:
        """Waits until nothing is left to do: a slow server still works on what a load generator that is gone has asked."""
        end = time.monotonic() + patience
        before = self.cpu_seconds()
        while time.monotonic() < end:
            time.sleep(0.1)
            now = self.cpu_seconds()
            if now - before <= 0.02:
                return
            before = now

    def alive(self) -> bool:
        # Looks without reaping: the process's id, and so its session's, stays this server's until stop() is through.
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])

    def stop(self) -> None:
        """Asks the first process to end, gives all of them ten seconds, and ends what is left."""
        self.look()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)
        end = time.monotonic() + 10
        while self.alive() and time.monotonic() < end:
            time.sleep(0.02)
        end = min(end, time.monotonic() + 2)
        while len(self.look()) > 1 and time.monotonic() < end:  # the first one is a zombie until the end; the others tidy up
            time.sleep(0.1)
        for _ in range(3):  # one that was being started while we looked
            left = self.look()
            for pid, _start in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                break
        self.process.wait()


# --- where it ran ----------------------------------------------------------------------------------------------


def first_line(command: list, pattern: str = r"(.+)") -> str:
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "not there"
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1).strip() if found else "unknown"


def circumstances() -> dict:
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text())
    versions = {"wrk": first_line(["wrk", "--version"], r"wrk (\S+)")}
    if libraries := sorted((ROOT / ".deps/onnxruntime/lib").glob("libonnxruntime.so.*.*")):
        versions["ONNX Runtime"] = libraries[0].name.removeprefix("libonnxruntime.so.")
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "processor": cpu.group(1) if cpu else platform.machine(),
        "cores": cores(),
        "system": f"{system.group(1) if system else platform.system()}, Linux {platform.release()}",
        "load_average_before": os.getloadavg()[0],
        "versions": versions,
    }
