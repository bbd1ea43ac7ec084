"""The circuit breaker round each model: a real one that fails, is slow, or hangs is cut off and tried again; the others
notice nothing."""

import concurrent.futures
import pathlib
import time

import numpy as np
import pytest
import tritonclient.grpc as triton

from server import run, wait_until
from test_rate_limits import metric

SECONDS = 30
GOOD, BAD = {"x": [[1, 2, 3, 4]], "sound": [0]}, {"x": [[1, 2, 3, 4]], "sound": [1]}


def repository(tmp_path, models, **configs):
    for name, config in configs.items():
        folder = tmp_path / "repository" / name / "1"
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes((models / f"{name}.onnx").read_bytes())
        (folder.parent / "config.pbtxt").write_text(config)
    return tmp_path / "repository"


def state(server, model):
    return server.get(f"/models/{model}/schedule").json()["circuit_breaker"]["state"]


def test_a_model_that_fails_is_cut_off_and_tried_again(start_server, models):
    server = start_server(models / "breaks.onnx", models / "fixed.onnx", flags=[
        "--circuit-breaker", "failures=50%,calls=4,open=300ms", "--log", "none", "--engine", "onnxruntime"])
    for _ in range(3):
        assert server.post("/predict/breaks", json={"x": "nothing"}).status_code == 400, "says nothing of the model"
    assert [server.post("/predict/breaks", json=BAD).status_code for _ in range(4)] == [500] * 4
    refused = server.post("/predict/breaks", json=GOOD)
    assert refused.status_code == 503 and 'circuit breaker of model "breaks"' in refused.json()["error"]
    assert int(refused.headers["retry-after"]) >= 1 and 0 < int(refused.headers["retry-after-ms"]) <= 330
    assert server.post("/predict/fixed", json={"x": [[1, 2, 3, 4]]}).status_code == 200, "others go on"
    assert metric(server, "saccade_model_breaker_opened_total", model="breaks") == 1
    assert metric(server, "saccade_model_breaker_refused_total", model="breaks") >= 1
    assert server.get("/v2/models/breaks/ready").status_code == 200, "it is loaded"

    # A probe that fails opens it again, for twice as long.
    wait_until(lambda: state(server, "breaks") == "half-open", SECONDS, "half-open")
    assert server.post("/predict/breaks", json=BAD).status_code == 500
    again = server.post("/predict/breaks", json=GOOD)
    assert again.status_code == 503 and int(again.headers["retry-after-ms"]) > 330

    wait_until(lambda: state(server, "breaks") == "half-open", SECONDS, "half-open")
    assert [server.post("/predict/breaks", json=GOOD).status_code for _ in range(5)] == [200] * 5
    assert state(server, "breaks") == "closed"
    assert metric(server, "saccade_model_breaker_state", model="breaks") == 0
    assert "the circuit breaker is open" in server.stderr()


def test_grpc_is_told_too(start_server, models):
    server = start_server(models / "breaks.onnx", flags=[
        "--circuit-breaker", "failures=50%,calls=2,open=30s", "--log", "none", "--engine", "onnxruntime"])
    assert [server.post("/predict/breaks", json=BAD).status_code for _ in range(2)] == [500] * 2
    client = triton.InferenceServerClient(f"localhost:{server.port}")
    inputs = [triton.InferInput("x", [1, 4], "FP32"), triton.InferInput("sound", [1], "INT64")]
    inputs[0].set_data_from_numpy(np.ones((1, 4), np.float32))
    inputs[1].set_data_from_numpy(np.zeros(1, np.int64))
    with pytest.raises(triton.InferenceServerException) as refused:
        client.infer("breaks", inputs)
    assert refused.value.status() == "StatusCode.UNAVAILABLE" and "circuit breaker" in refused.value.message()


def test_a_model_that_is_slow_is_cut_off(start_server, models, tmp_path):
    config = 'parameters { key: "circuit_breaker" value { string_value: "slow_after=1ms,slow=100%,calls=3,open=30s" } }'
    server = start_server(repository(tmp_path, models, slow=config, fixed=""), flags=["--log", "none"])
    answers = [server.post("/predict/slow", json={"x": [[1]]}).status_code for _ in range(4)]
    assert answers == [200, 200, 200, 503]
    assert "circuit_breaker" not in server.get("/models/fixed/schedule").json(), "the other has none"


def test_a_model_that_hangs_is_cut_off(start_server, models, tmp_path):
    config = ('instance_group { count: 1 kind: KIND_CPU }\n'
              'parameters { key: "circuit_breaker" value { string_value: "hang=400ms,open=300ms" } }')
    server = start_server(repository(tmp_path, models, turns=config, fixed=""),
                          flags=["--log", "none", "--engine", "onnxruntime"])
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        hangs = threads.submit(server.post, "/predict/turns", json={"count": [5_000]})
        wait_until(lambda: metric(server, "saccade_pending_requests", model="turns") == 1, SECONDS, "the run under way")
        end = time.monotonic() + SECONDS
        waiting = []

        def refused():
            asked = threads.submit(server.post, "/predict/turns", json={"count": [0]})
            try:
                return asked.result(timeout=0.2).status_code == 503
            except concurrent.futures.TimeoutError:
                waiting.append(asked)  # behind the run that hangs
                return False

        wait_until(refused, SECONDS, "a refusal")
        assert not hangs.done() and time.monotonic() < end
        assert server.post("/predict/fixed", json={"x": [[1, 2, 3, 4]]}).status_code == 200
        assert hangs.result().status_code == 200, "it came back after all"
        assert all(one.result().status_code == 200 for one in waiting), "and so do those behind it"
    wait_until(lambda: server.post("/predict/turns", json={"count": [0]}).status_code == 200 and
               state(server, "turns") == "closed", SECONDS, "the model back")


def test_what_a_configuration_says_wrongly_keeps_the_model_out(models, tmp_path):
    config = 'parameters { key: "circuit_breaker" value { string_value: "failures=half" } }'
    ended = run("serve", repository(tmp_path, models, fixed=config), "--port", "0", "--log", "none",
                folder=pathlib.Path(tmp_path))
    assert ended.returncode == 1
    assert 'parameter circuit_breaker' in ended.stderr and '"failures=half" should be a share' in ended.stderr
