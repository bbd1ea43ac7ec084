"""Inference by the Open Inference Protocol over HTTP: through Triton's own Python client, and by hand."""

import asyncio
import gzip
import json
import struct
import uuid
import zlib

import numpy as np
import pytest
import tritonclient.http
import tritonclient.http.aio
from tritonclient.utils import InferenceServerException, shared_memory

import protocol_models
from protocol_models import SAMPLES, as_sent, identity_of
from server import wait_until

HEADER = "Inference-Header-Content-Length"
IN_JSON = [datatype for datatype in SAMPLES if datatype not in ("FP16", "BF16")]
SCORES = np.array([[0, 1, 2, 3, 9, 5, 4, 7, 6, 8]], np.float32)
BEST = ["0.632149:4:four", "0.232555:9:nine", "0.085552:7:seven"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    server = protocol_models.serve(tmp_path_factory.mktemp("infer"), flags=["--max-body-bytes", 1_000_000])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(served):
    with tritonclient.http.InferenceServerClient(f"localhost:{served.port}", concurrency=8) as client:
        yield client


def tensor(name, values, datatype, binary=True):
    made = tritonclient.http.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values, binary_data=binary)
    return made


def wanted(name, **options):
    return tritonclient.http.InferRequestedOutput(name, **options)


def body(values=(5,), name="x", shape=None, datatype="INT32", **members):
    """The JSON of a request with one input."""
    one = {"name": name, "shape": shape or [1, len(values)], "datatype": datatype, "data": list(values)}
    return {"inputs": [one], **members}


def ask(server, model, content, **options):
    return server.post(f"/v2/models/{model}/infer", json=content, **options)


def parts(answer):
    """The JSON of an answer and the bytes behind it."""
    length = int(answer.headers.get(HEADER, len(answer.content)))
    return json.loads(answer.content[:length]), answer.content[length:]


# Triton's client

@pytest.mark.parametrize("answer_binary", [True, False], ids=["binary answer", "JSON answer"])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "JSON"])
@pytest.mark.parametrize("datatype", SAMPLES)
def test_every_type_in_both_forms(client, datatype, binary, answer_binary):
    if datatype not in IN_JSON and not (binary and answer_binary):
        pytest.skip("has no JSON form: see the next test")
    values = SAMPLES[datatype]
    result = client.infer(identity_of(datatype), [tensor("x", values, datatype, binary)],
                          outputs=[wanted("y", binary_data=answer_binary)])
    got = result.as_numpy("y")
    if not answer_binary and datatype == "BYTES":
        got = as_sent(got)
    np.testing.assert_array_equal(got, as_sent(values))
    assert result.get_output("y")["datatype"] == datatype
    assert ("parameters" in result.get_output("y")) == answer_binary


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_16_bit_floats_have_no_json_form(served, client, datatype):
    answer = ask(served, identity_of(datatype), body([1.5], datatype=datatype))
    assert answer.status_code == 400 and "has no JSON form; send it as binary data" in answer.json()["error"]
    with pytest.raises(InferenceServerException, match="which has no JSON form: ask for it with"):
        client.infer(identity_of(datatype), [tensor("x", SAMPLES[datatype], datatype)],
                     outputs=[wanted("y", binary_data=False)])


def test_no_outputs_named_means_all_in_binary(client):
    a, b = np.array([[1, 2, 3, 4]], np.int32), np.array([[10, 20, 30, 40]], np.int32)
    result = client.infer("add_sub", [tensor("INPUT1", b, "INT32"), tensor("INPUT0", a, "INT32", binary=False)],
                          request_id="mine")
    np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), a + b)
    np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), a - b)
    response = result.get_response()
    assert response["id"] == "mine" and response["model_name"] == "add_sub" and response["model_version"] == "1"


