"""The exchanges that the published documents of the Open Inference Protocol and of its extensions describe, one test for each.

`mymodel` is the documents' own: input0 UINT32 [2,2], input1 BOOL [3], output0 FP32 [3,2]. What it computes they leave open; here row i
of output0 is the sum of input0's rows where input1[i] is true, and zeros elsewhere.
"""

import json
import struct

import onnx
import pytest
from onnx import TensorProto, helper

from server import Server

HEADER = "Inference-Header-Content-Length"
INPUT0 = {"name": "input0", "shape": [2, 2], "datatype": "UINT32"}
INPUT1 = {"name": "input1", "shape": [3], "datatype": "BOOL"}
ANSWER = [4.0, 6.0, 0.0, 0.0, 4.0, 6.0]


@pytest.fixture(scope="module")
def documented(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documented")
    nodes = [helper.make_node("Cast", ["input0"], ["numbers"], to=TensorProto.FLOAT),
             helper.make_node("Cast", ["input1"], ["chosen"], to=TensorProto.FLOAT),
             helper.make_node("Unsqueeze", ["chosen", "one"], ["column"]),
             helper.make_node("ReduceSum", ["numbers", "zero"], ["row"], keepdims=1),
             helper.make_node("MatMul", ["column", "row"], ["output0"])]
    graph = helper.make_graph(
        nodes, "mymodel",
        [helper.make_tensor_value_info("input0", TensorProto.UINT32, [2, 2]),
         helper.make_tensor_value_info("input1", TensorProto.BOOL, [3])],
        [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [3, 2])],
        [helper.make_tensor("one", TensorProto.INT64, [1], [1]), helper.make_tensor("zero", TensorProto.INT64, [1], [0])])
    (folder / "mymodel/1").mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
              folder / "mymodel/1/model.onnx")
    server = Server(tmp_path_factory.mktemp("served"), folder, flags=["--model-control-mode", "explicit", "--load-model", "*"])
    yield server
    server.stop()


def infer(server, body, tail=b"", **headers):
    text = json.dumps(body).encode()
    if tail:
        headers[HEADER] = str(len(text))
    return server.post("/v2/models/mymodel/infer", content=text + tail, headers=headers)


def test_inference(documented):
    answer = infer(documented, {"id": "42", "inputs": [INPUT0 | {"data": [1, 2, 3, 4]}, INPUT1 | {"data": [True, False, True]}],
                                "outputs": [{"name": "output0"}]})
    assert answer.status_code == 200 and HEADER not in answer.headers
    assert answer.json() == {"id": "42", "model_name": "mymodel", "model_version": "1",
                             "outputs": [{"name": "output0", "shape": [3, 2], "datatype": "FP32", "data": ANSWER}]}


def test_the_document_s_own_slip_is_refused(documented):
    """The document sends one element for a shape of three."""
    answer = infer(documented, {"inputs": [INPUT0 | {"data": [1, 2, 3, 4]}, INPUT1 | {"data": [True]}]})
    assert answer.status_code == 400 and "input1" in answer.json()["error"]


def test_tensor_data_nested_and_flat(documented):
    for data in ([1, 2, 3, 4], [[1, 2], [3, 4]]):
        answer = infer(documented, {"inputs": [INPUT0 | {"data": data}, INPUT1 | {"data": [True, False, True]}]})
        assert answer.json()["outputs"][0]["data"] == ANSWER


def test_binary_tensor_data(documented):
    body = {"model_name": "mymodel", "inputs": [INPUT0 | {"parameters": {"binary_data_size": 16}},
                                                INPUT1 | {"parameters": {"binary_data_size": 3}}],
            "outputs": [{"name": "output0", "parameters": {"binary_data": True}}]}
    answer = infer(documented, body, struct.pack("<4I", 1, 2, 3, 4) + b"\1\0\1", **{"Content-Type": "application/octet-stream"})
    assert answer.status_code == 200, answer.text
    size = int(answer.headers[HEADER])
    assert json.loads(answer.content[:size])["outputs"] == [
        {"name": "output0", "shape": [3, 2], "datatype": "FP32", "parameters": {"binary_data_size": 24}}]
    assert struct.unpack("<6f", answer.content[size:]) == tuple(ANSWER)


def test_binary_data_output_for_all(documented):
    body = {"inputs": [INPUT0 | {"data": [1, 2, 3, 4]}, INPUT1 | {"parameters": {"binary_data_size": 3}}],
            "parameters": {"binary_data_output": True}}
    answer = infer(documented, body, b"\1\0\1")
    assert answer.content[int(answer.headers[HEADER]):] == struct.pack("<6f", *ANSWER)


def test_raw_binary_request(server, digit):
    image = struct.pack("<784f", *(pixel for row in digit["image"] for pixel in row))
    answer = server.post("/v2/models/digits/infer", content=image,
                         headers={HEADER: "0", "Content-Type": "application/octet-stream"})
    assert answer.status_code == 200, answer.text


def test_classification(server, digit):
    body = {"inputs": [{"name": "image", "shape": [1, 28, 28], "datatype": "FP32", "data": digit["image"]}],
            "outputs": [{"name": "probabilities", "parameters": {"classification": 2}}]}
    answer = server.post("/v2/models/digits/infer", json=body)
    assert answer.status_code == 200, answer.text
    output = answer.json()["outputs"][0]
    assert output["datatype"] == "BYTES" and output["shape"] == [1, 2]
    assert output["data"][0].split(":")[1:] == ["7", "7"]  # value:index:label


def test_metadata(documented):
    assert documented.get("/v2/models/mymodel").json() == {
        "name": "mymodel", "versions": ["1"], "platform": "onnxruntime_onnx",
        "inputs": [{"name": "input0", "datatype": "UINT32", "shape": [2, 2]}, {"name": "input1", "datatype": "BOOL", "shape": [3]}],
        "outputs": [{"name": "output0", "datatype": "FP32", "shape": [3, 2]}]}
    server = documented.get("/v2").json()
    assert {"name", "version", "extensions"} <= server.keys()


def test_health(documented):
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/mymodel/ready", "/v2/models/mymodel/versions/1/ready"):
        answer = documented.get(path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_repository(documented):
    """Unload, the index, and load again."""
    def index(**body):
        return documented.post("/v2/repository/index", json=body).json()

    ready = {"name": "mymodel", "version": "1", "state": "READY"}
    assert index() == [ready]
    assert documented.post("/v2/repository/models/mymodel/unload").status_code == 200
    assert index(ready=True) == []
    assert index()[0]["state"] == "UNAVAILABLE" and index()[0]["reason"] == "unloaded"
    assert documented.get("/v2/models/mymodel/ready").status_code == 400
    assert documented.post("/v2/repository/models/mymodel/load").status_code == 200
    assert index(ready=True) == [ready]


def test_statistics(documented):
    test_inference(documented)
    statistics = documented.get("/v2/models/mymodel/versions/1/stats").json()["model_stats"]
    assert len(statistics) == 1
    assert statistics[0]["name"] == "mymodel" and statistics[0]["version"] == "1"
    parts = statistics[0]["inference_stats"]
    assert parts["success"]["count"] >= 1 and parts["success"]["ns"] > 0
    assert sum(parts[part]["ns"] for part in ("queue", "compute_input", "compute_infer", "compute_output")) <= parts["success"]["ns"]


def test_schedule_policy_parameters(documented):
    answer = infer(documented, {"parameters": {"priority": 1, "timeout": 10_000_000},
                                "inputs": [INPUT0 | {"data": [1, 2, 3, 4]}, INPUT1 | {"data": [True, False, True]}]})
    assert answer.status_code == 200, answer.text
