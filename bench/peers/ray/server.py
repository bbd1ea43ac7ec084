"""Ray Serve: one replica per core, behind its HAProxy ingress, which its performance guide has for throughput.

    MODEL=model.onnx python server.py PORT REPLICAS

A Ray of its own on this machine alone: no dashboard, no usage statistics. It ends with this process.
"""

import os
import signal
import sys
from pathlib import Path

import ray
from ray import serve
from starlette.requests import Request

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1]))
from onnx_model import Model  # noqa: E402


@serve.deployment(max_ongoing_requests=256)
class Predict:
    def __init__(self) -> None:
        self.model = Model()

    async def __call__(self, request: Request) -> dict:
        return self.model.predict(await request.json())


def ended(number: int, _frame) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, ended)
    port, replicas = int(sys.argv[1]), int(sys.argv[2])
    ray.init(num_cpus=replicas, include_dashboard=False, _node_ip_address="127.0.0.1", _temp_dir=os.environ["RAY_FOLDER"],
             object_store_memory=256 << 20, configure_logging=False,
             runtime_env={"env_vars": {"PYTHONPATH": str(HERE.parents[1])}})  # fmt: skip
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    options = {"num_cpus": 1}
    serve.run(Predict.options(num_replicas=replicas, ray_actor_options=options).bind(), route_prefix="/predict")
    signal.pause()
