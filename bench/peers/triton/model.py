"""Triton's Python backend with ONNX Runtime: the wheel has no backend that runs ONNX itself. Batches are those that Triton makes."""

import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb


TYPES = {"tensor(float)": "TYPE_FP32", "tensor(int32)": "TYPE_INT32", "tensor(int64)": "TYPE_INT64", "tensor(uint8)": "TYPE_UINT8"}


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        """Inputs and outputs from the file; the first dimension is the batch's, which Triton adds itself."""
        session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
        for ports, add in ((session.get_inputs(), config.add_input), (session.get_outputs(), config.add_output)):
            for port in ports:
                dims = [size if isinstance(size, int) else -1 for size in port.shape[1:]]
                add({"name": port.name, "data_type": TYPES[port.type], "dims": dims})
        return config

    def initialize(self, _args) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self.inputs = [one.name for one in self.session.get_inputs()]
        self.outputs = [one.name for one in self.session.get_outputs()]

    def execute(self, requests: list) -> list:
        feeds = {name: [pb.get_input_tensor_by_name(one, name).as_numpy() for one in requests] for name in self.inputs}
        sizes = [len(one) for one in feeds[self.inputs[0]]]
        results = self.session.run(self.outputs, {name: values[0] if len(values) == 1 else np.concatenate(values)
                                                  for name, values in feeds.items()})  # fmt: skip
        responses, start = [], 0
        for size in sizes:
            tensors = [pb.Tensor(name, result[start:start + size]) for name, result in zip(self.outputs, results)]
            responses.append(pb.InferenceResponse(tensors))
            start += size
        return responses
