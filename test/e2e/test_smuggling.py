"""No request is smuggled inside another: each case has one meaning, however its bytes are cut, and the canary never sings."""

import json
import socket

import pytest

from raw_http import RawConnection
from smuggled_requests import SMUGGLED_REQUESTS

assert len({case.name for case in SMUGGLED_REQUESTS}) == len(SMUGGLED_REQUESTS)


def everything(connection):
    """All that comes until the server closes: [(status, headers, body)], interim answers left out."""
    while True:
        try:
            data = connection.socket.recv(65536)
        except ConnectionResetError:
            break
        if not data:
            break
        connection.buffer += data
    answers = []
    while connection.buffer:
        status, headers = connection.head()
        if status >= 200:
            answers.append((status, headers, connection.take(int(headers["content-length"])).decode()))
    return answers


@pytest.mark.parametrize("piecewise", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize("case", SMUGGLED_REQUESTS, ids=lambda case: case.name)
def test_smuggling(server, case, piecewise):
    with RawConnection(server) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in (bytes([byte]) for byte in case.bytes) if piecewise else [case.bytes]:
                connection.send(piece)
            if not case.closed:
                connection.end_sending()
        except ConnectionError:
            assert case.closed, "it was closed before everything was sent"
        answers = everything(connection)
    expected = case.answers
    if case.closed and isinstance(expected[-1], tuple):
        expected = expected[-1]
    for _, _, body in answers:
        assert "/canary" not in body, f"the canary was answered: {answers}"
    assert len(answers) == len(expected), answers
    for (status, _, body), wanted in zip(answers, expected):
        assert status == wanted if wanted else 400 <= status < 600, (status, wanted, body)
        assert status < 400 or 5 < len(json.loads(body)["error"]) < 500
    if case.closed:
        assert answers[-1][1]["connection"] == "close"
