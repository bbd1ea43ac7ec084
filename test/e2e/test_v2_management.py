"""What the Open Inference Protocol has besides inference, through Triton's own Python client and by hand: metadata,
configuration, statistics, the repository, logging, traces, shared memory, the metrics address."""

import asyncio
import base64
import concurrent.futures
import json
import os
import re
import shutil
import socket
import uuid

import numpy as np
import pytest
import tritonclient.http
import tritonclient.http.aio
from tritonclient import utils
from tritonclient.utils import shared_memory

from server import Server, free_port, wait_until

VALUES = np.array([[1, 2, 3, 4]], np.float32)


def add_model(repository, name, file, version="1", config=None):
    folder = repository / name / version
    folder.mkdir(parents=True)
    shutil.copy(file, folder / "model.onnx")
    if config is not None:
        (repository / name / "config.pbtxt").write_text(config)


@pytest.fixture(scope="module")
def served(tmp_path_factory, models):
    """A server that loads what it is told to, with `fixed` ([1,4] times two) and two versions of `sums` ready."""
    folder = tmp_path_factory.mktemp("v2")
    repository = folder / "repository"
    add_model(repository, "fixed", models / "fixed.onnx")
    add_model(repository, "spare", models / "fixed.onnx")
    add_model(repository, "sums", models / "several_outputs.onnx", "1", "version_policy { all { } } max_batch_size: 8")
    shutil.copytree(repository / "sums/1", repository / "sums/2")
    server = Server(folder, repository, flags=["--model-control-mode", "explicit", "--load-model", "fixed",
                                               "--load-model", "sums", "--trace-file", folder / "trace.json"])
    server.models = models
    yield server
    server.stop()


@pytest.fixture
def client(served):
    with tritonclient.http.InferenceServerClient(f"localhost:{served.port}") as client:
        yield client


def ask(client, name="fixed", **options):
    tensor = tritonclient.http.InferInput("x", [1, 4], "FP32")
    tensor.set_data_from_numpy(VALUES)
    return client.infer(name, [tensor], **options).as_numpy("y")


def refused(status, part, call, *arguments, **options):
    with pytest.raises(utils.InferenceServerException) as failure:
        call(*arguments, **options)
    assert failure.value.status() == str(status), failure.value
    assert part in failure.value.message(), failure.value


# ---- the server and its models

def test_health_has_no_body(served):
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/fixed/ready", "/v2/models/sums/versions/2/ready"):
        answer = served.get(path)
        assert (answer.status_code, answer.content) == (200, b""), path
    for path in ("/v2/models/nobody/ready", "/v2/models/sums/versions/9/ready", "/v2/models/spare/ready"):
        assert served.get(path).status_code == 400, path


