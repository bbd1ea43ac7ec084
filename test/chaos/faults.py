"""What is broken on purpose. Each fault is a class: `begin` breaks, `end` mends; both come back when it has happened.

A fault that needs something which the server or this machine does not have says so in `missing` and is left out. To add one, write a
class and put it into FAULTS. `cuts`: connections may end by it. `alone`: not beside another fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import shutil
import signal
import socket
import sqlite3
import sys
import threading

from clients import junk, reset
from supervisor import PROJECT

sys.path.insert(0, str(PROJECT / "test/e2e"))
from raw_websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame  # noqa: E402
from smuggled_requests import SMUGGLED_REQUESTS  # noqa: E402


class Fault:
    name = ""
    what = ""
    cuts = False
    alone = False
    service = ""

    def __init__(self, stage, seed: int):
        self.stage, self.random = stage, random.Random(seed)

    @classmethod
    def missing(cls, stage) -> str | None:
        """Why it can't be tried here; None: it can."""
        return None

    async def begin(self) -> None: ...

    async def end(self) -> None: ...


class Kill(Fault):
    name, what, cuts, alone = "kill -9", "the server is killed and started again", True, True

    async def begin(self) -> None:
        await self.stage.supervisor.end(signal.SIGKILL)


class Terminate(Fault):
    name, what, cuts, alone = "SIGTERM", "the server is ended in order and started again", True, True

    async def begin(self) -> None:
        await self.stage.supervisor.end(signal.SIGTERM)


class Pause(Fault):
    name, what, alone = "SIGSTOP", "the server stands still, as a machine does that is moved", True

    async def begin(self) -> None:
        os.kill(self.stage.supervisor.pid, signal.SIGSTOP)

    async def end(self) -> None:
        os.kill(self.stage.supervisor.pid, signal.SIGCONT)


class DiskFull(Fault):
    """On a small file system of its own where one may be mounted; else the log's files may not grow, which to SQLite is the same."""

    name, what = "disk full", "the log's disk has no room"

    async def begin(self) -> None:
        self.pid = self.stage.supervisor.pid
        if self.stage.disk:
            self.filler = self.stage.disk / "filler"
            await asyncio.to_thread(self.fill)
        else:
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def fill(self) -> None:
        with open(self.filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(self.stage.disk).free)
            while True:
                file.write(bytes(4096))

    async def end(self) -> None:
        if self.stage.disk:
            await asyncio.to_thread(self.filler.unlink)
        elif self.pid == self.stage.supervisor.pid:
            resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class LogLocked(Fault):
    name, what = "log locked", "another program holds the log's only place for a writer"

    @classmethod
    def missing(cls, stage) -> str | None:
        return None if stage.log_file else "the log is no SQLite file"

    async def begin(self) -> None:
        self.database = sqlite3.connect(self.stage.log_file, isolation_level=None, timeout=0)
        for _ in range(400):  # between two commits
            with contextlib.suppress(sqlite3.OperationalError):
                self.database.execute("BEGIN IMMEDIATE")
                return
            await asyncio.sleep(0.01)

    async def end(self) -> None:
        if self.database.in_transaction:
            self.database.execute("ROLLBACK")
        self.database.close()


class ClockJump(Fault):
    name, what = "clock jump", "the wall clock jumps by an hour, and back"

    @classmethod
    def missing(cls, stage) -> str | None:
        return None if stage.clock else "libfaketime is not installed"

    async def begin(self) -> None:
        self.stage.set_clock(self.random.choice([3600, -3600, 90_000_000]))
        await asyncio.sleep(1.1)  # it is looked at once a second

    async def end(self) -> None:
        self.stage.set_clock(0)
        await asyncio.sleep(1.1)


