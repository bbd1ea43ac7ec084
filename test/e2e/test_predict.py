"""Predictions over HTTP by the two examples: right, complete, and each for its own request."""

import asyncio
import json
import random
import time
import uuid

import numpy as np
import onnxruntime
import pytest

from server import DIGITS, PROJECT, REPOSITORY

GOOD = "A warm, funny film with a cast that is a joy to watch."
BAD = "A dull, endless mess; the worst film of the year."


def reference(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def images(count):
    """Noise around the example's digit: images whose answers differ from each other."""
    generator = np.random.default_rng(83)
    base = np.array(json.loads((PROJECT / "examples/digits/request.json").read_text())["image"], np.float32)
    made = []
    for i in range(count):
        moved = np.roll(base, (i % 7 - 3, i % 5 - 2), axis=(0, 1))
        made.append(np.clip(moved + generator.integers(-90, 90, (28, 28)), 0, 255).astype(np.float32))
    return made


def test_digit(server, digit):
    answer = server.post("/predict/digits", json=digit)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"prediction", "class", "confidence", "model", "version", "request_id", "timestamp"}
    assert (body["prediction"], body["class"], body["model"], body["version"]) == ("7", 7, "digits", "1")
    assert 0.9 < body["confidence"] <= 1
    assert uuid.UUID(body["request_id"]).version == 7
    assert abs(body["timestamp"] - time.time()) < 60


@pytest.mark.parametrize("text, name, number", [(GOOD, "positive", 1), (BAD, "negative", 0)])
def test_sentiment(server, text, name, number):
    body = server.post("/predict/sentiment", json={"text": text}).json()
    assert (body["prediction"], body["class"], body["model"]) == (name, number, "sentiment")


@pytest.mark.parametrize("text", ["", "naïve — 電影 🎬", 'quotes " and \\ and \n and \u0000', "long " * 20_000])
def test_any_text_is_answered(server, text):
    answer = server.post("/predict/sentiment", json={"text": text})
    assert answer.status_code == 200, answer.text


def test_batch(server):
    body = server.post("/predict/sentiment", json={"text": [GOOD, BAD, GOOD]}).json()
    assert [one["prediction"] for one in body["predictions"]] == ["positive", "negative", "positive"]


def test_a_batch_of_one_is_a_list_too(server, digit):
    body = server.post("/predict/digits", json={"image": [digit["image"]]}).json()
    assert [one["class"] for one in body["predictions"]] == [7]