def test_client_sees_what_is_ready(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("fixed") and client.is_model_ready("sums", "1")
    assert not client.is_model_ready("spare") and not client.is_model_ready("sums", "3")


def test_metadata(client):
    server = client.get_server_metadata()
    assert server["name"] == "saccade" and re.fullmatch(r"\d+\.\d+\.\d+", server["version"])
    assert {"binary_tensor_data", "system_shared_memory", "statistics", "trace", "logging"} <= set(server["extensions"])
    sums = client.get_model_metadata("sums")
    assert sums["versions"] == ["1", "2"]
    assert sums["platform"] == "onnxruntime_onnx"
    assert sums["inputs"][0] == {"name": "a", "datatype": "FP32", "shape": [-1, 2]}
    assert [output["name"] for output in sums["outputs"]] == ["sum", "product", "largest"]
    assert client.get_model_metadata("sums", "1")["versions"] == ["1"]
    refused(404, "nobody", client.get_model_metadata, "nobody")


def test_config_is_complete_and_of_numbers(client):
    config = client.get_model_config("sums")
    assert config["name"] == "sums" and config["max_batch_size"] == 8
    first = config["input"][0]
    assert (first["name"], first["data_type"], first["dims"]) == ("a", "TYPE_FP32", [2])
    assert first["optional"] is False and config["metric_tags"] == {}  # defaults are there, too
    assert config["instance_group"][0]["name"] == "sums" and config["optimization"]["input_pinned_memory"]["enable"]
    refused(404, "nobody", client.get_model_config, "nobody")


def test_statistics_count_requests_items_and_runs(client):
    def success(model):
        return client.get_inference_statistics(model)["model_stats"][0]["inference_stats"]["success"]["count"]

    before = success("fixed")
    for _ in range(3):
        ask(client)
    (stats,) = client.get_inference_statistics("fixed", "1")["model_stats"]
    assert stats["inference_stats"]["success"]["count"] == before + 3
    assert stats["version"] == "1" and stats["last_inference"] > 1_700_000_000_000
    parts = stats["inference_stats"]
    spent = sum(parts[part]["ns"] for part in ("queue", "compute_input", "compute_infer", "compute_output"))
    assert 0 < spent <= parts["success"]["ns"]
    assert stats["batch_stats"] and stats["batch_stats"][0]["compute_infer"]["ns"] > 0
    everything = client.get_inference_statistics()["model_stats"]
    assert [(one["name"], one["version"]) for one in everything] == [("fixed", "1"), ("sums", "1"), ("sums", "2")]
    with pytest.raises(utils.InferenceServerException, match="nobody"):
        client.get_inference_statistics("nobody")


# ---- the repository

def test_index(client):
    index = client.get_model_repository_index()
    assert {"name": "spare"} in index
    assert {"name": "sums", "version": "2", "state": "READY"} in index


def test_load_and_unload(client):
    refused(404, "spare", ask, client, "spare")
    client.load_model("spare")
    assert client.is_model_ready("spare") and np.array_equal(ask(client, "spare"), VALUES * 2)
    client.unload_model("spare")
    assert not client.is_model_ready("spare")
    refused(404, "spare", ask, client, "spare")
    (entry,) = [entry for entry in client.get_model_repository_index() if entry["name"] == "spare"]
    assert entry == {"name": "spare", "version": "1", "state": "UNAVAILABLE", "reason": "unloaded"}


def test_load_with_a_config_and_a_file(served, client):
    content = (served.models / "several_outputs.onnx").read_bytes()
    client.load_model("brought", config=json.dumps({"max_batch_size": 5, "backend": "onnxruntime"}),
                      files={"file:3/model.onnx": content})
    assert client.get_model_config("brought")["max_batch_size"] == 5
    assert client.get_model_metadata("brought")["versions"] == ["3"]
    client.unload_model("brought")
    # A body that is too large to be taken apart on an event loop takes another way, to the same end.
    client.load_model("brought", config=json.dumps({"max_batch_size": 6, "backend": "onnxruntime"}),
                      files={"file:3/model.onnx": content, "file:3/weights.bin": bytes(1_000_000)})
    assert client.get_model_config("brought")["max_batch_size"] == 6
    client.unload_model("brought")


def test_loads_at_the_same_time_end_well(served):
    def change(number):
        with tritonclient.http.InferenceServerClient(f"localhost:{served.port}") as own:
            (own.load_model if number % 3 else own.unload_model)("spare")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(change, range(30))) == [None] * 30
    with tritonclient.http.InferenceServerClient(f"localhost:{served.port}") as own:
        own.load_model("spare")
        assert np.array_equal(ask(own, "spare"), VALUES * 2)
        own.unload_model("spare")


# ---- settings

def test_log_settings_take_effect(client, served):
    settings = client.get_log_settings()
    assert settings == {"log_file": "", "log_info": True, "log_warning": True, "log_error": True,
                        "log_verbose_level": 0, "log_format": "ISO8601"}
    try:
        assert client.update_log_settings({"log_format": "default"})["log_format"] == "default"
        client.load_model("spare")
        wait_until(lambda: re.search(r"^I\d{4} \d\d:\d\d:\d\d\.\d{6} \d+\] .*spare", served.stderr(), re.M), 5,
                   "a line in Triton's form")
        client.update_log_settings({"log_info": False})
        length = len(served.stderr())
        client.load_model("spare")
        client.unload_model("spare")
        assert "spare" not in served.stderr()[length:]
    finally:
        client.update_log_settings({"log_info": True, "log_format": "ISO8601"})
    assert client.get_log_settings() == settings


def test_traces(client, served):
    settings = {"trace_level": ["TIMESTAMPS"], "trace_rate": "2", "trace_count": "3"}
    try:
        changed = client.update_trace_settings("fixed", settings)
        assert {key: changed[key] for key in settings} == settings
        assert client.get_trace_settings()["trace_level"] == ["OFF"]  # those of all models are as they were
        for number in range(10):
            ask(client, request_id=f"traced-{number}")
        assert client.get_trace_settings("fixed")["trace_count"] == "0"
    finally:
        client.update_trace_settings("fixed", dict.fromkeys(settings))
    file = served.folder / "trace.json"
    entries = wait_until(lambda: len(read := json.loads(file.read_text())) == 6 and read, 5, "three traces")
    assert [entry["request_id"] for entry in entries[::2]] == ["traced-1", "traced-3", "traced-5"]
    for about, times in zip(entries[::2], entries[1::2]):
        assert about["id"] == times["id"] and (about["model_name"], about["model_version"]) == ("fixed", 1)
        names = [time["name"] for time in times["timestamps"]]
        assert names == ["REQUEST_START", "QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START",
                         "COMPUTE_END", "REQUEST_END"]
        moments = [time["ns"] for time in times["timestamps"]]
        assert moments == sorted(moments) and moments[-1] > moments[0] > 0
    ask(client)
    assert len(json.loads(file.read_text())) == 6


