"""The repository that the tests of the inference protocol ask: an identity for every datatype, `add_sub`, a classifier
with labels and others, as test/triton/models.py describes them."""

import sys

import ml_dtypes
import numpy as np

from server import PROJECT, Server

sys.path.insert(0, str(PROJECT / "test/triton"))

import models as triton_models  # noqa: E402

# Values that show the ends of each type's range.
SAMPLES = {
    "BOOL": np.array([[True, False]]),
    "UINT8": np.array([[0, 255]], np.uint8),
    "UINT16": np.array([[0, 65535]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], np.uint64),
    "INT8": np.array([[-128, 127]], np.int8),
    "INT16": np.array([[-2**15, 2**15 - 1]], np.int16),
    "INT32": np.array([[-2**31, 2**31 - 1]], np.int32),
    "INT64": np.array([[-2**63, 2**63 - 1]], np.int64),
    "FP16": np.array([[1.5, -65504]], np.float16),
    "BF16": np.array([[1.5, -2.0]], ml_dtypes.bfloat16),
    "FP32": np.array([[0.1, -3.4e38]], np.float32),
    "FP64": np.array([[0.1, -1.7e308]], np.float64),
    "BYTES": np.array([["a \"quoted\" one", "\u00e9\u4e2d\U0001f600"]], object),
}


def identity_of(datatype):
    return f"id_{datatype.lower()}"


def as_sent(values):
    """What the client gives back for the strings that it was given: bytes."""
    if values.dtype != object:
        return values
    return np.array([text.encode() for text in values.flat], object).reshape(values.shape)


def serve(folder, flags=()):
    repository = folder / "repository"
    repository.mkdir()
    triton_models.write("saccade", repository)
    # Dozens of made-up models, none of which is about engines: measuring them all would take half a minute.
    return Server(folder, repository, flags=("--engine", "onnxruntime", *flags))
