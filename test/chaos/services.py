"""Redis and PostgreSQL of our own: on free ports of the loopback, in temporary folders, as an unprivileged user where they want that.

The server reaches them through a relay that can hold back what they answer.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

from supervisor import free_port

START_SECONDS = 30


def postgres_programs() -> pathlib.Path | None:
    """Debian keeps them out of PATH; the newest."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parent.parent.name))
    return found[-1].parent if found else None


class Service:
    def __init__(self, folder: pathlib.Path):
        self.folder, self.own_port, self.port = folder, free_port(), 0
        self.delay = 0.0
        self.process: subprocess.Popen | None = None
        self._relay: asyncio.Server | None = None

    async def open(self) -> None:
        await asyncio.to_thread(self.start)
        self._relay = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.port = self._relay.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._relay:
            self._relay.close()
        await asyncio.to_thread(self.kill)

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            user=self.user(), group=self.user(), extra_groups=[] if self.user() else None)
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.own_port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{self.command()[0]} does not serve; see {self.folder}/log") from None
                time.sleep(0.05)

    def user(self) -> str | None:
        return None

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.own_port)
        except OSError:
            writer.close()
            return

        async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter, held_back: bool) -> None:
            try:
                while data := await source.read(1 << 16):
                    if held_back and self.delay:
                        await asyncio.sleep(self.delay)
                    target.write(data)
                    await target.drain()
            except OSError:
                pass
            finally:
                target.close()

        await asyncio.gather(pass_on(reader, far_writer, False), pass_on(far_reader, writer, True))


class Redis(Service):
    @staticmethod
    def missing() -> str | None:
        return None if shutil.which("redis-server") else "redis-server is not installed"

    def command(self) -> list[str]:
        return ["redis-server", "--port", str(self.own_port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "", "--appendonly", "no"]


class Postgres(Service):
    @staticmethod
    def missing() -> str | None:
        return None if postgres_programs() else "postgresql is not installed"

    def user(self) -> str | None:
        """PostgreSQL refuses to run as root."""
        if os.getuid() != 0:
            return None
        names = {entry.pw_name for entry in pwd.getpwall()}
        return "postgres" if "postgres" in names else "nobody"

    def command(self) -> list[str]:
        return [str(postgres_programs() / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.own_port), "-h", "127.0.0.1",
                "-k", "", "-c", "max_connections=40"]

    def start(self) -> None:
        if not (self.folder / "data").exists():
            if self.user():
                shutil.chown(self.folder, self.user())
            subprocess.run([postgres_programs() / "initdb", "-D", self.folder / "data", "-U", "saccade", "--auth=trust", "-E", "UTF8"],
                           cwd=self.folder, check=True, capture_output=True, user=self.user(), group=self.user(),
                           extra_groups=[] if self.user() else None)
        super().start()

    def signal(self, number: int) -> None:
        """All of its processes: the one that listens does not answer by itself."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in [self.process.pid, *map(int, children)]:
            os.kill(pid, number)

    def kill(self) -> None:
        """All of them too, so that the next start finds nobody at its data."""
        if self.process and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
            self.process.wait()
            (self.folder / "data/postmaster.pid").unlink(missing_ok=True)

    def ids(self) -> list[str]:
        """The callers' ids of the rows that it holds."""
        done = subprocess.run([postgres_programs() / "psql", "-h", "127.0.0.1", "-p", str(self.own_port), "-U", "saccade", "-d", "postgres", "-Atc",
                               "SELECT client_id FROM saccade.predictions WHERE client_id IS NOT NULL"], capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]