@pytest.mark.parametrize("answers", [None, "gzip", "deflate"])
@pytest.mark.parametrize("requests", [None, "gzip", "deflate"])
def test_compression_both_ways(client, requests, answers):
    values = np.arange(4000, dtype=np.int32).reshape(1, -1)
    result = client.infer("id_int32", [tensor("x", values, "INT32")], request_compression_algorithm=requests,
                          response_compression_algorithm=answers)
    np.testing.assert_array_equal(result.as_numpy("y"), values)


def test_many_requests_at_once(client):
    def values(i):
        return np.full((1 + i % 8, 3), i, np.int32)

    under_way = [client.async_infer("id_int32", [tensor("x", values(i), "INT32")], request_id=str(i)) for i in range(200)]
    for i, request in enumerate(under_way):
        result = request.get_result()
        np.testing.assert_array_equal(result.as_numpy("y"), values(i))
        assert result.get_response()["id"] == str(i)


def test_asyncio_client(served):
    async def run():
        async with tritonclient.http.aio.InferenceServerClient(f"localhost:{served.port}") as client:
            async def one(i):
                values = np.full((1, 2), i, np.float32)
                result = await client.infer("id_fp32", [tensor("x", values, "FP32", binary=i % 2 == 0)],
                                            outputs=[wanted("y", binary_data=i % 3 == 0)],
                                            response_compression_algorithm="gzip" if i % 5 == 0 else None)
                np.testing.assert_array_equal(result.as_numpy("y"), values)
            await asyncio.gather(*[one(i) for i in range(60)])
            with pytest.raises(InferenceServerException, match="no input"):
                await client.infer("id_fp32", [tensor("z", np.zeros((1, 1), np.float32), "FP32")])
    asyncio.run(run())


def test_classification(client):
    scores = np.concatenate([SCORES, SCORES[:, ::-1]])
    for binary in (True, False):
        result = client.infer("classifier", [tensor("x", scores, "FP32")],
                              outputs=[wanted("y", class_count=3, binary_data=binary)])
        got = result.as_numpy("y")
        texts = [[text.decode() if binary else text for text in row] for row in got]
        assert texts == [BEST, ["0.632149:5:five", "0.232555:0:zero", "0.085552:2:two"]]
    result = client.infer("plain_classifier", [tensor("x", SCORES[0], "FP32")], outputs=[wanted("y", class_count=99)])
    assert result.as_numpy("y").shape == (10,)


def test_versions(client):
    values = np.array([[1]], np.int32)
    for version, sum_ in [("1", 101), ("2", 201), ("", 201)]:
        result = client.infer("versions", [tensor("x", values, "INT32")], model_version=version)
        assert result.as_numpy("y").item() == sum_


def test_shared_memory_in_and_out(client):
    name = f"saccade_{uuid.uuid4().hex}"
    values = np.array([[1, 2, 3, 4]], np.int32)
    region = shared_memory.create_shared_memory_region(name, f"/{name}", 48)
    try:
        shared_memory.set_shared_memory_region(region, [values, values * 10])
        client.register_system_shared_memory(name, f"/{name}", 48)
        inputs = [tritonclient.http.InferInput(f"INPUT{i}", [1, 4], "INT32") for i in range(2)]
        for i, one in enumerate(inputs):
            one.set_shared_memory(name, 16, offset=16 * i)
        output = wanted("OUTPUT0")
        output.set_shared_memory(name, 16, offset=32)
        result = client.infer("add_sub", inputs, outputs=[output])
        assert "data" not in result.get_output("OUTPUT0")
        np.testing.assert_array_equal(shared_memory.get_contents_as_numpy(region, np.int32, [1, 4], offset=32),
                                      values * 11)
        output.set_shared_memory(name, 15, offset=32)
        with pytest.raises(InferenceServerException, match="the output has 16 bytes"):
            client.infer("add_sub", inputs, outputs=[output])
        output.set_shared_memory(name, 16, offset=40)
        with pytest.raises(InferenceServerException, match="OUTPUT0"):
            client.infer("add_sub", inputs, outputs=[output])
        client.unregister_system_shared_memory(name)
        with pytest.raises(InferenceServerException, match="INPUT0"):
            client.infer("add_sub", inputs)
    finally:
        shared_memory.destroy_shared_memory_region(region)


