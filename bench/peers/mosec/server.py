"""Mosec: its server is in Rust, the model's workers are Python processes, one per core; batches of what waits.

    MODEL=model.onnx python server.py --address 127.0.0.1 --port PORT --path SOCKETS
"""

import os
import sys
from pathlib import Path

from mosec import Server, ValidationError, Worker

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from onnx_model import Model  # noqa: E402

BATCH = int(os.environ.get("MAX_BATCH", "1"))


class Predict(Worker):
    def __init__(self) -> None:
        self.model = Model()

    def one(self, data: dict) -> dict:
        try:
            return self.model.feeds(data)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def forward(self, data):
        if BATCH == 1:
            return self.model.answer(self.model.run(self.one(data)))
        return [self.model.answer(results) for results in self.model.run_batch([self.one(one) for one in data])]


if __name__ == "__main__":
    server = Server()
    workers = int(os.environ.get("WORKERS", "1"))
    server.append_worker(Predict, num=workers, max_batch_size=BATCH, max_wait_time=1, timeout=60, route="/predict")
    server.run()
