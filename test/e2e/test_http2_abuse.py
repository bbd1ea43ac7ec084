"""HTTP/2 abuse costs the abuser its connection, and nobody else anything.

Beside each abuse an innocent client asks on a connection of its own and is answered every time; the server's memory stays where it was.
What a name stands for: CVE-2023-44487 (rapid reset), CVE-2025-8671 (MadeYouReset), CVE-2019-9511 to 9518 (floods), CVE-2024-27316 and its
kin (CONTINUATION), CVE-2016-6581 (HPACK bomb).
"""

import json
import select
import struct
import threading
import time

import pytest

from raw_http2 import (ACK, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR,
                       HEADERS, INITIAL_WINDOW_SIZE, PADDED, PING, PRIORITY, PROTOCOL_ERROR, RST_STREAM, SETTINGS, STREAM_CLOSED, RawHttp2, block,
                       frame, pseudo, request, settings, window_update)
from server import SANITIZED, Server, wait_until

TEXT = "/predict/sentiment"
GOOD = b'{"text": "a joy to watch"}'
ROOM_BYTES = (1000 if SANITIZED else 60) * 1_000_000
UNREAD_SECONDS = 0.2
MOST_SECONDS = 30  # of one abuse: by then the server has long ended it
POST = pseudo("POST", TEXT)


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    """A server with little patience, so that what is only ended by time ends soon."""
    server = Server(tmp_path_factory.mktemp("hard"), flags=["--header-timeout-s", 1, "--body-timeout-s", 1, "--write-timeout-s", 1, "--log", "none"])
    server.post(TEXT, content=GOOD)
    yield server
    server.stop()


def has_ended(connection):
    """Reads what is there; whether the server has said that this connection is over."""
    while connection.goaway is None and (connection.buffer or select.select([connection.socket], [], [], 0)[0]):
        if not connection.read():
            return True
    return connection.goaway is not None


class Innocent:
    """Asks without pause, over HTTP/2 of its own; every answer must be right."""

    def __init__(self, server):
        self.server, self.over, self.answered, self.failures = server, threading.Event(), 0, []
        self.thread = threading.Thread(target=self.work)

    def work(self):
        try:
            with RawHttp2(self.server) as connection:
                stream = 1
                while not self.over.is_set():
                    connection.send(request(stream, POST, GOOD))
                    status, error = connection.until_over(stream)
                    if status != 200:
                        self.failures.append((stream, status, error))
                        return
                    self.answered += 1
                    stream += 2
        except Exception as error:  # whatever it is, the test shows it
            self.failures.append(error)

    def __enter__(self):
        self.thread.start()
        wait_until(lambda: self.answered > 0 or self.failures, 20, "the innocent client's first answer")
        return self

    def __exit__(self, *_):
        before = self.answered
        wait_until(lambda: self.answered > before or self.failures, 20, "the innocent client's answer after the abuse")
        self.over.set()
        self.thread.join(20)


def numbered():
    stream = 1
    while True:
        yield stream
        stream += 2


def rapid_reset():
    for stream in numbered():
        yield request(stream, POST, end=False) + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))


def made_you_reset_by_a_window_of_nothing():
    for stream in numbered():
        yield request(stream, POST, end=False) + window_update(stream, 0)


def made_you_reset_by_a_window_too_large():
    for stream in numbered():
        yield request(stream, POST, end=False) + window_update(stream, 2**31 - 1)


def made_you_reset_by_its_own_priority():
    for stream in numbered():
        yield request(stream, POST, end=False) + frame(PRIORITY, 0, stream, struct.pack(">IB", stream, 1))


def made_you_reset_by_a_wrong_length():
    for stream in numbered():
        yield request(stream, [*POST, ("content-length", "1")], b"too long", end=False)


def made_you_reset_by_a_bad_header():
    for stream in numbered():
        yield request(stream, [*POST, ("connection", "close")])


def pings():
    while True:
        yield frame(PING, 0, 0, b"12345678")