def test_priority_and_timeout_are_taken(client):
    values = np.array([[1]], np.int32)
    result = client.infer("id_int32", [tensor("x", values, "INT32")], priority=1, timeout=1_000_000, sequence_id=7,
                          sequence_start=True, sequence_end=True, parameters={"mine": "a", "other": 1})
    assert result.as_numpy("y").item() == 1


# By hand

def test_plain_json_without_a_content_type(served):
    answer = served.post("/v2/models/add_sub/infer", content=json.dumps({"inputs": [
        {"data": [[1, 2, 3, 4]], "datatype": "INT32", "shape": [1, 4], "name": "INPUT0"},
        {"name": "INPUT1", "shape": [1, 4], "datatype": "INT32", "data": [10, 20, 30, 40]}]}))
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert HEADER not in answer.headers
    assert answer.json() == {"model_name": "add_sub", "model_version": "1", "outputs": [
        {"name": "OUTPUT0", "datatype": "INT32", "shape": [1, 4], "data": [11, 22, 33, 44]},
        {"name": "OUTPUT1", "datatype": "INT32", "shape": [1, 4], "data": [-9, -18, -27, -36]}]}


def test_outputs_come_in_the_models_order(served):
    inputs = body([1, 2, 3, 4], name="INPUT0")["inputs"] + body([1, 1, 1, 1], name="INPUT1")["inputs"]
    answer = ask(served, "add_sub", {"inputs": inputs, "outputs": [
        {"name": "OUTPUT1", "parameters": {"binary_data": True}}, {"name": "OUTPUT0"}]})
    assert answer.headers["content-type"] == "application/octet-stream"
    content, behind = parts(answer)
    assert [output["name"] for output in content["outputs"]] == ["OUTPUT0", "OUTPUT1"]
    assert content["outputs"][0]["data"] == [2, 3, 4, 5]
    assert content["outputs"][1]["parameters"] == {"binary_data_size": 16}
    assert struct.unpack("<4i", behind) == (0, 1, 2, 3)


def test_raw_body(served):
    answer = served.post("/v2/models/id_int32/infer", content=struct.pack("<3i", 1, 2, 3), headers={HEADER: "0"})
    content, behind = parts(answer)
    assert content["outputs"][0]["shape"] == [1, 3] and struct.unpack("<3i", behind) == (1, 2, 3)
    answer = served.post("/v2/models/add_sub/infer", content=b"1234", headers={HEADER: "0"})
    assert answer.status_code == 400 and "one input" in answer.json()["error"]


@pytest.mark.parametrize("length", ["", "-1", "many", "1.5", "10000000", "99999999999999999999", "5x"])
def test_wrong_header_length(served, length):
    answer = ask(served, "id_int32", body(), headers={HEADER: length})
    assert answer.status_code == 400 and HEADER in answer.json()["error"]


def test_numbers_that_are_not_finite(served):
    content = '{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [NaN, Infinity, -Infinity]}]}'
    answer = served.post("/v2/models/id_fp32/infer", content=content)
    assert answer.status_code == 200 and '"data":[NaN,Infinity,-Infinity]' in answer.text


@pytest.mark.parametrize("path", ["nobody/infer", "id_int32/versions/7/infer", "id_int32/versions/one/infer"])
def test_unknown_models_and_versions(served, path):
    answer = served.post(f"/v2/models/{path}", json=body())
    assert answer.status_code == 404 and "error" in answer.json()


def test_other_methods(served):
    assert served.get("/v2/models/id_int32/infer").status_code == 405


def test_a_run_that_fails(served):
    content = body([10], name="place", shape=[1, 1], datatype="INT64")
    answer = ask(served, "picky", content)
    assert answer.status_code == 400 and "out of data bounds" in answer.json()["error"]
    content["inputs"][0]["data"] = [9]
    assert ask(served, "picky", content).json()["outputs"][0]["data"] == [90]


