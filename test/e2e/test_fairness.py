"""A heavy model that many clients keep busy, and a light one that is asked now and then, on the same places.

Everything is measured in the server's own run times: a slow machine makes all of them longer alike."""

import os
import re
import subprocess
import threading

import numpy
import pytest
import tritonclient.http

from server import PROJECT, Server, wait_until

FOLDER = PROJECT / ".deps/models"
HEAVY, LIGHT = "nudenet", "ocr_cls"
# Of the light model. Its mean wait for a place, in runs of its own: four are what the order of runs allows it to
# wait where a place is about to become free; the rest is for the spread of run times.
ASKED = 60
MOST_WAIT = 8


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    subprocess.run([PROJECT / "test/models/fetch"], check=True)
    server = Server(tmp_path_factory.mktemp("fairness"), *(f"{name}={FOLDER}/{name}.onnx" for name in (HEAVY, LIGHT)),
                    flags=["--log", "none", "--max-batch-size", 1])
    yield server
    server.stop()


def ask(server, model, name, shape):
    """A function that asks once, on a connection of its own."""
    client = tritonclient.http.InferenceServerClient(server.url.removeprefix("http://"), network_timeout=300,
                                                     connection_timeout=300)
    value = tritonclient.http.InferInput(name, shape, "FP32")
    value.set_data_from_numpy(numpy.random.default_rng(1).random(shape, dtype=numpy.float32))
    return lambda: client.infer(model, [value])


class Crowd:
    """Clients that ask again as soon as they are answered."""

    def __init__(self, server, count):
        self.stop = threading.Event()
        self.failed = []
        self.threads = [threading.Thread(target=self.work, args=(server,)) for _ in range(count)]

    def work(self, server):
        try:
            once = ask(server, HEAVY, "images", (1, 3, 320, 320))
            while not self.stop.is_set():
                once()
        except Exception as error:  # whatever it is, the test shows it
            self.failed.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def figure(server, name, model=None):
    """A metric's value, of one model's or of the server."""
    labels = rf'\{{[^}}]*model="{model}"[^}}]*\}}' if model else ""
    found = re.search(rf"^{name}{labels} ([0-9.e+-]+)$", server.get("/metrics").text, re.M)
    assert found, f"no {name} of {model}"
    return float(found.group(1))


def mean(server, name, model):
    return figure(server, f"{name}_sum", model) / max(figure(server, f"{name}_count", model), 1)


def test_a_heavy_model_does_not_starve_a_light_one(served):
    light = ask(served, LIGHT, "x", (1, 3, 48, 192))
    light()
    with Crowd(served, 2 * os.cpu_count() + 2) as crowd:
        wait_until(lambda: crowd.failed or figure(served, "saccade_model_runs_total", HEAVY) >= 4, 120,
                   "the heavy model's first runs")
        before = figure(served, "saccade_model_runs_total", HEAVY)
        for _ in range(ASKED):
            light()
        during = figure(served, "saccade_model_runs_total", HEAVY) - before
        places = figure(served, "saccade_run_places")
    assert not crowd.failed, crowd.failed[0]

    own = mean(served, "saccade_run_duration_seconds", LIGHT)
    heavy = mean(served, "saccade_run_duration_seconds", HEAVY)
    waited = mean(served, "saccade_place_wait_seconds", LIGHT)
    figures = (f"light: {own * 1e3:.2f} ms a run, waited {waited * 1e3:.3f} ms; heavy: {heavy * 1e3:.1f} ms a run, "
               f"{during:.0f} runs meanwhile on {places:.0f} places")
    assert waited <= MOST_WAIT * own, figures
    # Were it to wait for a heavy run each time, that many runs would have had to end on every place.
    assert figure(served, "saccade_runs_beside_total") > 0, figures
    assert during / places < ASKED, figures


def test_the_heavy_model_goes_on(served):
    runs = figure(served, "saccade_model_runs_total", HEAVY)
    with Crowd(served, os.cpu_count() + 1) as crowd:
        light = ask(served, LIGHT, "x", (1, 3, 48, 192))
        for _ in range(20):
            light()
        wait_until(lambda: light() and figure(served, "saccade_model_runs_total", HEAVY) >= runs + 4, 120,
                   "more runs of the heavy model while the light one is asked all the time")
    assert not crowd.failed, crowd.failed[0]


def test_instances_follow_the_load(served):
    bounds = served.get(f"/models/{HEAVY}/schedule").json()["instances"]
    assert bounds["min"] <= bounds["now"] <= bounds["max"]
    with Crowd(served, 2 * os.cpu_count() + 2) as crowd:
        wait_until(lambda: crowd.failed or figure(served, "saccade_instances", HEAVY) == bounds["max"], 120,
                   f"{bounds['max']} instances under load")
    assert not crowd.failed, crowd.failed[0]
    wait_until(lambda: figure(served, "saccade_instances", HEAVY) == bounds["min"], 120,
               f"{bounds['min']} instances when nobody asks")
