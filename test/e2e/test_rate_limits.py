"""Rate limits, and limits on what is in flight, as callers of every protocol see them.

The rates here are so small that nothing comes back while a test runs: what is let in is the burst, exactly.
"""

import concurrent.futures
import contextlib
import json
import re
import socket
import threading
import time

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from websockets.sync.client import connect

from raw_http import RawConnection
from server import DIGITS, run, wait_until

PROXIES = ["--trusted-proxy", "127.0.0.1,::1"]  # so that a test may be any client, by X-Forwarded-For
V2 = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
X = {"x": [[1, 2, 3, 4]]}


def limited(start_server, models, *rules, flags=()):
    words = [word for rule in rules for word in ("--rate-limit", rule)]
    return start_server(models / "fixed.onnx", models / "several_outputs.onnx",
                        flags=[*words, *PROXIES, "--log", "none", "--engine", "onnxruntime", *flags])


def statuses(server, tries, path="/predict/fixed", body=None, client="192.0.2.1"):
    with server.client(headers={"X-Forwarded-For": client}) as http:
        return [http.post(path, json=body or X).status_code for _ in range(tries)]


def metric(server, name, **labels):
    wanted = "".join(f'(?=[^}}]*{key}="{re.escape(value)}")' for key, value in labels.items())
    found = re.search(rf"^{name}(?:\{{{wanted}[^}}]*\}})? (\S+)$", server.get("/metrics").text, re.M)
    return float(found.group(1)) if found else None


def test_each_client_has_its_burst(start_server, models):
    server = limited(start_server, models, "address:1/h:5")
    assert statuses(server, 7) == [200] * 5 + [429] * 2
    assert statuses(server, 7, client="192.0.2.2") == [200] * 5 + [429] * 2
    assert statuses(server, 3, client="2001:db8:1:2::1") == [200] * 3
    assert statuses(server, 3, client="2001:db8:1:2:ffff::9") == [200] * 2 + [429], "the same /64"
    assert statuses(server, 1, client="203.0.113.9, 192.0.2.1") == [429], "what a client writes itself is not believed"
    assert metric(server, "saccade_rate_limit_refused_total", rule="address") == 6


def test_the_answer_says_what_is_left_and_when_to_come_again(start_server, models):
    server = limited(start_server, models, "address:6/m:2")
    with server.client(headers={"X-Forwarded-For": "192.0.2.1"}) as http:
        first = http.post("/predict/fixed", json=X)
        assert first.headers["ratelimit-policy"] == '"address";q=2;w=20'
        assert re.fullmatch(r'"address";r=1;t=(9|10)', first.headers["ratelimit"])
        assert http.post("/predict/fixed", json=X).status_code == 200
        refused = http.post("/predict/fixed", json=X)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        assert 0 < int(refused.headers["retry-after-ms"]) <= 10_000
        assert refused.headers["ratelimit"].startswith('"address";r=0;t=')
        assert "address:6/m:2" in refused.json()["error"]
    assert "ratelimit" not in server.get("/health").headers, "nobody is kept from asking whether the server is well"


def test_it_is_exact_for_many_at_the_same_time(start_server, models):
    server = limited(start_server, models, "address:1/h:100", flags=["--loops", 4])
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: statuses(server, 40), range(8)))
    assert sum(status == 200 for one in answers for status in one) == 100


def test_models_have_limits_whatever_names_them(start_server, models):
    server = limited(start_server, models, "model=fixed:1/h:4")
    assert statuses(server, 1) == [200]
    assert statuses(server, 1, "/v2/models/fixed/infer", V2) == [200]
    assert statuses(server, 1, "/predict") == [200], "it is the default model, which the path does not name"
    client = triton.InferenceServerClient(f"localhost:{server.port}")
    tensor = triton.InferInput("x", [1, 4], "FP32")
    tensor.set_data_from_numpy(np.ones((1, 4), np.float32))
    assert client.infer("fixed", [tensor]) is not None
    with pytest.raises(triton.InferenceServerException) as refused:
        client.infer("fixed", [tensor])
    assert refused.value.status() == "StatusCode.RESOURCE_EXHAUSTED"
    assert statuses(server, 1, "/predict") == [429]
    assert statuses(server, 1) == [429]
    assert statuses(server, 5, "/predict/several_outputs", {"a": [[1, 2]], "b": [[1, 2]]}) == [200] * 5


