"""Feedback on predictions, in both stores, and what it shows in the metrics."""

import math
import uuid

import pytest

from postgres import Postgres
from server import run, wait_until


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def logging(request, start_server, postgres, counter=iter(range(1000))):
    """A server with the log in each of the stores."""
    if request.param == "sqlite":
        return start_server()
    return start_server(flags=["--log", postgres.make_database(f"feedback_{next(counter)}")])


def series(server, name, **labels):
    for line in server.get("/metrics").text.splitlines():
        if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.split()[-1])
    return None


def predict(server, text="What a wonderful film."):
    return server.post("/predict/sentiment", json={"text": text}).json()


def test_feedback_stands_with_its_prediction(logging):
    answer = predict(logging)
    path = f"/predictions/{answer['request_id']}"
    # at once: its row may not be stored yet
    kept = logging.post(path + "/feedback", json={"truth": "positive", "weight": 2, "comment": "by hand"})
    assert kept.status_code == 200, kept.text
    assert kept.json() == {"request_id": answer["request_id"], "status": "stored"}
    feedback = logging.get(path).json()["feedback"]
    assert (feedback["truth"], feedback["weight"], feedback["comment"]) == ("positive", 2, "by hand")
    assert logging.get("/predictions").json()["predictions"][0]["feedback"] == feedback
    # the last one stays
    assert logging.post(path + "/feedback", json={"truth": 0}).status_code == 200
    feedback = logging.get(path).json()["feedback"]
    assert feedback["truth"] == 0 and feedback["weight"] == 1 and "comment" not in feedback
    assert series(logging, "saccade_quality_judged_total", model="sentiment") == 1


def test_feedback_on_what_is_not_there(logging):
    for id in (str(uuid.uuid4()), "01a20c83-4ca3-7189-862e-5b4cec647f35"):
        refused = logging.post(f"/predictions/{id}/feedback", json={"truth": 1})
        assert refused.status_code == 404 and id in refused.text


@pytest.mark.parametrize("body, status, said", [
    ("", 400, "truth"),
    ("[]", 400, "object"),
    ("{", 400, "JSON"),
    ('{"truth": null}', 400, "truth"),
    ('{"truth": {"a": 1}}', 400, "truth"),
    ('{"truth": [[1]]}', 400, "truth"),
    ('{"truth": 1, "weight": 0}', 400, "weight"),
    ('{"truth": 1, "weight": "2"}', 400, "weight"),
    ('{"truth": 1, "weight": 1e300}', 400, "weight"),
    ('{"truth": 1, "comment": 5}', 400, "comment"),
    ('{"truth": 1, "comment": "\\u0000"}', 400, "U+0000"),
    ('{"truth": "\\u0000"}', 400, "U+0000"),
    ('{"truth": 1, "label": 5}', 400, "label"),
    ('{"truth": "' + "x" * 70_000 + '"}', 413, "65536"),
])
def test_bad_feedback(server, body, status, said):
    answer = predict(server)
    refused = server.post(f"/predictions/{answer['request_id']}/feedback", content=body)
    assert refused.status_code == status and said in refused.text, refused.text
    assert server.post("/predictions/mine/feedback", json={"truth": 1}).status_code == 400


def test_without_a_log_there_is_no_feedback(start_server):
    server = start_server(flags=["--log", "none"])
    answer = predict(server)
    refused = server.post(f"/predictions/{answer['request_id']}/feedback", json={"truth": 1})
    assert refused.status_code == 404 and "--log" in refused.text


def test_accuracy_and_calibration(start_server):
    server = start_server()
    judged = []
    for text, truth in [("A wonderful film.", "positive"), ("Two lost hours, boring.", "negative"),
                        ("Great acting!", "negative"), ("Simply bad.", 1)]:
        answer = predict(server, text)
        assert server.post(f"/predictions/{answer['request_id']}/feedback", json={"truth": truth}).status_code == 200
        right = truth in (answer["prediction"], answer["class"])
        judged.append((right, answer["confidence"]))
    batch = server.post("/predict/sentiment", json={"text": ["A fine film.", "Dreadful."]}).json()
    path = f"/predictions/{batch['request_id']}/feedback"
    assert server.post(path, json={"truth": ["positive", "negative"]}).status_code == 200
    for prediction, truth in zip(batch["predictions"], ["positive", "negative"]):
        judged.append((prediction["prediction"] == truth, prediction["confidence"]))

    accuracy = sum(right for right, _ in judged) / len(judged)
    brier = sum((confidence - right) ** 2 for right, confidence in judged) / len(judged)
    bins = {}
    for right, confidence in judged:
        bins.setdefault(min(int(confidence * 10), 9), []).append(right - confidence)
    error = sum(abs(sum(gaps)) for gaps in bins.values()) / len(judged)
    for window in ("recent", "all"):
        for name, value in (("accuracy", accuracy), ("brier_score", brier), ("calibration_error", error)):
            shown = series(server, f"saccade_quality_{name}", model="sentiment", version="1", window=window)
            assert shown == pytest.approx(value, abs=1e-4), name
    assert series(server, "saccade_quality_judged_total", model="sentiment") == len(judged)


