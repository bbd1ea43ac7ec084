"""The API's description is valid, complete, and true: generated requests get only answers that it names."""

import contextlib
import gzip
import re

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (content_type_conformance, response_schema_conformance,
                                               status_code_conformance)

from server import PLAIN

# Load and unload change what the others ask; a WebSocket handshake is no request of HTTP clients.
LEFT_OUT = r"^/v2/repository/models/|^/ws/|/unregister$|^/v2/logging$|trace/setting$"
EXAMPLES = 4


def test_is_valid(server):
    validate(server.get("/openapi.json").json(), cls=OpenAPIV31SpecValidator)


def test_has_every_route(server):
    paths = server.get("/openapi.json").json()["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item}
    listed = {(route["method"], route["path"]) for route in server.get("/").json()["routes"]}
    assert listed - described == set()
    assert described - listed == {("POST", "/predict/digits"), ("POST", "/predict/sentiment")}


def test_examples_of_models_work(server):
    """Every example of a body gets 200 from the model whose name it has."""
    document = server.get("/openapi.json").json()
    asked = 0
    predicted = server.post("/predict/sentiment?wait_for_log=true", json={"text": "A fine film."}).json()["request_id"]
    for path, item in document["paths"].items():
        content = item.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json", {})
        for model, example in content.get("examples", {}).items():
            if "{model}" not in path:
                continue
            target = path.replace("{model}", model).replace("{version}", "1")
            answer = server.post(target, json=example["value"])
            assert answer.status_code == 200, (target, answer.text)
            asked += 1
        if "example" in content:
            target = path.replace("{id}", predicted)
            assert server.post(target, json=content["example"]).status_code == 200, target
            asked += 1
    assert asked >= 12


def test_page(server):
    page = server.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for name, kind in {"swagger-ui.js": "text/javascript", "swagger-ui.css": "text/css", "start.js": "text/javascript",
                       "icon.png": "image/png", "LICENSE": "text/plain"}.items():
        file = server.get(f"/docs/{name}")
        assert file.status_code == 200 and file.headers["content-type"].startswith(kind), name
        assert name == "LICENSE" or f"docs/{name}" in page.text
        tag = file.headers["etag"]
        copy = server.get(f"/docs/{name}", headers={"if-none-match": tag})
        assert copy.status_code == 304 and copy.content == b""
    assert server.get("/docs/", follow_redirects=False).headers["location"] == "../docs"
    assert server.get("/docs/nothing").status_code == 404


def test_page_is_compressed_for_those_who_take_it(server):
    def raw(accepted):
        with httpx.stream("GET", f"{server.url}/docs/swagger-ui.js", headers={"accept-encoding": accepted},
                          **PLAIN) as answer:
            return answer.headers.get("content-encoding"), b"".join(answer.iter_raw())

    coding, packed = raw("gzip")
    plain_coding, plain = raw("identity")
    assert (coding, plain_coding) == ("gzip", None)
    assert gzip.decompress(packed) == plain
    assert b"SwaggerUIBundle" in plain


def check(server, operation, mode, **fixed):
    """Asks what the description allows (or, in negative mode, what it doesn't), and looks at each answer."""
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode, **fixed))
    def ask(case):
        answer = case.call(base_url=server.url, timeout=20)
        # Strings of any bytes, which the example's text model can't read, are the model's failure and described so.
        refused_by_model = answer.status_code == 500 and answer.json()["error"].startswith("the model failed")
        assert answer.status_code < 500 or answer.status_code in (501, 503) or refused_by_model, answer.text
        case.validate_response(answer, checks=[status_code_conformance, content_type_conformance,
                                               response_schema_conformance])
    ask()


@pytest.mark.timeout(300)
def test_answers_are_as_described(server):
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json").exclude(path_regex=LEFT_OUT)
    known = {"model": "digits", "version": "1"}
    asked = set()
    for operation in (found.ok() for found in schema.get_all_operations()):
        path = {name: known.get(name, "some") for name in re.findall(r"{(\w+)}", operation.path)}
        fixed = {"path_parameters": path} if path else {}
        check(server, operation, GenerationMode.POSITIVE, **fixed)
        if operation.body:
            with contextlib.suppress(Unsatisfiable):  # any bytes are right where bytes are taken
                check(server, operation, GenerationMode.NEGATIVE, **fixed)
        asked.add((operation.method, operation.path))
    assert len(asked) > 40
    assert server.get("/health/ready").status_code == 200
