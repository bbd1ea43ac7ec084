"""Pages of other origins: what a browser is told about them, and that WebSockets are not open to all."""

import json

import httpx
import pytest
import websockets
import websockets.exceptions

from server import DIGITS, REPOSITORY, Server, run

PAGE = "https://app.example.com"
OTHER = "https://evil.example"
TEXT = "/predict/sentiment"
GOOD = {"text": "A fine film."}


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("listed"), REPOSITORY,
                    flags=["--log", "none", "--cors-origin", PAGE, "--cors-origin", "http://localhost:3000"])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def open_to_all(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("open"), REPOSITORY, flags=["--log", "none", "--cors-origin", "*"])
    yield server
    server.stop()


def preflight(server, path, origin=PAGE, method="POST", headers="content-type,authorization"):
    return httpx.options(server.url + path, trust_env=False, timeout=20, headers={
        "Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers})


def test_a_listed_page_may_ask_and_read(listed):
    answer = preflight(listed, TEXT)
    assert answer.status_code == 204 and not answer.content
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "POST" in answer.headers["access-control-allow-methods"].split(", ")
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"content-type", "authorization", "x-api-key", "traceparent", "x-request-id"} <= allowed
    assert int(answer.headers["access-control-max-age"]) > 0
    assert answer.headers["vary"] == "Origin"

    answer = listed.post(TEXT, json=GOOD, headers={"Origin": PAGE})
    assert answer.json()["class"] == 1
    assert answer.headers["access-control-allow-origin"] == PAGE
    shown = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"retry-after", "ratelimit", "etag", "age", "x-request-id"} <= shown
    assert "Origin" in answer.headers.get_list("vary")


def test_errors_can_be_read_by_the_page_too(listed):
    for answer in (listed.post("/predict/none", json=GOOD, headers={"Origin": PAGE}),
                   listed.post(TEXT, content="{", headers={"Origin": PAGE}),
                   listed.get("/nowhere", headers={"Origin": PAGE})):
        assert answer.status_code in (400, 404) and answer.headers["access-control-allow-origin"] == PAGE


def test_a_preflight_says_the_methods_of_its_path(listed):
    assert preflight(listed, "/metrics", method="GET").headers["access-control-allow-methods"] == "GET"
    assert preflight(listed, "/nowhere").status_code == 404


def test_other_pages_are_refused(listed):
    for answer in (preflight(listed, TEXT, origin=OTHER), listed.post(TEXT, json=GOOD, headers={"Origin": OTHER}),
                   listed.post(TEXT, json=GOOD, headers={"Origin": "null"}),
                   listed.get("/metrics", headers={"Origin": PAGE + ".evil.example"})):
        assert answer.status_code == 403 and "--cors-origin" in answer.json()["error"]
        assert "access-control-allow-origin" not in answer.headers


def test_programs_and_the_servers_own_pages_are_not_hindered(listed):
    answer = listed.post(TEXT, json=GOOD)
    assert answer.status_code == 200 and answer.headers["vary"] == "Origin"
    assert listed.post(TEXT, json=GOOD, headers={"Origin": listed.url}).status_code == 200


def test_over_http2(listed):
    with httpx.Client(base_url=listed.url, http1=False, http2=True, trust_env=False, timeout=20) as client:
        assert client.post(TEXT, json=GOOD, headers={"Origin": PAGE}).headers["access-control-allow-origin"] == PAGE
        assert client.post(TEXT, json=GOOD, headers={"Origin": listed.url}).status_code == 200
        assert client.post(TEXT, json=GOOD, headers={"Origin": OTHER}).status_code == 403


def test_the_star_opens_to_all_without_credentials(open_to_all):
    for origin in (PAGE, OTHER, "null"):
        for answer in (preflight(open_to_all, TEXT, origin=origin),
                       open_to_all.post(TEXT, json=GOOD, headers={"Origin": origin})):
            assert answer.status_code in (200, 204)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in answer.headers


def test_without_origins_nothing_is_said_of_them(server):
    answer = server.post(TEXT, json=GOOD, headers={"Origin": OTHER})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert preflight(server, TEXT).status_code == 405


async def test_websockets_of_other_pages_are_refused(listed, open_to_all, server):
    url = "/ws/predict/sentiment"
    for at, origin, opens in ((listed, PAGE, True), (listed, listed.url, True), (listed, None, True),
                              (listed, OTHER, False), (open_to_all, OTHER, True), (server, OTHER, True)):
        if not opens:
            with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
                await websockets.connect(at.websocket_url + url, origin=origin)
            assert refused.value.response.status_code == 403
            continue
        async with websockets.connect(at.websocket_url + url, origin=origin) as socket:
            await socket.send(json.dumps(GOOD))
            assert json.loads(await socket.recv())["class"] == 1


@pytest.mark.parametrize("wrong", ["localhost:3000", "https://app.example.com/", "https://*.example.com"])
def test_a_wrong_origin_is_named_at_the_start(tmp_path, wrong):
    done = run("serve", DIGITS, "--port", 0, "--log", "none", "--cors-origin", wrong, folder=tmp_path)
    assert done.returncode == 1 and "--cors-origin" in done.stderr and wrong in done.stderr
