"""Everything a run plays on: a folder, the disk for the log, a repository that may be changed, a clock, outside services, the server."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess

from ledger import ANSWERED, Ledger
from services import Postgres, Redis
from supervisor import BINARY, PROJECT, Supervisor, flags_offered

DISK_BYTES = 256 << 20
SANITIZED = any(word in str(BINARY) for word in ("asan", "tsan"))


class Stage:
    def __init__(self, folder: pathlib.Path, store: str, flags: list[str] | None = None):
        self.folder, self.store, self.more_flags = folder, store, flags or []
        self.ledger = Ledger()
        self.help = flags_offered()
        self.disk: pathlib.Path | None = None
        self.log_file: pathlib.Path | None = None
        self.repository = folder / "repository"
        self.clock: pathlib.Path | None = None
        self.services: dict[str, Redis | Postgres] = {}
        self.services_missing: dict[str, str] = {}
        self.supervisor: Supervisor | None = None
        self.notes: list[str] = []

    async def open(self) -> None:
        shutil.copytree(PROJECT / "examples/repository", self.repository)
        self._mount()
        await self._open_service("Redis", Redis, "--redis")
        await self._open_service("PostgreSQL", Postgres, "postgresql://", wanted=self.store == "postgres")
        environment = {"SACCADE_ENGINE_CACHE": str(self.folder / "engines"), **self._clock_environment()}
        self.supervisor = Supervisor(self.folder, [str(self.repository), *self._flags()], environment)
        await self.supervisor.start()

    def _flags(self) -> list[str]:
        flags = ["--log", self._log(), "--log-mode", "durable", "--engine", "onnxruntime", "--model-control-mode", "poll",
                 "--repository-poll-secs", "0.25", "--exit-on-error", "false", "--max-connections", "2000", "--header-timeout-s", "5", *self.more_flags]
        if "Redis" in self.services:
            flags += ["--redis", f"redis://127.0.0.1:{self.services['Redis'].port}/0"]
            if "--cache-redis" in self.help:  # of one model; the other one is computed each time
                flags += ["--cache", "sentiment", "--cache-redis", "--cache-ttl", "1s"]
        return flags

    def _log(self) -> str:
        if self.store == "postgres":
            if "PostgreSQL" not in self.services:
                raise SystemExit(f"chaos: no PostgreSQL to log to: {self.services_missing['PostgreSQL']}")
            return f"postgresql://saccade@127.0.0.1:{self.services['PostgreSQL'].port}/postgres"
        self.log_file = (self.disk or self.folder) / "predictions.db"
        return f"sqlite://{self.log_file}"

    def _mount(self) -> None:
        """A disk that can be filled without harm to anybody else."""
        place = self.folder / "disk"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0777", "saccade-chaos", place], capture_output=True, text=True)
        if done.returncode == 0:
            self.disk = place
        else:
            self.notes.append("no file system may be mounted here: the full disk is a limit on the size of files")

    def _clock_environment(self) -> dict[str, str]:
        """libfaketime, which moves the wall clock alone: not the monotonic one, nor the times of files."""
        libraries = sorted(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1"))
        if not libraries or SANITIZED:
            return {}
        self.clock = self.folder / "clock"
        self.set_clock(0)
        return {"LD_PRELOAD": libraries[0], "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}

    def set_clock(self, seconds: int) -> None:
        new = self.folder / "clock.new"
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.clock)

    async def _open_service(self, name: str, kind: type, flag: str, wanted: bool = True) -> None:
        reason = kind.missing() or (None if flag in self.help else "this server does not use it")
        if reason or not wanted:
            self.services_missing[name] = reason or "this run logs to SQLite: --store postgres"
            return
        folder = self.folder / name.lower()
        folder.mkdir()
        os.chmod(self.folder, 0o711)  # its user must get there
        service = kind(folder)
        self.services[name] = service
        await service.open()

    async def close(self) -> list[str]:
        """Ends the server in order; gives the callers' ids that stand in the log."""
        if self.store == "postgres":
            await self._delivered()
        await self.supervisor.stop()
        if self.store == "postgres":
            return self.services["PostgreSQL"].ids()
        with contextlib.closing(sqlite3.connect(self.log_file, timeout=20)) as database:
            if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                self.ledger.breach("the log is no whole database")
            return [json.loads(id) for (id,) in database.execute("SELECT client_id FROM predictions WHERE client_id IS NOT NULL")]

    async def _delivered(self) -> None:
        """What waited on the local disk for the database comes to it, if not at once."""
        answered = {request.id for request in self.ledger.requests if request.outcome == ANSWERED}
        for _ in range(60):
            if not answered - set(await asyncio.to_thread(self.services["PostgreSQL"].ids)):
                return
            await asyncio.sleep(0.5)

    async def clean(self) -> None:
        if self.supervisor:
            self.supervisor.kill()
        for service in self.services.values():
            await service.close()
        if self.disk:
            subprocess.run(["umount", "-l", self.disk], capture_output=True)
