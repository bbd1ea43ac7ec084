"""Which engine runs a model: asked for, or chosen by measurement and remembered."""

import concurrent.futures
import re

import pytest

import made_models
import onnx
from server import DIGITS


def engine_of(server, model):
    line, = (line for line in server.get("/metrics").text.splitlines()
             if line.startswith("saccade_model_info{") and f'model="{model}"' in line)
    return re.search(r'engine="(\w+)"', line).group(1)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_the_engine_that_is_asked_for(start_server, digit, engine):
    server = start_server(f"digits={DIGITS}", flags=["--engine", engine, "--log", "none"])
    assert engine_of(server, "digits") == engine
    assert server.post("/predict/digits", json=digit).json()["prediction"] == "7"
    assert "measuring" not in server.stderr() or f"measuring {engine}" in server.stderr()


def test_a_choice_is_remembered(start_server, tmp_path, digit):
    onnx.save(made_models.slow(), tmp_path / "slow.onnx")
    flags = ["--log", "none", "--engine-cache", tmp_path / "choices"]
    first = start_server(tmp_path / "slow.onnx", flags=flags)
    assert "measuring onnxruntime/1 thread" in first.stderr()
    second = start_server(tmp_path / "slow.onnx", flags=flags)
    assert "measuring" not in second.stderr()
    assert engine_of(first, "slow") == engine_of(second, "slow")
    # What is broken is measured anew.
    for file in (tmp_path / "choices").rglob("*"):
        if file.is_file():
            file.write_bytes(b"\0 nonsense")
    third = start_server(tmp_path / "slow.onnx", flags=flags)
    assert "measuring" in third.stderr()
    assert third.post("/predict/slow", json={"x": [[1.0]]}).status_code == 200


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_lone_request_is_split_over_more_threads(start_server, tmp_path, engine):
    folder = tmp_path / "models/slow/1"
    folder.mkdir(parents=True)
    onnx.save(made_models.slow(), folder / "model.onnx")
    parameters = {"engine": engine, "intra_op_thread_count": "1", "lone_thread_count": "2"}
    (folder.parent / "config.pbtxt").write_text("".join(
        f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}\n' for key, value in parameters.items()))
    server = start_server(tmp_path / "models", flags=["--log", "none"])
    assert server.get("/models/slow/schedule").json()["instances"]["lone_threads"] == 2

    def lone_runs():
        return float(re.search(r"^saccade_lone_runs_total\{.*\} (\S+)$", server.get("/metrics").text, re.M).group(1))

    def ask(x):
        answer = server.post("/predict/slow", json={"x": [[x]]})
        assert answer.status_code == 200 and answer.json()["outputs"]["y"] == [[x]], answer.text

    for i in range(5):
        ask(float(i))
    assert lone_runs() == 5
    with concurrent.futures.ThreadPoolExecutor(16) as crowd:
        list(crowd.map(ask, map(float, range(64))))
    assert lone_runs() < 5 + 64, "beside others a request runs as all do"


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_run_that_fails_leaves_nothing_behind(start_server, tmp_path, engine):
    """Neither for the next request nor for a model that is loaded afterwards."""
    onnx.save(made_models.pools(), tmp_path / "pools.onnx")
    server = start_server(*(f"{name}={tmp_path / 'pools.onnx'}" for name in ("one", "two")),
                          flags=["--engine", engine, "--engine-cache", "none", "--log", "none"])
    small, large = [[[[1.0, 2.0], [3.0, 4.0]]]], [[[[float(row)] * 4 for row in range(8)]]]
    with server.client() as client:
        for _ in range(3):
            for name in ("one", "two"):
                refused = client.post(f"/predict/{name}", json={"x": small})
                if engine == "openvino":  # ONNX Runtime takes the mean of what there is
                    assert refused.status_code in (400, 500), refused.text
                answer = client.post(f"/predict/{name}", json={"x": large})
                assert answer.status_code == 200, answer.text
                y = answer.json()["outputs"]["y"]
                assert y in ([[[[1.5], [5.5]]]], [[[1.5], [5.5]]]), y
