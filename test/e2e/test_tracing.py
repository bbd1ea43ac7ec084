"""Request ids, W3C trace context, and spans sent by OTLP to a receiver that decodes them as a collector does."""

import contextlib
import json
import os
import re
import secrets
import socket
import time
import uuid

import grpc
import httpx
import numpy as np
import pytest
import websockets
from tritonclient.grpc import service_pb2, service_pb2_grpc

from certificates import Authority
from otlp_receiver import Receiver
from server import DIGITS, REPOSITORY, Server, run, wait_until

TEXT = "/predict/sentiment"
GOOD = {"text": "A fine film."}
FAST = {"OTEL_BSP_SCHEDULE_DELAY": "30"}


def context(flags="01"):
    """A caller's own: (header, trace id, span id)."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    return f"00-{trace}-{span}-{flags}", trace, span


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def traced(tmp_path_factory, receiver):
    server = Server(tmp_path_factory.mktemp("traced"), REPOSITORY,
                    flags=["--otlp-endpoint", receiver.url, "--log", "sqlite:predictions.db"],
                    environment={**FAST, "OTEL_SERVICE_NAME": "tests", "OTEL_RESOURCE_ATTRIBUTES": "team=vision",
                                 "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=a%20b"})
    yield server
    server.stop()


def spans_of(receiver, trace, count=3):
    wait_until(lambda: len(receiver.of(trace)) >= count, 20, f"{count} spans of {trace}")
    return {span.name: span for span in receiver.of(trace)}


# request ids


def test_an_answer_has_the_predictions_id(server):
    answer = server.post(TEXT, json=GOOD)
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    with httpx.Client(base_url=server.url, http1=False, http2=True, trust_env=False, timeout=20) as client:
        answer = client.post(TEXT, json=GOOD)
        assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_every_answer_has_an_id_of_its_own(server):
    seen = set()
    for answer in (server.get("/health/live"), server.get("/nowhere"), server.post(TEXT, content="{"),
                   server.post("/v2/models/none/infer", json={}), server.get("/health/live")):
        seen.add(uuid.UUID(answer.headers["x-request-id"]))
    assert len(seen) == 5


@pytest.mark.parametrize("path, body", [(TEXT, GOOD), ("/nowhere", {}), ("/v1/models/sentiment:predict", {})])
def test_the_callers_own_id_comes_back(server, path, body):
    answer = server.post(path, json=body, headers={"X-Request-Id": "client/42:a"})
    assert answer.headers.get_list("x-request-id") == ["client/42:a"]


@pytest.mark.parametrize("wrong", ["", "two words", "x" * 129, "\u00e9".encode()])
def test_an_id_that_is_none_is_replaced(server, wrong):
    headers = [(b"X-Request-Id", wrong if isinstance(wrong, bytes) else wrong.encode())]
    answer = server.post(TEXT, json=GOOD, headers=headers)
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_the_callers_id_does_not_change_the_log(traced):
    answer = traced.post(TEXT, json={**GOOD, "id": "mine"}, headers={"X-Request-Id": "other"})
    row = wait_until(lambda: (found := traced.get("/predictions/" + answer.json()["request_id"])).status_code == 200
                     and found.json(), 20, "the row")
    assert answer.json()["id"] == "mine" and "other" not in json.dumps(row)


def test_grpc_metadata(server):
    with grpc.insecure_channel(f"localhost:{server.port}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        _, call = stub.ServerLive.with_call(service_pb2.ServerLiveRequest(), timeout=10,
                                            metadata=[("x-request-id", "mine")])
        assert dict(call.initial_metadata())["x-request-id"] == "mine"
        with pytest.raises(grpc.RpcError) as failed:
            stub.ModelMetadata.with_call(service_pb2.ModelMetadataRequest(name="none"), timeout=10,
                                      metadata=[("x-request-id", "mine")])
        said = [*failed.value.initial_metadata(), *failed.value.trailing_metadata()]
        assert ("x-request-id", "mine") in [tuple(pair) for pair in said]


# spans


def test_a_prediction_is_a_span_with_what_the_model_took(traced, receiver):
    parent, trace, caller = context()
    before = time.time_ns()
    answer = traced.post(TEXT, json=GOOD, headers={"traceparent": parent, "tracestate": "a=1,b=2", "X-Request-Id": "me"})
    after = time.time_ns()
    assert answer.status_code == 200
    spans = spans_of(receiver, trace)
    assert set(spans) == {"POST /predict/{model}", "queue", "run"}
    server_span = spans["POST /predict/{model}"]
    assert server_span.parent == caller and server_span.message.kind == 2 and not server_span.failed
    assert server_span.message.trace_state == "a=1,b=2"
    known = server_span.attributes
    assert known["http.request.method"] == "POST" and known["http.route"] == "/predict/{model}"
    assert known["url.path"] == TEXT and known["url.scheme"] == "http"
    assert known["http.response.status_code"] == 200
    assert known["client.address"] in ("127.0.0.1", "::1")
    assert known["saccade.model.name"] == "sentiment" and known["saccade.model.version"] == "1"
    assert known["saccade.request.items"] == 1 and known["saccade.request.id"] == "me"
    assert before <= server_span.begin <= server_span.end <= after
    for name in ("queue", "run"):
        child = spans[name]
        assert child.parent == server_span.id and child.message.kind == 1
        assert server_span.begin <= child.begin <= child.end <= server_span.end
    assert spans["queue"].end == spans["run"].begin
    assert spans["run"].attributes["saccade.batch.size"] >= 1
    assert server_span.resource["service.name"] == "tests" and server_span.resource["team"] == "vision"
    assert server_span.scope.name == "saccade"


def test_how_batches_are_sent(traced, receiver):
    traced.get("/health/live")
    path, headers = wait_until(lambda: receiver.requests, 20, "a batch")[0]
    assert path == "/v1/traces" and headers["Content-Type"] == "application/x-protobuf"
    assert headers["x-tenant"] == "a b"


@pytest.mark.parametrize("path, body, status, name", [
    ("/v2/models/digits/infer", {}, 400, "POST /v2/models/{model}/infer"),
    ("/v2/models/none/infer", {}, 404, "POST /v2/models/{model}/infer"),
    ("/nowhere/at/all", {}, 404, "POST"),
])
def test_a_callers_mistake_is_no_error_of_the_server(traced, receiver, path, body, status, name):
    parent, trace, _ = context()
    assert traced.post(path, json=body, headers={"traceparent": parent}).status_code == status
    span = spans_of(receiver, trace, 1)[name]
    assert span.attributes["http.response.status_code"] == status and not span.failed


def test_an_error_of_the_server_is_one(traced, receiver):
    parent, trace, _ = context()
    answer = traced.post("/predict/digits", json=json.loads((DIGITS.parents[4] / "examples/digits/request.json")
                                                           .read_text()),
                         headers={"traceparent": parent, "X-Request-Timeout-Ms": "0.0001"})
    assert answer.status_code in (503, 504), answer.text
    span = spans_of(receiver, trace, 1)["POST /predict/{model}"]
    assert span.failed and span.attributes["error.type"] == str(answer.status_code)


@pytest.mark.parametrize("wrong", ["ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
                                   "00-" + "A" * 32 + "-" + "1" * 16 + "-01", "00-" + "1" * 32 + "-" + "1" * 16 + "-01-x",
                                   "nonsense"])
def test_a_wrong_context_is_none(traced, receiver, wrong):
    mark = secrets.token_hex(8)
    assert traced.post(TEXT, json=GOOD, headers={"traceparent": wrong, "X-Request-Id": mark}).status_code == 200
    span = wait_until(lambda: [span for span in list(receiver.spans) if span.attributes.get("saccade.request.id") == mark],
                      20, "the span")[0]
    assert span.parent == "" and span.trace not in wrong


def test_a_caller_that_is_not_sampled_has_no_span(traced, receiver):
    parent, trace, _ = context("00")
    assert traced.post(TEXT, json=GOOD, headers={"traceparent": parent}).status_code == 200
    parent, later, _ = context()
    traced.post(TEXT, json=GOOD, headers={"traceparent": parent})
    spans_of(receiver, later)
    assert not receiver.of(trace)


def test_grpc_calls_have_spans(traced, receiver):
    parent, trace, caller = context()
    request = service_pb2.ModelInferRequest(model_name="digits",
                                            raw_input_contents=[np.zeros(784, np.float32).tobytes()])
    request.inputs.add(name="image", datatype="FP32", shape=[1, 28, 28])
    with grpc.insecure_channel(f"localhost:{traced.port}") as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        stub.ModelInfer(request, timeout=20, metadata=[("traceparent", parent)])
        spans = spans_of(receiver, trace)
        span = spans["inference.GRPCInferenceService/ModelInfer"]
        assert span.parent == caller and spans["run"].parent == span.id
        assert span.attributes["rpc.system"] == "grpc"
        assert span.attributes["rpc.service"] == "inference.GRPCInferenceService"
        assert span.attributes["rpc.method"] == "ModelInfer" and span.attributes["rpc.grpc.status_code"] == 0
        assert span.attributes["saccade.model.name"] == "digits"

        parent, trace, _ = context()
        with pytest.raises(grpc.RpcError):
            stub.ModelMetadata(service_pb2.ModelMetadataRequest(name="none"), timeout=20,
                               metadata=[("traceparent", parent)])
        span = spans_of(receiver, trace, 1)["inference.GRPCInferenceService/ModelMetadata"]
        assert span.attributes["rpc.grpc.status_code"] == 5 and not span.failed


async def test_each_websocket_message_has_a_span(traced, receiver):
    parent, trace, caller = context()
    async with websockets.connect(traced.websocket_url + "/ws/predict/sentiment",
                                  additional_headers={"traceparent": parent}) as socket_:
        for body in (GOOD, GOOD, {"wrong": 1}):
            await socket_.send(json.dumps(body))
            await socket_.recv()
    wait_until(lambda: len(receiver.of(trace)) >= 8, 20, "the spans")
    spans = receiver.of(trace)
    messages = [span for span in spans if span.name == "message /ws/predict/{model}"]
    assert len(messages) == 3 and {span.parent for span in messages} == {caller}
    assert sum("error.type" in span.attributes for span in messages) == 1
    assert sum(span.name == "run" for span in spans) == 2
    handshake = next(span for span in spans if span.name == "GET /ws/predict/{model}")
    assert handshake.attributes["http.response.status_code"] == 101


# collectors that are away


def counted(server, name):
    found = re.findall(rf"^{re.escape(name)} (\S+)$", server.get("/metrics").text, re.M)
    return float(found[0]) if found else 0.0


def predict(server, times):
    with server.client() as client:
        for _ in range(times):
            assert client.post(TEXT, json=GOOD).status_code == 200


@contextlib.contextmanager
def closed_port():
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_collector_that_is_down_costs_no_request(start_server):
    with closed_port() as port:
        server = start_server(flags=["--log", "none", "--otlp-endpoint", f"http://127.0.0.1:{port}"],
                              environment={**FAST, "OTEL_BSP_MAX_QUEUE_SIZE": "64"})
        predict(server, 200)
        dropped = 'saccade_trace_spans_dropped_total{reason="queue_full"}'
        wait_until(lambda: counted(server, dropped) > 0, 20, "spans dropped")
        assert counted(server, 'saccade_trace_exports_total{outcome="failed"}') > 0
        assert counted(server, "saccade_trace_spans_exported_total") == 0
        assert server.stderr().count("can't be sent") == 1
        server.stop()


def test_a_collector_that_hangs_costs_no_request(start_server):
    hanging = Receiver()
    hanging.hold.clear()
    try:
        server = start_server(flags=["--log", "none", "--otlp-endpoint", hanging.url],
                              environment={**FAST, "OTEL_BSP_MAX_QUEUE_SIZE": "64"})
        predict(server, 200)
        wait_until(lambda: counted(server, 'saccade_trace_spans_dropped_total{reason="queue_full"}') > 0, 20, "spans dropped")
        predict(server, 50)
        server.stop()  # nor does its end wait for long
    finally:
        hanging.close()


def test_a_collector_over_https_is_checked(start_server, tmp_path):
    authority = Authority(tmp_path)
    strict = Receiver(authority)
    try:
        servers = [start_server(flags=["--log", "none", "--otlp-endpoint", strict.url],
                                environment={**FAST, "OTEL_EXPORTER_OTLP_CERTIFICATE": str(ca)})
                   for ca in (authority.certificate, Authority(tmp_path, "other").certificate)]
        traces = []
        for server in servers:
            parent, trace, _ = context()
            server.post(TEXT, json=GOOD, headers={"traceparent": parent})
            traces.append(trace)
        spans_of(strict, traces[0])
        wait_until(lambda: counted(servers[1], 'saccade_trace_exports_total{outcome="failed"}') > 0, 20, "the collector refused")
        assert not strict.of(traces[1])
        assert "certificate" in servers[1].stderr()
    finally:
        strict.close()


def test_a_collector_that_is_busy_is_asked_again(start_server):
    busy = Receiver()
    busy.answers = [(503, {}), (429, {"Retry-After": "1"})]
    try:
        server = start_server(flags=["--log", "none", "--otlp-endpoint", busy.url], environment=FAST)
        parent, trace, _ = context()
        server.post(TEXT, json=GOOD, headers={"traceparent": parent})
        spans_of(busy, trace)
        assert counted(server, 'saccade_trace_exports_total{outcome="failed"}') == 2
    finally:
        busy.close()


def test_what_a_collector_refuses_is_not_sent_again(start_server):
    strict = Receiver()
    strict.answers = [(400, {})]
    try:
        server = start_server(flags=["--log", "none", "--otlp-endpoint", strict.url], environment=FAST)
        parent, trace, _ = context()
        server.post(TEXT, json=GOOD, headers={"traceparent": parent})
        dropped = 'saccade_trace_spans_dropped_total{reason="failed"}'
        wait_until(lambda: counted(server, dropped) >= 3, 20, "the batch given up")
        assert not strict.of(trace)
    finally:
        strict.close()


def test_at_the_end_what_is_left_is_sent(start_server):
    last = Receiver()
    try:
        server = start_server(flags=["--log", "none", "--otlp-endpoint", last.url],
                              environment={"OTEL_BSP_SCHEDULE_DELAY": "60000"})
        parent, trace, _ = context()
        server.post(TEXT, json=GOOD, headers={"traceparent": parent})
        server.stop()
        assert len(last.of(trace)) == 3
    finally:
        last.close()


def test_a_share_of_traces(start_server, tmp_path):
    some = Receiver()
    try:
        server = start_server(flags=["--log", "none"], environment={
            **FAST, "OTEL_EXPORTER_OTLP_ENDPOINT": some.url, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": "0"})
        predict(server, 50)
        parent, trace, _ = context()
        server.post(TEXT, json=GOOD, headers={"traceparent": parent})
        spans_of(some, trace)
        assert {span.trace for span in some.spans} == {trace}
    finally:
        some.close()


@pytest.mark.parametrize("flags, environment, part", [
    (["--otlp-endpoint", "localhost:4318"], {}, "--otlp-endpoint"),
    ([], {"OTEL_EXPORTER_OTLP_ENDPOINT": "grpc://localhost:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
    (["--otlp-endpoint", "http://localhost:1"], {"OTEL_TRACES_SAMPLER": "sometimes"}, "OTEL_TRACES_SAMPLER"),
])
def test_wrong_settings_are_named_at_the_start(tmp_path, flags, environment, part):
    done = run("serve", DIGITS, "--port", 0, "--log", "none", *flags, folder=tmp_path,
               env={**os.environ, "SACCADE_GRPC_PORT": "0", **environment})
    assert done.returncode == 1 and part in done.stderr
