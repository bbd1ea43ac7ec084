"""Models of other kinds than the examples, each served from its bare file."""

import asyncio
import json

import pytest
import websockets

from server import Server


@pytest.fixture(scope="module")
def others(tmp_path_factory, models):
    names = ["labelled", "fixed", "several_outputs", "strings", "picky"]
    server = Server(tmp_path_factory.mktemp("others"), *(models / f"{name}.onnx" for name in names),
                    flags=["--max-queue-delay-us", 20_000])
    yield server
    server.stop()


def predict(server, name, **inputs):
    answer = server.post(f"/predict/{name}?probabilities=true", json=inputs)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_label_and_probabilities_as_scikit_learn_gives_them(others):
    body = predict(others, "labelled", x=[0, 5, 1])
    assert body["prediction"] == 200, "the label that the model itself gives"
    assert body["class"] == 1
    assert body["confidence"] == pytest.approx(0.9756, abs=1e-3)
    assert sum(body["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    batch = predict(others, "labelled", x=[[9, 0, 0], [0, 0, 9]])
    assert [one["prediction"] for one in batch["predictions"]] == [100, 300]


def test_model_that_does_not_batch(others):
    described = others.get("/models/fixed").json()
    assert described["max_batch_size"] in (0, 1)
    assert predict(others, "fixed", x=[[1, 2, 3, 4]])["outputs"] == {"y": [[2, 4, 6, 8]]}
    assert others.post("/predict/fixed", json={"x": [[1, 2, 3, 4]] * 2}).status_code == 400


async def test_model_that_does_not_batch_with_many_at_once(others):
    async with others.async_client() as client:
        async def ask(i):
            return (await client.post("/predict/fixed", json={"x": [[i, 0, 0, 0]]})).json()["outputs"]["y"][0][0]
        assert await asyncio.gather(*map(ask, range(40))) == [2 * i for i in range(40)]


def test_several_inputs_and_outputs(others):
    body = predict(others, "several_outputs", a=[2, 3], b=[4, 5])
    assert body["outputs"] == {"sum": [6, 8], "product": [8, 15], "largest": 1}
    body = predict(others, "several_outputs", a=[[2, 3], [9, 1]], b=[[4, 5], [0, 0]])
    assert body["outputs"] == {"sum": [[6, 8], [9, 1]], "product": [[8, 15], [0, 0]], "largest": [1, 0]}


@pytest.mark.parametrize("sent, message", [
    ({"a": [1, 2]}, '"b" is missing'),
    ({"a": [[1, 2], [3, 4]], "b": [[1, 2]]}, "items"),
    ({"a": [[1, 2], [3, 4]], "b": [1, 2]}, ""),
])
def test_inputs_that_disagree(others, sent, message):
    answer = others.post("/predict/several_outputs", json=sent)
    assert answer.status_code == 400 and message in answer.json()["error"]


def test_strings_in_and_out(others):
    assert predict(others, "strings", text="héllo")["outputs"] == {"shout": ["héllo!"]}
    assert predict(others, "strings", text=["a", "電影 \"q\"\n"])["outputs"] == {"shout": [["a!"], ['電影 "q"\n!']]}


def test_a_request_at_which_the_model_fails(others):
    answer = others.post("/predict/picky", json={"place": 10})
    assert 400 <= answer.status_code <= 500 and answer.json()["error"]
    assert predict(others, "picky", place=3)["outputs"] == {"found": [30]}


async def test_a_bad_member_fails_alone(others):
    """Among many at once, which share batches, only those with a place out of range get an error."""
    async with others.async_client() as client:
        async def ask(i):
            place = 1000 if i % 10 == 7 else i % 10
            answer = await client.post("/predict/picky", json={"place": place, "id": i})
            return place, answer
        for _ in range(3):
            for place, answer in await asyncio.gather(*map(ask, range(60))):
                if place == 1000:
                    assert answer.status_code in (400, 500) and answer.json()["error"]
                else:
                    assert answer.status_code == 200, answer.text
                    assert answer.json()["outputs"] == {"found": [place * 10]}


async def test_a_bad_member_fails_alone_over_websocket(others):
    async with websockets.connect(others.websocket_url + "/ws/predict/picky") as websocket:
        for i in range(100):
            await websocket.send(json.dumps({"place": -99 if i % 9 == 4 else i % 10, "id": i}))
        for i in range(100):
            answer = json.loads(await asyncio.wait_for(websocket.recv(), 20))
            assert answer["id"] == i
            assert ("error" in answer) == (i % 9 == 4)


def test_one_bad_row_fails_its_own_request_only(others):
    assert others.post("/predict/picky", json={"place": [1, 2, 99]}).status_code in (400, 500)
    assert predict(others, "picky", place=[1, 2, 9])["outputs"] == {"found": [[10], [20], [90]]}


async def test_no_batch_is_above_the_maximum(start_server, models):
    server = start_server(models / "labelled.onnx",
                          flags=["--max-batch-size", 4, "--max-queue-delay-us", 5000, "--log", "none"])
    async with server.async_client() as client:
        answers = await asyncio.gather(*(client.post("/predict", json={"x": [i, 0, 0]}) for i in range(64)))
        assert all(answer.status_code == 200 for answer in answers)
        metrics = (await client.get("/metrics")).text
    counts = {line.split('le="')[1].split('"')[0]: float(line.split()[-1]) for line in metrics.splitlines()
              if line.startswith("saccade_batch_size_bucket")}
    assert counts["4"] == counts["+Inf"] > 0
    assert server.post("/predict", json={"x": [[0, 0, 0]] * 5}).status_code == 400


async def test_a_full_queue_refuses_with_503(start_server, models):
    server = start_server(models / "slow.onnx", flags=["--max-queue", 2, "--max-batch-size", 1, "--log", "none"])
    async with server.async_client() as client:
        answers = await asyncio.gather(*(client.post("/predict", json={"x": i}) for i in range(30)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 503}
    refusal = next(answer for answer in answers if answer.status_code == 503)
    assert refusal.headers["retry-after"] == "1" and refusal.json()["error"]
    for i, answer in enumerate(answers):
        if answer.status_code == 200:
            assert answer.json()["outputs"]["y"] == [i]
