#!/usr/bin/env python3
"""Makes the small models beside this script, one in each format that is served:

    python -m venv VENV && VENV/bin/pip install -r requirements.txt && VENV/bin/python make.py

All compute the same: probabilities = softmax(x · weights + bias), x of four numbers, three classes. The results are committed;
the script runs again only where a format or the model changes.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
WEIGHTS = np.array([[(row * 3 + column) % 5 - 2 for column in range(3)] for row in range(4)], np.float32) / 4
BIAS = np.array([0.1, 0.0, -0.1], np.float32)


def make_onnx():
    from onnx import TensorProto, helper, numpy_helper, save
    nodes = [helper.make_node("MatMul", ["x", "weights"], ["product"]),
             helper.make_node("Add", ["product", "bias"], ["sum"]),
             helper.make_node("Softmax", ["sum"], ["probabilities"], axis=-1)]
    graph = helper.make_graph(nodes, "plane", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
                              [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
                              [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(BIAS, "bias")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"made by": "make.py"})
    save(model, HERE / "plane.onnx")


def make_ir():
    import openvino
    openvino.save_model(openvino.convert_model(HERE / "plane.onnx"), HERE / "plane.xml", compress_to_fp16=False)


def make_tensorflow():
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    class Plane(tf.Module):
        def __init__(self):
            super().__init__()
            self.weights = tf.Variable(WEIGHTS, name="weights")
            self.bias = tf.Variable(BIAS, name="bias")

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
        def __call__(self, x):
            return {"probabilities": tf.nn.softmax(tf.matmul(x, self.weights) + self.bias)}

    plane = Plane()
    function = plane.__call__.get_concrete_function()
    folder = HERE / "plane.savedmodel"
    shutil.rmtree(folder, ignore_errors=True)
    tf.saved_model.save(plane, str(folder), signatures={"serving_default": function})
    (folder / "fingerprint.pb").unlink(missing_ok=True)
    frozen = convert_variables_to_constants_v2(function)
    (HERE / "plane.graphdef").write_bytes(frozen.graph.as_graph_def().SerializeToString(deterministic=True))
    (HERE / "plane.tflite").write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert())


def make_paddle():
    os.environ["FLAGS_enable_pir_api"] = "0"  # the format before Paddle 3's own
    import paddle
    import paddle.base.framework
    paddle.base.framework.traceback.extract_stack = list  # each operator would keep the paths of who made it

    class Plane(paddle.nn.Layer):
        def __init__(self):
            super().__init__()
            self.dense = paddle.nn.Linear(4, 3)
            self.dense.weight.set_value(WEIGHTS)
            self.dense.bias.set_value(BIAS)

        def forward(self, x):
            return paddle.nn.functional.softmax(self.dense(x))

    plane = Plane()
    plane.eval()
    paddle.jit.save(plane, str(HERE / "plane"), input_spec=[paddle.static.InputSpec([None, 4], "float32", "x")])
    (HERE / "plane.pdiparams.info").unlink(missing_ok=True)


MAKERS = {"onnx": make_onnx, "ir": make_ir, "tensorflow": make_tensorflow, "paddle": make_paddle}

if __name__ == "__main__":
    if len(sys.argv) > 1:
        MAKERS[sys.argv[1]]()
    else:  # each in a process of its own: the libraries bring protobufs that don't get on
        for name in MAKERS:
            subprocess.run([sys.executable, __file__, name], check=True)
