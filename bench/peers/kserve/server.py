"""KServe's own server, which its custom predictors run in, without Kubernetes.

    MODEL=model.onnx python server.py --model_name=digits --http_port=PORT --workers=2 --enable_grpc=false
"""

import argparse
import sys
from pathlib import Path

import uvicorn


class Loopback(uvicorn.Config):
    """KServe listens on every interface, and has no flag for it; a benchmark has no business there."""

    def __init__(self, app, **settings) -> None:
        super().__init__(app, **{**settings, "host": "127.0.0.1"})


uvicorn.Config = Loopback  # before KServe is there

import kserve  # noqa: E402
from kserve import InferOutput, InferRequest, InferResponse  # noqa: E402
from kserve.utils.numpy_codec import from_np_dtype  # noqa: E402
from kserve.utils.utils import generate_uuid  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from onnx_model import Model  # noqa: E402


class Predict(kserve.Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.load()

    def load(self) -> bool:
        self.model = Model()
        self.ready = True
        return True

    # The workers are new processes that get this object pickled; a session can't be, so each makes its own.
    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key != "model"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self.load()

    async def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        results = self.model.run({one.name: one.as_numpy() for one in payload.inputs})
        outputs = []
        for name, result in zip(self.model.outputs, results):
            output = InferOutput(name, list(result.shape), from_np_dtype(result.dtype))
            output.set_data_from_numpy(result, binary_data=False)
            outputs.append(output)
        return InferResponse(payload.id or generate_uuid(), self.name, outputs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[kserve.model_server.parser])
    arguments, _ = parser.parse_known_args()
    kserve.ModelServer().start([Predict(arguments.model_name)])