def ping_answers():
    while True:
        yield frame(PING, ACK, 0, b"12345678")


def settings_flood():
    while True:
        yield settings((INITIAL_WINDOW_SIZE, 65535))


def settings_churn():
    """Each changes the windows of a thousand streams."""
    for stream in range(1, 2001, 2):
        yield request(stream, POST, end=False)
    while True:
        yield settings((INITIAL_WINDOW_SIZE, 0)) + settings((INITIAL_WINDOW_SIZE, 2**31 - 1))


def settings_answers():
    while True:
        yield frame(SETTINGS, ACK)


def priority_churn():
    while True:
        for stream in range(1, 2001, 2):
            yield frame(PRIORITY, 0, stream, struct.pack(">IB", stream + 2, 255))


def empty_data():
    yield request(1, POST, end=False)
    while True:
        yield frame(DATA, 0, 1)


def padding_alone():
    yield request(1, POST, end=False)
    while True:
        yield frame(DATA, PADDED, 1, b"\0")


def unknown_frames():
    while True:
        yield frame(0xFA, 0, 0, b"?")


def windows_by_one():
    while True:
        yield window_update(0, 1)


def empty_continuations():
    yield frame(HEADERS, END_STREAM, 1, block(POST))
    while True:
        yield frame(CONTINUATION, 0, 1)


def full_continuations():
    yield frame(HEADERS, END_STREAM, 1, block(POST))
    for i in numbered():
        yield frame(CONTINUATION, 0, 1, block([(f"x-{i}", "y" * 4000)]))


def empty_headers_of_one_stream():
    yield request(1, POST, end=False)
    while True:
        yield frame(HEADERS, END_HEADERS, 1, b"")


def header_bomb():
    """4 KiB put into the table once, then named by one byte each time: 12 KB ask for 48 MB."""
    entry = b"\x40\x01a" + b"\x7f" + bytes([(4000 - 127) & 0x7F | 0x80, (4000 - 127) >> 7]) + b"b" * 4000
    for stream in numbered():
        yield frame(HEADERS, END_HEADERS | END_STREAM, stream, block(POST) + (entry if stream == 1 else b"") + b"\xbe" * 12_000)


def unknown_index():
    yield frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\x7f")


def endless_integer():
    yield frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x7f" + b"\xff" * 1000)


def huffman_of_nothing():
    yield frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x81\xff\x84\xff\xff\xff\xff")


def window_overflow():
    yield window_update(0, 2**31 - 1)
    yield window_update(0, 2**31 - 1)


def window_of_settings_overflow():
    yield settings((INITIAL_WINDOW_SIZE, 2**31))


def a_frame_too_large():
    yield frame(DATA, 0, 1, b"x" * 20_000)


def padding_beyond_the_frame():
    yield request(1, POST, end=False)
    yield frame(DATA, PADDED, 1, b"\xff123")


def data_of_no_stream():
    yield frame(DATA, 0, 0, b"x")


def data_of_an_idle_stream():
    yield frame(DATA, 0, 5, b"x")


def a_server_of_its_own():
    """Only servers promise, and with even numbers."""
    yield request(2, POST, GOOD)


def headers_between_a_block():
    yield frame(HEADERS, END_STREAM, 1, block(POST))
    yield request(3, POST, GOOD)


