"""A repository that lives: models are loaded, swapped and unloaded while the server runs, in each control mode."""

import base64
import json
import pathlib
import re
import shutil
import threading
import time

import numpy as np
import onnx
import pytest
from prometheus_client.parser import text_string_to_metric_families

import made_models
from made_models import FLOAT, INT64, constant, helper, value
from server import SANITIZED, run, wait_until

SECONDS = 40 if SANITIZED else 15


def times(factor):
    """y = factor · x: which of several versions has answered can be told from the answer."""
    return made_models.model([helper.make_node("Mul", ["x", "factor"], ["y"])],
                             [value("x", FLOAT, ["N", 2])], [value("y", FLOAT, ["N", 2])],
                             [constant("factor", np.float32(factor))])


def put(repository, name, version, model, config=None):
    """Puts a version where it belongs, in one step, as people who replace models should."""
    folder = pathlib.Path(repository) / name / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".part"
    part.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    part.rename(folder / "model.onnx")
    if config is not None:
        (folder.parent / "config.pbtxt").write_text(config)


class Admin:
    """The repository's side of a server."""

    def __init__(self, server):
        self.server = server
        self.client = server.client()

    def load(self, name, status=200, config=None, files=()):
        body = {}
        if config is not None:
            body["config"] = config if isinstance(config, str) else json.dumps(config)
        for path, model in dict(files).items():
            raw = model if isinstance(model, bytes) else model.SerializeToString()
            body["file:" + path] = base64.b64encode(raw).decode()
        answer = self.client.post(f"/v2/repository/models/{name}/load", json={"parameters": body})
        assert answer.status_code == status, answer.text
        return answer.json()["error"] if status != 200 else None

    def unload(self, name, status=200):
        answer = self.client.post(f"/v2/repository/models/{name}/unload", json={})
        assert answer.status_code == status, answer.text
        return answer.json()["error"] if status != 200 else None

    def index(self, ready=False):
        """{(name, version): (state, reason)}"""
        entries = self.client.post("/v2/repository/index", json={"ready": ready} if ready else {}).json()
        return {(entry["name"], entry.get("version", "")): (entry.get("state", ""), entry.get("reason", ""))
                for entry in entries}

    def ask(self, name, version=None, x=(1, 2), status=200, **parameters):
        path = f"/v2/models/{name}" + (f"/versions/{version}" if version else "") + "/infer"
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": list(x)}]}
        if parameters:
            body["parameters"] = parameters
        answer = self.client.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()["outputs"][0]["data"] if status == 200 else answer.json()["error"]

    def metric(self, name, **labels):
        text = self.client.get("/metrics").text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                # The parser adds _total to names of counters that lack it.
                if sample.name in (name, name + "_total") and labels.items() <= sample.labels.items():
                    return sample.value
        return None


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    return folder


@pytest.fixture
def explicit(start_server, repository):
    def start(*flags, load=()):
        loads = [word for name in load for word in ("--load-model", name)]
        return Admin(start_server(repository, flags=["--model-control-mode", "explicit", *loads, *flags]))
    return start


# Explicit: as requests ask

def test_load_and_unload(explicit, repository):
    put(repository, "twice", 1, times(2))
    put(repository, "thrice", 1, times(3))
    admin = explicit(load=["twice"])
    assert admin.index() == {("twice", "1"): ("READY", ""), ("thrice", ""): ("", "")}
    assert admin.index(ready=True).keys() == {("twice", "1")}
    assert admin.ask("twice") == [2, 4]
    admin.ask("thrice", status=404)
    admin.load("thrice")
    assert admin.ask("thrice") == [3, 6]
    admin.unload("twice")
    assert admin.index()["twice", "1"] == ("UNAVAILABLE", "unloaded")
    admin.ask("twice", status=404)
    assert admin.client.get("/v2/models/twice/ready").status_code == 400
    admin.load("twice")
    assert admin.ask("twice") == [2, 4]
    admin.unload("nobody")
    assert "nobody" in admin.load("nobody", status=404)
    assert ("nobody", "") not in admin.index()