def test_drift_shows_when_what_is_asked_changes(start_server):
    server = start_server()

    def drift(name, **labels):
        value = series(server, name, model="sentiment", **labels)
        return None if value is None or math.isnan(value) else value

    def ask_until(texts, condition, what):
        with server.client() as client:
            def ask():
                for text in texts * (100 // len(texts)):
                    assert client.post("/predict/sentiment", json={"text": text}).status_code == 200
                return condition()
            return wait_until(ask, 60, what)

    usual = ["A wonderful film.", "Great!", "Two lost hours.", "I liked it very much, and so did my friends."]
    assert drift("saccade_quality_input_drift", input="text") is None  # nothing to compare with yet
    # until the reference and then the recent window are full
    ask_until(usual, lambda: (series(server, "saccade_quality_samples_total", model="sentiment") or 0) > 1_000, "samples")
    assert drift("saccade_quality_input_drift", input="text") < 0.1
    assert drift("saccade_quality_output_drift") < 0.1
    ask_until(["It was bad, boring, and far too long. " * 5], lambda: drift("saccade_quality_input_drift", input="text") > 0.25,
              "drift of the input")
    ask_until(["It was bad, boring, and far too long. " * 5], lambda: drift("saccade_quality_output_drift") > 0.25,
              "drift of the output")
    assert series(server, "saccade_quality_input_mean", model="sentiment", input="text") > 30  # of the usual texts: 20


def test_who_may_use_other_models_only_gives_no_feedback(start_server, postgres, tmp_path):
    file = tmp_path / "keys.json"

    def key(name, *flags):
        made = run("key", "create", "--file", file, "--name", name, "--scope", "predict", *flags, folder=tmp_path)
        return {"Authorization": f"Bearer {made.stdout.strip()}"}

    anyone, digits = key("anyone"), key("digits", "--model", "digits*")
    server = start_server(flags=["--api-keys", file, "--log", postgres.make_database("limited")])
    answer = server.post("/predict/sentiment", json={"text": "Fine."}, headers=anyone).json()
    path = f"/predictions/{answer['request_id']}/feedback"
    assert server.post(path, json={"truth": "positive"}, headers=anyone).status_code == 200
    assert server.post(path, json={"truth": "negative"}, headers=digits).status_code == 404
    assert postgres.query("SELECT truth FROM saccade.feedback", "limited") == [['"positive"']]


def test_feedback_while_the_database_is_away(start_server, postgres):
    url = postgres.make_database("away")
    server = start_server(flags=["--log", url])
    before = server.post("/predict/sentiment?wait_for_log=true", json={"text": "Fine."}).json()["request_id"]
    postgres.kill()
    try:
        inside = server.post("/predict/sentiment?wait_for_log=true", json={"text": "Bad."}).json()["request_id"]
        # its prediction is in the spill, so the feedback waits beside it
        assert server.post(f"/predictions/{inside}/feedback", json={"truth": "negative"}).status_code == 200
        refused = server.post(f"/predictions/{before}/feedback", json={"truth": "positive"})
        assert refused.status_code == 503 and "retry-after" in refused.headers
    finally:
        postgres.start()
    wait_until(lambda: postgres.query(f"SELECT truth #>> '{{}}' FROM saccade.feedback WHERE id = '{inside}'", "away")
               == [["negative"]], 60, "the delivered feedback")
    wait_until(lambda: server.post(f"/predictions/{before}/feedback", json={"truth": "positive"}).status_code == 200, 30,
               "feedback after the return")