def test_a_name_replaces_the_limit_for_all(start_server, models):
    server = limited(start_server, models, "address:1/h:1", "address=198.51.100.0/24:1/h:3")
    assert statuses(server, 2) == [200, 429]
    assert statuses(server, 4, client="198.51.100.7") == [200] * 3 + [429]


def test_callers_have_limits_wherever_they_call_from(start_server, models, tmp_path):
    keys = {}
    for name in ("ann", "partner"):
        made = run("key", "create", "--name", name, "--scope", "predict", "--file", "keys.json", folder=tmp_path)
        assert made.returncode == 0, made.stderr
        keys[name] = re.search(r"scd_\S+", made.stdout).group(0)
    server = limited(start_server, models, "caller:1/h:3", "caller=partner:1/h:5", "caller,model=fixed:1/h:2", "address:1/h:20",
                     flags=["--api-keys", tmp_path / "keys.json"])

    def ask(key, client, path="/predict/several_outputs", body=None):
        return server.post(path, json=body or {"a": [[1, 2]], "b": [[1, 2]]},
                           headers={"X-API-Key": key, "X-Forwarded-For": client}).status_code

    assert [ask(keys["ann"], "192.0.2.1", "/predict/fixed", X) for _ in range(3)] == [200, 200, 429]
    assert [ask(keys["ann"], f"192.0.2.{place}") for place in range(2, 5)] == [200, 429, 429]
    assert [ask(keys["partner"], f"192.0.2.{place}") for place in range(6)] == [200] * 5 + [429]
    # Who guesses keys is counted by address.
    guesses = [ask(f"guess{place}", "192.0.2.99") for place in range(22)]
    assert guesses == [401] * 20 + [429] * 2


def test_grpc_says_when_to_come_again(start_server, models):
    server = limited(start_server, models, "address:1/h:1")
    channel = grpc.insecure_channel(f"localhost:{server.port}")
    ask = channel.unary_unary("/inference.GRPCInferenceService/ServerMetadata")
    ask(b"", timeout=20)
    with pytest.raises(grpc.RpcError) as refused:
        ask(b"", timeout=20)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    pushback = dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"]
    assert 3_500_000 < int(pushback) <= 3_600_000
    channel.close()


def test_messages_of_a_websocket_count(start_server, models):
    server = limited(start_server, models, "address:1/h:4")  # one is the handshake's
    with connect(server.websocket_url + "/ws/predict/fixed") as peer:
        answers = []
        for number in range(5):
            peer.send(json.dumps({**X, "id": number}))
            answers.append(json.loads(peer.recv(timeout=20)))
    assert ["error" in answer for answer in answers] == [False] * 3 + [True] * 2
    assert answers[3]["code"] == "rate_limited" and answers[3]["retry_after_ms"] > 3_000_000


def test_messages_of_a_grpc_stream_count(start_server, models):
    server = limited(start_server, models, "address:1/h:4")  # one is the call's
    client = triton.InferenceServerClient(f"localhost:{server.port}")
    tensor = triton.InferInput("x", [1, 4], "FP32")
    tensor.set_data_from_numpy(np.ones((1, 4), np.float32))
    errors = []
    done = threading.Semaphore(0)

    def answered(result, error):  # pylint: disable=unused-argument
        errors.append(error)
        done.release()

    client.start_stream(answered)
    for _ in range(5):
        client.async_stream_infer("fixed", [tensor])
    for _ in range(5):
        assert done.acquire(timeout=20)
    client.stop_stream()
    assert [error is not None for error in errors] == [False] * 3 + [True] * 2