def test_the_index_shows_at_once_what_has_come_and_gone(explicit, repository):
    put(repository, "twice", 1, times(2))
    admin = explicit(load=["twice"])
    for name in ("first", "second"):
        put(repository, name, 1, times(3))
        assert admin.index() == {("twice", "1"): ("READY", ""), (name, ""): ("", "")}
        shutil.rmtree(repository / name)
    assert admin.index().keys() == {("twice", "1")}


def test_nothing_is_loaded_unless_somebody_says_so(explicit, repository):
    put(repository, "twice", 1, times(2))
    admin = explicit()
    assert admin.client.get("/v2/health/ready").status_code == 200
    assert "none is loaded" in admin.client.post("/predict/twice", json={"x": [1, 2]}).json()["error"]
    admin.load("twice")
    assert admin.client.post("/predict", json={"x": [1, 2]}).json()["outputs"]["y"] == [2, 4]


def test_a_star_loads_all(explicit, repository):
    put(repository, "twice", 1, times(2))
    put(repository, "thrice", 1, times(3))
    assert explicit(load=["*"]).index(ready=True).keys() == {("twice", "1"), ("thrice", "1")}


def test_an_unknown_model_at_the_start(tmp_path, repository):
    put(repository, "twice", 1, times(2))
    done = run("serve", repository, "--model-control-mode", "explicit", "--load-model", "dogs", "--port", 0,
               folder=tmp_path)
    assert done.returncode == 1 and '--load-model: there is no model "dogs"' in done.stderr


def test_a_new_version_replaces_the_old_one(explicit, repository):
    put(repository, "m", 1, times(1))
    admin = explicit(load=["m"])
    put(repository, "m", 2, times(2))
    assert admin.ask("m") == [1, 2]
    admin.load("m")
    assert admin.ask("m") == [2, 4]
    assert admin.ask("m", version=2) == [2, 4]
    admin.ask("m", version=1, status=404)
    wait_until(lambda: admin.index()["m", "1"] == ("UNAVAILABLE", "unloaded"), SECONDS, "the old version to end")
    assert admin.index()["m", "2"] == ("READY", "")


def test_a_changed_file_of_the_same_version(explicit, repository):
    put(repository, "m", 1, times(1))
    admin = explicit(load=["m"])
    for factor in (5, 6):
        put(repository, "m", 1, times(factor))
        admin.load("m")
        assert admin.ask("m") == [factor, 2 * factor]
    before = admin.metric("saccade_model_loads_total", model="m", outcome="success")
    asked = admin.client.get("/v2/models/m/stats").json()["model_stats"][0]["inference_count"]
    admin.load("m")  # nothing has changed: what is served stays, and its statistics with it
    assert admin.client.get("/v2/models/m/stats").json()["model_stats"][0]["inference_count"] == asked == 1
    assert admin.metric("saccade_model_loads_total", model="m", outcome="success") == before + 1


def test_a_changed_configuration(explicit, repository):
    put(repository, "m", 1, times(1), "max_batch_size: 4")
    admin = explicit(load=["m"])
    assert admin.client.get("/v2/models/m/config").json()["max_batch_size"] == 4
    put(repository, "m", 1, times(1), "max_batch_size: 16")
    admin.load("m")
    assert admin.client.get("/v2/models/m/config").json()["max_batch_size"] == 16


