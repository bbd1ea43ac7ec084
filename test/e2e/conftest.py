"""Fixtures that all end-to-end tests share."""

import json

import pytest

import made_models
from redis_server import RedisServer
from server import PROJECT, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Both examples with the default settings, for every test that doesn't disturb the others."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture
def start_server(tmp_path_factory, request):
    """Starts servers of a test's own, which are stopped at its end unless it did that itself."""
    started = []

    def start(*models, flags=(), **options):
        server = Server(tmp_path_factory.mktemp("own"), *models, flags=flags, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """The folder of the small made-up models: models / "slow.onnx" and so on."""
    folder = tmp_path_factory.mktemp("models")
    made_models.write_all(folder)
    return folder


@pytest.fixture(scope="session")
def digit():
    """The example's image, a seven."""
    return json.loads((PROJECT / "examples/digits/request.json").read_text())


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows what the servers of a failed test have said."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for name, value in item.funcargs.items():
            if isinstance(value, Server):
                report.sections.append((f"stderr of {name}", value.stderr()[-4000:]))


@pytest.fixture
def body(digit):
    """One digit, as the body of a request."""
    return json.dumps(digit)


@pytest.fixture
def redis():
    """A real Redis of the test's own."""
    server = RedisServer()
    yield server
    server.close()
