"""BentoML: one worker per core, as its documentation says for models on a CPU.

    MODEL=model.onnx WORKERS=2 bentoml serve service:Predict --port PORT
"""

import os
import sys
from pathlib import Path
from typing import Any

import bentoml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from onnx_model import Model  # noqa: E402


@bentoml.service(workers=int(os.environ.get("WORKERS", "1")), traffic={"timeout": 60})
class Predict:
    def __init__(self) -> None:
        self.model = Model()

    # The slash makes the parameter the whole body: input names differ from model to model.
    @bentoml.api(route="/predict")
    async def predict(self, data: dict[str, Any], /) -> dict[str, Any]:
        return self.model.predict(data)