def test_without_a_file_nothing_is_traced(server):
    answer = server.post("/v2/trace/setting", json={"trace_level": ["TIMESTAMPS"]})
    assert answer.status_code == 400 and "--trace-file" in answer.json()["error"]


# ---- shared memory

class Memory:
    """A client's region of shared memory."""

    def __init__(self, byte_size):
        self.key = f"/saccade_test_{os.getpid()}_{uuid.uuid4().hex[:8]}"
        self.byte_size = byte_size
        self.handle = shared_memory.create_shared_memory_region(self.key, self.key, byte_size)

    def put(self, array, offset=0):
        shared_memory.set_shared_memory_region(self.handle, [array], offset)

    def get(self, offset=0):
        return shared_memory.get_contents_as_numpy(self.handle, np.float32, [1, 4], offset)


@pytest.fixture
def memory():
    made = []

    def make(byte_size=64):
        made.append(Memory(byte_size))
        return made[-1]

    yield make
    for one in made:
        shared_memory.destroy_shared_memory_region(one.handle)


def infer_in(client, region, offset_in=0, offset_out=16):
    tensor = tritonclient.http.InferInput("x", [1, 4], "FP32")
    tensor.set_shared_memory(region, 16, offset_in)
    wanted = tritonclient.http.InferRequestedOutput("y")
    wanted.set_shared_memory(region, 16, offset_out)
    return client.infer("fixed", [tensor], outputs=[wanted])


def test_inference_through_shared_memory(client, memory):
    region = memory()
    region.put(VALUES)
    client.register_system_shared_memory("tensors", region.key, 64)
    try:
        (status,) = client.get_system_shared_memory_status("tensors")
        assert status == {"name": "tensors", "key": region.key, "offset": 0, "byte_size": 64}
        answer = infer_in(client, "tensors")
        assert answer.get_output("y") == {"name": "y", "datatype": "FP32", "shape": [1, 4]}  # and no data
        assert np.array_equal(region.get(16), VALUES * 2)
        refused(400, "already", client.register_system_shared_memory, "tensors", region.key, 64)
        refused(400, "Invalid offset + byte size", infer_in, client, "tensors", 56)
    finally:
        client.unregister_system_shared_memory("tensors")
    refused(404, "Unable to find shared memory region: 'tensors'", infer_in, client, "tensors")
    refused(404, "tensors", client.get_system_shared_memory_status, "tensors")
    assert client.get_system_shared_memory_status() == []
    client.unregister_system_shared_memory("tensors")  # no error


def test_a_region_that_shrinks_is_an_error_and_no_more(client, memory):
    region = memory(8192)
    region.put(VALUES)
    client.register_system_shared_memory("shrinks", region.key, 8192)
    try:
        infer_in(client, "shrinks", 0, 4096)
        os.truncate(f"/dev/shm{region.key}", 16)
        refused(400, "smaller than it was", infer_in, client, "shrinks", 4096, 0)
        refused(400, "smaller than it was", infer_in, client, "shrinks", 0, 4096)
        assert os.path.getsize(f"/dev/shm{region.key}") == 16  # and isn't grown by the answer
        assert client.is_server_live() and np.array_equal(ask(client), VALUES * 2)
    finally:
        os.truncate(f"/dev/shm{region.key}", 8192)
        client.unregister_system_shared_memory("shrinks")


def test_regions_come_and_go_under_requests(served, memory):
    region = memory()
    region.put(VALUES)

    def work(number):
        worked = 0
        with tritonclient.http.InferenceServerClient(f"localhost:{served.port}") as own:
            for _ in range(40):
                try:
                    if number == 0:
                        own.unregister_system_shared_memory()
                    elif number < 3:
                        own.register_system_shared_memory("busy", region.key, 64)
                    else:
                        infer_in(own, "busy")
                    worked += 1
                except utils.InferenceServerException as error:
                    assert "already in manager" in str(error) or "Unable to find" in str(error), error
        return worked

    try:
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            done = list(pool.map(work, range(6)))
    finally:
        served.post("/v2/systemsharedmemory/unregister")
    assert done[0] == 40  # letting go of what is not there is no error
    assert sum(done[1:3]) > 0
    assert served.get("/v2/systemsharedmemory/status").json() == []


