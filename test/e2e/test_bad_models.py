"""What can't be served is refused at the start, quickly and in one clear line."""

import os
import pathlib
import socket
import sqlite3
import tempfile
import time

import pytest

from server import DIGITS, REPOSITORY, SANITIZED, run

QUICK_SECONDS = 30 if SANITIZED else 5


def refused(*arguments, folder, code=1, **options):
    """Runs `saccade …`, which must end quickly with this code, and returns the lines of what went wrong."""
    start = time.monotonic()
    done = run(*arguments, folder=folder, **options)
    assert done.returncode == code, done
    assert time.monotonic() - start < QUICK_SECONDS
    assert "serves on" not in done.stdout
    return [line for line in done.stderr.splitlines() if " info " not in line]


@pytest.fixture
def bad_files(tmp_path, models):
    whole = DIGITS.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[:len(whole) // 2])
    (tmp_path / "text.onnx").write_text("this is no model\n")
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "unknown.onnx").write_bytes((models / "unknown_operator.onnx").read_bytes())
    (tmp_path / "no-models").mkdir()
    return tmp_path


BAD_MODELS = [
    ("missing.onnx", "missing.onnx: no such file or directory"),
    ("cut.onnx", "cut.onnx: is not an ONNX model, or is cut short"),
    ("text.onnx", "text.onnx: is not an ONNX model, or is cut short"),
    ("empty.onnx", "empty.onnx: "),
    ("unknown.onnx", "Frobnicate"),
    ("folder.onnx", "folder.onnx"),
    ("no-models", "no models in it; expected no-models/NAME/1/model.onnx"),
]


@pytest.mark.parametrize("file, message", BAD_MODELS, ids=[file for file, _ in BAD_MODELS])
def test_serve_refuses(bad_files, file, message):
    lines = refused("serve", file, "--port", 0, "--log", "none", folder=bad_files)
    assert len(lines) == 1 and " error " in lines[0] and message in lines[0], lines


@pytest.mark.parametrize("file, message", BAD_MODELS, ids=[file for file, _ in BAD_MODELS])
def test_check_says_what_is_wrong(bad_files, file, message):
    done = run("check", file, folder=bad_files)
    assert done.returncode == 1
    wrong = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert len(wrong) == 1 and message in wrong[0], done


def test_check_goes_on_behind_an_argument_that_is_wrong(bad_files):
    done = run("check", "missing.onnx", REPOSITORY, folder=bad_files)
    assert done.returncode == 1
    assert "WRONG" in done.stdout and "OK digits version 1" in done.stdout


def test_check_says_what_would_be_served(tmp_path):
    done = run("check", REPOSITORY, folder=tmp_path)
    assert done.returncode == 0
    assert "OK digits version 1" in done.stdout and "OK sentiment version 1" in done.stdout
    assert 'input  "image" FP32 [-1,28,28]' in done.stdout


def test_two_models_of_one_name(tmp_path):
    lines = refused("serve", DIGITS, DIGITS, "--port", 0, folder=tmp_path)
    assert 'two models are named "model"' in lines[-1]


def test_unknown_default_model(tmp_path):
    lines = refused("serve", REPOSITORY, "--port", 0, "--log", "none", "--default-model", "dogs", folder=tmp_path)
    assert len(lines) == 1 and 'no model "dogs"; served are "digits", "sentiment"' in lines[0]


# A repository

def repository(folder, name, config, model=DIGITS):
    (folder / name / "1").mkdir(parents=True)
    (folder / name / "1/model.onnx").write_bytes(pathlib.Path(model).read_bytes())
    (folder / name / "config.pbtxt").write_text(config)
    return folder


@pytest.mark.parametrize("config, message", [
    ("max_batch_size: many", "config.pbtxt"),
    ("max_batch_size: -1", "max_batch_size"),
    ('input [ { name: "image" data_type: TYPE_STRING dims: [28, 28] } ] max_batch_size: 8', "image"),
    ('input [ { name: "picture" data_type: TYPE_FP32 dims: [28, 28] } ] max_batch_size: 8', "picture"),
    ('input [ { name: "image" data_type: TYPE_FP32 dims: [29, 28] } ] max_batch_size: 8', "image"),
], ids=["no number", "negative", "wrong type", "unknown input", "wrong shape"])
def test_impossible_configuration(tmp_path, config, message):
    done = run("check", repository(tmp_path, "bad", config), folder=tmp_path)
    assert done.returncode == 1 and message in done.stdout, done
    lines = refused("serve", tmp_path, "--port", 0, "--log", "none", folder=tmp_path)
    assert any(" error " in line and message in line for line in lines), lines


def test_unknown_field_is_a_warning(tmp_path, start_server, digit):
    server = start_server(repository(tmp_path, "odd", 'max_batch_size: 8\nfrobnication: "yes"'))
    assert "frobnication" in server.stderr() and " warning " in server.stderr()
    assert server.post("/predict/odd", json=digit).json()["class"] == 7


