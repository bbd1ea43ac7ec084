"""Clients that ask one prediction after the other while a test does something to the server."""

import threading
import time

import httpx

from server import wait_until


class Load:
    """Asks without pause and remembers which ids were answered when, what was answered otherwise, and how long the slowest answer
    took. A client ends when its connection breaks."""

    def __init__(self, server, body, clients=3, path="/predict/digits"):
        self.server, self.body, self.path = server, body, path
        self.answers, self.slowest, self.failed = [], 0.0, []  # answers: (id, when)
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        self._stop = False

    @property
    def answered(self):
        return [id for id, _ in self.answers]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop = True
        for thread in self._threads:
            thread.join(60)

    def _ask(self):
        with self.server.client() as client:
            while not self._stop:
                began = time.monotonic()
                try:
                    answer = client.post(self.path, content=self.body)
                except httpx.TransportError:
                    return
                ended = time.monotonic()
                self.slowest = max(self.slowest, ended - began)
                if answer.status_code == 200:
                    self.answers.append((answer.json()["request_id"], ended))
                else:
                    self.failed.append(answer.text)

    def more(self, count=50):
        """Waits until so many more were answered."""
        want = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= want, 60, f"{count} more answers")
