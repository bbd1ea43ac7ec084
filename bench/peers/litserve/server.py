"""LitServe, set up as its guide to speed says: workers on the cores, several API processes, the fast queue, batches.

    MODEL=model.onnx python server.py PORT WORKERS
"""

import os
import sys
from pathlib import Path

import litserve

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from onnx_model import Model  # noqa: E402


class Predict(litserve.LitAPI):
    def setup(self, device) -> None:
        self.model = Model()

    def decode_request(self, request: dict) -> dict:
        return self.model.feeds(request)

    def predict(self, inputs):
        return self.model.run_batch(inputs) if isinstance(inputs, list) else self.model.run(inputs)

    def batch(self, inputs: list) -> list:
        return inputs  # run_batch stacks them: models have inputs by name

    def unbatch(self, outputs: list) -> list:
        return outputs

    def encode_response(self, results) -> dict:
        return self.model.answer(results)


if __name__ == "__main__":
    batch = int(os.environ.get("MAX_BATCH", "1"))
    api = Predict(max_batch_size=batch, batch_timeout=0.0005 if batch > 1 else 0.0)
    workers = int(sys.argv[2])
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers, fast_queue=True, timeout=60)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=workers, log_level="warning",
               generate_client_file=False, access_log=False)
