"""Who may call: API keys, tokens and client certificates, on REST, WebSocket and gRPC."""

import hashlib
import hmac
import json
import re
import stat
import time

import grpc
import httpx
import pytest
import tritonclient.grpc as triton
import tritonclient.http as triton_http
import websockets.exceptions
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException
from websockets.sync.client import connect

from certificates import Authority
from server import Server, run, wait_until
from token_issuer import Issuer, SigningKey, encoded, part

GOOD = {"text": "A fine film."}
STATUS = grpc.StatusCode


def create_key(folder, name, *flags):
    made = run("key", "create", "--file", folder / "keys.json", "--name", name, *flags, folder=folder)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def status_of(server, key, path="/predict/sentiment", body=GOOD):
    answer = server.post(path, json=body, headers=bearer(key)) if body is not None else \
        server.get(path, headers=bearer(key))
    return answer.status_code


def address(server):
    return f"localhost:{server.port}"


def sentiment():
    request = service_pb2.ModelInferRequest(model_name="sentiment")
    request.inputs.add(name="text", datatype="BYTES", shape=[1, 1]).contents.bytes_contents.append(b"A fine film.")
    return request


def code_of(call):
    try:
        call()
        return STATUS.OK
    except grpc.RpcError as error:
        return error.code()


class Keys:
    def __init__(self, folder):
        self.folder = folder
        self.predict = create_key(folder, "predicts", "--scope", "predict")
        self.read = create_key(folder, "reads", "--scope", "read")
        self.admin = create_key(folder, "rules", "--scope", "admin")
        self.digits = create_key(folder, "digits", "--model", "digits*", "--scope", "predict,read,admin")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, keys):
    server = Server(tmp_path_factory.mktemp("auth"), flags=["--api-keys", keys.folder / "keys.json", "--trace-file", "traces"])
    yield server
    server.stop()


# ---- the command

def test_the_file_has_no_keys_and_is_its_owners(keys):
    file = keys.folder / "keys.json"
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for key in (keys.predict, keys.read, keys.admin, keys.digits):
        assert re.fullmatch(r"scd_[A-Za-z0-9_-]{43}", key)
        assert key not in text and hashlib.sha256(key.encode()).hexdigest() in text


def test_the_command_says_what_is_wrong(tmp_path):
    create_key(tmp_path, "one", "--expires", "90d")
    for arguments, said in ((["create", "--name", "one"], "already"), (["create", "--name", "two", "--expires", "soon"], "--expires"),
                            (["revoke", "--name", "three"], "no entry named"), (["create", "--name", "two", "--scope", "all"], "--scope"),
                            (["create"], "--name"), ([], "subcommand")):
        ended = run("key", *arguments, *(["--file", "keys.json"] if arguments else []), folder=tmp_path)
        assert ended.returncode != 0 and said in ended.stderr, (arguments, ended.stderr)
    listed = run("key", "list", "--file", "keys.json", folder=tmp_path).stdout
    assert re.search(r"^one\s+key\s+predict,read\s+all models\s+ends 20\d\d-", listed)
    (tmp_path / "keys.json").write_text("{}")
    assert "the list \"keys\"" in run("key", "list", "--file", "keys.json", folder=tmp_path).stderr


def test_the_server_does_not_start_with_wrong_settings(tmp_path):
    (tmp_path / "bad.json").write_text('{"keys": [{"name": "a"}]}')
    (tmp_path / "set.json").write_text('{"keys": []}')
    token = ["--jwt-issuer", "i", "--jwt-audience", "a"]
    for flags, said in ((["--api-keys", "none.json"], "none.json"), (["--api-keys", "bad.json"], '"keys"[0]'),
                        (["--jwt-jwks", "set.json"], "--jwt-issuer"), (["--jwt-jwks", "set.json", *token], "set.json"),
                        (token, "--jwt-jwks"), (["--jwt-jwks", "http://id.example/", *token], "https://"),
                        (["--jwt-ca", "ca.pem"], "--jwt-jwks"),
                        (["--jwt-jwks", "https://id.example/", "--jwt-ca", "ca.pem", *token], "ca.pem")):
        ended = run("serve", "examples", "--port", "0", *flags, "--model-control-mode", "explicit", folder=tmp_path)
        assert ended.returncode == 1 and said in ended.stderr, (flags, ended.stderr)