@pytest.mark.parametrize("broken, reason", [
    (b"this is no model", "is not an ONNX model"),
    (made_models.unknown_operator(), "Frobnicate"),
], ids=["no model", "unknown operator"])
def test_a_broken_new_version_leaves_the_old_one(explicit, repository, broken, reason):
    put(repository, "m", 1, times(1))
    admin = explicit(load=["m"])
    put(repository, "m", 2, broken)
    error = admin.load("m", status=400)
    assert error.startswith("load failed for model 'm': version 2 is at UNAVAILABLE state: ") and reason in error
    assert admin.ask("m") == [1, 2]
    state, why = admin.index()["m", "2"]
    assert state == "UNAVAILABLE" and reason in why
    assert admin.index()["m", "1"] == ("READY", "")
    assert admin.metric("saccade_model_loads_total", model="m", outcome="failure") == 1
    assert admin.metric("saccade_model_ready", model="m", version="1") == 1
    assert admin.metric("saccade_model_ready", model="m", version="2") == 0
    assert reason in admin.server.stderr()
    assert admin.client.get("/v2/health/ready").status_code == 200
    put(repository, "m", 2, times(2))
    admin.load("m")
    assert admin.ask("m") == [2, 4]
    assert admin.index()["m", "2"] == ("READY", "")


def test_a_broken_configuration_leaves_what_is_served(explicit, repository):
    put(repository, "m", 1, times(1))
    admin = explicit(load=["m"])
    put(repository, "m", 1, times(3), "max_batch_size: many")
    assert "config.pbtxt:1" in admin.load("m", status=400)
    assert admin.ask("m") == [1, 2]
    state, reason = admin.index()["m", "1"]
    assert state == "READY" and reason.startswith("the last load failed: ") and "config.pbtxt:1" in reason


def test_version_policies(explicit, repository):
    for version in (1, 2, 3):
        put(repository, "m", version, times(version))
    admin = explicit(load=["m"])

    def served(policy):
        put(repository, "m", 3, times(3), policy)
        admin.load("m")
        return sorted(version for _, version in admin.index(ready=True))

    assert served("") == ["3"]
    assert served("version_policy { all { } }") == ["1", "2", "3"]
    assert served("version_policy { specific { versions: [1, 3] } }") == ["1", "3"]
    assert admin.ask("m", version=1) == [1, 2] and admin.ask("m") == [3, 6]
    admin.ask("m", version=2, status=404)
    assert served("version_policy { latest { num_versions: 2 } }") == ["2", "3"]


# A load request's own configuration and files