@pytest.mark.parametrize("flags, part", [
    (["--rate-limit", "caller"], "WHOM:RATE[:BURST]"),
    (["--rate-limit", "caller:1/x"], "should be a number from 1 to 1000000 and /s, /m, /h or /d"),
    (["--rate-limit", "caller:1/s", "--rate-limit", "caller:2/s"], "are about the same"),
    (["--trusted-proxy", "10.0.0.1/8"], "--trusted-proxy: \"10.0.0.1/8\" is no network"),
    (["--rate-limit", "caller:1/s", "--rate-limit-redis"], "--rate-limit-redis needs a Redis server"),
    (["--max-memory", "much"], "--max-memory"),
    (["--circuit-breaker", "failures=2"], "\"failures=2\" should be a share"),
])
def test_what_is_wrong_is_said(tmp_path, flags, part):
    ended = run("serve", DIGITS, "--port", "0", "--log", "none", *flags, folder=tmp_path)
    assert ended.returncode == 1 and part in ended.stderr


def repository_with_turns(tmp_path, models, more=""):
    """A model that runs for as long as it is told, one run at a time."""
    folder = tmp_path / "repository" / "turns" / "1"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes((models / "turns.onnx").read_bytes())
    (folder.parent / "config.pbtxt").write_text("instance_group { count: 1 kind: KIND_CPU }\n" + more)
    return tmp_path / "repository"


def test_only_so_many_predictions_are_in_flight(start_server, models, tmp_path):
    server = start_server(repository_with_turns(tmp_path, models),
                          flags=["--max-in-flight", 2, "--log", "none", "--engine", "onnxruntime"])
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        long = [threads.submit(server.post, "/predict/turns", json={"count": [3000]}) for _ in range(2)]
        wait_until(lambda: metric(server, "saccade_predictions_in_flight") == 2, 20, "two in flight")
        third = server.post("/predict/turns", json={"count": [0]})
        assert third.status_code == 503 and "--max-in-flight" in third.json()["error"]
        assert int(third.headers["retry-after"]) >= 1
        assert [one.result().status_code for one in long] == [200, 200]
    assert server.post("/predict/turns", json={"count": [0]}).status_code == 200
    assert metric(server, "saccade_load_refused_total", limit="max_in_flight") == 1


def test_memory_is_bounded(start_server, models):
    server = start_server(models / "labelled.onnx",
                          flags=["--max-memory", "32MiB", "--log", "none", "--engine", "onnxruntime"])
    rows = 3_000_000  # of 12 bytes each
    raw = np.ones((rows, 3), np.float32).tobytes()
    assert server.post("/predict/labelled", json={"x": [[1, 2, 3]]}).status_code == 200
    too_much = server.post("/predict/labelled", content=raw, headers={"Content-Type": "application/octet-stream"})
    assert too_much.status_code == 503 and "--max-memory" in too_much.json()["error"]
    assert too_much.headers["retry-after"] == "1"
    # Bodies that stop half-way hold memory, and others still get through.
    slow = [RawConnection(server) for _ in range(40)]
    for one in slow:
        one.send("POST /predict/labelled HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
        with contextlib.suppress(OSError):  # some are refused while they send
            one.send(b"x" * 1_000_000)
    wait_until(lambda: metric(server, "saccade_memory_in_flight_bytes") > 15_000_000, 20, "bodies under way")
    assert metric(server, "saccade_memory_in_flight_bytes") < 32 << 20
    assert server.post("/predict/labelled", json={"x": [[1, 2, 3]]}).status_code == 200
    for one in slow:
        one.socket.close()
    wait_until(lambda: metric(server, "saccade_memory_in_flight_bytes") < 100_000, 20, "the memory of those that have gone")
    with connect(server.websocket_url + "/ws/predict/labelled") as peer:
        peer.send(json.dumps({"x": [[1, 2, 3]]}))
        assert "error" not in json.loads(peer.recv(timeout=20))