# ---- REST

PUBLIC = {("GET", "/health/live"), ("GET", "/health/ready"), ("GET", "/v2/health/live"), ("GET", "/v2/health/ready"),
          ("GET", "/v2/models/{model}/ready"), ("GET", "/v2/models/{model}/versions/{version}/ready")}
ADMIN = re.compile(r"/v2/repository/models/|/v2/logging|/trace/setting|sharedmemory/")
PREDICT = re.compile(r"^/predict|^/ws/|^/v2/models/.*/infer$|^/v1/.*:|^/predictions/.*/feedback$")


def routes(server, keys):
    listed = server.get("/", headers=bearer(keys.read)).json()["routes"]
    return [(route["method"], route["path"]) for route in listed]


def needed(method, path):
    if (method, path) in PUBLIC:
        return "public"
    if method == "POST" and ADMIN.search(path):
        return "admin"
    if path.startswith(("/predictions", "/v1")):
        return "predict" if method == "POST" else "read"
    return "predict" if PREDICT.search(path) else "read"


def test_every_route_asks_for_its_right(server, keys):
    asked = routes(server, keys)
    assert len(asked) > 50
    with server.client() as client:
        for method, path in asked:
            right = needed(method, path)
            url = re.sub(r"\{\w+\}", "x", path)
            answers = {name: client.request(method, url, headers=bearer(key) if key else {}).status_code
                       for name, key in (("nobody", None), ("predict", keys.predict), ("read", keys.read), ("admin", "scd_wrong"))}
            expected = {"nobody": 401, "predict": 403, "read": 403, "admin": 401}
            for name, status in answers.items():
                if right == "public" or name == right and right != "admin":
                    assert status not in (401, 403), (method, path, name, status)
                else:
                    assert status == expected[name], (method, path, name, status)


def test_refusals_say_what_is_needed(server, keys):
    nobody = server.post("/predict/sentiment", json=GOOD)
    assert nobody.status_code == 401 and nobody.headers["WWW-Authenticate"] == 'Bearer realm="saccade"'
    assert "Authorization: Bearer" in nobody.json()["error"]
    wrong = server.post("/predict/sentiment", json=GOOD, headers=bearer("scd_" + "A" * 43))
    assert wrong.status_code == 401 and 'error="invalid_token"' in wrong.headers["WWW-Authenticate"]
    for headers in ({"Authorization": keys.predict}, {"Authorization": f"Basic {keys.predict}"}, {"X-API-Key": "x"}):
        assert server.post("/predict/sentiment", json=GOOD, headers=headers).status_code == 401, headers
    # The query is for WebSockets alone.
    assert server.post(f"/predict/sentiment?access_token={keys.predict}", json=GOOD).status_code == 401
    lacks = server.get("/models", headers=bearer(keys.predict))
    assert lacks.status_code == 403 and 'the right "read"' in lacks.json()["error"]
    assert 'error="insufficient_scope", scope="read"' in lacks.headers["WWW-Authenticate"]
    assert server.post("/predict/sentiment", json=GOOD, headers={"X-API-Key": keys.predict}).status_code == 200
    assert server.post("/predict/sentiment", json=GOOD, headers={"authorization": f"bearer {keys.predict}"}).status_code == 200
    assert server.get("/nowhere").status_code == 404


