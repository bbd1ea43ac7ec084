"""The response cache as callers see it: by every protocol, by GET for caches in between, over a swap, between servers."""

import base64
import concurrent.futures
import json
import pathlib
import shutil
import socket
import threading
import urllib.parse

import numpy as np
import onnx
import pytest
import tritonclient.grpc as triton
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

import made_models
from made_models import FLOAT, constant, helper, value
from server import DIGITS, SANITIZED, Server, run, wait_until

SECONDS = 40 if SANITIZED else 15


def times(factor):
    """y = factor · x: which version has answered can be told from the answer."""
    return made_models.model([helper.make_node("Mul", ["x", "factor"], ["y"])],
                             [value("x", FLOAT, ["N", 2])], [value("y", FLOAT, ["N", 2])],
                             [constant("factor", np.float32(factor))])


def put(repository, version, model, config="response_cache { enable: true }"):
    folder = pathlib.Path(repository) / "times" / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "config.pbtxt").write_text(config)
    part = folder / ".part"
    part.write_bytes(model.SerializeToString())
    part.rename(folder / "model.onnx")


def v2_body(*numbers):
    return {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": list(numbers)}]}


def figure(server, name, **labels):
    for family in text_string_to_metric_families(server.get("/metrics").text):
        for sample in family.samples:
            if sample.name in (name, name + "_total") and labels.items() <= sample.labels.items():
                return sample.value
    raise AssertionError(f"no metric {name} {labels}")


def hits(server, tier="memory"):
    return figure(server, "saccade_cache_hits_total", tier=tier)


def runs(server, model):
    return figure(server, "saccade_model_runs_total", model=model)


def get_url(model, payload, **query):
    return f"/predict/{model}?" + urllib.parse.urlencode({"input": json.dumps(payload), **query})


@pytest.fixture(scope="module")
def cached(tmp_path_factory):
    repository = tmp_path_factory.mktemp("cache") / "repository"
    put(repository, 1, times(3))
    (repository / "digits/1").mkdir(parents=True)
    shutil.copy(DIGITS, repository / "digits/1/model.onnx")
    server = Server(tmp_path_factory.mktemp("cached"), repository, flags=["--cache", "digits", "--log-flush-ms", 10])
    yield server
    server.stop()


@pytest.fixture
def fresh():
    """Numbers that no test has sent before."""
    return [float(np.random.default_rng().integers(1, 1 << 20)), 1.0]


def test_one_run_answers_every_protocol(cached, fresh):
    before, ran = hits(cached), runs(cached, "times")
    first = cached.post("/predict/times", json={"x": fresh}).json()
    assert first["outputs"]["y"] == [fresh[0] * 3, 3]
    again = cached.post("/predict/times", json={"x": fresh}).json()
    assert again["outputs"] == first["outputs"] and again["request_id"] != first["request_id"]
    assert cached.post("/v2/models/times/infer", json=v2_body(*fresh)).json()["outputs"][0]["data"] == first["outputs"]["y"]
    assert cached.post("/v1/models/times:predict", json={"instances": [fresh]}).json()["predictions"] == [first["outputs"]["y"]]
    with connect(cached.websocket_url + "/ws/predict/times") as peer:
        peer.send(json.dumps({"x": fresh}))
        assert json.loads(peer.recv())["outputs"] == first["outputs"]
    client = triton.InferenceServerClient(f"localhost:{cached.port}")
    tensor = triton.InferInput("x", [1, 2], "FP32")
    tensor.set_data_from_numpy(np.array([fresh], np.float32))
    assert client.infer("times", [tensor]).as_numpy("y").tolist() == [first["outputs"]["y"]]
    assert cached.get(get_url("times", {"x": fresh})).json()["outputs"] == first["outputs"]
    assert hits(cached) - before == 6
    assert runs(cached, "times") - ran == 1


def test_a_hit_is_a_prediction(cached, fresh):
    """It counts as a success, has its row in the log, and the statistics say that it was one."""
    def statistics():
        return cached.get("/v2/models/times/stats").json()["model_stats"][0]
    before = statistics()
    ids = [cached.post("/predict/times", json={"x": fresh, "id": place}).json()["request_id"] for place in range(4)]
    after = statistics()
    def grown(of):
        return of(after) - of(before)
    assert grown(lambda of: of["inference_stats"]["success"]["count"]) == 4
    assert grown(lambda of: of["inference_stats"]["cache_hit"]["count"]) == 3
    assert grown(lambda of: of["inference_stats"]["cache_miss"]["count"]) == 1
    assert grown(lambda of: of["inference_stats"]["cache_hit"]["ns"]) > 0
    assert grown(lambda of: of["inference_count"]) == 4
    assert grown(lambda of: of["execution_count"]) == 1
    assert figure(cached, "nv_cache_num_hits_per_model", model="times") >= 3
    def logged():
        return [cached.get(f"/predictions/{one}").status_code for one in ids]
    wait_until(lambda: logged() == [200] * 4, SECONDS, "a row for each of them")


def test_what_differs_is_not_a_hit(cached, fresh):
    before = hits(cached)
    cached.post("/predict/times", json={"x": fresh})
    cached.post("/predict/times", json={"x": [fresh]})  # the same item, as a batch of one
    assert hits(cached) - before == 1, "the same tensor"
    cached.post("/predict/times", json={"x": [fresh, fresh]})
    cached.post("/predict/times", json={"x": [fresh[1], fresh[0]]})
    cached.post("/predict/times", json={"x": [-fresh[0], fresh[1]]})
    assert hits(cached) - before == 1


def test_only_models_that_were_named(cached, start_server, fresh):
    plain = start_server(DIGITS, flags=["--log", "none"])
    answer = plain.post("/predict/model", json={"image": [[0] * 28] * 28})
    assert answer.status_code == 200, answer.text
    assert "cache-control" not in answer.headers and "etag" not in answer.headers
    refused = plain.get("/predict/model?input=1")
    assert refused.status_code == 405 and refused.headers["allow"] == "POST"
    assert "--cache" in refused.json()["error"]
    off = start_server(DIGITS, flags=["--log", "none", "--cache", "all", "--cache-bytes", "0"])
    assert off.get("/predict/model?input=1").status_code == 405


def test_headers_say_how_long(cached, fresh):
    first = cached.post("/v2/models/times/infer", json=v2_body(*fresh))
    assert first.headers["cache-control"] == "public, max-age=60"
    assert "age" not in first.headers and first.headers["vary"] == "Accept-Encoding"
    again = cached.post("/v2/models/times/infer", json=v2_body(*fresh))
    assert 0 <= int(again.headers["age"]) < 60
    assert again.headers["etag"].strip('"').removesuffix("-gzip") == first.headers["etag"].strip('"').removesuffix("-gzip")
    predicted = cached.post("/predict/times", json={"x": fresh})
    assert predicted.headers["etag"].startswith('W/"'), "its body has an id and a time of its own"
    for mine in ({"Authorization": "Bearer x"}, {"X-API-Key": "x"}):
        kept = cached.post("/predict/times", json={"x": fresh}, headers=mine)
        assert kept.headers["cache-control"] == "private, max-age=60"
        assert "Authorization" in kept.headers["vary"]


def test_get_is_the_same_bytes_and_304(cached, digit, fresh):
    url = get_url("times", {"x": fresh})
    first, again = cached.get(url), cached.get(url)
    assert first.content == again.content and first.headers["etag"] == again.headers["etag"]
    assert not first.headers["etag"].startswith("W/")
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert "request_id" not in first.json() and "timestamp" not in first.json()
    tag = first.headers["etag"]
    for known in (tag, f'"other", {tag}', "W/" + tag, "*"):
        same = cached.get(url, headers={"If-None-Match": known})
        assert same.status_code == 304 and same.content == b"", known
        assert same.headers["etag"] == tag and "max-age" in same.headers["cache-control"]
        assert "content-length" not in same.headers
    assert cached.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    image = np.array(digit["image"], "<f4")
    raw = base64.urlsafe_b64encode(image.tobytes()).decode().rstrip("=")
    by_raw = cached.get(f"/predict/digits?b64={raw}")
    assert by_raw.status_code == 200, by_raw.text
    assert by_raw.json()["prediction"] == cached.post("/predict/digits", json=digit).json()["prediction"]


def test_bodies_that_travel_compressed_have_a_tag_of_their_own(cached):
    url = "/predict/times?" + urllib.parse.urlencode({"input": json.dumps({"x": [[1234567 + place, 7654321] for place in range(60)]})})
    plain = cached.get(url, headers={"Accept-Encoding": "identity"})
    packed = cached.get(url, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.content == plain.content
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert cached.get(url, headers={"If-None-Match": packed.headers["etag"]}).status_code == 304


def test_bad_gets_are_told_what_is_wrong(cached):
    for url, status, word in [("/predict/times", 400, "input="), ("/predict/times?input=1&b64=AA", 400, "either"),
                              ("/predict/times?input={", 400, ""), ("/predict/times?b64=*", 400, "base64url"),
                              ("/predict/times?b64=AAAA", 400, ""), ("/predict/times?input=" + "1" * 9000, 413, "8192"),
                              ("/predict/nothing?input=1", 404, "nothing")]:
        answer = cached.get(url)
        assert answer.status_code == status and word in answer.json()["error"], (url[:60], answer.text)
        assert "etag" not in answer.headers
    assert cached.get(get_url("times", {"x": [1, 2]})).status_code == 200


def test_callers_may_ask_for_something_else(cached, fresh):
    url, ran = get_url("times", {"x": fresh}), runs(cached, "times")
    def get(control):
        return cached.get(url, headers={"Cache-Control": control})
    missing = get("only-if-cached")
    assert missing.status_code == 504 and "only-if-cached" in missing.json()["error"]
    assert get("no-store").headers["cache-control"] == "no-store"
    assert get("only-if-cached").status_code == 504, "no-store has left nothing"
    assert get("no-cache").status_code == 200
    assert runs(cached, "times") - ran == 2
    assert get("only-if-cached").status_code == 200, "no-cache has left its answer"
    assert get("NO-CACHE, max-stale=5").status_code == 200
    assert runs(cached, "times") - ran == 3
    assert get("max-age=30").status_code == 200
    assert runs(cached, "times") - ran == 3
    assert get("max-age=0").status_code == 200
    assert runs(cached, "times") - ran == 4


def test_an_answer_ends(start_server, tmp_path, fresh):
    put(tmp_path / "repository", 1, times(3))
    server = start_server(tmp_path / "repository", flags=["--cache-ttl", "300ms", "--log", "none"])
    server.post("/predict/times", json={"x": fresh})
    def ran_twice():
        server.post("/predict/times", json={"x": fresh})
        return runs(server, "times") >= 2
    wait_until(ran_twice, SECONDS, "the answer's end")
    assert figure(server, "saccade_cache_evictions_total", reason="expired") >= 1


def test_equal_requests_at_once_are_one_run(start_server, tmp_path):
    (tmp_path / "slow/1").mkdir(parents=True)
    onnx.save(made_models.slow(), tmp_path / "slow/1/model.onnx")
    (tmp_path / "slow/config.pbtxt").write_text(
        "max_batch_size: 1 instance_group { count: 1 kind: KIND_CPU } response_cache { enable: true }")
    server = start_server(tmp_path, flags=["--log", "none", "--loops", 2])
    ran = runs(server, "slow")
    start = threading.Barrier(12)
    def ask(_):
        with server.client() as client:
            client.get("/health/live")
            start.wait()
            return client.post("/predict/slow", json={"x": [[0.5]]}).json()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, range(12)))
    assert len({json.dumps(one["outputs"]) for one in answers}) == 1
    assert len({one["request_id"] for one in answers}) == 12
    assert runs(server, "slow") - ran == 1
    assert hits(server) + figure(server, "saccade_cache_coalesced_total") == 11


