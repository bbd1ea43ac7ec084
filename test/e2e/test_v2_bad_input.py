"""Every field of an inference request wrong in every way: a 4xx that says which, and the server goes on."""

import json
import random

import pytest

import protocol_models
import wrong_infer_requests as wrong

PATH = "/v2/models/add_sub/infer"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    server = protocol_models.serve(tmp_path_factory.mktemp("bad"), flags=["--log", "none"])
    yield server
    assert_serves(server)
    server.stop()


@pytest.fixture(scope="module")
def client(served):
    with served.client() as client:
        yield client


def assert_serves(server):
    answer = server.post(PATH, json=wrong.good())
    assert answer.status_code == 200 and answer.json()["outputs"][0]["data"] == [6, 8, 10, 12]


def assert_refused(answer, message):
    assert 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"] == "application/json"
    said = answer.json()["error"]
    assert any(part in said for part in message.split("|")), said
    assert 5 < len(said) < 500, "one readable line"


def cases(made):
    return [pytest.param(*one[1:], id=one[0]) for one in made]


@pytest.mark.parametrize("request_, message", cases(wrong.wrong_types()))
def test_wrong_types(client, request_, message):
    assert_refused(client.post(PATH, content=json.dumps(request_)), message)


@pytest.mark.parametrize("request_", [pytest.param(one[1], id=one[0]) for one in wrong.right_types()])
def test_right_types_beside_them(client, request_):
    answer = client.post(PATH, content=json.dumps(request_))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("request_, message", cases(wrong.mistakes()))
def test_mistakes(client, request_, message):
    assert_refused(client.post(PATH, content=json.dumps(request_)), message)


@pytest.mark.parametrize("text, message", cases(wrong.doubled()))
def test_members_twice(client, text, message):
    assert_refused(client.post(PATH, content=text), message)


def test_truncated_anywhere(client):
    text = json.dumps(wrong.good())
    for end in range(len(text)):
        answer = client.post(PATH, content=text[:end])
        assert answer.status_code == 400 and answer.json()["error"], text[:end]


def test_random_changes_never_break_the_server(client):
    random.seed(5)
    text = json.dumps({**wrong.good(), "parameters": {"priority": 1, "binary_data_output": True}}).encode()
    pieces = [b"[", b"]", b"{", b"}", b",", b":", b'"', b"null", b"-", b"1e999", b"\\", b"\x00", b"\xff", b"NaN"]
    for _ in range(1000):
        changed = bytearray(text)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(changed))
            changed[at:at + random.randint(0, 4)] = random.choice(pieces)
        answer = client.post(PATH, content=bytes(changed))
        assert answer.status_code in (200, 400), f"{bytes(changed)!r}: {answer.status_code} {answer.text}"
        assert answer.status_code == 200 or answer.json()["error"]


# Binary data

@pytest.mark.parametrize("size", [0, 1, 15, 17, 32, 2**31, 2**62, 2**64 - 1])
def test_wrong_binary_data_size(client, size):
    request = wrong.good()
    del request["inputs"][0]["data"]
    request["inputs"][0]["parameters"] = {"binary_data_size": size}
    text = json.dumps(request).encode()
    for behind in (b"", b"\0" * 16, b"\0" * 40):
        answer = client.post(PATH, content=text + behind, headers={"Inference-Header-Content-Length": str(len(text))})
        assert_refused(answer, "INPUT0|follow the JSON")


def test_any_header_length(client):
    text = json.dumps(wrong.good()).encode()
    for length in range(len(text)):
        answer = client.post(PATH, content=text, headers={"Inference-Header-Content-Length": str(length)})
        assert answer.status_code == 400 and answer.json()["error"], length


@pytest.mark.parametrize("values, message", [
    ("[true]", "whole number"), ('["1"]', "whole number"), ("[1.0]", "whole number"), ("[null]", "whole number"),
    ("[2147483648]", "out of the range"), ("[-2147483649]", "out of the range"), ("[1e2]", "whole number"),
    ("[01]", "id_int32|comma|number"), ("[NaN]", "whole number"), ("[[1]", "JSON|x"), ("[1,]", "x"), ("[,1]", "JSON"),
    ("[" * 100 + "1" + "]" * 100, "nested deeper"), ("[[1],[1,2]]", "x"), ("[[1],2]", "x")])
def test_wrong_elements(client, values, message):
    text = '{"inputs": [{"name": "x", "shape": [1, 1], "datatype": "INT32", "data": ' + values + "}]}"
    answer = client.post("/v2/models/id_int32/infer", content=text)
    assert_refused(answer, message)
