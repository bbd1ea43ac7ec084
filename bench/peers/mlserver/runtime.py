"""MLServer with a custom runtime, which is what its documentation has for ONNX: there is no ready one."""

import sys
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from onnx_model import Model  # noqa: E402


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        self.model = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        results = self.model.run({one.name: NumpyCodec.decode_input(one) for one in payload.inputs})
        outputs = [NumpyCodec.encode_output(name, result) for name, result in zip(self.model.outputs, results)]
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=outputs)