# The port and the log

def test_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        lines = refused("serve", DIGITS, "--port", port, "--log", "none", folder=tmp_path)
    assert len(lines) == 1 and f"port {port} is in use" in lines[0] and "--port" in lines[0]


def test_unknown_host(tmp_path):
    lines = refused("serve", DIGITS, "--host", "no.such.host.invalid", "--port", 0, "--log", "none", folder=tmp_path)
    assert len(lines) == 1 and "no.such.host.invalid" in lines[0]


@pytest.fixture
def bad_logs(tmp_path):
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "text.db").write_text("this is no database. " * 100)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE cars(name)")
    other.commit()
    other.close()
    return tmp_path


@pytest.mark.parametrize("log, message", [
    ("sqlite:folder.db", "folder.db: is a directory"),
    ("sqlite:text.db", "text.db: is not a SQLite database; move it away"),
    ("sqlite:other.db", "other.db: is the database of another application"),
    ("sqlite:///no/such/folder/x.db", "there is no directory /no/such/folder"),
    ("mongo://x", 'unknown store "mongo"'),
    ("sqlite:", "log URL"),
])
def test_bad_log(bad_logs, log, message):
    lines = refused("serve", DIGITS, "--port", 0, "--log", log, folder=bad_logs)
    assert len(lines) == 1 and message in lines[0], lines


def test_corrupt_log(tmp_path, start_server, digit):
    first = start_server(DIGITS, flags=["--log-inputs"])
    with first.client() as client:
        for _ in range(50):
            client.post("/predict", json=digit)
    first.stop()
    data = bytearray(first.log_file.read_bytes())
    data[100:4096] = b"\xa5" * 3996
    (tmp_path / "corrupt.db").write_bytes(data)
    lines = refused("serve", DIGITS, "--port", 0, "--log", "sqlite:corrupt.db", folder=tmp_path)
    assert len(lines) == 1 and "corrupt.db" in lines[0], lines


def test_read_only_log():
    """Root may write everywhere, so the server runs as somebody else then."""
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "log.db").touch()
        (folder / "log.db").chmod(0o444)
        folder.chmod(0o555)
        try:
            lines = refused("serve", DIGITS, "--port", 0, "--log", "sqlite:log.db", folder=folder, **user)
        except PermissionError:
            pytest.skip("nobody but root may run the binary where it lies")
        finally:
            folder.chmod(0o755)
    assert len(lines) == 1 and "log.db" in lines[0]
    assert "read" in lines[0] or "permission" in lines[0].lower(), lines


# Flags

@pytest.mark.parametrize("arguments, message", [
    (["serve", DIGITS, "--prot", "1"], "did you mean --port?"),
    (["serve", DIGITS, "--log-mod=drop"], "did you mean --log-mode?"),
    (["serve", DIGITS, "--max-batchsize", "8"], "did you mean --max-batch-size?"),
    (["serv", DIGITS], "did you mean serve?"),
    (["serve", DIGITS, "--log-mode", "drip"], "drop"),
    (["serve", DIGITS, "--port", "eighty"], "--port"),
    (["serve", DIGITS, "--port", "65536"], "--port"),
    (["serve", DIGITS, "--max-batch-size", "0"], "--max-batch-size"),
    (["serve"], "models"),
    (["check"], "models"),
    (["bench", DIGITS, "--prise", "1"], "did you mean --price?"),
])
def test_wrong_flag(tmp_path, arguments, message):
    lines = refused(*arguments, folder=tmp_path, code=2)
    assert any(message in line for line in lines), lines
    assert len(lines) <= 3


@pytest.mark.parametrize("variable, value", [("SACCADE_PORT", "eighty"), ("SACCADE_LOG_MODE", "drip")])
def test_wrong_environment(tmp_path, variable, value):
    lines = refused("serve", DIGITS, folder=tmp_path, code=2, env={**os.environ, variable: value})
    assert any(value in line for line in lines), lines


def test_environment_and_configuration_file(tmp_path, start_server):
    (tmp_path / "saccade.conf").write_text("default-model=sentiment\nlog=none\nmax-batch-size=3\n")
    server = start_server(environment={"SACCADE_CONFIG": str(tmp_path / "saccade.conf")})
    assert server.post("/predict", json={"text": "fine"}).json()["model"] == "sentiment"
    other = start_server(environment={"SACCADE_DEFAULT_MODEL": "sentiment", "SACCADE_LOG": "none"})
    assert other.post("/predict", json={"text": "fine"}).json()["model"] == "sentiment"
    assert not other.log_file.exists()


@pytest.mark.parametrize("command", [[], ["serve"], ["check"], ["bench"]])
def test_help(tmp_path, command):
    done = run(*command, "--help", folder=tmp_path)
    assert done.returncode == 0 and "Usage" in done.stdout and done.stderr == ""
