"""What one client may cost: connections, memory, time. The server is the one that says when it is enough."""

import json
import socket
import threading
import time

import pytest

from raw_http import RawConnection, post
from server import SANITIZED, wait_until

TEXT = "/predict/sentiment"
GOOD = '{"text": "a joy to watch"}'
ROOM_BYTES = (1000 if SANITIZED else 60) * 1_000_000


def test_idle_connections_are_closed(start_server):
    server = start_server(flags=["--idle-timeout-s", 1, "--log", "none"])
    with RawConnection(server) as never_used, RawConnection(server) as used:
        used.send(post(TEXT, GOOD))
        assert used.response()[0] == 200
        assert never_used.is_closed() and used.is_closed()


def test_connections_above_the_limit_are_turned_away(start_server):
    server = start_server(flags=["--max-connections", 5, "--log", "none"])
    inside = [RawConnection(server) for _ in range(5)]
    for connection in inside:
        connection.send(post(TEXT, GOOD))
        assert connection.response()[0] == 200
    with RawConnection(server) as sixth:
        assert sixth.is_closed()
    for connection in inside:
        connection.send(post(TEXT, GOOD))
        assert connection.response()[0] == 200
    inside.pop().socket.close()

    def welcome():
        try:
            return server.post(TEXT, content=GOOD).status_code == 200
        except Exception:
            return False

    wait_until(welcome, 10, "the freed place")
    # Over a connection that is inside: whether the freed place is free again by now is no matter.
    inside[0].send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    _, _, metrics = inside[0].response()
    assert "saccade_connections_refused_total 0" not in metrics
    for connection in inside:
        connection.socket.close()


def test_announced_bodies_take_no_memory_before_they_come(server):
    before = server.memory_bytes()
    connections = [RawConnection(server) for _ in range(50)]
    for connection in connections:
        connection.send(f"POST {TEXT} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n" + "x" * 1000)
    assert server.post(TEXT, content=GOOD).status_code == 200
    assert server.memory_bytes() - before < 2 * ROOM_BYTES
    for connection in connections:
        connection.socket.close()


def test_a_reader_that_does_not_read_is_cut_after_the_write_timeout(start_server):
    """Whoever pipelines without reading is read no further, held in bounded memory, and let go in time."""
    server = start_server(flags=["--write-timeout-s", 1, "--log", "none"])
    before = server.memory_bytes()
    block = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 200
    with RawConnection(server) as stuck:
        stuck.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.socket.settimeout(0.5)
        sent, cut = 0, False
        end = time.monotonic() + 15
        while not cut:
            assert time.monotonic() < end, "it is still connected"
            assert sent < 200_000_000, "the server reads on"
            assert server.post(TEXT, content=GOOD).status_code == 200
            try:
                sent += stuck.socket.send(block)
            except TimeoutError:
                pass
            except ConnectionError:
                cut = True
    assert server.memory_bytes() - before < ROOM_BYTES


def test_a_long_pipeline_of_large_requests_is_answered_whole(server, digit):
    """Much more than the server reads ahead, sent by one thread and read by another."""
    count = 600
    requests = [post("/predict/digits", json.dumps({**digit, "id": i})) for i in range(count)]
    with RawConnection(server) as connection:
        sender = threading.Thread(target=lambda: connection.send(b"".join(requests)))
        sender.start()
        for i in range(count):
            status, _, body = connection.response()
            body = json.loads(body)
            assert status == 200 and (body["id"], body["class"]) == (i, 7)
        sender.join(10)


def test_a_body_of_many_megabytes(server, digit):
    body = json.dumps({"image": [digit["image"]] * 64}).replace(", ", "," + " " * 100)
    assert 4_000_000 < len(body) < 64_000_000
    answer = server.post("/predict/digits", content=body)
    assert answer.status_code == 200
    assert [one["class"] for one in answer.json()["predictions"]] == [7] * 64


@pytest.mark.parametrize("pieces", [1, 3, 7, 64, 1000, 4096])
def test_however_the_bytes_are_cut(server, digit, pieces):
    whole = post("/predict/digits", json.dumps(digit)) + post(TEXT, GOOD)
    with RawConnection(server) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), pieces):
            connection.send(whole[start:start + pieces])
        assert json.loads(connection.response()[2])["class"] == 7
        assert json.loads(connection.response()[2])["class"] == 1


def test_many_connections_come_and_go(server):
    def come_and_go():
        for i in range(100):
            with RawConnection(server) as connection:
                if i % 3:
                    connection.send(post(TEXT, GOOD)[:50 * (i % 5)])
    threads = [threading.Thread(target=come_and_go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert server.post(TEXT, content=GOOD).status_code == 200

    def open_connections():
        return next(float(line.split()[-1]) for line in server.get("/metrics").text.splitlines()
                    if line.startswith('saccade_connections{protocol="http"}'))
    wait_until(lambda: open_connections() <= 2, 10, "the left connections to be counted off")