def test_models_can_be_limited(server, keys, digit):
    assert status_of(server, keys.digits, "/predict/digits", digit) == 200
    assert status_of(server, keys.digits, "/v2/models/digits", None) == 200
    for path, body in (("/predict/sentiment", GOOD), ("/v1/models/sentiment:predict", {"instances": [GOOD]}),
                       ("/v2/models/sentiment/infer", {}), ("/v2/models/sentiment/versions/1/infer", {}), ("/models/sentiment", None),
                       ("/v2/repository/models/sentiment/unload", {}), ("/v2/logging", {}), ("/v2/trace/setting", {}),
                       ("/predictions", None), ("/predictions?model=sentiment", None)):
        answer = status_of(server, keys.digits, path, body)
        assert answer == 403, (path, answer)
    assert status_of(server, keys.digits, "/v2/models/digits/trace/setting", {}) == 200
    assert status_of(server, keys.digits, "/predictions?model=digits", None) == 200


def test_the_default_model_is_a_model_like_others(start_server, keys, digit):
    server = start_server(flags=["--api-keys", keys.folder / "keys.json", "--default-model", "sentiment"])
    assert status_of(server, keys.predict, "/predict") == 200
    assert status_of(server, keys.digits, "/predict") == 403
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        connect(f"{server.websocket_url}/ws/predict", additional_headers=bearer(keys.digits)).close()
    assert refused.value.response.status_code == 403


def test_what_others_predicted_is_not_shown(server, keys, digit):
    answer = server.post("/predict/sentiment?wait_for_log=true", json=GOOD, headers=bearer(keys.predict)).json()
    path = f"/predictions/{answer['request_id']}"
    assert server.get(path, headers=bearer(keys.read)).json()["model"] == "sentiment"
    assert server.get(path, headers=bearer(keys.digits)).status_code == 404
    # nor may they say what was true of it
    assert status_of(server, keys.digits, path + "/feedback", {"truth": "negative"}) == 404
    assert status_of(server, keys.read, path + "/feedback", {"truth": "negative"}) == 403
    assert status_of(server, keys.predict, path + "/feedback", {"truth": "positive"}) == 200
    assert server.get(path, headers=bearer(keys.read)).json()["feedback"]["truth"] == "positive"


def test_tritonclient_sends_keys(server, keys):
    with triton_http.InferenceServerClient(address(server)) as client:
        assert client.is_server_live() and client.is_model_ready("digits")
        with pytest.raises(InferenceServerException) as refused:
            client.get_model_metadata("digits")
        assert refused.value.status() == "401"
        assert client.get_model_metadata("digits", headers=bearer(keys.read))["name"] == "digits"
    with triton.InferenceServerClient(address(server)) as client:
        assert client.is_server_ready()
        with pytest.raises(InferenceServerException) as refused:
            client.get_model_metadata("digits")
        assert "UNAUTHENTICATED" in refused.value.status()
        assert client.get_model_metadata("digits", headers={"authorization": f"Bearer {keys.read}"}).name == "digits"


# ---- gRPC

def test_grpc_asks_for_the_right_of_each_call(server, keys):
    service = descriptor_pool.Default().FindServiceByName("inference.GRPCInferenceService")
    public = {"ServerLive", "ServerReady", "ModelReady"}
    read = {"ServerMetadata", "ModelMetadata", "ModelConfig", "ModelStatistics", "RepositoryIndex", "SystemSharedMemoryStatus",
            "CudaSharedMemoryStatus"}
    refused = {STATUS.UNAUTHENTICATED, STATUS.PERMISSION_DENIED}
    with grpc.insecure_channel(address(server)) as channel:
        for method in service.methods:
            path = f"/{service.full_name}/{method.name}"
            call = (lambda path: lambda key: code_of(lambda: channel.unary_unary(path)(b"", metadata=[("x-api-key", key)] if key else None)))(path)
            if method.name == "ModelStreamInfer":
                call = (lambda path: lambda key: code_of(lambda: list(channel.stream_stream(path)(
                    iter([b""]), metadata=[("x-api-key", key)] if key else None))))(path)
            if method.name in public:
                assert call(None) not in refused, method.name
                continue
            right = "predict" if method.name in ("ModelInfer", "ModelStreamInfer") else "read" if method.name in read else "admin"
            assert call(None) == STATUS.UNAUTHENTICATED, method.name
            assert call("scd_wrong") == STATUS.UNAUTHENTICATED, method.name
            for name, key in (("predict", keys.predict), ("read", keys.read)):
                assert (call(key) == STATUS.PERMISSION_DENIED) == (name != right), (method.name, name)
            if method.name not in ("ModelInfer", "ModelStreamInfer"):
                assert call(keys.admin) not in refused, method.name
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING


