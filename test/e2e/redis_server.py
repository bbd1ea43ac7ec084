"""A real Redis server for a test: started, killed, stopped and continued by it. It keeps nothing on the disk and listens on
a free port of the loopback."""

import shutil
import signal
import socket
import subprocess
import tempfile

from server import free_port, wait_until


class RedisServer:
    def __init__(self):
        assert shutil.which("redis-server"), "redis-server is missing; scripts/install-packages test installs it"
        self._folder = tempfile.mkdtemp(prefix="saccade-redis-")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", self._folder], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.command("PING") == "+PONG", 20, "Redis")

    def command(self, *words):
        """The first line of the answer; None where there is no server."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as peer:
                peer.sendall((" ".join(words) + "\r\n").encode())
                return peer.recv(65536).decode(errors="replace").split("\r\n")[0]
        except OSError:
            return None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def close(self):
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)
