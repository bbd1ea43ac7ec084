"""wrk, as a load generator that does not wait for anybody, finds no error. Speed is bench/'s matter."""

import json
import os
import shutil
import subprocess

import pytest

from server import PROJECT

pytestmark = pytest.mark.skipif(shutil.which("wrk") is None and not os.environ.get("CI"),
                                reason="wrk is not installed: scripts/install-packages test")


@pytest.mark.parametrize("model, example", [("digits", "digits"), ("sentiment", "sentiment")])
def test_no_errors_at_64_connections(start_server, model, example):
    server = start_server()
    done = subprocess.run(
        ["wrk", "-t2", "-c64", "-d2s", "--timeout", "15s", "-s", PROJECT / "bench/load/predict.lua",
         f"http://127.0.0.1:{server.port}/predict/{model}", "--", PROJECT / f"examples/{example}/request.json"],
        capture_output=True, text=True, timeout=40)
    assert done.returncode == 0, done.stderr
    result = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    assert result["requests"] > 100
    assert result["errors"] == 0, result
