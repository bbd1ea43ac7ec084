"""Runs the real server and starts it again when it ends, as systemd or Kubernetes would; always on the same port."""

from __future__ import annotations

import asyncio
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SACCADE_BINARY") or PROJECT / "build/release/saccade").resolve()
START_SECONDS, END_SECONDS = 60, 45


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def flags_offered() -> str:
    return subprocess.run([BINARY, "serve", "--help"], capture_output=True, text=True, check=True).stdout


class Supervisor:
    def __init__(self, folder: pathlib.Path, arguments: list[str], environment: dict[str, str]):
        self.folder, self.port = folder, free_port()
        self.arguments = [str(BINARY), "serve", *arguments, "--port", str(self.port), "--grpc-port", "0"]
        self.environment = {**os.environ, **environment}
        self.process: asyncio.subprocess.Process | None = None
        self.starts = 0
        self.unexpected: list[str] = []
        self._expected = False
        self._ready = asyncio.Event()
        self._task: asyncio.Task | None = None
        self._stop = False

    @property
    def pid(self) -> int:
        return self.process.pid

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())
        await self.ready()

    async def ready(self) -> None:
        """Until the server that runs now serves; what goes wrong with starting it is raised here."""
        ready = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait([ready, self._task], timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if self._task in done:
            ready.cancel()
            await self._task
        if ready not in done:
            ready.cancel()
            raise RuntimeError(f"the server did not serve within {START_SECONDS} s; see {self.folder}/stderr")

    async def _run(self) -> None:
        while not self._stop:
            self._ready.clear()
            self.starts += 1
            out = self.folder / f"stdout.{self.starts}"
            with open(out, "wb") as stdout, open(self.folder / "stderr", "ab") as stderr:
                # What Python ignores is ignored there too: beyond a limit on the size of files a write fails and the process lives.
                self.process = await asyncio.create_subprocess_exec(
                    *self.arguments, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=self.environment,
                    restore_signals=False)
            self._expected = False
            end = time.monotonic() + START_SECONDS
            while not re.search(r"serves on", out.read_text(errors="replace")):
                if self.process.returncode is not None:
                    break
                if time.monotonic() > end:
                    self.process.kill()
                    raise RuntimeError(f"the server did not serve within {START_SECONDS} s; see {self.folder}/stderr")
                await asyncio.sleep(0.01)
            else:
                self._ready.set()
            code = await self.process.wait()
            if not self._ready.is_set() and not self._expected:
                raise RuntimeError(f"the server ended at its start with {code}; see {self.folder}/stderr")
            if not self._expected:
                self.unexpected.append(f"the server ended by itself with {code}; see {self.folder}/stderr")

    async def end(self, with_signal: int) -> float:
        """Ends the server that runs; comes back when the next one serves, with the seconds that took."""
        await self.ready()
        began, process = time.monotonic(), self.process
        self._expected = True
        self._ready.clear()
        process.send_signal(with_signal)
        try:
            code = await asyncio.wait_for(process.wait(), END_SECONDS)
        except asyncio.TimeoutError:
            self.unexpected.append(f"the server did not end within {END_SECONDS} s of signal {with_signal}")
            process.kill()
            code = await process.wait()
        if with_signal == signal.SIGTERM and code != 0:
            self.unexpected.append(f"after SIGTERM the server ended with {code}")
        await self.ready()
        return time.monotonic() - began

    async def stop(self) -> None:
        self._stop = self._expected = True
        if self.process and self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), END_SECONDS)
            except asyncio.TimeoutError:
                self.unexpected.append(f"at the end the server did not end within {END_SECONDS} s of SIGTERM")
                self.process.kill()
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)

    def kill(self) -> None:
        """For an end that is none: nothing of ours stays behind."""
        if self.process and self.process.returncode is None:
            self.process.kill()

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory_bytes(self) -> int:
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024