FLOODS = {rapid_reset: {ENHANCE_YOUR_CALM}, made_you_reset_by_a_window_of_nothing: {ENHANCE_YOUR_CALM, PROTOCOL_ERROR},
          made_you_reset_by_a_window_too_large: {ENHANCE_YOUR_CALM, PROTOCOL_ERROR},
          made_you_reset_by_its_own_priority: {ENHANCE_YOUR_CALM, PROTOCOL_ERROR},
          made_you_reset_by_a_wrong_length: {ENHANCE_YOUR_CALM, PROTOCOL_ERROR},
          made_you_reset_by_a_bad_header: {ENHANCE_YOUR_CALM},
          pings: {ENHANCE_YOUR_CALM}, ping_answers: {ENHANCE_YOUR_CALM}, settings_flood: {ENHANCE_YOUR_CALM},
          settings_churn: {ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR}, settings_answers: {ENHANCE_YOUR_CALM, PROTOCOL_ERROR},
          priority_churn: {ENHANCE_YOUR_CALM}, empty_data: {ENHANCE_YOUR_CALM}, padding_alone: {ENHANCE_YOUR_CALM},
          unknown_frames: {ENHANCE_YOUR_CALM}, windows_by_one: {ENHANCE_YOUR_CALM}, empty_continuations: {ENHANCE_YOUR_CALM},
          full_continuations: {ENHANCE_YOUR_CALM, PROTOCOL_ERROR}, empty_headers_of_one_stream: {PROTOCOL_ERROR, STREAM_CLOSED, ENHANCE_YOUR_CALM},
          header_bomb: {ENHANCE_YOUR_CALM}, unknown_index: {COMPRESSION_ERROR},
          endless_integer: {COMPRESSION_ERROR}, huffman_of_nothing: {COMPRESSION_ERROR}, window_overflow: {FLOW_CONTROL_ERROR},
          window_of_settings_overflow: {FLOW_CONTROL_ERROR}, a_frame_too_large: {FRAME_SIZE_ERROR}, padding_beyond_the_frame: {PROTOCOL_ERROR},
          data_of_no_stream: {PROTOCOL_ERROR}, data_of_an_idle_stream: {PROTOCOL_ERROR}, a_server_of_its_own: {PROTOCOL_ERROR},
          headers_between_a_block: {PROTOCOL_ERROR}}


@pytest.mark.parametrize("abuse", FLOODS, ids=lambda abuse: abuse.__name__.replace("_", " "))
def test_ends_with_the_abusers_connection(hard, abuse):
    before = hard.memory_bytes()
    with Innocent(hard) as innocent:
        with RawHttp2(hard) as connection:
            sent, pieces, began = 0, bytearray(), time.monotonic()
            try:
                for piece in abuse():
                    pieces += piece
                    if len(pieces) > 65536:
                        connection.send(pieces)
                        sent += len(pieces)
                        pieces.clear()
                        assert time.monotonic() < began + MOST_SECONDS, "the server takes it without end"
                        # An abuser does not read; this one does after a while, so as to know that it is over.
                        if time.monotonic() > began + UNREAD_SECONDS and has_ended(connection):
                            break
                connection.send(pieces)
            except ConnectionError:
                pass  # the server was quicker
            while connection.goaway is None and connection.read():
                pass
            code = connection.goaway
        assert code in FLOODS[abuse] or (code is None and sent > 0), (code, connection.resets)
    assert not innocent.failures, innocent.failures
    assert hard.memory_bytes() - before < ROOM_BYTES


# What is no breach but costs the server something: it is held within bounds and ended by time.

def test_answers_that_are_never_read_are_given_up(hard):
    """A window of nothing: the answers wait, in bounded number, and their streams are reset when --write-timeout-s is over."""
    before = hard.memory_bytes()
    with Innocent(hard) as innocent, RawHttp2(hard, settings((INITIAL_WINDOW_SIZE, 0))) as stalled:
        for stream in range(1, 1001, 2):
            stalled.send(request(stream, pseudo(path="/openapi.json")))
        stalled.until_over(1)
        assert stalled.resets.get(1) is not None, "it waited for the reader without end"
        while len(stalled.resets) < 500 and stalled.read():
            pass
        assert hard.memory_bytes() - before < 2 * ROOM_BYTES
    assert not innocent.failures, innocent.failures


def test_a_window_opened_byte_by_byte_costs_only_its_own(hard):
    with Innocent(hard) as innocent, RawHttp2(hard, settings((INITIAL_WINDOW_SIZE, 0))) as stalled:
        stalled.send(request(1, pseudo(path="/models")))
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            stalled.send(window_update(1, 1))
            time.sleep(0.005)
        stalled.send(window_update(1, 1 << 20))
        status, _ = stalled.until_over(1)
        assert status == 200 and json.loads(stalled.answers[1][1])["models"]
    assert not innocent.failures, innocent.failures


