"""Mutual TLS on every protocol, certificates that change while the server runs, and who may reach it at all."""

import json
import os
import re
import shutil
import socket
import ssl
import threading
import time

import grpc
import httpx
import pytest
import websockets
import websockets.exceptions
from tritonclient.grpc import service_pb2, service_pb2_grpc

from certificates import Authority
from server import DIGITS, START_SECONDS, free_port, run, wait_until

TEXT = "/predict/sentiment"
GOOD = {"text": "A fine film."}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def own(authority):
    return authority.issue("server", "/CN=localhost", server=True)


@pytest.fixture(scope="module")
def alice(authority):
    return authority.issue("alice", "/O=Tests, Inc./CN=alice")


@pytest.fixture(scope="module")
def mallory(tmp_path_factory):
    """Of another authority, which nobody here trusts."""
    return Authority(tmp_path_factory.mktemp("other"), "other").issue("mallory", "/CN=mallory")


def tls_flags(own, authority=None, *more):
    flags = ["--tls-certificate", own[0], "--tls-key", own[1], "--log", "none"]
    if authority:
        flags += ["--tls-client-ca", authority.certificate]
    return [*flags, *more]


@pytest.fixture(scope="module")
def mutual(tmp_path_factory, own, authority):
    from server import Server
    server = Server(tmp_path_factory.mktemp("mutual"), flags=tls_flags(own, authority))
    yield server
    server.stop()


def client(server, context, **options):
    return httpx.Client(base_url=server.url, verify=context, trust_env=False, timeout=20, **options)


def refused_by_tls(call):
    with pytest.raises((httpx.HTTPError, ssl.SSLError, ConnectionError, websockets.exceptions.WebSocketException)):
        call()


# certificates of clients


@pytest.mark.parametrize("http2", [False, True])
def test_rest_takes_clients_with_a_certificate_alone(mutual, authority, alice, mallory, http2):
    with client(mutual, authority.trusting(alice), http2=http2) as good:
        for _ in range(3):
            assert good.post(TEXT, json=GOOD).json()["class"] == 1
    for shown in (None, mallory):
        with client(mutual, authority.trusting(shown), http2=http2) as bad:
            refused_by_tls(lambda: bad.post(TEXT, json=GOOD))


def test_a_certificate_that_has_ended_is_refused(mutual, authority):
    ended = authority.issue("ended", "/CN=ended", ended=True)
    with client(mutual, authority.trusting(ended)) as bad:
        refused_by_tls(lambda: bad.post(TEXT, json=GOOD))


def grpc_call(server, authority, pair=None):
    shown = {} if pair is None else {"private_key": pair[1].read_bytes(), "certificate_chain": pair[0].read_bytes()}
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), **shown)
    with grpc.secure_channel(f"localhost:{server.port}", credentials) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        return stub.ServerReady(service_pb2.ServerReadyRequest(), timeout=10).ready


def test_grpc_takes_clients_with_a_certificate_alone(mutual, authority, alice, mallory):
    assert grpc_call(mutual, authority, alice)
    for shown in (None, mallory):
        with pytest.raises(grpc.RpcError) as refused:
            grpc_call(mutual, authority, shown)
        assert refused.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


async def test_websocket_takes_clients_with_a_certificate_alone(mutual, authority, alice, mallory):
    url = mutual.websocket_url + "/ws/predict/sentiment"
    async with websockets.connect(url, ssl=authority.trusting(alice)) as socket_:
        await socket_.send(json.dumps(GOOD))
        assert json.loads(await socket_.recv())["class"] == 1
    for shown in (None, mallory):
        with pytest.raises((OSError, EOFError, websockets.exceptions.WebSocketException)):
            async with websockets.connect(url, ssl=authority.trusting(shown)) as socket_:
                await socket_.send(json.dumps(GOOD))
                await socket_.recv()


def test_where_certificates_are_asked_for_a_client_may_have_none(start_server, own, authority, alice, mallory):
    server = start_server(DIGITS, flags=tls_flags(own, authority, "--tls-client-auth", "request"))
    for shown in (None, alice):
        with client(server, authority.trusting(shown)) as good:
            assert good.get("/health/live").status_code == 200
    with client(server, authority.trusting(mallory)) as bad:
        refused_by_tls(lambda: bad.get("/health/live"))