def test_gpu_memory_is_refused(client):
    assert client.get_cuda_shared_memory_status() == []
    refused(400, "GPU", client.register_cuda_shared_memory, "gpu", base64.b64encode(b"handle"), 0, 64)
    client.unregister_cuda_shared_memory("gpu")


def test_every_call_of_the_asynchronous_client(served, memory):
    region = memory()
    region.put(VALUES)

    async def talk():
        async with tritonclient.http.aio.InferenceServerClient(f"localhost:{served.port}") as client:
            assert await client.is_server_live() and await client.is_server_ready()
            assert await client.is_model_ready("fixed")
            assert (await client.get_server_metadata())["name"] == "saccade"
            assert (await client.get_model_metadata("sums"))["versions"] == ["1", "2"]
            assert (await client.get_model_config("sums"))["max_batch_size"] == 8
            assert (await client.get_inference_statistics("fixed"))["model_stats"][0]["name"] == "fixed"
            await client.load_model("spare")
            assert {"name": "spare", "version": "1", "state": "READY"} in await client.get_model_repository_index()
            await client.unload_model("spare")
            assert (await client.get_log_settings())["log_info"] is True
            assert (await client.update_log_settings({"log_verbose_level": 1}))["log_verbose_level"] == 1
            await client.update_log_settings({"log_verbose_level": 0})
            assert (await client.update_trace_settings(None, {"trace_rate": "7"}))["trace_rate"] == "7"
            await client.update_trace_settings(None, {"trace_rate": None})
            assert (await client.get_trace_settings("fixed"))["trace_rate"] == "1000"
            await client.register_system_shared_memory("async", region.key, 64)
            assert (await client.get_system_shared_memory_status("async"))[0]["key"] == region.key
            await client.unregister_system_shared_memory("async")
            assert await client.get_cuda_shared_memory_status() == []

    asyncio.run(talk())


# ---- bad input

REGISTER = "/v2/systemsharedmemory/region/bad/register"
LOAD = "/v2/repository/models/spare/load"
BAD = [
    (REGISTER, {"byte_size": 64}, "key"),
    (REGISTER, {"key": "/x"}, "byte_size"),
    (REGISTER, {"key": 5, "byte_size": 64}, "key"),
    (REGISTER, {"key": "/x", "byte_size": "64"}, "byte_size"),
    (REGISTER, {"key": "/x", "byte_size": -1}, "byte_size"),
    (REGISTER, {"key": "/x", "byte_size": 1.5}, "byte_size"),
    (REGISTER, {"key": "/x", "byte_size": 64, "offset": "0"}, "offset"),
    (REGISTER, {"key": "", "byte_size": 64}, "no name of shared memory"),
    (REGISTER, {"key": "/../../etc/passwd", "byte_size": 4}, "no name of shared memory"),
    (REGISTER, {"key": "/a/b", "byte_size": 4}, "no name of shared memory"),
    (REGISTER, {"key": "/a\u0000b", "byte_size": 4}, "no name of shared memory"),
    (REGISTER, {"key": "x" * 10_000, "byte_size": 4}, "no name of shared memory"),
    (REGISTER, {"key": "/saccade_test_nobody", "byte_size": 4}, "Unable to open shared memory region"),
    ("/v2/systemsharedmemory/region/" + "n" * 300 + "/register", {"key": "/x", "byte_size": 4}, "255 bytes"),
    (REGISTER, "{", "no JSON"),
    (REGISTER, "[]", "object"),
    (REGISTER, "[" * 5000, "no JSON"),
    ("/v2/repository/index", {"ready": "true"}, "ready"),
    ("/v2/repository/index", {"ready": 1}, "ready"),
    ("/v2/repository/index", "[", "no JSON"),
    (LOAD, {"parameters": []}, "parameters"),
    (LOAD, {"parameters": {"config": {}}}, "config"),
    (LOAD, {"parameters": {"config": 5}}, "config"),
    (LOAD, {"parameters": {"config": "{"}}, "config"),
    (LOAD, {"parameters": {"config": "{\"colour\":\"red\"}"}}, "colour"),
    (LOAD, {"parameters": {"colour": "red"}}, "unrecognized load parameter 'colour'"),
    (LOAD, {"parameters": {"file:1/model.onnx": ""}}, "config"),
    (LOAD, {"parameters": {"config": "{}", "file:1/model.onnx": "!!!"}}, "base64"),
    (LOAD, {"parameters": {"config": "{}", "file:1/model.onnx": 5}}, "base64"),
    (LOAD, {"parameters": {"config": "{}", "file:../../escape": "AAAA"}}, "file"),
    (LOAD, {"parameters": {"config": "{}", "file:/escape": "AAAA"}}, "file"),
    ("/v2/repository/models/spare/unload", {"parameters": {"unload_dependents": "yes"}}, "unload_dependents"),
    ("/v2/logging", {"log_info": "false"}, "log_info"),
    ("/v2/logging", {"log_verbose_level": "1"}, "log_verbose_level"),
    ("/v2/logging", {"log_verbose_level": -1}, "log_verbose_level"),
    ("/v2/logging", {"log_format": "xml"}, "log_format"),
    ("/v2/logging", {"log_file": "/tmp/elsewhere"}, "log_file"),
    ("/v2/logging", {"colour": "red"}, "colour"),
    ("/v2/trace/setting", {"trace_rate": "fast"}, "trace_rate"),
    ("/v2/trace/setting", {"trace_rate": "-1"}, "trace_rate"),
    ("/v2/trace/setting", {"trace_rate": True}, "trace_rate"),
    ("/v2/trace/setting", {"trace_rate": ["1", "2"]}, "trace_rate"),
    ("/v2/trace/setting", {"trace_level": ["LOUD"]}, "trace_level"),
    ("/v2/trace/setting", {"trace_level": [5]}, "trace_level"),
    ("/v2/trace/setting", {"trace_file": "/tmp/elsewhere"}, "trace_file"),
    ("/v2/trace/setting", {"colour": "red"}, "colour"),
]


