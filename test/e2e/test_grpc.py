"""gRPC as published clients speak it: grpcio, tritonclient (plain and asyncio), health checking, reflection."""

import asyncio
import concurrent.futures
import contextlib
import json
import queue
import socket
import sqlite3
import threading
import time

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from server import SANITIZED, wait_until

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
STATUS = grpc.StatusCode
SERVICE = "/inference.GRPCInferenceService/"


def address(server):
    return f"localhost:{server.port}"


def channel(server, options=(), **more):
    return grpc.insecure_channel(address(server), options=[*UNLIMITED, *options], **more)


@pytest.fixture
def stub(server):
    with channel(server) as open_channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(open_channel)


@pytest.fixture
def client(server):
    with triton.InferenceServerClient(address(server)) as client:
        yield client


@pytest.fixture
def seven(digit):
    return np.array(digit["image"], np.float32).reshape(1, 28, 28)


def request_for(array, name="image", model="digits", id=""):
    request = service_pb2.ModelInferRequest(model_name=model, id=id, raw_input_contents=[array.tobytes()])
    request.inputs.add(name=name, datatype={"float32": "FP32", "int64": "INT64"}[str(array.dtype)], shape=array.shape)
    return request


def class_of(response):
    return int(np.frombuffer(response.raw_output_contents[0], np.float32).argmax())


def failure(call, *arguments, **options):
    with pytest.raises(grpc.RpcError) as raised:
        call(*arguments, **options)
    return raised.value.code(), raised.value.details()


# ---- unary

def test_a_prediction(stub, seven):
    response = stub.ModelInfer(request_for(seven, id="mine"))
    assert class_of(response) == 7
    assert (response.model_name, response.model_version, response.id) == ("digits", "1", "mine")
    assert not response.parameters
    output, = response.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("probabilities", "FP32", [1, 10])


def test_tritonclient(client, seven):
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("digits")
    assert not client.is_model_ready("nobody")
    assert client.get_server_metadata().name == "saccade"
    assert client.get_model_metadata("digits").inputs[0].name == "image"
    assert client.get_model_config("digits").config.name == "digits"
    image = triton.InferInput("image", seven.shape, "FP32")
    image.set_data_from_numpy(seven)
    result = client.infer("digits", [image], outputs=[triton.InferRequestedOutput("probabilities", class_count=2)])
    assert result.as_numpy("probabilities").shape == (1, 2)
    assert result.as_numpy("probabilities")[0, 0].split(b":")[1] == b"7"
    before = client.get_inference_statistics("digits").model_stats[0].inference_stats.success.count
    client.infer("digits", [image])
    assert client.get_inference_statistics("digits").model_stats[0].inference_stats.success.count > before
    assert {model.name for model in client.get_model_repository_index().models} >= {"digits", "sentiment"}


def test_strings(client):
    text = triton.InferInput("text", [2, 1], "BYTES")
    text.set_data_from_numpy(np.array([["What a wonderful film."], ["Two lost hours."]], object))
    answer = client.infer("sentiment", [text]).as_numpy("probabilities")
    assert answer[0].argmax() != answer[1].argmax()


def test_many_at_once_are_batched(server, client, seven):
    image = triton.InferInput("image", seven.shape, "FP32")
    image.set_data_from_numpy(seven)
    answers = queue.Queue()
    for _ in range(500):
        client.async_infer("digits", [image], callback=lambda result, error: answers.put((result, error)))
    for _ in range(500):
        result, error = answers.get(timeout=30)
        assert error is None and result.as_numpy("probabilities").argmax() == 7


async def test_tritonclient_asyncio(server, seven):
    async with triton_aio.InferenceServerClient(address(server)) as client:
        image = triton_aio.InferInput("image", seven.shape, "FP32")
        image.set_data_from_numpy(seven)
        results = await asyncio.gather(*(client.infer("digits", [image], request_id=str(i)) for i in range(100)))
        assert [result.get_response().id for result in results] == [str(i) for i in range(100)]
        assert all(result.as_numpy("probabilities").argmax() == 7 for result in results)

        async def ask():
            for i in range(20):
                yield {"model_name": "digits", "inputs": [image], "request_id": str(i)}

        ids = [result.get_response().id async for result, error in client.stream_infer(ask()) if error is None]
        assert ids == [str(i) for i in range(20)]