TIMES = {"backend": "onnxruntime", "max_batch_size": 3,
         "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [2]}],
         "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [2]}]}


def test_load_with_a_configuration(explicit, repository):
    put(repository, "m", 1, times(2), "max_batch_size: 8")
    admin = explicit()
    admin.load("m", config=TIMES)
    assert admin.client.get("/v2/models/m/config").json()["max_batch_size"] == 3
    assert admin.ask("m") == [2, 4]
    admin.load("m")
    assert admin.client.get("/v2/models/m/config").json()["max_batch_size"] == 8
    admin.load("m", config={"max_batch_size": 0})
    assert admin.client.get("/v2/models/m/config").json()["max_batch_size"] == 0


def test_load_with_files(explicit, repository):
    put(repository, "m", 1, times(2))
    admin = explicit(load=["m"])
    admin.load("m", config=TIMES, files={"7/model.onnx": times(7)})
    assert admin.ask("m") == [7, 14]
    assert admin.index(ready=True).keys() == {("m", "7")}, "nothing of the directory is read"
    admin.load("m")
    assert admin.ask("m") == [2, 4]
    assert admin.index(ready=True).keys() == {("m", "1")}
    admin.load("fresh", config=TIMES, files={"1/model.onnx": times(9)})
    assert admin.ask("fresh") == [9, 18]
    admin.unload("fresh")
    assert admin.index()["fresh", "1"] == ("UNAVAILABLE", "unloaded")
    labels = dict(TIMES, output=[{"name": "y", "data_type": "TYPE_FP32", "dims": [2],
                                  "label_filename": "labels.txt"}])
    admin.load("fresh", config=labels, files={"1/model.onnx": times(9), "labels.txt": b"left\nright\n"})
    assert admin.client.get("/models/fresh").json()["outputs"][0]["labels"] == ["left", "right"]


def test_files_leave_nothing_behind(start_server, repository, tmp_path):
    (tmp_path / "tmp").mkdir()
    put(repository, "m", 1, times(2))
    admin = Admin(start_server(repository, flags=["--model-control-mode", "explicit"],
                               environment={"TMPDIR": str(tmp_path / "tmp")}))
    admin.load("m", config=TIMES, files={"1/model.onnx": times(7)})
    admin.load("m", status=400, config=TIMES, files={"1/model.onnx": b"no model"})
    assert admin.ask("m") == [7, 14]
    admin.server.stop()
    assert list((tmp_path / "tmp").glob("saccade*")) == []


@pytest.mark.parametrize("config, files, message", [
    ("{", {}, "config"),
    ('{"colour": "red"}', {}, "colour"),
    ('{"max_batch_size": "many"}', {}, "max_batch_size"),
    ('{"max_batch_size": -1}', {}, 'load parameter "config": max_batch_size is -1'),
    ('{"name": "other"}', {}, 'name is "other"'),
    ('{"platform": "tensorflow_savedmodel"}', {}, "no model.savedmodel in it"),
    ("{}", {"../../escape": b"x"}, "leads out"),
    ("{}", {"/escape": b"x"}, "leads out"),
    ("{}", {"1/../../escape": b"x"}, "leads out"),
    ("{}", {"1": b"x", "1/model.onnx": b"x"}, "both a file and a directory"),
    ("{}", {"1/model.onnx": b"no model"}, "is not an ONNX model"),
    ("{}", {"model.onnx": b"no model"}, "no version of the model"),
    (None, {"1/model.onnx": b"no model"}, "config"),
], ids=str)
def test_bad_overrides(explicit, repository, config, files, message, tmp_path):
    put(repository, "m", 1, times(2))
    admin = explicit(load=["m"])
    assert message in admin.load("m", status=400, config=config, files=files)
    assert admin.ask("m") == [2, 4]
    assert admin.index(ready=True).keys() == {("m", "1")}
    assert not list(tmp_path.parent.glob("**/escape"))


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2F..%2Fetc", ".hidden", "a b"])
def test_names_stay_in_the_repository(explicit, repository, name):
    admin = explicit()
    put(repository.parent, "outside", 1, times(2))
    answer = admin.client.post(f"/v2/repository/models/{name}/load", json={})
    assert answer.status_code in (400, 404), answer.text
    assert admin.index() == {}


def test_loads_of_one_model_wait_for_each_other(explicit, repository):
    put(repository, "m", 1, times(1))
    admin = explicit(load=["m"])
    failures = []

    def change(own):
        for i in range(10):
            if (own + i) % 3 == 0:
                own_admin.unload("m")
            else:
                own_admin.load("m", config=dict(TIMES, max_batch_size=own + 1))

    threads = []
    for own in range(4):
        own_admin = Admin(admin.server)
        threads.append(threading.Thread(target=change, args=[own]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS * 2)
        assert not thread.is_alive()
    assert failures == []
    admin.load("m")
    assert admin.ask("m") == [1, 2]


# None: nothing changes

def test_without_control_nothing_changes(start_server, repository):
    put(repository, "m", 1, times(1))
    admin = Admin(start_server(repository))
    for refused in (admin.load("m", status=503), admin.unload("m", status=503)):
        assert "explicit model load / unload is not allowed" in refused and "--model-control-mode" in refused
    assert admin.ask("m") == [1, 2]


def test_one_broken_model_ends_the_start_or_does_not(start_server, repository, tmp_path):
    put(repository, "good", 1, times(1))
    put(repository, "bad", 1, b"no model")
    put(repository, "worse", 1, times(1), "max_batch_size: many")
    done = run("serve", repository, "--port", 0, "--log", "none", folder=tmp_path)
    assert done.returncode == 1 and "load failed for model 'bad'" in done.stderr, done.stderr
    admin = Admin(start_server(repository, flags=["--exit-on-error", "false"]))
    assert admin.ask("good") == [1, 2]
    index = admin.index()
    assert index["bad", "1"][0] == "UNAVAILABLE" and "not an ONNX model" in index["bad", "1"][1]
    assert index["worse", ""][0] == "UNAVAILABLE" and "config.pbtxt:1" in index["worse", ""][1]
    assert admin.client.get("/v2/health/ready").status_code == 400, "a model of the start is missing"
    lenient = Admin(start_server(repository, flags=["--exit-on-error", "false", "--strict-readiness", "false"]))
    assert lenient.client.get("/v2/health/ready").status_code == 200


# Poll: as the disk changes

@pytest.fixture
def polled(start_server, repository):
    def start(*flags):
        return Admin(start_server(repository, flags=["--model-control-mode", "poll", "--repository-poll-secs", "0.2",
                                                     *flags]))
    return start


def test_poll_follows_the_disk(polled, repository):
    put(repository, "m", 1, times(1))
    admin = polled()
    assert "not allowed" in admin.load("m", status=503)
    put(repository, "m", 2, times(2))
    wait_until(lambda: admin.ask("m") == [2, 4], SECONDS, "the new version")
    put(repository, "m", 2, times(5))
    wait_until(lambda: admin.ask("m") == [5, 10], SECONDS, "the changed version")
    shutil.rmtree(repository / "m/2")
    wait_until(lambda: admin.ask("m") == [1, 2], SECONDS, "the old version again")
    put(repository, "new", 1, times(3))
    wait_until(lambda: ("new", "1") in admin.index(ready=True), SECONDS, "the new model")
    assert admin.ask("new") == [3, 6]
    shutil.rmtree(repository / "new")
    wait_until(lambda: ("new", "1") not in admin.index(ready=True), SECONDS, "the model to go")
    admin.ask("new", status=404)
    assert admin.ask("m") == [1, 2]


def test_poll_keeps_what_works(polled, repository):
    put(repository, "m", 1, times(1))
    admin = polled()
    put(repository, "m", 2, b"half of a mo")
    wait_until(lambda: ("m", "2") in admin.index(), SECONDS, "the broken version to be seen")
    assert admin.index()["m", "2"][0] in ("UNAVAILABLE", "LOADING")
    assert admin.ask("m") == [1, 2]
    put(repository, "m", 2, times(2))
    wait_until(lambda: admin.ask("m") == [2, 4], SECONDS, "the mended version")


def test_poll_waits_until_a_file_is_whole(start_server, repository):
    put(repository, "m", 1, times(1))
    admin = Admin(start_server(repository, flags=["--model-control-mode", "poll", "--repository-poll-secs", "0.5"]))
    (repository / "m/2").mkdir()
    whole = times(2).SerializeToString()
    with open(repository / "m/2/model.onnx", "wb") as slow:
        for i in range(0, len(whole), max(len(whole) // 15, 1)):
            slow.write(whole[i:i + max(len(whole) // 15, 1)])
            slow.flush()
            assert admin.ask("m") == [1, 2]
            time.sleep(0.1)
    wait_until(lambda: admin.ask("m") == [2, 4], SECONDS, "the new version")
    assert admin.metric("saccade_model_loads_total", model="m", outcome="failure") is None


def test_poll_begins_with_nothing(polled, repository):
    admin = polled()
    put(repository, "m", 1, times(1))
    wait_until(lambda: ("m", "1") in admin.index(ready=True), SECONDS, "the first model")
    assert admin.ask("m") == [1, 2]


# Warm-up

WARM = """model_warmup {{ name: "first" batch_size: {rows} count: 2
  inputs {{ key: "x" value {{ data_type: TYPE_FP32 dims: [2] {data} }} }} }}
max_batch_size: 4"""


@pytest.mark.parametrize("data", ["zero_data: true", "random_data: true", 'input_data_file: "first"'])
def test_warm_up(explicit, repository, data):
    put(repository, "m", 1, times(1), WARM.format(rows=3, data=data))
    (repository / "m/warmup").mkdir()
    (repository / "m/warmup/first").write_bytes(np.array([1, 2], np.float32).tobytes())
    admin = explicit(load=["m"])
    assert admin.ask("m") == [1, 2]
    stats = admin.client.get("/v2/models/m/stats").json()["model_stats"][0]
    assert stats["inference_count"] == 1, "nobody asked for the warm-up"


def test_a_warm_up_that_fails_fails_the_load(explicit, repository):
    """`picky` looks its input up in a table of ten; the file asks for the 77th."""
    config = """model_warmup { name: "far" batch_size: 1
      inputs { key: "place" value { data_type: TYPE_INT64 dims: [1] input_data_file: "far" } } }
      max_batch_size: 4"""
    put(repository, "m", 1, made_models.picky(), config)
    (repository / "m/warmup").mkdir()
    (repository / "m/warmup/far").write_bytes(np.array([77], np.int64).tobytes())
    admin = explicit()
    error = admin.load("m", status=400)
    assert 'model_warmup "far"' in error and "indices" in error
    (repository / "m/warmup/far").write_bytes(np.array([7], np.int64).tobytes())
    admin.load("m")


@pytest.mark.parametrize("rows, data, message", [
    (5, "zero_data: true", "batch_size is 5"),
    (1, 'input_data_file: "nowhere"', "can't be read"),
    (1, 'input_data_file: "../config.pbtxt"', "must lie in the model's directory"),
    (1, "", "needs one of zero_data, random_data and input_data_file"),
])
def test_bad_warm_ups(explicit, repository, rows, data, message):
    put(repository, "m", 1, times(1), WARM.format(rows=rows, data=data))
    admin = explicit()
    assert message in admin.load("m", status=400)


def test_sessions_are_opened_as_the_configuration_says(explicit, repository):
    put(repository, "m", 1, times(1), """optimization { graph { level: 2 } }
      parameters { key: "intra_op_thread_count" value { string_value: "2" } }
      parameters { key: "colour" value { string_value: "red" } }
      instance_group { count: 2 kind: KIND_CPU }""")
    admin = explicit(load=["m"])
    assert admin.client.get("/models/m").json()["schedule"]["runs"] == "up to 2 instances of 2 threads"
    assert 'parameters without effect: "colour"' in admin.server.stderr()
    put(repository, "m", 1, times(1), 'parameters { key: "intra_op_thread_count" value { string_value: "-2" } }')
    assert "intra_op_thread_count" in admin.load("m", status=400)
    put(repository, "m", 1, times(1), "optimization { graph { level: 9 } }")
    assert "optimization.graph.level is 9" in admin.load("m", status=400)


# Queues

def slow_model(repository, config):
    put(repository, "slow", 1, made_models.slow(), config + " instance_group { count: 1 kind: KIND_CPU }")


def ask_slow(client, **parameters):
    return client.post("/v2/models/slow/infer", json={
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [1]}], "parameters": parameters})


def crowd(server, count, each):
    """Asks from so many threads at the same time."""
    answers = [None] * count

    def ask(i):
        with server.client() as client:
            answers[i] = (each(client, i), time.monotonic())

    threads = [threading.Thread(target=ask, args=[i]) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS * 2)
    return answers


def test_a_request_does_not_wait_longer_than_its_timeout(explicit, repository):
    slow_model(repository, """max_batch_size: 1 dynamic_batching {
        default_queue_policy { timeout_action: REJECT allow_timeout_override: true default_timeout_microseconds: 60000000 } }""")
    admin = explicit(load=["slow"])
    answers = crowd(admin.server, 12, lambda client, i: ask_slow(client, **({"timeout": 1000} if i % 2 else {})))
    for i, (answer, _) in enumerate(answers):
        if i % 2 == 0:
            assert answer.status_code == 200, answer.text
    late = [answer for answer, _ in answers if answer.status_code != 200]
    assert late, "twelve at once and one instance: some must have waited for more than a millisecond"
    for answer in late:
        assert answer.status_code == 503 and "Request timeout expired" in answer.json()["error"]
    stats = admin.client.get("/v2/models/slow/stats").json()["model_stats"][0]["inference_stats"]
    assert stats["fail"]["count"] == len(late)
    assert admin.metric("saccade_inference_requests_total", model="slow", outcome="timeout") == len(late)
    assert admin.metric("nv_inference_request_failure", model="slow", reason="REJECTED") == len(late)


def test_a_queue_has_its_own_size(explicit, repository):
    slow_model(repository, "max_batch_size: 1 dynamic_batching { default_queue_policy { max_queue_size: 2 } }")
    admin = explicit(load=["slow"])
    codes = [answer.status_code for answer, _ in crowd(admin.server, 16, lambda client, i: ask_slow(client))]
    assert set(codes) == {200, 503} and codes.count(200) >= 3


def test_the_urgent_ones_go_first(explicit, repository):
    slow_model(repository, "max_batch_size: 1 dynamic_batching { priority_levels: 2 default_priority_level: 2 }")
    admin = explicit(load=["slow"])
    answers = crowd(admin.server, 20, lambda client, i: ask_slow(client, **({"priority": 1} if i >= 14 else {})))
    assert all(answer.status_code == 200 for answer, _ in answers)
    order = sorted(range(20), key=lambda i: answers[i][1])
    urgent = [order.index(i) for i in range(14, 20)]
    usual = [order.index(i) for i in range(14)]
    assert sum(urgent) / len(urgent) < sum(usual) / len(usual), order


# Swaps under load

def test_swaps_under_load(start_server, repository):
    """Two hundred times a version comes, replaces another and goes, while requests never stop: none may fail, each is
    answered by a whole model, and the memory stays where it is."""
    put(repository, "m", 1, times(1), "version_policy { latest { num_versions: 1 } }")
    put(repository, "other", 1, times(100))
    admin = Admin(start_server(repository, flags=["--model-control-mode", "explicit", "--load-model", "*",
                                                  "--log", "none"]))
    stop = threading.Event()
    failures, counts, seen = [], [0, 0], set()

    def ask(own):
        with admin.server.client() as client:
            while not stop.is_set():
                body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
                answer = client.post("/v2/models/m/infer", json=body)
                counts[own] += 1
                data = answer.json().get("outputs", [{}])[0].get("data", [0, 0])
                version = answer.json().get("model_version")
                seen.add(version)
                if answer.status_code != 200 or data != [float(version), 2 * float(version)]:
                    failures.append(answer.text)

    threads = [threading.Thread(target=ask, args=[own]) for own in range(2)]
    for thread in threads:
        thread.start()
    swaps = 40 if SANITIZED else 200
    settled = None
    try:
        for version in range(2, swaps + 2):
            put(repository, "m", version, times(version))
            admin.load("m")
            shutil.rmtree(repository / f"m/{version - 1}")
            if version % 4 == 0:
                admin.unload("other")
                admin.load("other")
            if version == swaps // 2:
                settled = admin.server.memory_bytes()
    finally:
        stop.set()
        for thread in threads:
            thread.join(SECONDS)
    assert failures == [], failures[:3]
    assert len(seen) > swaps / 4 and min(counts) > swaps
    assert admin.index(ready=True).keys() == {("m", str(swaps + 1)), ("other", "1")}
    assert len(admin.index()) < 60, "versions that have gone are not listed for ever"
    if not SANITIZED:
        grown = admin.server.memory_bytes() - settled
        assert grown < 24 * 1024 * 1024, f"{grown} bytes more after {swaps // 2} further swaps"
    assert " error " not in admin.server.stderr()