@pytest.mark.parametrize(("path", "body", "part"), BAD, ids=range(len(BAD)))
def test_bad_bodies_are_named(served, path, body, part):
    content = body if isinstance(body, str) else json.dumps(body)
    answer = served.post(path, content=content)
    assert answer.status_code == 400, answer.text
    assert part in answer.json()["error"]
    assert "\n" not in answer.json()["error"] and len(answer.text) < 1000
    assert served.get("/v2/health/ready").status_code == 200
    assert served.get("/v2/systemsharedmemory/status").json() == []


def test_names_with_anything_in_them(served, client, memory):
    region = memory()
    for name in ("with space", "with%percent", "ünï", "a\"quote", "../up", "semi;colon?query"):
        answer = served.post("/v2/systemsharedmemory/region/" + "/".join(map(utils_quote, name.split("/"))) + "/register",
                             json={"key": region.key, "byte_size": 64})
        if "/" in name:
            assert answer.status_code == 404
            continue
        assert answer.status_code == 200, answer.text
        assert [one["name"] for one in client.get_system_shared_memory_status(name)] == [name]
        client.unregister_system_shared_memory(name)
    for name in ("nobody", "..%2F..%2Fetc%2Fpasswd", "a%00b", "%0Aforged", "x" * 3000):
        for path in (f"/v2/models/{name}", f"/v2/models/{name}/config", f"/v2/models/{name}/stats",
                     f"/v2/models/{name}/trace/setting", f"/v2/models/fixed/versions/{name}"):
            answer = served.get(path)
            assert answer.status_code in (400, 404), path
            assert "\n" not in answer.json()["error"]
        assert served.post(f"/v2/repository/models/{name}/load").status_code in (400, 404), name
    assert not any("forged" == line.strip() for line in served.stderr().splitlines())
    assert client.is_server_ready()


def utils_quote(text):
    return "".join(c if c.isalnum() and c.isascii() or c in "._-" else "".join(f"%{byte:02X}" for byte in c.encode())
                   for c in text)


# ---- the metrics address

def test_the_metrics_address_serves_nothing_else(start_server, models):
    port = free_port()
    server = start_server(models / "fixed.onnx", flags=["--metrics-port", port])
    server.post("/v2/models/fixed/infer", json={
        "inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]})
    main, server.url = server.url, f"http://localhost:{port}"
    answer = server.get("/metrics")
    assert answer.status_code == 200 and 'nv_inference_request_success{model="fixed",version="1"} 1' in answer.text
    assert server.get("/health/live").status_code == 200 and server.get("/health/ready").status_code == 200
    for path in ("/", "/models", "/predictions", "/v2/models/fixed", "/v2"):
        assert server.get(path).status_code == 404, path
    assert server.post("/v2/models/fixed/infer", content="{}").status_code == 404
    assert server.post("/metrics", content="x" * 100_000).status_code == 413
    server.url = main
    assert server.get("/metrics").status_code == 200  # and the main one keeps them


def test_a_metrics_port_that_is_taken_is_said(tmp_path, models):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AssertionError, match="--metrics-port"):
            Server(tmp_path, models / "fixed.onnx", flags=["--metrics-port", taken.getsockname()[1]])
