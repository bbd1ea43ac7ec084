"""WebSocket: a real client for what is allowed, frames by hand for what is not."""

import asyncio
import json
import socket
import struct
import time

import numpy as np
import pytest
import websockets

from raw_http import RawConnection
from raw_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawWebSocket, frame
from server import SANITIZED, Server

GOOD = json.dumps({"text": "a joy to watch"})
SENTIMENT = "/ws/predict/sentiment"


def connect(server, path="/ws/predict", **options):
    return websockets.connect(server.websocket_url + path, open_timeout=20, **options)


async def receive(websocket):
    return json.loads(await asyncio.wait_for(websocket.recv(), 20))


async def test_one_message(server, digit):
    async with connect(server) as websocket:
        await websocket.send(json.dumps(digit))
        answer = await receive(websocket)
        assert answer["class"] == 7 and answer["prediction"] == "7"
        assert 0.9 < answer["confidence"] <= 1
        assert abs(answer["timestamp"] - time.time()) < 60
        assert "id" not in answer


async def test_many_in_flight_come_in_order(server):
    async with connect(server, SENTIMENT) as websocket:
        for i in range(1000):
            await websocket.send(json.dumps({"text": "fine film " * (i % 7), "id": f"n{i}"}))
        assert [(await receive(websocket))["id"] for _ in range(1000)] == [f"n{i}" for i in range(1000)]


async def test_order_holds_among_bad_and_good(server):
    async with connect(server, SENTIMENT) as websocket:
        for i in range(300):
            await websocket.send(json.dumps({"text": "good" if i % 3 else i, "id": i}))
        for i in range(300):
            answer = await receive(websocket)
            assert answer["id"] == i
            assert ("error" in answer) == (i % 3 == 0)


async def test_a_bad_message_then_a_good_one(server):
    async with connect(server, SENTIMENT) as websocket:
        for bad in ["", "hello", "[]", '{"txt": "a"}', '{"text": "a"', "[" * 100_000]:
            await websocket.send(bad)
            answer = await receive(websocket)
            assert answer["code"] == "invalid_argument" and answer["error"], answer
            await websocket.send(GOOD)
            assert (await receive(websocket))["prediction"] == "positive"


async def test_an_error_carries_the_id(server):
    async with connect(server, SENTIMENT) as websocket:
        await websocket.send('{"id": "mine", "text": 5}')
        answer = await receive(websocket)
        assert answer["id"] == "mine" and '"text"' in answer["error"]


async def test_batch_and_probabilities(server, digit):
    async with connect(server, "/ws/predict/digits?probabilities=true") as websocket:
        await websocket.send(json.dumps({"image": [digit["image"]] * 3}))
        predictions = (await receive(websocket))["predictions"]
        assert [one["class"] for one in predictions] == [7, 7, 7]
        assert len(predictions[0]["probabilities"]) == 10


async def test_binary_frames_are_raw_floats(server, digit):
    image = np.array(digit["image"], np.float32).tobytes()
    assert len(image) == 784 * 4
    async with connect(server, "/ws/predict/digits") as websocket:
        await websocket.send(image)
        assert (await receive(websocket))["class"] == 7
        await websocket.send(image[:-1])
        assert "3135 bytes" in (await receive(websocket))["error"]
        await websocket.send(image * 2)
        assert len((await receive(websocket))["predictions"]) == 2


async def test_binary_answers(server, digit):
    async with connect(server, "/ws/predict/digits?response=binary") as websocket:
        await websocket.send(np.array(digit["image"], np.float32).tobytes())
        answer = await asyncio.wait_for(websocket.recv(), 20)
        assert isinstance(answer, bytes)
        assert np.frombuffer(answer, np.float32).argmax() == 7
        await websocket.send("{}")
        assert "error" in json.loads(await asyncio.wait_for(websocket.recv(), 20))


async def test_ping_is_answered(server):
    async with connect(server) as websocket:
        for _ in range(10):
            await asyncio.wait_for(await websocket.ping(b"are you there"), 20)


async def test_the_clients_close_code_comes_back(server):
    async with connect(server) as websocket:
        await websocket.close(4001, "enough")
        assert websocket.close_code == 4001


async def test_answers_come_before_the_close(server):
    """What was asked before the close frame is still answered."""
    with RawWebSocket(server, SENTIMENT) as raw:
        raw.send(frame(TEXT, GOOD) * 20 + frame(CLOSE, struct.pack(">H", 1000)))
        for _ in range(20):
            opcode, payload = raw.frame()
            assert opcode == TEXT and json.loads(payload)["prediction"] == "positive"
        assert raw.close_code() == 1000
        assert raw.is_closed()


async def test_predictions_are_logged(server):
    async with connect(server, SENTIMENT) as websocket:
        await websocket.send(GOOD)
        id = (await receive(websocket))["request_id"]
    end = time.monotonic() + 10
    while server.get(f"/predictions/{id}").status_code != 200:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("path, status", [("/ws/predict/dogs", 404), ("/ws/predict?response=xml", 400), ("/ws", 404)])
async def test_refused_before_the_upgrade(server, path, status):
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with connect(server, path):
            pass
    assert refused.value.response.status_code == status


@pytest.mark.parametrize("headers, part", [
    ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n"
     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Version must be 13"),
    ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short", "Key"),
    ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13", "Key"),
])
def test_bad_handshake(server, headers, part):
    with RawConnection(server) as raw:
        raw.send(f"GET /ws/predict HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n")
        status, _, body = raw.response()
        assert status == 426 and part in body