def test_a_prediction_stands_in_the_log(start_server, seven):
    server = start_server()
    with channel(server) as open_channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
        stub.ModelInfer(request_for(seven, id="logged"))
        list(stub.ModelStreamInfer(iter([request_for(seven, id="streamed")])))
    rows = wait_until(lambda: (found := server.get("/predictions").json()["predictions"]) and len(found) == 2 and found,
                      10, "two rows")
    assert {row["id"] for row in rows} == {"logged", "streamed"}
    assert all(row["result"]["prediction"] == "7" and row["latency_ms"] > 0 for row in rows)


BAD = {
    "unknown model": (lambda r: setattr(r, "model_name", "nobody"), STATUS.NOT_FOUND, "nobody"),
    "no model": (lambda r: setattr(r, "model_name", ""), STATUS.INVALID_ARGUMENT, "model_name"),
    "unknown version": (lambda r: setattr(r, "model_version", "9"), STATUS.NOT_FOUND, "9"),
    "no number": (lambda r: setattr(r, "model_version", "one"), STATUS.INVALID_ARGUMENT, "one"),
    "unknown input": (lambda r: setattr(r.inputs[0], "name", "picture"), STATUS.INVALID_ARGUMENT, "picture"),
    "wrong type": (lambda r: setattr(r.inputs[0], "datatype", "INT32"), STATUS.INVALID_ARGUMENT, "image"),
    "wrong shape": (lambda r: r.inputs[0].shape.append(2), STATUS.INVALID_ARGUMENT, "image"),
    "no data": (lambda r: r.ClearField("raw_input_contents"), STATUS.INVALID_ARGUMENT, "image"),
    "too little": (lambda r: r.raw_input_contents.__setitem__(0, b"abc"), STATUS.INVALID_ARGUMENT, "image"),
    "no input": (lambda r: (r.ClearField("inputs"), r.ClearField("raw_input_contents")), STATUS.INVALID_ARGUMENT, "image"),
    "too many parts": (lambda r: r.raw_input_contents.extend([b""] * 5000), STATUS.INVALID_ARGUMENT, "4096"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests(stub, seven, name):
    spoil, code, part = BAD[name]
    request = request_for(seven)
    spoil(request)
    got = failure(stub.ModelInfer, request)
    assert got[0] == code and part in got[1]
    assert class_of(stub.ModelInfer(request_for(seven))) == 7
    answer, = stub.ModelStreamInfer(iter([request]))
    assert part in answer.error_message


def test_messages_with_other_than_ascii(stub, seven):
    code, details = failure(stub.ModelInfer, request_for(seven, model="mödel\n100%"))
    assert code == STATUS.NOT_FOUND and "mödel\n100%" in details


# ---- what goes wrong below the messages

def raw_call(server, path, data, metadata=(), streaming=False, **options):
    """A call whose messages are bytes."""
    with channel(server) as open_channel:
        if streaming:
            return list(open_channel.stream_stream(path)(iter(data), metadata=metadata, **options))
        return open_channel.unary_unary(path)(data, metadata=metadata, **options)


def test_unknown_methods(server):
    assert failure(raw_call, server, SERVICE + "Nothing", b"") == (
        STATUS.UNIMPLEMENTED, "service inference.GRPCInferenceService has no method Nothing")
    assert failure(raw_call, server, "/some.Service/Method", b"")[0] == STATUS.UNIMPLEMENTED


def test_garbage(server, stub, seven):
    for garbage in (b"\xff" * 100, b"\x0a\x05ab", b"\x0a\x02\xff\xfe"):
        code, details = failure(raw_call, server, SERVICE + "ModelInfer", garbage)
        assert code == STATUS.INVALID_ARGUMENT and "ModelInferRequest" in details
    answers = raw_call(server, SERVICE + "ModelStreamInfer", [b"\xff" * 10, request_for(seven).SerializeToString()],
                       streaming=True)
    first, second = (service_pb2.ModelStreamInferResponse.FromString(answer) for answer in answers)
    assert "no inference.ModelInferRequest" in first.error_message
    assert class_of(second.infer_response) == 7


def test_unary_takes_one_message(server):
    for messages in ([], [b"", b""]):
        with channel(server) as open_channel:
            call = open_channel.stream_unary(SERVICE + "RepositoryModelLoad")
            code, details = failure(call, iter(messages))
        # The first of two may have been answered before the second came.
        assert code in (STATUS.INTERNAL, STATUS.INVALID_ARGUMENT) and "model_name" in details or "one message" in details


def test_a_message_over_the_limit(start_server, seven):
    server = start_server(flags=["--max-body-bytes", 10_000])
    with channel(server) as open_channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
        large = request_for(np.zeros((4, 28, 28), np.float32))
        code, details = failure(stub.ModelInfer, large)
        assert code == STATUS.RESOURCE_EXHAUSTED and "10000" in details
        code, details = failure(stub.ModelInfer, large, compression=grpc.Compression.Gzip)
        assert code == STATUS.RESOURCE_EXHAUSTED and "10000" in details, "a bomb is refused at the same limit"
        assert class_of(stub.ModelInfer(request_for(seven))) == 7


# ---- sizes and compression

def test_a_large_message(start_server, models):
    server = start_server(models / "strings.onnx", flags=["--max-body-bytes", 100_000_000, "--log", "none"])
    text = b"x" * 50_000_000
    with triton.InferenceServerClient(address(server)) as client:
        name, shape = (about := client.get_model_metadata("strings").inputs[0]).name, list(about.shape)
        value = triton.InferInput(name, [1 if size < 0 else size for size in shape], "BYTES")
        value.set_data_from_numpy(np.array([text], object).reshape([1 if size < 0 else size for size in shape]))
        for compression in (None, "gzip"):
            response = client.infer("strings", [value], compression_algorithm=compression).get_response()
            assert len(response.raw_output_contents[0]) >= len(text)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compression_both_ways(server, client, algorithm):
    images = np.zeros((32, 28, 28), np.float32)
    image = triton.InferInput("image", images.shape, "FP32")
    image.set_data_from_numpy(images)
    plain = client.infer("digits", [image]).as_numpy("probabilities")
    packed = client.infer("digits", [image], compression_algorithm=algorithm).as_numpy("probabilities")
    assert np.array_equal(plain, packed)
    # What came over the wire.
    with channel(server) as open_channel:
        call = open_channel.unary_unary(SERVICE + "ModelInfer")
        kind = grpc.Compression.Gzip if algorithm == "gzip" else grpc.Compression.Deflate
        _, sent = call.with_call(request_for(images).SerializeToString(), compression=kind)
        assert ("grpc-encoding", algorithm) in sent.initial_metadata() or sent.code() == STATUS.OK
    answers = []
    client.start_stream(lambda result, error: answers.append((result, error)), compression_algorithm=algorithm)
    for _ in range(5):
        client.async_stream_infer("digits", [image])
    client.stop_stream()
    assert len(answers) == 5 and all(error is None for _, error in answers)


# ---- deadlines and cancellation

def slow(server):
    return request_for(np.array([[1.0]], np.float32), name="x", model="slow")


@pytest.fixture
def slow_server(start_server, models):
    return start_server(models / "slow.onnx", flags=["--max-batch-size", 1, "--log", "none"])


def slow_request(stub, id=""):
    """A request for the slow model, in the shape that it takes."""
    about = stub.ModelMetadata(service_pb2.ModelMetadataRequest(name="slow")).inputs[0]
    kinds = {"FP32": np.float32, "INT64": np.int64}
    return request_for(np.ones([1 if size < 0 else size for size in about.shape], kinds[about.datatype]), about.name,
                       "slow", id)


def counted(server, name, **labels):
    for line in server.get("/metrics").text.splitlines():
        if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.split()[-1])
    return 0


def test_deadline(slow_server):
    with channel(slow_server) as open_channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
        request = slow_request(stub)
        stub.ModelInfer(request, timeout=30)
        busy = [stub.ModelInfer.future(request) for _ in range(20)]
        start = time.monotonic()
        pressing = [stub.ModelInfer.future(request, timeout=0.05) for _ in range(40)]
        codes = {future.code() for future in pressing}  # waits for each
        assert STATUS.DEADLINE_EXCEEDED in codes and codes <= {STATUS.OK, STATUS.DEADLINE_EXCEEDED}
        assert time.monotonic() - start < (5 if SANITIZED else 1)
        assert all(future.result(30) for future in busy)
    wait_until(lambda: counted(slow_server, "grpc_server_handled_total", grpc_method="ModelInfer",
                               grpc_code="DeadlineExceeded") or
               counted(slow_server, "grpc_server_handled_total", grpc_method="ModelInfer", grpc_code="Canceled"),
               10, "the call to be counted")


def test_cancelled_calls_are_not_computed(slow_server):
    with channel(slow_server) as open_channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
        request = slow_request(stub)
        calls = [stub.ModelInfer.future(request) for _ in range(40)]
        stub.ServerLive(service_pb2.ServerLiveRequest())
        for call in calls:
            call.cancel()
        wait_until(lambda: counted(slow_server, "saccade_pending_requests", model="slow") == 0, 20, "an empty queue")
        assert counted(slow_server, "saccade_inference_requests_total", model="slow", outcome="cancelled") > 20
        assert counted(slow_server, "grpc_server_handled_total", grpc_method="ModelInfer", grpc_code="Canceled") > 20
        assert stub.ModelInfer(request).model_name == "slow"


# ---- streams

def test_a_stream_keeps_order_and_survives_errors(client, seven):
    image = triton.InferInput("image", seven.shape, "FP32")
    image.set_data_from_numpy(seven)
    wrong = triton.InferInput("picture", seven.shape, "FP32")
    wrong.set_data_from_numpy(seven)
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(50):
        client.async_stream_infer("digits", [wrong if i % 5 == 0 else image], request_id=str(i),
                                  enable_empty_final_response=True)
    for i in range(50):
        result, error = answers.get(timeout=20)
        if i % 5 == 0:
            assert "picture" in str(error)
        else:
            assert error is None and result.get_response().id == str(i)
            assert result.get_response().parameters["triton_final_response"].bool_param
            assert result.as_numpy("probabilities").argmax() == 7
    client.stop_stream()
    assert answers.empty()


def test_a_streams_errors_say_whose_they_are(stub, seven):
    requests = [request_for(seven, name="picture", id="wrong"), request_for(seven, id="right")]
    wrong, right = stub.ModelStreamInfer(iter(requests))
    assert "picture" in wrong.error_message and wrong.infer_response.id == "wrong"
    assert not right.error_message and right.infer_response.id == "right"


def test_half_close_lets_answers_finish(slow_server):
    with channel(slow_server) as open_channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
        requests = [slow_request(stub, str(i)) for i in range(20)]
        call = stub.ModelStreamInfer(iter(requests))
        assert [answer.infer_response.id for answer in call] == [str(i) for i in range(20)]
        assert call.code() == STATUS.OK


def test_a_stream_of_nothing(stub):
    call = stub.ModelStreamInfer(iter([]))
    assert list(call) == [] and call.code() == STATUS.OK


def test_a_stream_far_ahead_of_its_reader(start_server, models):
    """A reader that takes nothing holds its sender back instead of filling the server's memory."""
    server = start_server(models / "strings.onnx", flags=["--log", "none"])
    with channel(server) as open_channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
        about = stub.ModelMetadata(service_pb2.ModelMetadataRequest(name="strings")).inputs[0]
        text = b"x" * 1_000_000
        request = service_pb2.ModelInferRequest(
            model_name="strings", raw_input_contents=[len(text).to_bytes(4, "little") + text])
        request.inputs.add(name=about.name, datatype="BYTES", shape=[1 if size < 0 else size for size in about.shape])
        sent = 0

        def ask():
            nonlocal sent
            for _ in range(200):
                sent += 1
                yield request

        before = server.memory_bytes()
        call = stub.ModelStreamInfer(ask())
        time.sleep(1)
        assert sent < 200, "the sender is held back"
        assert server.memory_bytes() - before < 150_000_000
        assert sum(not answer.error_message for answer in call) == 200


def test_many_streams(server, seven):
    def ask(_):
        with channel(server, [("grpc.use_local_subchannel_pool", 1)]) as open_channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
            calls = [stub.ModelStreamInfer(iter([request_for(seven, id=str(i)) for i in range(10)])) for _ in range(20)]
            return [[answer.infer_response.id for answer in call] for call in calls]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for ids in pool.map(ask, range(8)):
            assert ids == [[str(i) for i in range(10)]] * 20


# ---- health and reflection

def test_health(server, stub):
    with channel(server) as open_channel:
        health = health_pb2_grpc.HealthStub(open_channel)
        serving = health_pb2.HealthCheckResponse.SERVING
        for name in ("", "inference.GRPCInferenceService", "digits"):
            assert health.Check(health_pb2.HealthCheckRequest(service=name)).status == serving
        assert failure(health.Check, health_pb2.HealthCheckRequest(service="nobody"))[0] == STATUS.NOT_FOUND
        watch = health.Watch(health_pb2.HealthCheckRequest(service="nobody"))
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        watch.cancel()


def test_reflection(server):
    with channel(server) as open_channel:
        database = ProtoReflectionDescriptorDatabase(open_channel)
        assert set(database.get_services()) == {
            "inference.GRPCInferenceService", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
            "grpc.reflection.v1alpha.ServerReflection"}
        pool = descriptor_pool.DescriptorPool(database)
        service = pool.FindServiceByName("inference.GRPCInferenceService")
        assert {method.name for method in service.methods} == {
            method.name for method in service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods}
        assert pool.FindMessageTypeByName("inference.ModelConfig").fields_by_name["max_batch_size"].number == 4
        # Both versions are the same on the wire.
        ask = reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.Symbol")
        for version in ("v1", "v1alpha"):
            call = open_channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                ask.SerializeToString, reflection_pb2.ServerReflectionResponse.FromString)
            answer, = call(iter([ask]))
            assert answer.error_response.error_code == STATUS.NOT_FOUND.value[0]


