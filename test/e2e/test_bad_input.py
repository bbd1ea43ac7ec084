"""Wrong requests get a clear error, and nothing else suffers: after each the same server answers a good one."""

import json
import threading
import time

import pytest

from bad_requests import BAD_REQUESTS, TEXT
from raw_http import RawConnection, post
from server import Server, wait_until

GOOD = '{"text": "a joy to watch"}'


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server with little patience and little room."""
    server = Server(tmp_path_factory.mktemp("strict"),
                    flags=["--header-timeout-s", 1, "--body-timeout-s", 1, "--max-body-bytes", 100_000])
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def nothing_else_suffers(request):
    yield
    for name in {"server", "strict"} & set(request.fixturenames):
        assert_serves(request.getfixturevalue(name))


def assert_serves(server):
    answer = server.post(TEXT, content=GOOD)
    assert answer.status_code == 200 and answer.json()["prediction"] == "positive"


def error_of(body):
    return json.loads(body)["error"]


@pytest.mark.parametrize("case", BAD_REQUESTS, ids=lambda case: case.name)
def test_bad_request(server, case):
    answer = server.client().request(case.method, case.path, content=case.body, headers=case.headers)
    assert answer.status_code == case.status, answer.text
    assert answer.headers["content-type"] == "application/json"
    message = answer.json()["error"]
    assert case.message in message
    assert 5 < len(message) < 500, "one readable line"


@pytest.mark.parametrize("case", [case for case in BAD_REQUESTS if case.status == 400][:3], ids=lambda case: case.name)
def test_the_connection_lives_on(server, case):
    with RawConnection(server) as connection:
        connection.send(post(case.path, case.body) + post(TEXT, GOOD))
        assert connection.response()[0] == 400
        assert connection.response()[0] == 200


def test_wrong_method_names_the_right_one(server):
    assert server.get(TEXT).headers["allow"] == "POST"


def test_bad_among_good_at_once(server):
    """Bad and good requests side by side: no answer is mixed up."""
    failures = []

    def send(body, status):
        with server.client() as client:
            for _ in range(30):
                answer = client.post(TEXT, content=body)
                if answer.status_code != status:
                    failures.append(answer.text)

    threads = [threading.Thread(target=send, args=pair) for pair in [(GOOD, 200), ('{"text": 1}', 400)] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures


# Slow and leaving clients

def test_headers_byte_by_byte_too_slowly(strict):
    with RawConnection(strict) as connection:
        try:
            for byte in "POST /predict HTTP/1.1\r\nHost: localhost\r\n":
                connection.send(byte)
                time.sleep(0.1)
        except ConnectionError:
            pass
        status, headers, body = connection.response()
        assert status == 408 and "headers did not arrive in time" in error_of(body)
        assert headers["connection"] == "close"


def test_headers_byte_by_byte_but_in_time(strict):
    with RawConnection(strict) as connection:
        for byte in post(TEXT, GOOD):
            connection.send(bytes([byte]))
        assert connection.response()[0] == 200


def test_body_too_slowly(strict):
    with RawConnection(strict) as connection:
        connection.send(f"POST {TEXT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(20):
                connection.send("{")
                time.sleep(0.1)
        except ConnectionError:
            pass
        status, _, body = connection.response()
        assert status == 408 and "body did not arrive in time" in error_of(body)


def test_many_slow_senders_hold_nobody_up(strict):
    slow = [RawConnection(strict) for _ in range(200)]
    for connection in slow:
        connection.send("POST /pre")
    assert_serves(strict)
    statuses = [connection.response()[0] for connection in slow]
    assert statuses == [408] * 200
    for connection in slow:
        connection.socket.close()


def test_half_closed_is_still_answered(server):
    with RawConnection(server) as connection:
        connection.send(post(TEXT, GOOD))
        connection.end_sending()
        assert connection.response()[0] == 200
        assert connection.is_closed()


def test_half_closed_is_still_answered_by_a_slow_model(start_server, models):
    slow = start_server(models / "slow.onnx", flags=["--log", "none"])
    with RawConnection(slow) as connection:
        connection.send(post("/predict", '{"x": 1}') * 3)
        connection.end_sending()
        assert [connection.response()[0] for _ in range(3)] == [200] * 3
        assert connection.is_closed()


def test_ends_in_the_middle(server):
    with RawConnection(server) as connection:
        connection.send(f"POST {TEXT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{")
        connection.end_sending()
        status, _, body = connection.response()
        assert status == 400 and "ended in the middle" in error_of(body)


def test_a_client_that_leaves_costs_no_compute(start_server, models):
    slow = start_server(models / "slow.onnx", flags=["--log", "none", "--max-batch-size", 1])
    staying = [RawConnection(slow) for _ in range(4)]
    leaving = [RawConnection(slow) for _ in range(20)]
    for connection in staying + leaving:
        connection.send(post("/predict", '{"x": 1}'))
    time.sleep(0.02)
    for connection in leaving:
        connection.socket.close()
    for connection in staying:
        assert connection.response()[0] == 200
        connection.socket.close()

    def outcomes():
        counts = {}
        for line in slow.get("/metrics").text.splitlines():
            if line.startswith("saccade_inference_requests_total{"):
                counts[line.split('outcome="')[1].split('"')[0]] = float(line.split()[-1])
        return counts if sum(counts.values()) == 24 else None

    counted = wait_until(outcomes, 20, "all 24 requests to be done with")
    assert counted["cancelled"] > 0, counted
    assert counted["error"] == 0, counted
    assert slow.post("/predict", json={"x": 5}).json()["outputs"]["y"] == [5]


# Too large

def test_headers_too_large(server):
    with RawConnection(server) as connection:
        connection.send(f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {'x' * 100_000}\r\n\r\n")
        status, _, body = connection.response()
        assert status == 431 and "65536" in error_of(body)


def test_too_many_headers(server):
    with RawConnection(server) as connection:
        connection.send("GET / HTTP/1.1\r\nHost: localhost\r\n" + "X: y\r\n" * 1000 + "\r\n")
        status, _, body = connection.response()
        assert status == 431 and "header fields" in error_of(body)


def test_address_too_long(server):
    with RawConnection(server) as connection:
        connection.send(f"GET /{'x' * 100_000} HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, _, body = connection.response()
        assert status == 414 and "request line" in error_of(body)


def test_body_too_large_is_refused_before_it_is_sent(strict):
    with RawConnection(strict) as connection:
        connection.send(f"POST {TEXT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100001\r\n\r\n")
        status, headers, body = connection.response()
        assert status == 413 and "100001" in error_of(body) and "100000" in error_of(body)
        assert headers["connection"] == "close"


def test_chunks_too_large(strict):
    with RawConnection(strict) as connection:
        connection.send(f"POST {TEXT} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(20):
                connection.send(b"2710\r\n" + b" " * 10_000 + b"\r\n")
        except ConnectionError:
            pass
        assert connection.response()[0] == 413


def test_a_client_that_sends_the_large_body_anyway_reads_the_refusal(strict):
    answer = strict.post(TEXT, content=b" " * 5_000_000)
    assert answer.status_code == 413


# What HTTP/1.1 forbids

@pytest.mark.parametrize("start, status", [
    ("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
    ("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
    ("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: two\r\n\r\n{}", 400),
    ("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
    ("POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    ("POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}too long\r\n", 400),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHo st: a\r\n\r\n", 400),
    ("GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505),
    ("FETCH / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    ("POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: a-miracle\r\n\r\n{}", 417),
    ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", None),
], ids=["two content lengths", "a length and chunks", "a negative length", "a length in words", "a length beyond 64 bits",
        "a bad chunk size", "a chunk longer than it says", "a space before the colon", "a space in a header's name",
        "an unknown version", "an unknown method", "an unknown expectation", "TLS"])
def test_forbidden(server, start, status):
    with RawConnection(server) as connection:
        connection.send(start.encode("latin-1"))
        got, headers, body = connection.response()
        assert got == status or (status is None and got >= 400), body
        assert error_of(body)
        assert headers["connection"] == "close"
        assert connection.is_closed()


# What HTTP/1.1 allows

def test_pipelined_requests_are_answered_in_order(server):
    bodies = [f'{{"text": "good number {i}", "id": {i}}}' for i in range(50)]
    with RawConnection(server) as connection:
        connection.send(b"".join(post(TEXT, body) for body in bodies))
        for i in range(50):
            status, _, body = connection.response()
            assert status == 200 and json.loads(body)["id"] == i


def test_expect_continue(server):
    with RawConnection(server) as connection:
        connection.send(f"POST {TEXT} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(GOOD)}\r\n"
                        "Expect: 100-continue\r\n\r\n")
        assert connection.head()[0] == 100
        connection.send(GOOD)
        assert connection.response()[0] == 200


def test_chunked_body(server):
    with RawConnection(server) as connection:
        connection.send(f"POST {TEXT} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for character in GOOD:
            connection.send(f"1;extension=1\r\n{character}\r\n")
        connection.send("0\r\nTrailer: yes\r\n\r\n" + post(TEXT, GOOD).decode())
        assert connection.response()[0] == 200
        assert connection.response()[0] == 200


def test_http_1_0_closes(server):
    with RawConnection(server) as connection:
        connection.send(post(TEXT, GOOD, version="1.0"))
        status, headers, _ = connection.response()
        assert status == 200 and headers["connection"] == "close"
        assert connection.is_closed()


def test_http_1_0_keeps_alive_if_asked(server):
    with RawConnection(server) as connection:
        for _ in range(2):
            connection.send(post(TEXT, GOOD, "Connection: keep-alive", version="1.0"))
            status, headers, _ = connection.response()
            assert status == 200 and headers["connection"] == "keep-alive"


def test_connection_close_is_obeyed(server):
    with RawConnection(server) as connection:
        connection.send(post(TEXT, GOOD, "Connection: close"))
        status, headers, _ = connection.response()
        assert status == 200 and headers["connection"] == "close"
        assert connection.is_closed()


def test_head_has_no_body(server):
    with RawConnection(server) as connection:
        connection.send("HEAD /models HTTP/1.1\r\nHost: a\r\n\r\nGET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")
        status, headers = connection.head()
        assert status == 200 and int(headers["content-length"]) > 10
        assert connection.response()[2] == '{"status":"live"}'