class CorruptModel(Fault):
    """New versions that are none, of a model that is asked meanwhile: the old one goes on answering."""

    name, what, alone = "corrupt model", "broken versions and configurations are dropped into the repository", True

    async def begin(self) -> None:
        good = (self.stage.repository / "digits/1/model.onnx").read_bytes()
        self.folders = []
        for version, content in enumerate([good[:len(good) // 2], junk(self.random, 4096), b""], 2):
            folder = self.stage.repository / f"digits/{version}"
            folder.mkdir(exist_ok=True)
            (folder / "model.onnx").write_bytes(content)
            self.folders.append(folder)
        other = self.stage.repository / "broken"
        (other / "1").mkdir(parents=True, exist_ok=True)
        (other / "config.pbtxt").write_bytes(b'name: "broken" max_batch_size: \x00{{{')
        self.folders.append(other)
        await asyncio.sleep(1)

    async def end(self) -> None:
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        await asyncio.sleep(1)


class NewVersion(Fault):
    name, what, alone = "new version", "a good new version comes, and goes again", True

    async def begin(self) -> None:
        self.folder = self.stage.repository / "digits/9"
        hidden = self.stage.repository / "digits/.9"
        shutil.copytree(self.stage.repository / "digits/1", hidden)
        hidden.rename(self.folder)
        await asyncio.sleep(1)

    async def end(self) -> None:
        shutil.rmtree(self.folder)
        await asyncio.sleep(1)


class Crowd(Fault):
    """Threads of plain sockets that behave badly until the fault ends."""

    threads = 2

    def __init__(self, stage, seed: int):
        super().__init__(stage, seed)
        self.over = threading.Event()
        self.crowd: list[threading.Thread] = []

    async def begin(self) -> None:
        for _ in range(self.threads):
            thread = threading.Thread(target=self.work, args=(random.Random(self.random.random()),), daemon=True)
            thread.start()
            self.crowd.append(thread)

    async def end(self) -> None:
        self.over.set()
        for thread in self.crowd:
            await asyncio.to_thread(thread.join)

    def work(self, choose: random.Random) -> None:
        while not self.over.is_set():
            with contextlib.suppress(OSError), self.connect() as connection:
                self.misbehave(connection, choose)
            self.over.wait(0.002)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.stage.supervisor.port), timeout=1)

    def misbehave(self, connection: socket.socket, choose: random.Random) -> None:
        raise NotImplementedError


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
UPGRADE = (b"GET /ws/predict HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
REQUEST = b'POST /predict/sentiment HTTP/1.1\r\nHost: a\r\nContent-Length: 26\r\n\r\n{"text": "a joy to watch"}'


class Malformed(Crowd):
    name, what = "malformed clients", "noise, smuggled requests, broken HTTP/2 and WebSocket frames"

    def misbehave(self, connection: socket.socket, choose: random.Random) -> None:
        kind = choose.randrange(4)
        if kind == 0:
            connection.sendall(junk(choose, choose.randrange(1, 3000)))
        elif kind == 1:
            connection.sendall(choose.choice(SMUGGLED_REQUESTS).bytes)
        elif kind == 2:
            connection.sendall(PREFACE + junk(choose, choose.randrange(1, 3000)))
        else:
            frames = [frame(choose.choice([TEXT, BINARY, CONTINUATION, CLOSE, PING, 3, 11]), junk(choose, choose.randrange(130)),
                            final=choose.random() < 0.7, masked=choose.random() < 0.9, reserved=choose.choice([0, 0, 0x40]))
                      for _ in range(5)]
            connection.sendall(UPGRADE + b"".join(frames))
        connection.settimeout(0.05)
        connection.recv(65536)


class Slow(Crowd):
    name, what, threads = "slow clients", "hundreds of requests that come byte by byte", 1

    def work(self, choose: random.Random) -> None:
        connections: list[tuple[socket.socket, bytes]] = []
        for _ in range(300):
            with contextlib.suppress(OSError):
                connections.append((self.connect(), choose.choice([REQUEST, PREFACE + bytes(9), UPGRADE + frame(TEXT, "x" * 100)])))
        at = 0
        while not self.over.wait(0.05):
            for connection, content in connections:
                with contextlib.suppress(OSError):
                    connection.send(content[at % len(content):at % len(content) + 1])
            at += 1
        for connection, _ in connections:
            connection.close()


class Disconnects(Crowd):
    name, what = "disconnects", "clients leave at every stage, with FIN and with RST"

    def misbehave(self, connection: socket.socket, choose: random.Random) -> None:
        content = choose.choice([REQUEST, REQUEST * 3, PREFACE + bytes(9), UPGRADE, UPGRADE + frame(TEXT, '{"text": "a"}') * 3])
        connection.sendall(content[:choose.randrange(len(content) + 1)])
        if choose.random() < 0.3:
            connection.settimeout(0.01)
            connection.recv(choose.randrange(1, 100))
        if choose.random() < 0.5:
            reset(connection)


class Flood(Crowd):
    """Within --max-connections and beyond: who is inside goes on."""

    name, what, threads = "connection flood", "thousands of connections are opened and held", 1

    def work(self, choose: random.Random) -> None:
        held: list[socket.socket] = []
        while not self.over.is_set() and len(held) < 3000:
            try:
                held.append(self.connect())
            except OSError:
                self.over.wait(0.01)
        self.over.wait()
        for connection in held:
            connection.close()


class Service(Fault):
    """Redis or PostgreSQL in trouble; what it is called and how to reach it is the stage's."""

    @classmethod
    def missing(cls, stage) -> str | None:
        return stage.services_missing.get(cls.service)


def service_faults(service: str) -> list[type[Fault]]:
    class Down(Service):
        name, what = f"{service} down", f"{service} is killed, and started again"

        async def begin(self) -> None:
            await asyncio.to_thread(self.stage.services[self.service].kill)

        async def end(self) -> None:
            await asyncio.to_thread(self.stage.services[self.service].start)

    class Stands(Service):
        name, what = f"{service} stopped", f"{service} stands still (SIGSTOP): connections stay open and nothing comes"

        async def begin(self) -> None:
            self.stage.services[self.service].signal(signal.SIGSTOP)

        async def end(self) -> None:
            self.stage.services[self.service].signal(signal.SIGCONT)

    class Slower(Service):
        name, what = f"{service} slow", f"every answer of {service} takes 300 ms longer"

        async def begin(self) -> None:
            self.stage.services[self.service].delay = 0.3

        async def end(self) -> None:
            self.stage.services[self.service].delay = 0.0

    for fault in (Down, Stands, Slower):
        fault.service = service
    return [Down, Stands, Slower]


FAULTS: list[type[Fault]] = [Kill, Terminate, Pause, DiskFull, LogLocked, ClockJump, CorruptModel, NewVersion, Malformed, Slow, Disconnects,
                             Flood, *service_faults("Redis"), *service_faults("PostgreSQL")]


def available(stage) -> tuple[list[type[Fault]], list[str]]:
    """Those that can be tried here, and for the others a line that says why not."""
    reasons = {fault: fault.missing(stage) for fault in FAULTS}
    return ([fault for fault, reason in reasons.items() if not reason],
            [f"left out: {fault.name} ({reason})" for fault, reason in reasons.items() if reason])