def test_who_waits_keeps_its_deadline_and_outlives_the_first(start_server, tmp_path):
    """The first goes away or fails; those who wait for its run are answered nevertheless, or in their own time."""
    (tmp_path / "slow/1").mkdir(parents=True)
    onnx.save(made_models.slow(), tmp_path / "slow/1/model.onnx")
    (tmp_path / "slow/config.pbtxt").write_text(
        "max_batch_size: 1 instance_group { count: 1 kind: KIND_CPU } response_cache { enable: true }")
    server = start_server(tmp_path, flags=["--log", "none", "--loops", 2])
    def waiting():
        return server.get("/models/slow/schedule").json()["queue"]["waiting"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        busy = [pool.submit(server.post, "/predict/slow", json={"x": [[float(place)]]}) for place in range(6)]
        wait_until(lambda: waiting() >= 3, SECONDS, "a queue")
        body = json.dumps({"x": [[77.0]]}).encode()
        first = socket.create_connection(("localhost", server.port))
        first.sendall(b"POST /predict/slow HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: waiting() >= 4, SECONDS, "the first's request")
        second = pool.submit(server.post, "/predict/slow", json={"x": [[77.0]]})
        hurried = server.post("/predict/slow", json={"x": [[77.0]]}, headers={"X-Request-Timeout-Ms": "1"})
        first.close()
        assert hurried.status_code in (503, 504), hurried.text
        assert second.result().status_code == 200, second.result().text
        assert all(one.result().status_code == 200 for one in busy)


@pytest.mark.parametrize("way", ["a new version", "the same version again"])
def test_a_swap_under_load_never_serves_the_old_answer(start_server, tmp_path, way):
    repository = tmp_path / "repository"
    put(repository, 1, times(2))
    server = start_server(repository, flags=["--model-control-mode", "explicit", "--load-model", "*", "--log", "none"])
    swapped, stop, wrong, answered = threading.Event(), threading.Event(), [], []
    def ask():
        with server.client() as client:
            while not stop.is_set():
                after = swapped.is_set()
                answer = client.post("/predict/times", json={"x": [1, 1]})
                got = answer.json()["outputs"]["y"][0] if answer.status_code == 200 else answer.text
                answered.append(got)
                if got not in ((5,) if after else (2, 5)):
                    wrong.append((after, got))
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(answered) > 50, SECONDS, "load")
        put(repository, 2 if way == "a new version" else 1, times(5))
        assert server.post("/v2/repository/models/times/load", json={}).status_code == 200
        swapped.set()
        seen = len(answered)
        wait_until(lambda: len(answered) > seen + 100, SECONDS, "load after the swap")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert answered[-1] == 5 and hits(server) > 50


def test_two_servers_share_through_redis(start_server, tmp_path, redis, fresh):
    put(tmp_path / "repository", 1, times(3))
    flags = ["--redis", redis.url, "--cache-redis", "--cache-redis-timeout", "2s", "--log", "none", "--engine", "onnxruntime"]
    one, other = (start_server(tmp_path / "repository", flags=flags) for _ in range(2))
    for server in (one, other):
        wait_until(lambda: figure(server, "saccade_redis_connected") == 1, SECONDS, "a connection to Redis")
    made = one.get(get_url("times", {"x": fresh}))
    wait_until(lambda: redis.command("DBSIZE") == ":1", SECONDS, "the answer in Redis")
    ran = runs(other, "times")
    taken = other.get(get_url("times", {"x": fresh}))
    assert taken.content == made.content and taken.headers["etag"] == made.headers["etag"]
    assert "age" in taken.headers and "age" not in made.headers
    assert hits(other, "redis") == 1 and runs(other, "times") == ran
    other.get(get_url("times", {"x": fresh}))
    assert hits(other, "redis") == 1 and hits(other) == 1, "from then on it is in memory"

    changed = tmp_path / "changed"
    put(changed, 1, times(4))
    third = start_server(changed, flags=flags)
    assert third.post("/predict/times", json={"x": fresh}).json()["outputs"]["y"][0] == fresh[0] * 4
    assert hits(third, "redis") == 0, "another model of the same name and version"


def test_a_redis_that_hangs_or_goes_costs_no_prediction(start_server, tmp_path, redis):
    put(tmp_path / "repository", 1, times(3))
    server = start_server(tmp_path / "repository", flags=["--redis", redis.url, "--cache-redis", "--log", "none"])
    wait_until(lambda: figure(server, "saccade_redis_connected") == 1, SECONDS, "a connection to Redis")
    def ask(numbers):
        with server.client() as client:
            for number in numbers:
                answer = client.post("/predict/times", json={"x": [number, 0]})
                assert answer.status_code == 200 and answer.json()["outputs"]["y"][0] == number * 3
    ask(range(5))
    redis.pause()
    ask(range(100, 150))
    assert figure(server, "saccade_cache_redis_failures_total") > 0
    redis.resume()
    number = iter(range(1000, 100_000))
    def shared_again():
        ask([next(number)])
        return (redis.command("DBSIZE") or "") > ":5"
    wait_until(shared_again, SECONDS, "Redis' return")
    redis.kill()
    ask(range(200_000, 200_050))


def test_what_redis_holds_may_be_anything(start_server, tmp_path, redis, fresh):
    put(tmp_path / "repository", 1, times(3))
    flags = ["--redis", redis.url, "--cache-redis", "--cache-redis-timeout", "2s", "--log", "none", "--cache-ttl", "1h"]
    first = start_server(tmp_path / "repository", flags=flags)
    wait_until(lambda: figure(first, "saccade_redis_connected") == 1, SECONDS, "a connection to Redis")
    first.post("/predict/times", json={"x": fresh})
    wait_until(lambda: redis.command("DBSIZE") == ":1", SECONDS, "the answer in Redis")
    with socket.create_connection(("127.0.0.1", redis.port), timeout=5) as peer:
        peer.sendall(b"KEYS *\r\n")
        key = peer.recv(65536).decode().split("\r\n")[2]
    assert key.startswith("saccade:cache:times:1:")
    assert redis.command("SET", key, "rubbish") == "+OK"
    second = start_server(tmp_path / "repository", flags=flags)
    wait_until(lambda: figure(second, "saccade_redis_connected") == 1, SECONDS, "a connection to Redis")
    assert second.post("/predict/times", json={"x": fresh}).json()["outputs"]["y"][0] == fresh[0] * 3
    assert figure(second, "saccade_cache_redis_failures_total") == 1


def test_flags_say_what_is_wrong(tmp_path):
    for flags, word in [(["--cache-bytes", "lots"], "256MiB"), (["--cache-ttl", "0"], "--cache-ttl"),
                        (["--cache-redis"], "--redis"), (["--redis", "http://x"], "--redis")]:
        ended = run("serve", DIGITS, "--port", "0", *flags, folder=tmp_path)
        assert ended.returncode != 0 and word in ended.stderr, (flags, ended.stderr)