def test_grpc_limits_models(server, keys):
    metadata = [("authorization", f"Bearer {keys.digits}")]
    with grpc.insecure_channel(address(server)) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        denied = STATUS.PERMISSION_DENIED
        assert code_of(lambda: stub.ModelInfer(sentiment(), metadata=metadata)) == denied
        assert code_of(lambda: stub.ModelMetadata(service_pb2.ModelMetadataRequest(name="sentiment"), metadata=metadata)) == denied
        assert code_of(lambda: stub.ModelMetadata(service_pb2.ModelMetadataRequest(name="digits"), metadata=metadata)) == STATUS.OK
        unload = service_pb2.RepositoryModelUnloadRequest(model_name="sentiment")
        assert code_of(lambda: stub.RepositoryModelUnload(unload, metadata=metadata)) == denied
        assert code_of(lambda: stub.LogSettings(service_pb2.LogSettingsRequest(), metadata=metadata)) == denied
        region = service_pb2.SystemSharedMemoryUnregisterRequest(name="digits")
        assert code_of(lambda: stub.SystemSharedMemoryUnregister(region, metadata=metadata)) == denied
        answers = list(stub.ModelStreamInfer(iter([sentiment()]), metadata=metadata))
        assert "other models" in answers[0].error_message
        assert stub.ModelInfer(sentiment(), metadata=[("x-api-key", keys.predict)]).model_name == "sentiment"


# ---- WebSocket

def test_websocket_handshakes(server, keys):
    url = f"{server.websocket_url}/ws/predict/sentiment"
    for target, headers, status in ((url, {}, 401), (url, bearer("scd_wrong"), 401), (url, bearer(keys.read), 403),
                                    (url, bearer(keys.digits), 403), (f"{url}?access_token=scd_wrong", {}, 401)):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            connect(target, additional_headers=headers).close()
        assert refused.value.response.status_code == status
        assert refused.value.response.headers["WWW-Authenticate"].startswith("Bearer")
    for target, headers in ((url, bearer(keys.predict)), (url, {"X-API-Key": keys.predict}), (f"{url}?access_token={keys.predict}", {})):
        with connect(target, additional_headers=headers) as websocket:
            websocket.send(json.dumps(GOOD))
            assert json.loads(websocket.recv())["prediction"] == "positive"
    assert keys.predict not in server.stderr() + server.stdout()


# ---- a file that changes

def test_revoked_keys_end_what_is_open(start_server, tmp_path):
    kept, taken = create_key(tmp_path, "kept"), create_key(tmp_path, "taken")
    server = start_server(flags=["--api-keys", tmp_path / "keys.json"])
    with connect(f"{server.websocket_url}/ws/predict/sentiment", additional_headers=bearer(kept)) as stays, \
            connect(f"{server.websocket_url}/ws/predict/sentiment", additional_headers=bearer(taken)) as goes, \
            grpc.insecure_channel(address(server)) as channel:
        for websocket in (stays, goes):
            websocket.send(json.dumps(GOOD))
            assert json.loads(websocket.recv())["prediction"] == "positive"
        more = []

        def requests():
            yield sentiment()
            while not more:
                time.sleep(0.01)
            yield sentiment()

        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        stream = stub.ModelStreamInfer(requests(), metadata=[("x-api-key", taken)])
        assert next(stream).infer_response.model_name == "sentiment"

        assert run("key", "revoke", "--file", "keys.json", "--name", "taken", folder=tmp_path).returncode == 0
        wait_until(lambda: status_of(server, taken) == 401, 10, "the key to be refused")
        more.append(True)
        with pytest.raises(grpc.RpcError) as ended:
            next(stream)
        assert ended.value.code() == STATUS.UNAUTHENTICATED
        goes.send(json.dumps(GOOD))
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            goes.recv()
        assert closed.value.rcvd.code == 1008
        stays.send(json.dumps(GOOD))
        assert json.loads(stays.recv())["prediction"] == "positive"
    fresh = create_key(tmp_path, "fresh")
    wait_until(lambda: status_of(server, fresh) == 200, 10, "the new key to be taken")


