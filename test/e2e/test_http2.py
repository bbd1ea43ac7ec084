"""HTTP/2 and TLS: real clients for what is allowed, frames by hand for what is not."""

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
import time

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families

from raw_http import RawConnection
from server import PLAIN, START_SECONDS, run, wait_until

TEXT = "/predict/sentiment"
GOOD = {"text": "a joy to watch"}


def http2_client(server, **options):
    return httpx.Client(base_url=server.url, **{**PLAIN, **options}, http1=False, http2=True)


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "--max-time", "20", *map(str, arguments)], capture_output=True, text=True,
                          timeout=30)
    return done.returncode, done.stdout, done.stderr


def open_connections(server):
    families = text_string_to_metric_families(server.get("/metrics").text)
    return {sample.labels["protocol"]: sample.value for family in families for sample in family.samples
            if sample.name == "saccade_connections"}


class Http2Connection:
    """One HTTP/2 connection by hand: what was asked, and all that has come back."""

    def __init__(self, port):
        self.socket = socket.create_connection(("localhost", port), timeout=15)
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False,
                                                                                     normalize_outbound_headers=False))
        self.http2.initiate_connection()
        self.events, self.closed = [], False
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.http2.data_to_send())

    def ask(self, path, body=None, method="POST", end=True, headers=()):
        stream = self.http2.get_next_available_stream_id()
        fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost"), *headers]
        self.http2.send_headers(stream, fields, end_stream=body is None and end)
        if body is not None:
            self.http2.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def read(self):
        data = self.socket.recv(65536)
        if not data:
            self.closed = True
            return
        new = self.http2.receive_data(data)
        for event in new:
            if isinstance(event, h2.events.DataReceived):
                self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.events += new
        self.flush()

    def find(self, kind, stream=None):
        return [event for event in self.events if isinstance(event, kind)
                and (stream is None or event.stream_id == stream)]

    def until(self, kind, stream=None):
        while not self.find(kind, stream):
            assert not self.closed, f"closed before {kind.__name__}: {self.events}"
            self.read()
        return self.find(kind, stream)[-1]

    def answer(self, stream):
        self.until(h2.events.StreamEnded, stream)
        headers = dict(self.find(h2.events.ResponseReceived, stream)[0].headers)
        return headers, b"".join(event.data for event in self.find(h2.events.DataReceived, stream))


def test_a_prediction(server, digit):
    with http2_client(server) as client:
        answer = client.post("/predict/digits", json=digit)
        assert answer.http_version == "HTTP/2" and answer.status_code == 200
        assert answer.json()["class"] == 7
        assert answer.headers["content-type"] == "application/json" and "date" in answer.headers
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert client.get("/no/such").status_code == 404
        assert client.head("/health/live").content == b""
        with pytest.raises(httpx.HTTPStatusError):
            client.post(TEXT, content="{").raise_for_status()
        assert client.post(TEXT, json=GOOD).json()["prediction"] == "positive"


def test_the_same_port_speaks_both(server):
    with http2_client(server) as http2, server.client() as http1:
        for client, version in ((http2, "HTTP/2"), (http1, "HTTP/1.1"), (http2, "HTTP/2")):
            answer = client.post(TEXT, json=GOOD)
            assert answer.http_version == version and answer.json()["class"] == 1
        assert open_connections(server)["http2"] >= 1


def test_the_preface_may_come_in_pieces(server):
    connection = socket.create_connection(("localhost", server.port), timeout=15)
    with connection:
        for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)[:3] + b"\x04" + bytes(5):
            connection.sendall(bytes([byte]))
            time.sleep(0.002)
        assert connection.recv(9)[3] == 4, "the server's SETTINGS"


async def test_many_in_flight_on_one_connection(server):
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(base_url=server.url, **PLAIN, http1=False, http2=True, limits=limits) as client:
        texts = [f"a {'very ' * (i % 9)}fine film" for i in range(300)]
        answers = await asyncio.gather(*(client.post(TEXT, json={"text": text, "id": str(i)})
                                         for i, text in enumerate(texts)))
        assert all(answer.status_code == 200 for answer in answers)
        assert [answer.json()["id"] for answer in answers] == [str(i) for i in range(300)]


def test_large_bodies_both_ways(start_server, models):
    server = start_server(models / "strings.onnx", flags=["--log", "none"])
    text = "x" * 20_000_000
    with http2_client(server) as client:
        answer = client.post("/predict", json={"text": text})
        assert answer.status_code == 200 and len(answer.content) > len(text)


