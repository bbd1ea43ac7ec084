"""The model's part of a Python peer: what somebody writes who serves an ONNX file with any of these frameworks.

The same for all of them, so that what differs is the framework. Two environment variables: MODEL, the file, and THREADS, how many
threads one session runs an operator on. Sessions are as ONNX Runtime's documentation advises where several share a machine: no
more threads than cores in sum, no spinning between runs where more than one session competes for the cores.
"""

import os

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8}


class Model:
    """One session. Thread-safe, as ONNX Runtime's are."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self.inputs = self.session.get_inputs()
        self.outputs = [one.name for one in self.session.get_outputs()]

    def feeds(self, data: dict) -> dict[str, np.ndarray]:
        """One request's {"input": nested lists} as arrays whose first dimension is the batch's; ValueError says what is wrong."""
        made = {}
        for one in self.inputs:
            try:
                value = np.asarray(data[one.name], dtype=TYPES[one.type])
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f'input "{one.name}": expected nested lists of numbers, shape {one.shape}') from error
            if value.ndim == len(one.shape) - 1:
                value = value[np.newaxis]
            fixed = [size for size in one.shape[1:] if isinstance(size, int)]
            sizes = [got for got, want in zip(value.shape[1:], one.shape[1:]) if isinstance(want, int)]
            if value.ndim != len(one.shape) or sizes != fixed:
                raise ValueError(f'input "{one.name}": got shape {list(value.shape)}, the model takes {one.shape}')
            made[one.name] = value
        return made

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        return self.session.run(self.outputs, feeds)

    def run_batch(self, many: list[dict[str, np.ndarray]]) -> list[list[np.ndarray]]:
        """Several requests of one shape as one run."""
        if len(many) == 1:
            return [self.run(many[0])]
        results = self.run({name: np.concatenate([one[name] for one in many]) for name in many[0]})
        return [[result[i:i + 1] for result in results] for i in range(len(many))]

    def answer(self, results: list[np.ndarray]) -> dict:
        """What one request is told: the class where the model is a classifier, otherwise its outputs."""
        if len(results) == 1 and results[0].ndim == 2:
            best = int(results[0][0].argmax())
            return {"prediction": str(best), "class": best, "confidence": float(results[0][0, best])}
        return {"outputs": {name: result[0].tolist() for name, result in zip(self.outputs, results)}}

    def predict(self, data: dict) -> dict:
        return self.answer(self.run(self.feeds(data)))