def test_a_broken_file_changes_nothing(start_server, tmp_path):
    key = create_key(tmp_path, "one", "--scope", "predict,read")
    server = start_server(flags=["--api-keys", tmp_path / "keys.json"])
    (tmp_path / "keys.json").write_text('{"keys": [{"name": "on')

    def metrics():
        return server.get("/metrics", headers=bearer(key)).text

    failed = 'saccade_auth_reloads_total{source="keys",outcome="failed"} 1'
    wait_until(lambda: failed in metrics(), 10, "the failure to be counted")
    assert status_of(server, key) == 200
    assert "the keys known before still count" in server.stderr()
    assert "saccade_auth_keys 1" in metrics() and 'saccade_auth_total{outcome="key"}' in metrics()


# ---- tokens

@pytest.fixture(scope="module")
def signing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuer")
    return {alg: SigningKey(folder, alg.lower(), alg) for alg in ("RS256", "ES256")}


@pytest.fixture(scope="module")
def issuer(signing):
    issuer = Issuer(*signing.values())
    yield issuer
    issuer.close()


def token_flags(where):
    return ["--jwt-jwks", where, "--jwt-issuer", Issuer.NAME, "--jwt-audience", "saccade", "--jwt-leeway-s", 0]


@pytest.fixture(scope="module")
def token_server(tmp_path_factory, issuer):
    server = Server(tmp_path_factory.mktemp("tokens"), flags=token_flags(issuer.url))
    yield server
    server.stop()


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_tokens_on_every_protocol(token_server, issuer, signing, alg):
    token = issuer.token(signing[alg])
    assert status_of(token_server, token) == 200
    assert status_of(token_server, token, "/v2/logging", {}) == 403
    with grpc.insecure_channel(address(token_server)) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert stub.ModelInfer(sentiment(), metadata=[("authorization", f"Bearer {token}")]).model_name == "sentiment"
    with connect(f"{token_server.websocket_url}/ws/predict/sentiment?access_token={token}") as websocket:
        websocket.send(json.dumps(GOOD))
        assert json.loads(websocket.recv())["prediction"] == "positive"
    limited = issuer.token(signing[alg], models=["digits*"])
    assert status_of(token_server, limited) == 403
    assert status_of(token_server, limited, "/models/digits", None) == 200