def test_a_body_in_single_bytes_is_a_body(hard):
    """Many tiny DATA frames: each carries something, so they are allowed; they cost their sender more than anybody else."""
    with Innocent(hard) as innocent, RawHttp2(hard) as connection:
        connection.send(request(1, POST, end=False) + b"".join(frame(DATA, 0, 1, GOOD[i:i + 1]) for i in range(len(GOOD)))
                        + frame(DATA, END_STREAM, 1))
        assert connection.until_over(1)[0] == 200
        connection.send(request(3, POST, end=False) + b"".join(frame(DATA, PADDED, 3, b"\xff " + bytes(255)) for _ in range(2000)))
        connection.send(frame(DATA, END_STREAM, 3, GOOD))
        assert connection.until_over(3)[0] == 200
    assert not innocent.failures, innocent.failures


def test_changes_of_the_header_tables_size_are_passed_over(hard):
    """RFC 7541 allows two at the beginning of a block; thousands are 16 KB of a head, no more."""
    with Innocent(hard) as innocent, RawHttp2(hard) as connection:
        for stream in range(1, 400, 2):
            connection.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x20\x3f\xe1\x1f" * 4000 + block(POST)))
            status, error = connection.until_over(stream)
            assert status == 400 or error == COMPRESSION_ERROR
    assert not innocent.failures, innocent.failures


def test_a_block_that_never_ends_is_given_up_after_the_headers_time(hard):
    with Innocent(hard) as innocent, RawHttp2(hard) as connection:
        connection.acknowledges = False
        connection.send(frame(HEADERS, END_STREAM, 1, block(POST)))
        assert connection.until_closed() == ENHANCE_YOUR_CALM
    assert not innocent.failures, innocent.failures


def test_a_frame_that_never_ends_is_given_up_after_the_headers_time(hard):
    with Innocent(hard) as innocent, RawHttp2(hard) as connection:
        connection.acknowledges = False
        connection.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block(POST))[:-5])
        assert connection.until_closed() == ENHANCE_YOUR_CALM
    assert not innocent.failures, innocent.failures


def test_streams_beyond_the_number_allowed_are_refused_alone(hard):
    with Innocent(hard) as innocent, RawHttp2(hard) as connection:
        for stream in range(1, 2 * 1100, 2):
            connection.send(request(stream, POST, end=False))
        assert connection.until_over(2 * 1100 - 1)[0] in (None, 408)
        assert connection.until_over(1)[0] == 408
        next_stream = 2 * 1200 + 1
        connection.send(request(next_stream, POST, GOOD))
        assert connection.until_over(next_stream)[0] == 200
    assert not innocent.failures, innocent.failures


# Requests that would be smuggled once HTTP/2 is written down as HTTP/1.1. Here nothing writes it down, and nothing lets it in either.

