"""SIGTERM: no new work, everything accepted is answered, sockets are closed in order, the process ends with 0."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import time

import httpx
import pytest
import websockets

from raw_http import RawConnection, post
from raw_websocket import CLOSE, TEXT, RawWebSocket, frame
from server import BINARY, DIGITS, PLAIN, REPOSITORY, SANITIZED, START_SECONDS, wait_until

QUICK_SECONDS = 10 if SANITIZED else 2


def pending(server):
    for line in server.get("/metrics").text.splitlines():
        if line.startswith("saccade_pending_requests{"):
            return int(float(line.split()[-1]))
    raise AssertionError("no such metric")


def test_idle_server_ends_quickly(start_server):
    server = start_server()
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < QUICK_SECONDS
    assert "SIGTERM: ending" in server.stderr() and server.stderr().rstrip().endswith("ended")


def test_idle_connections_do_not_hold_it_up(start_server):
    server = start_server()
    idle = [RawConnection(server) for _ in range(20)]
    used = [RawConnection(server) for _ in range(20)]
    for connection in used:
        connection.send("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.response()[0] == 200
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < QUICK_SECONDS
    for connection in idle + used:
        assert connection.is_closed()
        connection.socket.close()


def test_everything_accepted_is_answered(start_server, models):
    server = start_server(models / "slow.onnx", flags=["--max-batch-size", 1])
    connections = [RawConnection(server) for _ in range(24)]
    for i, connection in enumerate(connections):
        connection.send(post("/predict", json.dumps({"x": i})))
    # A look at /metrics may come before the last request's bytes: none are left in a socket once all are counted.
    wait_until(lambda: pending(server) >= 12, 10, "requests to wait for the model")
    server.terminate()
    for i, connection in enumerate(connections):
        status, headers, body = connection.response()
        assert status == 200 and json.loads(body)["outputs"]["y"] == [i]
        assert connection.is_closed()
        connection.socket.close()
    assert headers["connection"] == "close", "the last one was answered after the signal"
    assert server.wait() == 0


def test_no_new_work_while_ending(start_server, models):
    server = start_server(models / "slow.onnx", flags=["--max-batch-size", 1])
    kept = RawConnection(server)
    busy = [RawConnection(server) for _ in range(24)]
    assert server.get("/health/ready").status_code == 200
    for connection in busy:
        connection.send(post("/predict", '{"x": 1}'))
    wait_until(lambda: pending(server) >= 12, 10, "requests to wait for the model")
    server.terminate()

    def refused():
        try:
            socket.create_connection(("localhost", server.port), timeout=5).close()
            return False
        except ConnectionError:
            return True

    wait_until(refused, 10, "new connections to be refused")
    assert kept.is_closed()
    assert server.process.poll() is None, "it is still at work"
    for connection in busy:
        assert connection.response()[0] == 200
        connection.socket.close()
    assert server.wait() == 0


async def test_websockets_are_answered_and_closed_with_1001(start_server, models):
    server = start_server(models / "slow.onnx", flags=["--max-batch-size", 1])
    websocket = await websockets.connect(server.websocket_url + "/ws/predict")
    idle = await websockets.connect(server.websocket_url + "/ws/predict")
    for i in range(12):
        await websocket.send(json.dumps({"x": i, "id": i}))
    end = time.monotonic() + 10
    while (await asyncio.to_thread(pending, server)) < 8:
        assert time.monotonic() < end
    server.terminate()
    for i in range(12):
        answer = json.loads(await asyncio.wait_for(websocket.recv(), 20))
        assert answer["id"] == i and answer["outputs"]["y"] == [i]
    for each in (websocket, idle):
        with pytest.raises(websockets.ConnectionClosed):
            await asyncio.wait_for(each.recv(), 20)
        assert each.close_code == 1001
    assert await asyncio.to_thread(server.wait) == 0


def test_a_websocket_that_never_answers_the_close_is_cut(start_server):
    server = start_server()
    with RawWebSocket(server, "/ws/predict/sentiment") as raw:
        raw.send(frame(TEXT, '{"text": "a"}'))
        raw.frame()
        server.terminate()
        opcode, payload = raw.frame()
        assert opcode == CLOSE and payload[:2] == (1001).to_bytes(2, "big")
        assert server.wait(15) == 0


async def test_under_load_no_answer_is_cut_off(start_server, digit):
    """A connection may end between two requests; a request may not be answered with half an answer or an error."""
    server = start_server()
    body = json.dumps(digit)
    answered, odd = 0, []

    async def keep_asking(client):
        nonlocal answered
        while True:
            try:
                answer = await client.post("/predict/digits", content=body)
            except (httpx.ConnectError, httpx.ReadError, httpx.WriteError):
                return
            except httpx.RemoteProtocolError as error:
                if "without sending a response" not in str(error):
                    odd.append(str(error))
                return
            if answer.status_code != 200 or answer.json()["class"] != 7:
                odd.append(answer.text)
            answered += 1

    async with server.async_client(connections=32) as client:
        asking = [asyncio.create_task(keep_asking(client)) for _ in range(32)]
        await asyncio.sleep(1)
        server.terminate()
        await asyncio.wait_for(asyncio.gather(*asking), 30)
    assert await asyncio.to_thread(server.wait) == 0
    assert answered > 32
    assert not odd


def test_a_request_on_its_way_in_is_still_answered(start_server):
    server = start_server()
    whole = post("/predict/sentiment", '{"text": "a joy to watch"}')
    with RawConnection(server) as connection, contextlib.ExitStack() as held:
        connection.send(whole[:-5])
        idle = [held.enter_context(RawConnection(server)) for _ in range(os.cpu_count())]
        for other in idle:
            other.send("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
            assert other.response()[0] == 200
        server.terminate()
        assert all(other.is_closed() for other in idle)  # one on each event loop: every loop knows of the end
        connection.send(whole[-5:])
        status, headers, _ = connection.response()
        assert status == 200 and headers["connection"] == "close"
    assert server.wait() == 0


def test_stuck_clients_are_cut_after_the_drain_timeout(start_server):
    server = start_server(flags=["--drain-timeout-s", 1])
    with RawConnection(server) as connection:
        connection.send("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
        server.get("/health/live")
        time.sleep(0.1)
        start = time.monotonic()
        server.stop()
        assert 0.5 < time.monotonic() - start < 1 + QUICK_SECONDS
        assert "did not end within 1 s and are cut" in server.stderr()


def test_an_answer_half_read_is_finished_and_the_connection_ends(start_server, models):
    server = start_server(models / "strings.onnx", flags=["--log", "none"])
    text = "x" * 20_000_000
    with RawConnection(server) as connection:
        connection.send(post("/predict", json.dumps({"text": text})))
        status, headers = connection.head()
        server.terminate()
        wait_until(lambda: "SIGTERM" in server.stderr(), 10, "the end to begin")
        time.sleep(0.1)
        start = time.monotonic()
        body = connection.take(int(headers["content-length"]))
        assert status == 200 and len(body) > len(text)
        assert connection.is_closed()
        assert server.wait() == 0
        assert time.monotonic() - start < QUICK_SECONDS


def test_not_ready_and_no_wrong_answer_while_models_load(tmp_path):
    """Before all models are there nobody is told that one is unknown, or answered by another model than the default."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [f"m{i}={REPOSITORY / 'sentiment/1/model.onnx'}" for i in range(5)] + [f"digits={DIGITS}"]
    process = subprocess.Popen(
        [BINARY, "serve", *arguments, "--port", str(port), "--grpc-port", "0", "--log", "none",
         "--default-model", "m4"], cwd=tmp_path,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = set()

    def ready():
        try:
            with httpx.Client(base_url=f"http://localhost:{port}", **PLAIN) as client:
                state = client.get("/health/ready").status_code
                for path in ("/predict", "/predict/m4"):
                    answer = client.post(path, json={"text": "a joy to watch"})
                    seen.add(answer.status_code)
                    assert answer.status_code == 503 or answer.json()["model"] == "m4", answer.text
        except httpx.ConnectError:
            return False
        return state == 200

    try:
        wait_until(ready, START_SECONDS, "the server to be ready")
    finally:
        process.terminate()
        assert process.wait(20) == 0
    assert 503 in seen, "it could be asked while it was loading"


def test_sigint_ends_it_too(start_server):
    server = start_server()
    server.process.send_signal(2)
    assert server.wait() == 0
