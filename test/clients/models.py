"""Writes the model repository that the cases ask: models.py FOLDER. Needs PyPI's onnx and onnxruntime."""

import pathlib
import sys
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# What one run of `slow` takes at least, on one thread of this machine. Deadlines in the cases are well below.
SLOW_SECONDS = 0.6

CONFIG = """name: "{name}"
backend: "onnxruntime"
max_batch_size: {batch}
input [
{inputs}
]
output [
{outputs}
]
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
"""


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape)


def model(name, nodes, inputs, outputs, constants=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(constants))
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def identity(name, kind):
    return model(name, [helper.make_node("Identity", ["x"], ["y"])],
                 [value("x", kind, ["n"])], [value("y", kind, ["n"])])


def add():
    return model("add", [helper.make_node("Add", ["a", "b"], ["sum"])],
                 [value("a", "INT32", ["N", 4]), value("b", "INT32", ["N", 4])], [value("sum", "INT32", ["N", 4])])


def slow(rounds):
    """y is x, after multiplying matrices one after the other. They are too small to be worth a second thread."""
    size = 64
    body = helper.make_graph(
        [helper.make_node("MatMul", ["m", "weights"], ["next"]), helper.make_node("Identity", ["go_on"], ["goes_on"])],
        "round", [value("i", "INT64", []), value("go_on", "BOOL", []), value("m", "FLOAT", [size, size])],
        [value("goes_on", "BOOL", []), value("next", "FLOAT", [size, size])])
    nodes = [helper.make_node("Cast", ["x"], ["xf"], to=TensorProto.FLOAT),
             helper.make_node("Expand", ["xf", "size"], ["m0"]),
             helper.make_node("Loop", ["rounds", "", "m0"], ["last"], body=body),
             helper.make_node("ReduceMean", ["last"], ["mean"], keepdims=0),
             helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
             helper.make_node("Cast", ["nothing"], ["none"], to=TensorProto.INT32),
             helper.make_node("Add", ["x", "none"], ["y"])]
    constants = [numpy_helper.from_array(array, name) for name, array in {
        "rounds": np.array(rounds, np.int64), "size": np.array([size, size], np.int64), "zero": np.float32(0),
        "weights": np.full((size, size), 1 / size, np.float32)}.items()]
    return model("slow", nodes, [value("x", "INT32", [1])], [value("y", "INT32", [1])], constants)


def run_seconds(made, times=5):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(made.SerializeToString(), options)
    took = []
    for _ in range(times):
        start = time.monotonic()
        session.run(None, {"x": np.array([1], np.int32)})
        took.append(time.monotonic() - start)
    return min(took)  # what a busy machine adds is not counted


def slow_enough():
    rounds = 500
    return slow(int(rounds * SLOW_SECONDS / run_seconds(slow(rounds))))


def ports(values, batch):
    lines = []
    for port in values:
        kind = TensorProto.DataType.Name(port.type.tensor_type.elem_type).replace("FLOAT", "FP32")
        dims = [d.dim_value if d.HasField("dim_value") else -1 for d in port.type.tensor_type.shape.dim]
        lines.append(f'  {{ name: "{port.name}" data_type: TYPE_{kind} dims: {dims[1:] if batch else dims} }}')
    return ",\n".join(lines)


def write(folder):
    for name, batch, made in [("identity", 0, identity("identity", "UINT8")), ("text", 0, identity("text", "STRING")),
                              ("add", 8, add()), ("slow", 0, slow_enough())]:
        place = pathlib.Path(folder) / name
        (place / "1").mkdir(parents=True, exist_ok=True)
        onnx.save(made, place / "1" / "model.onnx")
        (place / "config.pbtxt").write_text(CONFIG.format(
            name=name, batch=batch, inputs=ports(made.graph.input, batch), outputs=ports(made.graph.output, batch)))


if __name__ == "__main__":
    write(sys.argv[1])
