"""The cases of test/clients, run by grpcio. The other languages run them in `make clients`."""

import importlib.util
import json
import pathlib
import sys

import pytest

from server import Server

CLIENTS = pathlib.Path(__file__).resolve().parents[1] / "clients"
CASES = json.loads((CLIENTS / "cases.json").read_text())


def load(name, path):
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


cases = load("client_cases", CLIENTS / "python/cases.py")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    load("client_models", CLIENTS / "models.py").write(folder)
    cases.load_protos()
    return folder


@pytest.fixture(scope="module")
def started(repository, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"), repository, flags=["--log", "none"])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def api(started):
    """One channel for all cases that do not ask for their own: each must leave it as it was."""
    api = cases.Api(f"localhost:{started.grpc_port}")
    yield api
    api.close()


@pytest.mark.parametrize("case", [case for case in CASES if case["do"] != "drain"], ids=lambda case: case["name"])
def test_case(api, started, case):
    cases.run_case(api, f"localhost:{started.grpc_port}", case)


@pytest.mark.parametrize("case", [case for case in CASES if case["do"] == "drain"], ids=lambda case: case["name"])
def test_drain(start_server, repository, case):
    server = start_server(repository, flags=["--log", "none"])
    cases.run_case(None, f"localhost:{server.grpc_port}", case, server.process.pid)
    assert server.wait() == 0
