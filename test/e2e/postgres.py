"""A real PostgreSQL server for a test: made, started, killed, stopped and continued by it.

Its data lie in a temporary folder; it listens on a free port of the loopback. PostgreSQL refuses to run as root, so
there it runs as the user that its package brings.
"""

import glob
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from server import free_port, wait_until

# Not runuser, which stands still with a server that is stopped and does not go on with it.
AS_USER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] if os.geteuid() == 0 else []


def program(name):
    """The newest of Debian's versions, which are not in the path."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda path: int(path.split("/")[4]))
    return found[-1] if found else shutil.which(name)


class Postgres:
    def __init__(self, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="saccade-postgres-"))
        self.data = self.folder / "data"
        if AS_USER:
            shutil.chown(self.folder, pwd.getpwnam("postgres").pw_uid)
        self._run("initdb", "-D", self.data, "-U", "saccade", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        self.port = free_port()
        self._settings = {"fsync": "on", "max_connections": "40", "shared_buffers": "32MB",
                          "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **settings}
        self._process = None
        self.start()

    def _run(self, name, *arguments):
        subprocess.run([*AS_USER, program(name), *map(str, arguments)], check=True, capture_output=True, timeout=120,
                       cwd="/")

    def url(self, database="postgres"):
        return f"postgresql://saccade@127.0.0.1:{self.port}/{database}"

    def start(self):
        options = [word for key, value in self._settings.items() for word in ("-c", f"{key}={value}")]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen([*AS_USER, program("postgres"), "-D", self.data, "-p", str(self.port),
                                              *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                             start_new_session=True)
        wait_until(self._answers, 60, "PostgreSQL")

    def _answers(self):
        assert self._process.poll() is None, (self.folder / "log").read_text()[-3000:]
        return subprocess.run([program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)],
                              timeout=20).returncode == 0

    def _family(self):
        """The postmaster and all its children: sessions have process groups of their own."""
        family = [int((self.data / "postmaster.pid").read_text().split()[0])]
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) == family[0]:
                family.append(int(pid))
        return family

    def _signal(self, number):
        for pid in self._family():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def pause(self):
        """Connections stay, and nobody answers on them."""
        self._signal(signal.SIGSTOP)

    def go_on(self):
        self._signal(signal.SIGCONT)

    def kill(self):
        self._signal(signal.SIGKILL)
        self._process.wait(30)

    def stop(self):
        if self._process.poll() is None:
            self._signal(signal.SIGCONT)
            os.kill(self._family()[0], signal.SIGQUIT)
            self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def query(self, sql, database="postgres"):
        """The rows, as lists of texts."""
        done = subprocess.run([program("psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-c", sql,
                               self.url(database)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def make_database(self, name):
        self.query(f"CREATE DATABASE {name}")
        return self.url(name)
