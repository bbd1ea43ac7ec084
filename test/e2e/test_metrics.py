"""/metrics, read by the tools of the field: prometheus_client's parser, promtool, and Prometheus itself."""

import os
import shutil
import subprocess
import time

import httpx
import pytest
import websockets.sync.client
from prometheus_client.parser import text_string_to_metric_families

from raw_http import RawConnection
from server import Server, free_port, wait_until


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None and not os.environ.get("CI"),
                              reason=f"{program} is not installed: scripts/install-packages test")


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A server that only these tests talk to, so that its counters tell of nothing else."""
    server = Server(tmp_path_factory.mktemp("measured"))
    yield server
    server.stop()


class Scrape:
    def __init__(self, server):
        answer = server.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        self.text = answer.text
        self.families = {family.name: family for family in text_string_to_metric_families(answer.text)}
        self.samples = {}
        for family in self.families.values():
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.samples, f"twice: {key}"
                self.samples[key] = sample.value

    def value(self, name, **labels):
        return self.samples.get((name, frozenset(labels.items())), 0)


def test_every_metric_has_help_and_type(measured):
    for family in Scrape(measured).families.values():
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name


def test_the_counters_move_by_what_was_sent(measured, digit):
    before = Scrape(measured)
    sentiment = {"model": "sentiment", "version": "1"}
    with measured.client() as client:
        for _ in range(7):
            assert client.post("/predict/digits", json=digit).status_code == 200
        for _ in range(3):
            assert client.post("/predict", json={}).status_code == 400
        assert client.post("/predict/sentiment", json={"text": ["a"] * 5}).status_code == 200
        assert client.post("/predict-async/sentiment?wait_for_log=true", json={"text": "a"}).status_code == 200
    with websockets.sync.client.connect(measured.websocket_url + "/ws/predict/sentiment") as websocket:
        for _ in range(4):
            websocket.send('{"text": "a"}')
            websocket.recv(timeout=20)
        assert Scrape(measured).value("saccade_connections", protocol="websocket") == 1
    after = Scrape(measured)

    def moved(name, **labels):
        return after.value(name, **labels) - before.value(name, **labels)

    def requests(method, endpoint, status):
        return moved("http_requests_total", method=method, endpoint=endpoint, status=status)

    assert requests("POST", "/predict/{model}", "200") == 8
    assert requests("POST", "/predict", "400") == 3
    assert requests("POST", "/predict", "200") == 0
    assert requests("POST", "/predict-async/{model}", "200") == 1
    assert requests("GET", "/ws/predict/{model}", "101") == 1
    assert moved("http_request_duration_seconds_count", method="POST", endpoint="/predict/{model}") == 8
    assert moved("saccade_websocket_messages_total") == 4
    assert moved("saccade_inference_requests_total", outcome="success", model="digits", version="1") == 7
    assert moved("saccade_inference_requests_total", outcome="success", **sentiment) == 6
    assert moved("saccade_inference_items_total", **sentiment) == 10
    assert moved("saccade_batch_size_sum", **sentiment) == 10
    assert moved("saccade_queue_duration_seconds_count", **sentiment) == 6
    runs = moved("saccade_model_runs_total", **sentiment)
    assert 1 <= runs <= 6
    for name in ("saccade_batch_size_count", "saccade_run_duration_seconds_count"):
        assert moved(name, **sentiment) == runs, name
    assert moved("saccade_batch_duration_seconds_count", **sentiment) < 6, "only what was joined"
    assert after.value("saccade_pending_requests", **sentiment) == 0
    wait_until(lambda: Scrape(measured).value("saccade_log_rows_total") -
               before.value("saccade_log_rows_total") == 13, 10, "13 rows in the log")
    assert Scrape(measured).value("saccade_log_queue_rows") == 0


def test_endpoints_are_templates_never_paths(measured):
    routes = {route["path"] for route in measured.get("/").json()["routes"]}
    with measured.client() as client:
        for i in range(20):
            client.get(f"/weird/{i}")
            client.post(f"/predict/model-{i}", content="{}")
            client.get(f"/predictions/{i}")
            client.delete(f"/models/{i}")
            client.get(f"/%22%7D%0A/{i}?x=%0A")
        client.post("/predict/digits/", content="{}")
    for target in ['/a"b', "/a\\b", "/" + "x" * 5000, "//", "/../../etc/passwd", "*", "http://elsewhere/metrics"]:
        with RawConnection(measured) as connection:
            connection.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            connection.response()
    with RawConnection(measured) as connection:
        connection.send("BREW /coffee HTTP/1.1\r\n\r\n")
        connection.response()
    scrape = Scrape(measured)
    endpoints = {dict(labels)["endpoint"] for name, labels in scrape.samples if name.startswith("http_request")}
    assert endpoints <= routes | {"unmatched", "malformed"}
    assert scrape.value("http_requests_total", method="any", endpoint="unmatched", status="404") >= 20
    assert scrape.value("http_requests_total", method="any", endpoint="unmatched", status="400") >= 20  # no plain text
    assert scrape.value("http_requests_total", method="any", endpoint="unmatched", status="405") == 20
    assert scrape.value("http_requests_total", method="any", endpoint="malformed", status="501") + \
        scrape.value("http_requests_total", method="any", endpoint="malformed", status="400") >= 1
    methods = {dict(labels)["method"] for name, labels in scrape.samples if name.startswith("http_request")}
    assert methods <= {"GET", "POST", "any"}


@needs("promtool")
def test_promtool_has_nothing_to_say(measured, digit):
    measured.post("/predict/digits", json=digit)
    checked = subprocess.run(["promtool", "check", "metrics"], input=measured.get("/metrics").text,
                             capture_output=True, text=True, timeout=30)
    # The names that begin with nv_ are Triton's, whose dashboards look for them as they are.
    said = [line for line in (checked.stdout + checked.stderr).splitlines() if not line.startswith("nv_")]
    assert checked.returncode in (0, 3) and said == [], checked.stderr


@needs("prometheus")
def test_prometheus_scrapes_it(measured, digit, tmp_path):
    for _ in range(3):
        measured.post("/predict/digits", json=digit)
    config = tmp_path / "prometheus.yml"
    config.write_text("global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
                      "scrape_configs:\n"
                      "  - job_name: saccade\n"
                      f"    static_configs: [{{targets: ['127.0.0.1:{measured.port}']}}]\n")
    port = free_port()
    with open(tmp_path / "prometheus.log", "wb") as log:
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        def query(expression):
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": expression},
                                   timeout=5, trust_env=False)
            except httpx.TransportError:
                assert prometheus.poll() is None, (tmp_path / "prometheus.log").read_text()
                return []
            return answer.json()["data"]["result"] if answer.status_code == 200 else []

        def scraped():
            result = query('up{job="saccade"}')
            return result and result[0]["value"][1] == "1"

        wait_until(lambda: scraped() or time.sleep(0.1), 40, "Prometheus to see the server up")
        found = query('saccade_inference_requests_total{model="digits",outcome="success"}')
        assert float(found[0]["value"][1]) >= 3
        latency = query("histogram_quantile(0.5, http_request_duration_seconds_bucket"
                        '{endpoint="/predict/{model}",method="POST"})')
        assert 0 < float(latency[0]["value"][1]) < 10
    finally:
        prometheus.terminate()
        prometheus.wait(20)