def test_tokens_that_are_refused(token_server, issuer, signing, tmp_path):
    key = signing["RS256"]
    claims = part(issuer.claims())
    by_secret = part({"alg": "HS256", "kid": key.name}) + "." + claims
    mac = encoded(hmac.new(key.pem(), by_secret.encode(), hashlib.sha256).digest())
    good = issuer.token(key)
    strange = SigningKey(tmp_path, key.name)  # another key under the same id
    now = int(time.time())
    for token, said in ((part({"alg": "none"}) + f".{claims}.", "public key"), (f"{by_secret}.{mac}", "public key"),
                        (good[:-8] + "AAAAAAAA", "signature"), (issuer.token(strange), "signature"),
                        (issuer.token(key, {"alg": "ES256"}), "key"), (issuer.token(key, {"crit": ["x"]}), "crit"),
                        (issuer.token(strange, {"jwk": strange.public()}), "signature"),
                        (issuer.token(key, exp=now - 1), "over (exp)"), (issuer.token(key, nbf=now + 3600), "nbf"),
                        (issuer.token(key, iss="https://other.example"), "iss"), (issuer.token(key, aud="other"), "aud"),
                        (issuer.token(key, sub=""), "sub"), ("a.b.c", "no token"), ("scd_something", "no token")):
        answer = token_server.post("/predict/sentiment", json=GOOD, headers=bearer(token))
        assert answer.status_code == 401 and said in answer.json()["error"], (said, answer.text)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_tokens_end_on_open_websockets(token_server, issuer, signing):
    token = issuer.token(signing["ES256"], exp=int(time.time()) + 2)
    with connect(f"{token_server.websocket_url}/ws/predict/sentiment", additional_headers=bearer(token)) as websocket:
        websocket.send(json.dumps(GOOD))
        assert json.loads(websocket.recv())["prediction"] == "positive"
        wait_until(lambda: status_of(token_server, token) == 401, 10, "the token to end")
        websocket.send(json.dumps(GOOD))
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            websocket.recv()
        assert closed.value.rcvd.code == 1008


def test_new_keys_are_fetched_when_a_token_names_them(start_server, tmp_path):
    old, new, never = (SigningKey(tmp_path, name, "ES256") for name in ("old", "new", "never"))
    issuer = Issuer(old)
    try:
        server = start_server(flags=token_flags(issuer.url))
        assert status_of(server, issuer.token(old)) == 200
        assert issuer.fetches == 1
        issuer.publish(old, new)
        # The first call waits for the fetch; a WebSocket and a body of some size are kept meanwhile.
        with connect(f"{server.websocket_url}/ws/predict/sentiment", additional_headers=bearer(issuer.token(new))) as websocket:
            websocket.send(json.dumps(GOOD))
            assert json.loads(websocket.recv())["prediction"] == "positive"
        assert issuer.fetches == 2
        assert status_of(server, issuer.token(new)) == 200
        # Tokens of keys that don't exist can't have it fetched again and again.
        assert {status_of(server, issuer.token(never, sub=f"eve{i}")) for i in range(5)} == {401}
        assert issuer.fetches == 2
        issuer.publish()
        assert status_of(server, issuer.token(old)) == 200, "the issuer is away, its keys are known"
    finally:
        issuer.close()


@pytest.mark.parametrize("protocol", ["rest", "grpc"])
def test_calls_wait_for_an_issuer_that_comes_late(start_server, tmp_path, protocol):
    key = SigningKey(tmp_path, "one", "ES256")
    issuer = Issuer()
    try:
        server = start_server(flags=token_flags(issuer.url))
        assert "can't be had" in server.stderr()
        issuer.publish(key)
        token = issuer.token(key)
        if protocol == "rest":
            answer = server.post("/predict/sentiment", json={"text": "A fine film. " * 1000}, headers=bearer(token))
            assert answer.status_code == 200, answer.text
        else:
            with grpc.insecure_channel(address(server)) as channel:
                stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
                answer = stub.ModelInfer(sentiment(), metadata=[("authorization", f"Bearer {token}")])
                assert answer.model_name == "sentiment"
    finally:
        issuer.close()


def test_an_issuer_over_https_is_checked(start_server, tmp_path):
    key = SigningKey(tmp_path, "one", "ES256")
    authority = Authority(tmp_path)
    issuer = Issuer(key, authority=authority)
    try:
        server = start_server(flags=[*token_flags(issuer.url), "--jwt-ca", authority.certificate])
        assert status_of(server, issuer.token(key)) == 200
        assert issuer.fetches == 1
        stranger = start_server(flags=[*token_flags(issuer.url), "--jwt-ca", Authority(tmp_path, "other").certificate])
        assert "certificate" in stranger.stderr()
        assert status_of(stranger, issuer.token(key)) == 503
        unknown = start_server(flags=token_flags(issuer.url))
        assert status_of(unknown, issuer.token(key)) == 503, "the system knows no such authority"
        assert issuer.fetches == 1, "whoever is not trusted is not asked"
    finally:
        issuer.close()


