"""What is no WebSocket is closed with the right code, floods cost only their sender, and a handshake can't be talked round."""

import json
import socket
import time

import pytest

from raw_http import RawConnection
from raw_websocket import CLOSE, CONTINUATION, PING, PONG, TEXT, RawWebSocket, frame
from server import SANITIZED, Server
from websocket_abuse import GOOD, WEBSOCKET_ABUSE

SENTIMENT = "/ws/predict/sentiment"
ROOM_BYTES = (1000 if SANITIZED else 60) * 1_000_000
assert len({case.name for case in WEBSOCKET_ABUSE}) == len(WEBSOCKET_ABUSE)


def assert_serves(server):
    assert server.post("/predict/sentiment", content=GOOD).json()["prediction"] == "positive"


@pytest.mark.parametrize("piecewise", [False, True], ids=["whole", "in pieces"])
@pytest.mark.parametrize("case", WEBSOCKET_ABUSE, ids=lambda case: case.name)
def test_abuse(server, case, piecewise):
    with RawWebSocket(server, SENTIMENT) as raw:
        raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        step = max(1, len(case.sent) // 400) if piecewise else len(case.sent)
        try:
            for at in range(0, len(case.sent), step):
                raw.send(case.sent[at:at + step])
            if case.code is None:
                raw.send(frame(TEXT, b'{"text": "a joy to watch", "id": "the last"}'))
        except ConnectionError:
            assert case.code is not None, "it was closed"
        answers = []
        while True:
            opcode, payload = raw.frame()
            if opcode == TEXT:
                answers.append(json.loads(payload))
                if answers[-1].get("id") == "the last":
                    assert case.code is None
                    return
            if opcode == CLOSE:
                assert int.from_bytes(payload[:2], "big") == case.code, payload
                assert len(payload) <= 125 and payload[2:].decode() is not None
                break
            assert opcode in (TEXT, PONG)
        assert raw.is_closed()
        assert len(answers) <= 1


@pytest.mark.parametrize("headers", [
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Extensions: permessage-deflate, x-webkit-deflate-frame",
    "Sec-WebSocket-Protocol: chat, superchat",
], ids=["compression", "two extensions", "subprotocols"])
def test_nothing_is_agreed_to(server, headers):
    with RawConnection(server) as raw:
        raw.send(f"GET {SENTIMENT} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                 f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n\r\n")
        status, answered = raw.head()
        assert status == 101
        assert "sec-websocket-extensions" not in answered and "sec-websocket-protocol" not in answered


HANDSHAKE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


@pytest.mark.parametrize("change", [
    {"Connection": None}, {"Upgrade": None}, {"Sec-WebSocket-Version": None}, {"Sec-WebSocket-Key": None}, {"Connection": "close"},
    {"Upgrade": "h2c"}, {"Sec-WebSocket-Version": "8"}, {"Sec-WebSocket-Version": "13, 8"}, {"Sec-WebSocket-Key": ""},
    {"Sec-WebSocket-Key": "AAAA"}, {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZSB0b28gbG9uZw=="}, {"Upgrade": "websocketx"},
], ids=str)
def test_a_handshake_that_is_none_is_http(server, change):
    """And what follows it is HTTP too: frames behind it are not read as such."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in {**HANDSHAKE, **change}.items() if value is not None)
    with RawConnection(server) as raw:
        raw.send(f"GET {SENTIMENT} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
        assert raw.response()[0] == 426
        if change != {"Connection": "close"}:
            raw.send("GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
            assert raw.response()[0] == 200
        else:
            assert raw.is_closed()


@pytest.mark.parametrize("method, version", [("POST", "1.1"), ("HEAD", "1.1"), ("GET", "1.0")])
def test_a_handshake_by_another_method_or_version_is_refused(server, method, version):
    headers = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
    with RawConnection(server) as raw:
        raw.send(f"{method} {SENTIMENT} HTTP/{version}\r\nHost: a\r\n{headers}\r\n")
        assert raw.head()[0] in (400, 405, 426)


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("hard"), flags=["--write-timeout-s", 1, "--max-body-bytes", 1_000_000, "--log", "none"])
    assert_serves(server)
    yield server
    server.stop()


def fragments_without_end():
    yield frame(TEXT, b"", final=False)
    while True:
        yield frame(CONTINUATION, b"x", final=False) * 1000


@pytest.mark.parametrize("flood", [
    lambda: iter(lambda: frame(PING, "x" * 125) * 500, None), lambda: iter(lambda: frame(PONG, "x" * 125) * 500, None),
    lambda: iter(lambda: frame(TEXT, b"{") * 500, None), fragments_without_end,
], ids=["pings", "pongs", "bad messages", "fragments"])
def test_a_flood_whose_sender_does_not_read(hard, flood):
    """It is not read beyond a bound, or it is cut; others are answered all the while and memory stays."""
    before, end = hard.memory_bytes(), time.monotonic() + 2
    with RawWebSocket(hard, SENTIMENT) as raw:
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.socket.settimeout(0.2)
        for piece in flood():
            try:
                raw.socket.send(piece)
            except TimeoutError:
                pass
            except ConnectionError:
                break
            if time.monotonic() > end:
                break
        assert_serves(hard)
        assert hard.memory_bytes() - before < ROOM_BYTES
    assert_serves(hard)


def test_a_close_that_is_never_finished_ends(hard):
    """The client sends its close frame and leaves its side open: the server does not wait for it for ever."""
    with RawWebSocket(hard, SENTIMENT) as raw:
        raw.send(frame(CLOSE, b"\x03\xe8"))
        assert raw.close_code() == 1000
        assert raw.is_closed()
