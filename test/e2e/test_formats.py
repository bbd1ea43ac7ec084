"""Models in other formats than ONNX, over REST and gRPC: test/models/formats holds one model in each."""

import math
import shutil

import pytest
import tritonclient.grpc as triton
import numpy as np

from server import PROJECT, Server

FORMATS = PROJECT / "test/models/formats"
# file: what the protocol calls its platform, its input and its output
NAMES = {
    "plane.xml": ("openvino_ir", "x", "probabilities"),
    "plane.tflite": ("tensorflow_tflite", "serving_default_x:0", "StatefulPartitionedCall:0"),
    "plane.savedmodel": ("tensorflow_savedmodel", "x", "probabilities"),
    "plane.graphdef": ("tensorflow_graphdef", "x:0", "Identity:0"),
    "plane.pdmodel": ("paddle_pdmodel", "x", "softmax_0.tmp_0"),
}
X = [[1.0, -2.0, 0.5, 3.0], [0.0, 0.25, -1.0, 2.0]]


def expected(x):
    sums = [bias + sum(x[row] * ((row * 3 + column) % 5 - 2) / 4 for row in range(4))
            for column, bias in enumerate([0.1, 0.0, -0.1])]
    total = sum(map(math.exp, sums))
    return [math.exp(one) / total for one in sums]


def name_of(file):
    return file.split(".")[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("formats"), *(f"{name_of(file)}={FORMATS / file}" for file in NAMES))
    yield server
    server.stop()


@pytest.mark.parametrize("file", NAMES)
def test_rest(server, file):
    platform, name, output = NAMES[file]
    described = server.get(f"/v2/models/{name_of(file)}").json()
    assert described["platform"] == platform
    assert described["inputs"] == [{"name": name, "datatype": "FP32", "shape": [-1, 4]}]
    answer = server.post(f"/v2/models/{name_of(file)}/infer", json={
        "inputs": [{"name": name, "datatype": "FP32", "shape": [2, 4], "data": X}]})
    assert answer.status_code == 200, answer.text
    (got,) = answer.json()["outputs"]
    assert got["name"] == output and got["shape"] == [2, 3]
    assert got["data"] == pytest.approx(expected(X[0]) + expected(X[1]), abs=1e-5)


@pytest.mark.parametrize("file", ["plane.xml", "plane.tflite"])
def test_grpc(server, file):
    _, name, output = NAMES[file]
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    sent = triton.InferInput(name, [2, 4], "FP32")
    sent.set_data_from_numpy(np.array(X, np.float32))
    got = client.infer(name_of(file), [sent]).as_numpy(output)
    np.testing.assert_allclose(got, [expected(x) for x in X], atol=1e-5)
    client.close()


def test_a_wrong_shape_is_the_callers(server):
    answer = server.post("/v2/models/xml/infer", json={
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]})
    assert answer.status_code == 400, answer.text


def test_a_repository_of_formats(tmp_path):
    for file, name in (("plane.xml", "ir"), ("plane.tflite", "lite")):
        version = tmp_path / "repository" / name / "1"
        version.mkdir(parents=True)
        for part in FORMATS.glob(f"{file.split('.')[0]}{'.[xb]*' if name == 'ir' else '.tflite'}"):
            shutil.copy(part, version / f"model{part.suffix}")
    saved = tmp_path / "repository/saved/7"
    shutil.copytree(FORMATS / "plane.savedmodel", saved)  # as TensorFlow Serving lays it out
    (tmp_path / "repository/lite/config.pbtxt").write_text('platform: "tensorflow_tflite"\nmax_batch_size: 4\n')
    folder = tmp_path / "server"
    folder.mkdir()
    server = Server(folder, tmp_path / "repository")
    try:
        assert server.get("/v2/models/saved").json()["versions"] == ["7"]
        assert server.get("/v2/models/lite/config").json()["default_model_filename"] == "model.tflite"
        answer = server.post("/predict/ir", json={"x": X[0]})
        assert answer.status_code == 200, answer.text
    finally:
        server.stop()


def test_without_openvino_the_rest_is_served(tmp_path):
    server = Server(tmp_path, FORMATS / "plane.onnx", environment={"SACCADE_OPENVINO": "/nowhere/libopenvino_c.so"})
    try:
        answer = server.post("/predict/plane", json={"x": X[0]})
        assert answer.status_code == 200, answer.text
    finally:
        server.stop()