def test_a_body_above_the_limit(start_server):
    server = start_server(flags=["--max-body-bytes", 1000, "--log", "none"])
    with Http2Connection(server.port) as connection:
        big = connection.ask(TEXT, b"x" * 1001)
        headers, body = connection.answer(big)
        assert headers[b":status"] == b"413" and "1000" in json.loads(body)["error"]
        headers, _ = connection.answer(connection.ask(TEXT, json.dumps(GOOD).encode()))
        assert headers[b":status"] == b"200"


def test_a_websocket_is_refused_with_a_reason(server):
    with http2_client(server) as client:
        answer = client.get("/ws/predict")
        assert answer.status_code >= 400 and "HTTP/1.1" in answer.json()["error"]


def test_a_malformed_request_fails_alone(server):
    with Http2Connection(server.port) as connection:
        bad = connection.ask("/health/live", method="GET", headers=[("connection", "close")])
        assert connection.until(h2.events.StreamReset, bad).error_code == 1
        headers, _ = connection.answer(connection.ask("/health/live", method="GET"))
        assert headers[b":status"] == b"200"


def test_a_body_that_does_not_come_gets_408(start_server):
    server = start_server(flags=["--body-timeout-s", 1, "--log", "none"])
    with Http2Connection(server.port) as connection:
        headers, _ = connection.answer(connection.ask(TEXT, b"{", end=False))
        assert headers[b":status"] == b"408"
        assert connection.answer(connection.ask(TEXT, json.dumps(GOOD).encode()))[0][b":status"] == b"200"


def test_an_idle_connection_ends_with_goaway(start_server):
    server = start_server(flags=["--idle-timeout-s", 1, "--log", "none"])
    with Http2Connection(server.port) as connection:
        assert connection.until(h2.events.ConnectionTerminated).error_code == 0


def test_resets_in_masses_end_the_connection(server):
    with Http2Connection(server.port) as connection:
        with pytest.raises((ConnectionError, h2.exceptions.ProtocolError, AssertionError)):
            for _ in range(40):
                for _ in range(250):
                    stream = connection.http2.get_next_available_stream_id()
                    connection.http2.send_headers(stream, [(":method", "POST"), (":scheme", "http"), (":path", TEXT),
                                                           (":authority", "a")])
                    connection.http2.reset_stream(stream, 8)
                connection.flush()
            connection.until(h2.events.ConnectionTerminated)
            assert connection.find(h2.events.ConnectionTerminated)[-1].error_code != 11
    with http2_client(server) as client:
        assert client.post(TEXT, json=GOOD).status_code == 200


def test_pings_do_not_end_a_connection(server):
    with Http2Connection(server.port) as connection:
        for i in range(300):
            connection.http2.ping(i.to_bytes(8, "big"))
            connection.flush()
        while len(connection.find(h2.events.PingAckReceived)) < 300:
            connection.read()
        assert connection.answer(connection.ask("/health/live", method="GET"))[0][b":status"] == b"200"


def test_at_the_end_what_is_under_way_is_answered(start_server, models):
    server = start_server(models / "slow.onnx", flags=["--log", "none"])
    body = server.get("/models").json()
    assert body
    with Http2Connection(server.port) as connection:
        stream = connection.ask("/health/live", b"{", method="POST", end=False)
        connection.http2.ping(b"12345678")
        connection.flush()
        connection.until(h2.events.PingAckReceived)
        server.terminate()
        wait_until(lambda: "SIGTERM" in server.stderr(), 10, "the end to begin")
        connection.until(h2.events.ConnectionTerminated)
        connection.http2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN  # the first one is a notice
        connection.http2.send_data(stream, b"}", end_stream=True)
        connection.flush()
        while not connection.closed and not connection.find(h2.events.StreamEnded, stream):
            connection.read()
        assert connection.find(h2.events.ResponseReceived, stream)
    assert server.wait() == 0


def test_curl_with_prior_knowledge(server):
    code, out, err = curl("--http2-prior-knowledge", "-w", " %{http_version} %{http_code}", server.url + TEXT,
                          "-d", json.dumps(GOOD))
    assert code == 0 and out.endswith(" 2 200"), out + err


def test_a_second_port_for_grpc(start_server):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start_server(flags=["--grpc-port", port, "--log", "none"])
    assert server.grpc_port == port
    for options in ([], ["--http2-prior-knowledge"]):
        code, out, err = curl(*options, f"http://localhost:{port}{TEXT}", "-d", json.dumps(GOOD))
        assert code == 0 and json.loads(out)["class"] == 1, err