def test_an_issuer_that_is_away_is_our_trouble(start_server, tmp_path):
    key = SigningKey(tmp_path, "one", "ES256")
    issuer = Issuer()
    try:
        server = start_server(flags=token_flags(issuer.url))
        answer = server.post("/predict/sentiment", json=GOOD, headers=bearer(issuer.token(key)))
        assert answer.status_code == 503 and "Retry-After" in answer.headers
    finally:
        issuer.close()


def test_a_file_of_keys_is_read_again(start_server, tmp_path):
    old, new = (SigningKey(tmp_path, name, "ES256") for name in ("old", "new"))
    file = tmp_path / "set.json"
    file.write_text(json.dumps({"keys": [old.public()]}))
    server = start_server(flags=token_flags(file))
    issuer = Issuer(old)
    try:
        before = issuer.token(old)
        assert status_of(server, before) == 200
        file.write_text(json.dumps({"keys": [new.public()]}))
        wait_until(lambda: status_of(server, before) == 401, 10, "the old key to be forgotten")
        wait_until(lambda: status_of(server, issuer.token(new)) == 200, 12, "the new key to be known")
    finally:
        issuer.close()


# ---- certificates

def test_certificates_have_the_rights_of_their_entries(start_server, tmp_path):
    authority = Authority(tmp_path)
    own = authority.issue("server", "/CN=localhost", server=True)
    batch, other = authority.issue("batch", "/O=Example/CN=batch"), authority.issue("other", "/O=Example/CN=other")
    create_key(tmp_path, "batch", "--certificate", "CN=batch,O=Example", "--scope", "predict")
    key = create_key(tmp_path, "reads", "--scope", "read")
    tls = ["--tls-certificate", own[0], "--tls-key", own[1], "--tls-client-ca", authority.certificate, "--log", "none"]
    server = start_server(flags=[*tls, "--api-keys", tmp_path / "keys.json"])
    with httpx.Client(base_url=server.url, verify=authority.trusting(batch), trust_env=False, timeout=20) as client:
        assert client.post("/predict/sentiment", json=GOOD).status_code == 200
        assert client.get("/models").status_code == 403
        assert client.get("/models", headers=bearer(key)).status_code == 200
        assert client.post("/predict/sentiment", json=GOOD, headers=bearer(key)).status_code == 403
    with httpx.Client(base_url=server.url, verify=authority.trusting(other), trust_env=False, timeout=20) as client:
        answer = client.post("/predict/sentiment", json=GOOD)
        assert answer.status_code == 401 and "CN=other,O=Example" in answer.json()["error"]
    pem = {"root_certificates": authority.certificate.read_bytes(), "private_key": batch[1].read_bytes(),
           "certificate_chain": batch[0].read_bytes()}
    with grpc.secure_channel(address(server), grpc.ssl_channel_credentials(**pem)) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert stub.ModelInfer(sentiment()).model_name == "sentiment"
        assert code_of(lambda: stub.ServerMetadata(service_pb2.ServerMetadataRequest())) == STATUS.PERMISSION_DENIED


# ---- beyond this machine

def test_with_keys_the_server_may_be_reached_from_elsewhere(start_server, tmp_path):
    key = create_key(tmp_path, "one")
    server = start_server(flags=["--api-keys", tmp_path / "keys.json", "--host", "0.0.0.0"])
    assert status_of(server, key) == 200
    assert "without TLS" in server.stderr()


# ---- the documentation

def test_openapi_says_what_is_asked(server, keys):
    document = server.get("/openapi.json", headers=bearer(keys.read)).json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apiKey"}
    assert document["paths"]["/health/live"]["get"]["security"] == [{}]
    predict = document["paths"]["/predict/{model}"]["post"]["responses"]
    assert {"401", "403"} <= set(predict)
    assert not {"401", "403"} & set(document["paths"]["/health/live"]["get"]["responses"])