def test_probabilities_are_named_and_sum_to_one(server, digit):
    body = server.post("/predict/digits?probabilities=true", json=digit).json()
    assert list(body["probabilities"]) == [str(i) for i in range(10)]
    assert sum(body["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert body["probabilities"]["7"] == body["confidence"]


def test_raw_floats(server, digit):
    one = np.array(digit["image"], np.float32).tobytes()
    kind = {"content-type": "application/octet-stream"}
    single = server.post("/predict/digits", content=one, headers=kind).json()
    assert single["class"] == 7
    batch = server.post("/predict/digits", content=one * 3, headers=kind).json()
    assert [item["class"] for item in batch["predictions"]] == [7, 7, 7]


def test_raw_text(server):
    kind = {"content-type": "application/octet-stream"}
    assert server.post("/predict/sentiment", content=GOOD, headers=kind).json()["prediction"] == "positive"


@pytest.mark.parametrize("id", ["order-17", 'a "quoted" one', 42, -1.5])
def test_the_senders_id_comes_back(server, id):
    assert server.post("/predict/sentiment", json={"text": GOOD, "id": id}).json()["id"] == id


def test_the_default_model(server, digit, start_server):
    assert server.post("/predict", json=digit).json()["model"] == "digits"
    other = start_server(flags=["--default-model", "sentiment"])
    assert other.post("/predict", json={"text": GOOD}).json()["prediction"] == "positive"


def test_one_model_file_alone(start_server, digit):
    lonely = start_server(DIGITS)
    body = lonely.post("/predict", json=digit).json()
    assert (body["class"], body["model"]) == (7, "model")
    named = start_server(f"numbers={DIGITS}", flags=["--log", "none"])
    assert named.post("/predict/numbers", json=digit).json()["class"] == 7


def test_predict_async_is_logged_soon(server, digit):
    body = server.post("/predict-async/digits", json=digit).json()
    assert body["class"] == 7
    end = time.monotonic() + 10
    while (row := server.get(f"/predictions/{body['request_id']}")).status_code == 404:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert row.json()["result"]["class"] == 7


def test_wait_for_log_means_it_is_there(server, digit):
    with server.client() as client:
        for i in range(20):
            body = client.post("/predict/digits?wait_for_log=true", json={**digit, "id": i}).json()
            row = client.get(f"/predictions/{body['request_id']}")
            assert row.status_code == 200, row.text
            row = row.json()
            assert row["request_id"] == body["request_id"]
            assert row["id"] == i
            assert row["model"] == "digits" and row["version"] == "1"
            assert row["timestamp"] == pytest.approx(body["timestamp"], abs=1e-5)
            assert 0 < row["latency_ms"] < 20_000
            assert row["result"] == {key: body[key] for key in ("prediction", "class", "confidence")}


def test_list_of_predictions(server, digit):
    since = time.time()
    with server.client() as client:
        ids = [client.post("/predict/sentiment?wait_for_log=true", json={"text": GOOD}).json()["request_id"]
               for _ in range(5)]
        client.post("/predict/digits?wait_for_log=true", json=digit)

        def listed(**query):
            rows = client.get("/predictions", params=query).json()["predictions"]
            return [row["request_id"] for row in rows]

        assert listed(model="sentiment", since=since) == ids[::-1], "the newest first"
        assert listed(model="sentiment", since=since, limit=2) == [ids[4], ids[3]]
        assert len(listed(since=since)) == 6
        assert listed(since=time.time() + 60) == []
        assert listed(model="nobody") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=many", "since=yesterday"])
def test_a_wrong_query_is_refused(server, query):
    answer = server.get(f"/predictions?{query}")
    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["error"]


def test_models_are_described(server):
    models = {model["name"]: model for model in server.get("/models").json()["models"]}
    assert set(models) == {"digits", "sentiment"}
    assert models["digits"]["default"] and not models["sentiment"]["default"]
    assert models["digits"]["inputs"][0]["item_shape"] == [28, 28]
    assert server.get("/models/sentiment").json() == models["sentiment"]


def test_health(server):
    assert server.get("/health/live").json() == {"status": "live"}
    assert server.get("/health/ready").json() == {"status": "ready"}
    head = server.get("/health/ready")
    assert head.status_code == 200


async def test_every_answer_belongs_to_its_own_request(server):
    """64 images at once, several rounds in another order each, against ONNX Runtime in this process."""
    sent = images(64)
    wanted = reference(DIGITS).run(None, {"image": np.stack(sent)})[0]
    assert len({tuple(row.round(4)) for row in wanted}) > 32, "the images must be told apart"

    async def ask(client, i):
        body = {"image": sent[i].astype(int).tolist(), "id": i}
        answer = await client.post("/predict/digits?probabilities=true", json=body)
        assert answer.status_code == 200, answer.text
        got = answer.json()
        assert got["id"] == i
        np.testing.assert_allclose(list(got["probabilities"].values()), wanted[i], atol=1e-5)
        assert got["class"] == wanted[i].argmax()
        return got["request_id"]

    async with server.async_client() as client:
        order = list(range(64))
        ids = []
        for seed in range(4):
            random.Random(seed).shuffle(order)
            ids += await asyncio.gather(*(ask(client, i) for i in order))
    assert len(set(ids)) == 4 * 64


async def test_every_text_gets_its_own_answer(server):
    words = "good bad film plot actor dull bright awful joy mess slow fun".split()
    generator = random.Random(83)
    texts = [" ".join(generator.choices(words, k=generator.randint(1, 30))) for _ in range(64)]
    session = reference(REPOSITORY / "sentiment/1/model.onnx")
    wanted = [session.run(None, {"text": np.array([text], object)})[0][0] for text in texts]

    async def ask(client, i):
        got = (await client.post("/predict/sentiment?probabilities=true", json={"text": texts[i]})).json()
        np.testing.assert_allclose(list(got["probabilities"].values()), wanted[i], atol=1e-5)

    async with server.async_client() as client:
        await asyncio.gather(*(ask(client, i) for i in range(64)))
