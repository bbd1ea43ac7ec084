"""Small ONNX models for the ways in which models differ, built with onnx.helper."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def model(nodes, inputs, outputs, constants=(), opset=17):
    graph = helper.make_graph(nodes, "made", inputs, outputs, list(constants))
    return helper.make_model(graph, ir_version=8 if opset < 20 else 9,
                             opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("ai.example", 1)])


def labelled():
    """Like scikit-learn's classifiers: an int64 label and the probabilities of all classes."""
    return model([helper.make_node("Softmax", ["x"], ["probabilities"], axis=1),
                  helper.make_node("ArgMax", ["x"], ["place"], axis=1, keepdims=0),
                  helper.make_node("Gather", ["names", "place"], ["label"])],
                 [value("x", FLOAT, ["N", 3])],
                 [value("label", INT64, ["N"]), value("probabilities", FLOAT, ["N", 3])],
                 [constant("names", np.array([100, 200, 300], np.int64))])


def fixed():
    """The first dimension is 1, not free: such a model can't batch."""
    return model([helper.make_node("Mul", ["x", "two"], ["y"])],
                 [value("x", FLOAT, [1, 4])], [value("y", FLOAT, [1, 4])], [constant("two", np.float32(2))])


def several_outputs():
    return model([helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"]),
                  helper.make_node("ArgMax", ["a"], ["largest"], axis=1, keepdims=0)],
                 [value("a", FLOAT, ["N", 2]), value("b", FLOAT, ["N", 2])],
                 [value("sum", FLOAT, ["N", 2]), value("product", FLOAT, ["N", 2]), value("largest", INT64, ["N"])])


def strings():
    return model([helper.make_node("StringConcat", ["text", "mark"], ["shout"])],
                 [value("text", STRING, ["N", 1])], [value("shout", STRING, ["N", 1])],
                 [helper.make_tensor("mark", STRING, [1], [b"!"])], opset=20)


def picky():
    """Looks its input up in a table of ten: any other place makes the run fail."""
    return model([helper.make_node("Gather", ["table", "place"], ["found"])],
                 [value("place", INT64, ["N", 1])], [value("found", FLOAT, ["N", 1])],
                 [constant("table", np.arange(10, dtype=np.float32) * 10)])


def slow():
    """Answers x after some tens of milliseconds of multiplying matrices."""
    nodes = [helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
             helper.make_node("Expand", ["total", "size"], ["m0"])]
    rounds = 4
    for i in range(rounds):
        nodes += [helper.make_node("MatMul", [f"m{i}", "weights"], [f"m{i + 1}"])]
    nodes += [helper.make_node("ReduceMean", [f"m{rounds}"], ["mean"], keepdims=0),
              helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
              helper.make_node("Add", ["x", "nothing"], ["y"])]
    return model(nodes, [value("x", FLOAT, ["N", 1])], [value("y", FLOAT, ["N", 1])],
                 [constant("size", np.array([700, 700], np.int64)),
                  constant("weights", np.full((700, 700), 1 / 700, np.float32)), constant("zero", np.float32(0))])


def pools():
    """The mean of each 4×4 square: an image smaller than that makes the run fail."""
    return model([helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[4, 4], strides=[4, 4])],
                 [value("x", FLOAT, ["N", 1, "H", "W"])], [value("y", FLOAT, ["N", 1, "h", "w"])])


def breaks():
    """Answers x where `sound` is 0; anything else is a fault of the model's own: a shape that its data don't fit."""
    return model([helper.make_node("Gather", ["sizes", "sound"], ["size"]),
                  helper.make_node("Reshape", ["x", "size"], ["y"])],
                 [value("x", FLOAT, [1, 4]), value("sound", INT64, [1])], [value("y", FLOAT, ["N"])],
                 [constant("sizes", np.array([4, 3], np.int64))])


def turns():
    """Multiplies matrices as often as it is told, so that a run takes as long as its caller likes."""
    body = helper.make_graph(
        [helper.make_node("MatMul", ["m", "weights"], ["m_next"]), helper.make_node("Identity", ["on"], ["on_next"])],
        "turn", [value("turn", INT64, []), value("on", TensorProto.BOOL, []), value("m", FLOAT, [300, 300])],
        [value("on_next", TensorProto.BOOL, []), value("m_next", FLOAT, [300, 300])])
    return model([helper.make_node("Squeeze", ["count"], ["times"]),
                  helper.make_node("Loop", ["times", "", "start"], ["end"], body=body),
                  helper.make_node("ReduceMax", ["end"], ["most"], keepdims=0),
                  helper.make_node("Reshape", ["most", "one"], ["y"])],
                 [value("count", INT64, [1])], [value("y", FLOAT, [1])],
                 [constant("start", np.full((300, 300), 0.5, np.float32)),
                  constant("weights", np.full((300, 300), 1 / 300, np.float32)), constant("one", np.array([1], np.int64))])


def unknown_operator():
    return model([helper.make_node("Frobnicate", ["x"], ["y"], domain="ai.example")],
                 [value("x", FLOAT, ["N", 4])], [value("y", FLOAT, ["N", 4])])


ALL = [labelled, fixed, several_outputs, strings, picky, slow, pools, breaks, turns, unknown_operator]


def write_all(folder):
    for make in ALL:
        onnx.save(make(), folder / f"{make.__name__}.onnx")