# Compression by hand

def test_compressed_requests(served):
    plain = json.dumps(body()).encode()
    raw_deflate = zlib.compressobj(wbits=-15)
    for coding, content in [("gzip", gzip.compress(plain)), ("deflate", zlib.compress(plain)),
                            ("deflate", raw_deflate.compress(plain) + raw_deflate.flush()), ("identity", plain)]:
        answer = served.post("/v2/models/id_int32/infer", content=content, headers={"Content-Encoding": coding})
        assert answer.status_code == 200, answer.text
        assert answer.json()["outputs"][0]["data"] == [5]


@pytest.mark.parametrize("coding, content, status, message", [
    ("gzip", b"hello", 400, "not valid gzip"),
    ("gzip", gzip.compress(b"hello" * 100)[:-10], 400, "ends too early"),
    ("gzip", gzip.compress(b"{}") + b"more", 400, "4 bytes follow"),
    ("gzip", gzip.compress(b" " * 2_000_000), 413, "larger than 1000000 bytes"),
    ("br", b"hello", 415, "gzip, deflate"),
], ids=["no gzip", "cut short", "more behind it", "a bomb", "another coding"])
def test_badly_compressed_requests(served, coding, content, status, message):
    answer = served.post("/v2/models/id_int32/infer", content=content, headers={"Content-Encoding": coding})
    assert answer.status_code == status and message in answer.json()["error"]


def test_a_bomb_costs_no_memory(served):
    before = served.memory_bytes()
    bomb = gzip.compress(b"\0" * 200_000_000)
    for _ in range(5):
        answer = served.post("/v2/models/id_int32/infer", content=bomb, headers={"Content-Encoding": "gzip"})
        assert answer.status_code == 413
    assert served.memory_bytes() - before < 20_000_000


@pytest.mark.parametrize("accepted, coding", [("gzip", "gzip"), ("deflate, gzip", "deflate"), ("gzip;q=0", None),
                                              ("gzip;q=0.5, deflate;q=0.9", "deflate"), ("*", None), ("br", None)])
def test_answers_are_compressed_as_asked(served, accepted, coding):
    answer = ask(served, "id_int32", body(), headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == coding
    assert answer.json()["outputs"][0]["data"] == [5]  # httpx has decompressed it


def test_predict_takes_compression_too(server):
    content = gzip.compress(b'{"text": "a joy to watch"}')
    answer = server.post("/predict/sentiment", content=content, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 200 and answer.json()["prediction"] == "positive"
    many = json.dumps({"text": ["a joy to watch"] * 50})
    answer = server.post("/predict/sentiment", content=many, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip" and len(answer.json()["predictions"]) == 50


# The log

def test_answers_are_in_the_log(served):
    before = len(logged(served, "add_sub"))
    inputs = body([1, 2, 3, 4], name="INPUT0")["inputs"] + body([1, 1, 1, 1], name="INPUT1")["inputs"]
    assert ask(served, "add_sub", {"id": 'mine "1"', "inputs": inputs}).status_code == 200
    row = wait_until(lambda: logged(served, "add_sub")[:-before or None], 5, "the row")[0]
    assert row["id"] == 'mine "1"'
    assert row["result"]["outputs"][0] == {"name": "OUTPUT0", "datatype": "INT32", "shape": [1, 4], "data": [2, 3, 4, 5]}


def test_large_answers_are_logged_without_their_values(served):
    assert ask(served, "id_uint16", body(list(range(65)), datatype="UINT16")).status_code == 200
    row = wait_until(lambda: [row for row in logged(served, "id_uint16") if "data" not in row["result"]["outputs"][0]], 5,
                     "the row")[0]
    assert row["result"]["outputs"] == [{"name": "y", "datatype": "UINT16", "shape": [1, 65]}]


def logged(server, model):
    return server.get(f"/predictions?model={model}&limit=1000").json()["predictions"]