@pytest.mark.parametrize("text, part", [
    ("nothing of the kind", "can't be read as certificates in PEM"),
    (None, "No such file"),
])
def test_a_wrong_client_ca_is_named_at_the_start(tmp_path, own, text, part):
    file = tmp_path / "ca.pem"
    if text:
        file.write_text(text)
    done = run("serve", DIGITS, "--port", 0, *tls_flags(own), "--tls-client-ca", file, folder=tmp_path,
               seconds=START_SECONDS)
    assert done.returncode == 1 and part in done.stderr and "--tls-client-ca" in done.stderr


def test_a_client_ca_needs_tls(tmp_path, authority):
    done = run("serve", DIGITS, "--port", 0, "--log", "none", "--tls-client-ca", authority.certificate, folder=tmp_path)
    assert done.returncode == 1 and "needs TLS" in done.stderr


# certificates that change


def metric(server, context, name):
    with client(server, context) as asking:
        found = re.search(rf"^{re.escape(name)} (\S+)$", asking.get("/metrics").text, re.M)
        return float(found.group(1)) if found else None


def serial(server, context):
    """Which certificate a new connection is shown."""
    with socket.create_connection(("localhost", server.port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            return secure.getpeercert()["serialNumber"]


def replace(source, target):
    """As deployments do it: the new file takes the old one's name in one step."""
    fresh = target.with_suffix(".fresh")
    shutil.copy(source, fresh)
    os.replace(fresh, target)


@pytest.fixture
def changing(tmp_path, start_server, own):
    """A server whose certificate and key lie in files of its own."""
    files = tmp_path / "live.pem", tmp_path / "live.key"
    for source, target in zip(own, files):
        shutil.copy(source, target)
    return start_server(flags=tls_flags(files)), files


def test_a_new_certificate_is_taken_up_under_load_and_loses_no_request(changing, authority, own):
    server, files = changing
    context = authority.trusting()
    first = serial(server, context)
    end, counts, wrong = threading.Event(), [0] * 6, []

    def load(index, reconnects):
        asking = client(server, context)
        try:
            while not end.is_set():
                answer = asking.post(TEXT, json=GOOD)
                if answer.status_code != 200:
                    wrong.append(answer.status_code)
                counts[index] += 1
                if reconnects:
                    asking.close()
                    asking = client(server, context)
        except httpx.HTTPError as error:
            wrong.append(error)
        finally:
            asking.close()

    threads = [threading.Thread(target=load, args=(i, i % 2 == 0)) for i in range(len(counts))]
    for thread in threads:
        thread.start()
    try:
        seen = {first}
        for turn in range(2):
            fresh = authority.issue(f"fresh{turn}", "/CN=localhost", server=True)
            for source, target in zip(fresh, files):
                replace(source, target)
            seen.add(wait_until(lambda: (now := serial(server, context)) not in seen and now, 20, "the new certificate"))
        before = list(counts)
        wait_until(lambda: wrong or all(now > then for now, then in zip(counts, before)), 20, "more answers")
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert not wrong and len(seen) == 3
    assert metric(server, context, 'saccade_tls_reloads_total{outcome="ok"}') == 2


def test_a_broken_pair_leaves_the_old_one(changing, authority, own):
    server, (certificate, key) = changing
    context = authority.trusting()
    first = serial(server, context)
    failed = 'saccade_tls_reloads_total{outcome="failed"}'
    certificate.write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")
    wait_until(lambda: metric(server, context, failed) == 1, 20, "the failure")
    other = authority.issue("pair", "/CN=localhost", server=True)
    replace(other[0], certificate)  # and the old key: no pair
    wait_until(lambda: metric(server, context, failed) == 2, 20, "the second failure")
    assert serial(server, context) == first
    assert "is not the key of the certificate" in server.stderr()
    replace(other[1], key)
    wait_until(lambda: serial(server, context) != first, 20, "the mended pair")
    assert metric(server, context, 'saccade_tls_reloads_total{outcome="ok"}') == 1
    certificate.unlink()
    wait_until(lambda: metric(server, context, failed) == 3, 20, "the missing file")
    assert metric(server, context, "saccade_tls_reloads_total{outcome=\"ok\"}") == 1


def test_the_certificates_end_is_a_metric(mutual, authority, alice):
    end = metric(mutual, authority.trusting(alice), "saccade_tls_certificate_expiry_seconds")
    assert abs(end - time.time() - 2 * 86400) < 3600


def test_a_new_client_ca_is_taken_up_while_open_connections_stay(tmp_path, start_server, own, authority, alice):
    trusted = tmp_path / "trusted.pem"
    shutil.copy(authority.certificate, trusted)
    server = start_server(DIGITS, flags=[*tls_flags(own), "--tls-client-ca", trusted])
    other = Authority(tmp_path, "second")
    bob = other.issue("bob", "/CN=bob")

    def gets_in(pair):
        try:
            with client(server, authority.trusting(pair)) as asking:
                return asking.get("/health/live").status_code == 200
        except httpx.HTTPError:
            return False

    with client(server, authority.trusting(alice)) as open_one:
        assert open_one.get("/health/live").status_code == 200
        assert not gets_in(bob)
        replace(other.certificate, trusted)
        wait_until(lambda: gets_in(bob), 20, "the new authority")
        assert not gets_in(alice)
        assert open_one.get("/health/live").status_code == 200


# who may reach it


def test_beyond_this_machine_a_server_without_authentication_does_not_start(tmp_path):
    done = run("serve", DIGITS, "--port", 0, "--log", "none", "--host", "0.0.0.0", folder=tmp_path, seconds=START_SECONDS)
    assert done.returncode == 1
    assert "--host 0.0.0.0" in done.stderr and "--allow-anonymous" in done.stderr and "--tls-client-ca" in done.stderr


def test_beyond_this_machine_it_starts_where_that_is_meant(start_server):
    server = start_server(DIGITS, flags=["--log", "none", "--host", "0.0.0.0", "--allow-anonymous"])
    assert server.get("/health/live").status_code == 200
    assert "without authentication" in server.stderr()


def test_beyond_this_machine_it_starts_where_clients_have_certificates(start_server, own, authority, alice):
    server = start_server(DIGITS, flags=tls_flags(own, authority, "--host", "0.0.0.0"))
    with client(server, authority.trusting(alice)) as good:
        assert good.get("/health/live").status_code == 200
    assert "without authentication" not in server.stderr()


# the port for admin calls


@pytest.fixture(scope="module")
def administered(tmp_path_factory):
    from server import REPOSITORY, Server
    port = free_port()
    server = Server(tmp_path_factory.mktemp("admin"), REPOSITORY,
                    flags=["--log", "none", "--model-control-mode", "explicit", "--load-model", "*",
                           "--admin-port", port])
    server.admin_url = f"http://localhost:{port}"
    yield server
    server.stop()


@pytest.mark.parametrize("method, path, body", [
    ("POST", "/v2/repository/models/sentiment/unload", {}),
    ("POST", "/v2/repository/models/sentiment/load", {}),
    ("POST", "/v2/logging", {"log_verbose_level": 1}),
    ("POST", "/v2/trace/setting", {"trace_rate": "1000"}),
    ("POST", "/v2/systemsharedmemory/region/none/unregister", {}),
])
def test_admin_calls_are_answered_on_the_admin_port_alone(administered, method, path, body):
    refused = administered.client().request(method, path, json=body)
    assert refused.status_code == 403 and "--admin-port" in refused.json()["error"]
    taken = httpx.request(method, administered.admin_url + path, json=body, trust_env=False, timeout=20)
    assert taken.status_code == 200, taken.text


def test_grpc_admin_calls_are_answered_on_the_admin_port_alone(administered):
    for url, allowed in ((administered.url, False), (administered.admin_url, True)):
        with grpc.insecure_channel(url.removeprefix("http://")) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            assert stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=10).live
            call = lambda: stub.RepositoryModelLoad(service_pb2.RepositoryModelLoadRequest(model_name="digits"),
                                                    timeout=20)
            if allowed:
                call()
                continue
            with pytest.raises(grpc.RpcError) as refused:
                call()
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
            assert "--admin-port" in refused.value.details()


def test_predictions_are_answered_on_both_ports(administered):
    for url in (administered.url, administered.admin_url):
        answer = httpx.post(url + TEXT, json=GOOD, trust_env=False, timeout=20)
        assert answer.json()["class"] == 1