# Frames by hand

def opened(server):
    return RawWebSocket(server, SENTIMENT)


def test_fragmented_text(server):
    with opened(server) as raw:
        raw.send(frame(TEXT, GOOD[:1], final=False))
        for character in GOOD[1:-1]:
            raw.send(frame(CONTINUATION, character, final=False) + frame(PING, "between"))
        raw.send(frame(CONTINUATION, GOOD[-1:]))
        for _ in GOOD[1:-1]:
            assert raw.frame() == (PONG, b"between")
        assert json.loads(raw.frame()[1])["prediction"] == "positive"


def test_a_fragment_may_end_inside_a_character(server):
    text = '{"text": "naïve 電影"}'.encode()
    with opened(server) as raw:
        raw.send(frame(TEXT, b"", final=False))
        for byte in text:
            raw.send(frame(CONTINUATION, bytes([byte]), final=False))
        raw.send(frame(CONTINUATION))
        assert "prediction" in json.loads(raw.frame()[1])


def test_frame_byte_by_byte(server):
    with opened(server) as raw:
        for byte in frame(TEXT, GOOD):
            raw.send(bytes([byte]))
        assert json.loads(raw.frame()[1])["prediction"] == "positive"


@pytest.mark.parametrize("sent, code", [
    (frame(TEXT, GOOD, masked=False), 1002),
    (frame(TEXT, GOOD, reserved=0x40), 1002),
    (frame(0x3, "?"), 1002),
    (frame(0xB, "?"), 1002),
    (frame(PING, "x" * 126), 1002),
    (frame(PING, "x", final=False), 1002),
    (frame(CONTINUATION, "x"), 1002),
    (frame(TEXT, "x", final=False) + frame(TEXT, "y"), 1002),
    (frame(CLOSE, b"\x03"), 1002),
    (frame(CLOSE, struct.pack(">H", 1005)), 1002),
    (frame(CLOSE, struct.pack(">H", 999)), 1002),
    (frame(CLOSE, struct.pack(">H", 1000) + b"\xff"), 1007),
    (frame(TEXT, b'{"text": "\xff"}'), 1007),
    (frame(TEXT, b'{"text": "\xed\xa0\x80"}'), 1007),
    (frame(TEXT, b'{"text": "\xc3', final=False) + frame(CONTINUATION, b'"}'), 1007),
], ids=["unmasked", "reserved bit", "unknown opcode", "unknown control opcode", "large ping", "fragmented ping",
        "continuation of nothing", "message inside a message", "close of one byte", "close with 1005", "close with 999",
        "close reason not UTF-8", "not UTF-8", "surrogate in UTF-8", "half a character"])
def test_violation(server, sent, code):
    with opened(server) as raw:
        raw.send(sent)
        assert raw.close_code() == code
        assert raw.is_closed()


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("narrow"),
                    flags=["--max-body-bytes", 10_000, "--websocket-ping-s", 1, "--log", "none"])
    yield server
    server.stop()


@pytest.mark.parametrize("sent", [
    frame(TEXT, "x" * 10_001),
    frame(TEXT, "x" * 9_000, final=False) + frame(CONTINUATION, "x" * 9_000),
    b"\x82\xff" + struct.pack(">Q", 1 << 62) + b"mask",
], ids=["at once", "in fragments", "only announced"])
def test_too_large(narrow, sent):
    with opened(narrow) as raw:
        raw.send(sent)
        assert raw.close_code() == 1009


def test_a_silent_peer_is_pinged_and_then_closed(narrow):
    with opened(narrow) as raw:
        assert raw.frame()[0] == PING
        raw.send(frame(PONG))
        assert raw.frame()[0] == PING, "one that answers lives on"
        assert raw.is_closed(), "one that does not is closed"


def test_half_closed_peer_is_let_go(server):
    def connections():
        for line in server.get("/metrics").text.splitlines():
            if line.startswith('saccade_connections{protocol="websocket"}'):
                return float(line.split()[-1])

    before = connections()
    with opened(server) as raw:
        raw.send(frame(TEXT, GOOD))
        raw.frame()
        assert connections() == before + 1
        raw.end_sending()
        assert raw.is_closed()
        end = time.monotonic() + 10
        while connections() != before:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_a_reader_that_does_not_read_hurts_nobody(server):
    """It is not read from either, so its messages stay with it and the server's memory stays as it is."""
    message = frame(TEXT, GOOD) * 500
    others = [server.post("/predict/sentiment", content=GOOD) for _ in range(5)]
    assert all(other.status_code == 200 for other in others)
    before = server.memory_bytes()
    with opened(server) as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.socket.settimeout(1)
        sent = 0
        try:
            while sent < 400_000_000:
                sent += raw.socket.send(message)
        except TimeoutError:
            pass
        assert sent < 400_000_000, "the server went on reading"
        with server.client() as client:
            for _ in range(50):
                assert client.post("/predict/sentiment", content=GOOD).status_code == 200
        assert server.memory_bytes() - before < (1000 if SANITIZED else 60) * 1_000_000
        # when it reads at last, everything it sent is answered
        raw.socket.settimeout(20)
        for _ in range(1000):
            opcode, payload = raw.frame()
            assert opcode == TEXT and b'"positive"' in payload


def test_raw_binary_by_hand(server, digit):
    with RawWebSocket(server, "/ws/predict/digits") as raw:
        raw.send(frame(BINARY, np.array(digit["image"], np.float32).tobytes()))
        assert json.loads(raw.frame()[1])["class"] == 7