CANARY = "x\r\n\r\nGET /canary HTTP/1.1\r\nHost: a\r\n\r\n"
SMUGGLED = {
    "a line break in a value": [*pseudo(), ("x", CANARY)],
    "a line feed in a value": [*pseudo(), ("x", "a\nb")],
    "a carriage return in a value": [*pseudo(), ("x", "a\rb")],
    "NUL in a value": [*pseudo(), ("x", "a\0b")],
    "a line break in a name": [*pseudo(), ("x: y\r\nz", "1")],
    "a colon in a name": [*pseudo(), ("transfer-encoding: chunked", "x")],
    "a space in a name": [*pseudo(), ("transfer-encoding ", "chunked")],
    "a name of nothing": [*pseudo(), ("", "x")],
    "capitals in a name": [*pseudo(), ("Content-Length", "0")],
    "a line break in the method": pseudo(method="GET /canary HTTP/1.1\r\nX:"),
    "a space in the method": pseudo(method="GET /canary"),
    "a line break in the path": pseudo(path="/health/live HTTP/1.1\r\nHost: a\r\n\r\nGET /canary"),
    "a space in the path": pseudo(path="/health/live HTTP/1.1"),
    "an empty path": pseudo(path=""),
    "a path without its slash": pseudo(path="health/live"),
    "a line break in the authority": pseudo(authority="a\r\nX: y"),
    "a path in the authority": pseudo(authority="a/canary"),
    "a line break in the scheme": pseudo(scheme="http\r\nX: y"),
    "a host in the scheme": pseudo(scheme="http://a/canary?"),
    "two methods": [(":method", "GET"), *pseudo(method="POST")],
    "two paths": [*pseudo(), (":path", "/canary")],
    "two authorities": [*pseudo(), (":authority", "b")],
    "no path": pseudo()[:2],
    "no method": pseudo()[1:],
    "no scheme": [pseudo()[0], *pseudo()[2:]],
    "an unknown pseudo header": [*pseudo(), (":canary", "1")],
    "a pseudo header of answers": [*pseudo(), (":status", "200")],
    "a pseudo header in capitals": [*pseudo(), (":Path", "/canary")],
    "a pseudo header behind a header": [("x", "y"), *pseudo()],
    "transfer-encoding": [*pseudo("POST", TEXT), ("transfer-encoding", "chunked")],
    "connection": [*pseudo(), ("connection", "keep-alive")],
    "keep-alive": [*pseudo(), ("keep-alive", "1")],
    "proxy-connection": [*pseudo(), ("proxy-connection", "close")],
    "upgrade": [*pseudo(), ("upgrade", "websocket")],
    "te of chunks": [*pseudo(), ("te", "chunked")],
    "a host that is another": [*pseudo(), ("host", "b")],
    "CONNECT": [(":method", "CONNECT"), (":authority", "a:80")],
}
LENGTHS = {
    "longer than said": (["5"], GOOD),
    "shorter than said": (["500"], GOOD),
    "nothing where something was said": (["5"], None),
    "two that differ": ([str(len(GOOD)), "5"], GOOD),
    "two that agree": ([str(len(GOOD))] * 2, GOOD),
    "a list": ([f"{len(GOOD)}, {len(GOOD)}"], GOOD),
    "a plus": ([f"+{len(GOOD)}"], GOOD),
    "a minus": (["-1"], GOOD),
    "words": (["many"], GOOD),
    "2^64": (["18446744073709551616"], GOOD),
    "nothing": ([""], GOOD),
}


def refused_alone(server, bytes_of_request):
    with RawHttp2(server) as connection:
        connection.send(bytes_of_request)
        status, error = connection.until_over(1)
        assert (status is not None and 400 <= status < 500 or status == 501) or (status is None and error == PROTOCOL_ERROR), (status, error, connection.answers)
        assert b"/canary HTTP" not in connection.answers.get(1, [0, b""])[1]
        if connection.goaway is None:
            connection.send(request(3, POST, GOOD))
            assert connection.until_over(3)[0] == 200
        assert set(connection.answers) <= {1, 3}


@pytest.mark.parametrize("name", SMUGGLED)
def test_smuggled_headers_are_refused(server, name):
    refused_alone(server, request(1, SMUGGLED[name]))


@pytest.mark.parametrize("name", LENGTHS)
def test_a_length_that_is_not_the_bodys_is_refused(server, name):
    lengths, body = LENGTHS[name]
    refused_alone(server, request(1, [*POST, *(("content-length", length) for length in lengths)], body))


def test_trailers_are_read_over(server):
    """And no pseudo header is taken from them."""
    with RawHttp2(server) as connection:
        connection.send(request(1, POST, GOOD, end=False) + frame(HEADERS, END_HEADERS | END_STREAM, 1, block([("x", "y")])))
        assert connection.until_over(1)[0] == 200
    refused_alone(server, request(1, POST, GOOD, end=False) + frame(HEADERS, END_HEADERS | END_STREAM, 1, block([(":path", "/canary")])))