# ---- the end

def test_under_load_every_accepted_call_is_answered(start_server, seven):
    server = start_server()
    unavailable, answered, odd = 0, 0, []
    request = request_for(seven)
    stop = threading.Event()

    def keep_asking():
        nonlocal unavailable, answered
        with channel(server, [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]) as open_channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
            while not stop.is_set():
                call = stub.ModelInfer.future(request)
                try:
                    if class_of(call.result(20)) != 7:
                        odd.append("wrong")
                    answered += 1
                except grpc.RpcError as error:
                    # The call was not taken: no connection can be made any more, or the client had not yet sent it when
                    # GOAWAY came.
                    if error.code() != STATUS.UNAVAILABLE:
                        odd.append(f"{error.code()}: {error.details()}")
                    unavailable += 1
                    return

    threads = [threading.Thread(target=keep_asking) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    server.terminate()
    for thread in threads:
        thread.join(30)
    stop.set()
    assert server.wait() == 0
    assert answered > 100 and unavailable == 8
    assert not odd
    # What the server took, its log knows.
    with contextlib.closing(sqlite3.connect(server.log_file)) as log:
        assert log.execute("SELECT count(*) FROM predictions").fetchone() == (answered,)


def test_streams_end_with_the_server(start_server, seven):
    server = start_server()
    with channel(server) as open_channel:
        health = health_pb2_grpc.HealthStub(open_channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
        requests = queue.Queue()
        stream = stub.ModelStreamInfer(iter(requests.get, None))
        requests.put(request_for(seven))
        assert class_of(next(stream).infer_response) == 7
        server.terminate()
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as ended:
            next(watch)
        assert ended.value.code() == STATUS.UNAVAILABLE
        with pytest.raises(grpc.RpcError) as ended:
            next(stream)
        assert ended.value.code() == STATUS.UNAVAILABLE and "ending" in ended.value.details()
        requests.put(None)
        assert server.wait() == 0


def test_requests_of_a_stream_are_answered_before_the_end(slow_server):
    with channel(slow_server) as open_channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
        requests = queue.Queue()
        stream = stub.ModelStreamInfer(iter(requests.get, None))
        request = slow_request(stub)
        for _ in range(20):
            requests.put(request)
        next(stream)
        slow_server.terminate()
        answers = 1
        with pytest.raises(grpc.RpcError) as ended:
            for _ in stream:
                answers += 1
        assert answers == 20 and ended.value.code() == STATUS.UNAVAILABLE
        requests.put(None)
        assert slow_server.wait() == 0


def test_metrics(server, stub, seven):
    labels = {"grpc_service": "inference.GRPCInferenceService", "grpc_method": "ModelInfer", "grpc_type": "unary"}
    before = counted(server, "grpc_server_handled_total", grpc_code="OK", **labels)
    stub.ModelInfer(request_for(seven))
    assert counted(server, "grpc_server_handled_total", grpc_code="OK", **labels) == before + 1
    assert counted(server, "grpc_server_handling_seconds_count", **labels) >= before + 1
    assert counted(server, "grpc_server_started_total", **labels) >= before + 1


def test_keepalive_pings_are_welcome(server, seven):
    options = [("grpc.keepalive_time_ms", 50), ("grpc.keepalive_permit_without_calls", 1),
               ("grpc.http2.max_pings_without_data", 0)]
    with channel(server, options) as open_channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(open_channel)
        stub.ModelInfer(request_for(seven))
        time.sleep(1)
        assert class_of(stub.ModelInfer(request_for(seven))) == 7


def test_other_content_types_are_refused(server):
    """Over plain HTTP/2 with prior knowledge, by hand: nothing but gRPC's own content type is a call."""
    import httpx
    response = httpx.post(server.url + SERVICE + "ServerLive", content=b"", trust_env=False)
    assert response.status_code == 404, "HTTP/1.1 has no gRPC"
