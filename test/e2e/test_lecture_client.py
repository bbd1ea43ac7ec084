"""The lecture's own WebSocket client runs against the server as it stands; only the port is another one."""

import json
import pathlib
import subprocess
import sys
import time


def test_prints_ten_real_predictions(server, tmp_path):
    code = (pathlib.Path(__file__).parent / "lecture_client.py").read_text()
    assert code.count("localhost:8000") == 1
    script = tmp_path / "client.py"
    script.write_text(code.replace("localhost:8000", f"localhost:{server.port}"))

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=30)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 10
    for i, line in enumerate(lines):
        start = f"Prediction {i}: "
        assert line.startswith(start)
        answer = json.loads(line.removeprefix(start))
        assert answer["class"] in range(10)
        assert 0 < answer["confidence"] <= 1
        assert abs(answer["timestamp"] - time.time()) < 60
    same = {(json.loads(line.split(": ", 1)[1])["class"]) for line in lines}
    assert len(same) == 1, "the same image, the same class: these are no random numbers"
