"""TensorFlow Serving's REST API and KServe v1, as their clients ask: plain JSON over HTTP."""

import base64
import json

import numpy as np
import onnxruntime
import pytest

from server import DIGITS

GOOD = "A warm, funny film with a cast that is a joy to watch."
BAD = "A dull, endless mess; the worst film of the year."


@pytest.fixture(scope="module")
def probabilities():
    """Of the digits model, by this process's own ONNX Runtime."""
    session = onnxruntime.InferenceSession(DIGITS, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"image": np.array(images, np.float32)})[0]


def test_rows(server, digit, probabilities):
    images = [digit["image"], [[0] * 28] * 28]
    for instances in (images, [{"image": image} for image in images]):
        answer = server.post("/v1/models/digits:predict", json={"instances": instances})
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"predictions"}
        np.testing.assert_allclose(answer.json()["predictions"], probabilities(images), atol=1e-5)


def test_columns(server, digit, probabilities):
    for inputs in ([digit["image"]], {"image": [digit["image"]]}):
        body = {"signature_name": "serving_default", "inputs": inputs}
        answer = server.post("/v1/models/digits/versions/1:predict", json=body)
        assert answer.status_code == 200, answer.text
        np.testing.assert_allclose(answer.json()["outputs"], probabilities([digit["image"]]), atol=1e-5)


def test_texts_may_be_base64(server):
    plain = server.post("/v1/models/sentiment:predict", json={"instances": [GOOD, BAD]}).json()["predictions"]
    coded = [{"b64": base64.b64encode(text.encode()).decode()} for text in (GOOD, BAD)]
    assert server.post("/v1/models/sentiment:predict", json={"instances": coded}).json()["predictions"] == plain
    assert plain[0][1] > 0.5 > plain[1][1]


def test_classify(server, digit):
    flat = [pixel for row in digit["image"] for pixel in row]
    answer = server.post("/v1/models/digits:classify", json={"examples": [{"image": flat}, {"image": digit["image"]}]})
    assert answer.status_code == 200, answer.text
    for pairs in answer.json()["results"]:
        assert [label for label, _ in pairs] == [str(i) for i in range(10)]
        assert max(pairs, key=lambda pair: pair[1])[0] == "7"
    answer = server.post("/v1/models/sentiment:classify", json={"context": {"text": GOOD}, "examples": [{}]})
    assert [label for label, _ in answer.json()["results"][0]] == ["negative", "positive"]


def test_status_and_metadata(server):
    for path in ("/v1/models/digits", "/v1/models/digits/versions/1"):
        assert server.get(path).json() == {
            "name": "digits", "ready": True, "model_version_status": [
                {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]}
    assert server.get("/v1/models").json() == {"models": ["digits", "sentiment"]}
    body = server.get("/v1/models/sentiment/metadata").json()
    assert body["model_spec"] == {"name": "sentiment", "signature_name": "", "version": "1"}
    signature = body["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["text"]["dtype"] == "DT_STRING"
    assert [dim["size"] for dim in signature["inputs"]["text"]["tensor_shape"]["dim"]] == ["-1", "1"]
    assert server.get("/v1/models/sentiment/versions/1/metadata").json() == body


def test_predictions_are_logged(start_server, digit):
    own = start_server(flags=["--log-mode", "durable", "--log-inputs"])
    own.post("/v1/models/digits:predict", json={"instances": [digit["image"]]})
    rows = own.get("/predictions?model=digits").json()["predictions"]
    assert len(rows) == 1
    assert "7" in json.dumps(rows[0]["result"])
    assert rows[0]["input"] == {"instances": [digit["image"]]}


@pytest.mark.parametrize("path, body, status, part", [
    ("digits:predict", b"", 400, "the body is empty"),
    ("digits:predict", b"{}", 400, '"instances" or "inputs"'),
    ("digits:predict", b'{"instances": []}', 400, "empty"),
    ("digits:predict", b'{"instances": [1]}', 400, "[28,28]"),
    ("digits:predict", b'{"instances": [[[1,', 400, "JSON"),
    ("sentiment:predict", b'{"instances": ["a"], "inputs": ["a"]}', 400, "one of them"),
    ("digits:predict", b'{"signature_name": "x", "instances": [1]}', 400, "serving_default"),
    ("sentiment:predict", b'{"instances": [{"b64": "?"}]}', 400, "base64"),
    ("sentiment:predict", b'{"instances": [{"txt": "a"}]}', 400, '"txt"'),
    ("sentiment:classify", b'{"instances": ["a"]}', 400, '"examples"'),
    ("sentiment:regress", b'{"examples": [{"text": "a"}]}', 400, ":predict"),
    ("nobody:predict", b'{"instances": ["a"]}', 404, "nobody"),
    ("digits/versions/7:predict", b'{"instances": ["a"]}', 404, "7"),
    ("digits/labels/stable:predict", b'{"instances": ["a"]}', 404, "labels"),
])
def test_bad_requests(server, path, body, status, part):
    answer = server.post(f"/v1/models/{path}", content=body)
    assert answer.status_code == status, answer.text
    assert part in answer.json()["error"]
    good = server.post("/v1/models/sentiment:predict", json={"instances": [GOOD]})
    assert good.status_code == 200


@pytest.mark.parametrize("path", ["nobody", "nobody/metadata", "digits/versions/7", "digits/versions/7/metadata",
                                  "digits/labels/stable"])
def test_what_is_not_there(server, path):
    assert server.get(f"/v1/models/{path}").status_code == 404


def test_other_methods(server):
    answer = server.get("/v1/models/digits:predict")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