def test_a_grpc_port_in_use_is_named(tmp_path, server):
    from server import DIGITS
    done = run("serve", DIGITS, "--port", 0, "--grpc-port", server.port, "--log", "none", folder=tmp_path)
    assert done.returncode == 1
    assert f"port {server.port} is in use" in done.stderr and "--grpc-port" in done.stderr


# TLS


def make_certificate(folder, name="server"):
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(start_server, certificate):
    return start_server(flags=["--tls-certificate", certificate[0], "--tls-key", certificate[1], "--log", "none"])


def trusting(certificate):
    return ssl.create_default_context(cafile=str(certificate[0]))


def test_https_in_both_versions(secure, certificate):
    for options, version in (({"http2": True}, "HTTP/2"), ({}, "HTTP/1.1")):
        with httpx.Client(base_url=secure.url, verify=trusting(certificate), trust_env=False, timeout=20,
                          **options) as client:
            for _ in range(3):
                answer = client.post(TEXT, json=GOOD)
                assert answer.http_version == version and answer.json()["class"] == 1
    code, out, err = curl("--cacert", certificate[0], "-w", " %{http_version}", secure.url + TEXT, "-d", json.dumps(GOOD))
    assert code == 0 and out.endswith(" 2"), out + err


def test_large_bodies_over_tls(start_server, models, certificate):
    server = start_server(models / "strings.onnx", flags=["--tls-certificate", certificate[0], "--tls-key",
                                                          certificate[1], "--log", "none"])
    text = "x" * 5_000_000
    for http2 in (True, False):
        with httpx.Client(base_url=server.url, verify=trusting(certificate), trust_env=False, timeout=20,
                          http2=http2) as client:
            answer = client.post("/predict", json={"text": text})
            assert answer.status_code == 200 and len(answer.content) > len(text)


async def test_websocket_over_tls(secure, certificate):
    async with websockets.connect(secure.websocket_url + "/ws/predict/sentiment", ssl=trusting(certificate)) as socket_:
        for i in range(20):
            await socket_.send(json.dumps({**GOOD, "id": i}))
        for i in range(20):
            assert json.loads(await asyncio.wait_for(socket_.recv(), 20))["id"] == i


def test_plain_http_to_a_tls_port_is_told_so(secure):
    with RawConnection(secure) as connection:
        connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        status, _, body = connection.response()
        assert status == 400 and "https" in json.loads(body)["error"]
    with RawConnection(secure) as connection:
        connection.send(b"\x00\x01\x02 this is neither")
        with contextlib.suppress(OSError):  # the server may be quicker
            connection.end_sending()
            while connection.socket.recv(4096):  # an alert at most
                pass


def test_old_versions_of_tls_are_refused(secure, certificate):
    code, _, _ = curl("--cacert", certificate[0], "--tlsv1.0", "--tls-max", "1.1", secure.url + "/health/live")
    assert code == 35
    code, out, err = curl("--cacert", certificate[0], "--tls-max", "1.2", "-w", "%{http_code}", secure.url + "/health/live")
    assert code == 0 and out.endswith("200"), err


def test_a_handshake_that_does_not_come_ends(start_server, certificate):
    server = start_server(flags=["--tls-certificate", certificate[0], "--tls-key", certificate[1],
                                 "--header-timeout-s", 1, "--log", "none"])
    with RawConnection(server) as connection:
        assert connection.is_closed()


@pytest.mark.parametrize("files, part", [
    (("server.pem", "other.key"), "is not the key of the certificate"),
    (("nothing.pem", "server.key"), "No such file"),
    (("server.pem", "nothing.key"), "No such file"),
    (("server.key", "server.key"), "--tls-certificate"),
    (("server.pem", "server.pem"), "private key in PEM"),
    (("server.pem", None), "needs both"),
    ((None, "server.key"), "needs both"),
])
def test_wrong_files_are_named_at_the_start(tmp_path, files, part):
    from server import DIGITS
    make_certificate(tmp_path, "server")
    make_certificate(tmp_path, "other")
    flags = [word for flag, file in zip(("--tls-certificate", "--tls-key"), files) if file for word in (flag, file)]
    done = run("serve", DIGITS, "--port", 0, "--log", "none", *flags, folder=tmp_path, seconds=START_SECONDS)
    assert done.returncode == 1 and part in done.stderr, done.stderr
