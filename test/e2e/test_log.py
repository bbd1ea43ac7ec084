"""The prediction log against the worst: killed, filled, locked, out of room. Read with another SQLite than the server's."""

import resource
import signal
import sqlite3
import threading
import time
import uuid

import pytest

from load import Load
from server import metric, wait_until

FLUSH_SECONDS = 0.1    # the default of --log-flush-ms
MARGIN_SECONDS = 1.0   # for a busy machine


def stored(file):
    """The request ids in the log, which must be a whole database."""
    database = sqlite3.connect(file, timeout=20)
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [str(uuid.UUID(bytes=id)) for (id,) in database.execute("SELECT id FROM predictions")]
    finally:
        database.close()


def test_killed_under_load_it_loses_at_most_the_flush_interval(start_server, body):
    server = start_server()
    with Load(server, body, clients=4) as load:
        time.sleep(2.5)
        killed = time.monotonic()
        server.kill()
    ids = set(stored(server.log_file))
    old = [id for id, at in load.answers if at < killed - FLUSH_SECONDS - MARGIN_SECONDS]
    assert len(old) > 50
    assert not [id for id in old if id not in ids]


@pytest.mark.parametrize("round", range(2))
def test_killed_in_durable_mode_it_loses_nothing(start_server, body, round):
    server = start_server(flags=["--log-mode", "durable"])
    with Load(server, body, clients=8) as load:
        time.sleep(0.7 + 0.13 * round)
        server.kill()
    assert len(load.answers) > 20
    ids = set(stored(server.log_file))
    assert not [id for id, _ in load.answers if id not in ids]


def test_a_killed_log_goes_on_in_the_next_server(start_server, body, digit, tmp_path):
    flags = ["--log", f"sqlite://{tmp_path}/kept.db", "--log-mode", "durable"]
    first = start_server(flags=flags)
    with Load(first, body, clients=4) as load:
        time.sleep(0.5)
        first.kill()
    second = start_server(flags=flags)
    for id, _ in load.answers[::20]:
        assert second.get(f"/predictions/{id}").status_code == 200
    assert second.post("/predict", json=digit).status_code == 200


@pytest.mark.parametrize("mode", ["drop", "block", "durable"])
def test_sigterm_under_load_loses_nothing(start_server, body, mode):
    server = start_server(flags=["--log-mode", mode])
    with Load(server, body, clients=4) as load:
        time.sleep(0.8)
        server.stop()
    ids = stored(server.log_file)
    assert len(ids) == len(set(ids))
    assert len(load.answers) > 20
    assert not {id for id, _ in load.answers} - set(ids)


class Locked:
    """Holds the database's only place for a writer, as another program might."""

    def __init__(self, file):
        self.database = sqlite3.connect(file, isolation_level=None, timeout=20)

    def __enter__(self):
        self.database.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, *_):
        self.database.execute("ROLLBACK")
        self.database.close()


def test_a_full_queue_loses_rows_that_are_counted(start_server, digit):
    server = start_server(flags=["--log-queue", 10, "--log-mode", "drop"])
    sent = 200
    with Locked(server.log_file), server.client() as client:
        for _ in range(sent):
            assert client.post("/predict/digits", json=digit).status_code == 200
    lost = metric(server, 'saccade_log_lost_rows_total{reason="queue_full"}')
    assert lost > 0
    server.stop()
    assert len(stored(server.log_file)) == sent - lost
    assert "queue" in server.stderr(), "the loss is said too"


def test_a_full_queue_makes_answers_wait_where_so_configured(start_server, digit):
    server = start_server(flags=["--log-queue", 10, "--log-mode", "block"])
    done = []

    def ask():
        with server.client() as client:
            done.append(client.post("/predict/digits", json=digit).status_code)

    threads = [threading.Thread(target=ask) for _ in range(40)]
    with Locked(server.log_file):
        for thread in threads:
            thread.start()
        time.sleep(1)
        assert len(done) < 40, "some wait for a place in the queue"
        assert server.get("/health/live").status_code == 200, "and nothing else waits for them"
    for thread in threads:
        thread.join(20)
    assert done == [200] * 40
    assert metric(server, 'saccade_log_lost_rows_total{reason="queue_full"}') == 0
    server.stop()
    assert len(stored(server.log_file)) == 40


def test_a_full_disk_stops_no_prediction(start_server, digit):
    """The file may not grow beyond a limit, which to SQLite is a disk without room."""
    def no_file_above_a_megabyte():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    server = start_server(flags=["--log-inputs", "--log-queue", 100], limits=no_file_above_a_megabyte)
    with server.client() as client:
        for _ in range(400):
            assert client.post("/predict/digits", json=digit).status_code == 200
    assert wait_until(lambda: metric(server, "saccade_log_failed_commits_total"), 10, "a commit that fails") > 0
    assert "predictions.db" in server.stderr()
    assert server.post("/predict/digits", json=digit).status_code == 200
    promised = []
    for _ in range(50):  # one row may still fit where a whole commit did not
        answer = server.post("/predict/digits?wait_for_log=true", json={"image": [digit["image"]] * 30})
        if answer.status_code == 503:
            break
        promised.append(answer.json()["request_id"])
    assert answer.status_code == 503 and "could not be logged" in answer.json()["error"]
    server.terminate()
    server.wait()
    assert set(promised) <= set(stored(server.log_file))


def test_inputs_are_kept_only_if_asked(start_server, digit):
    for flags, kept in [([], False), (["--log-inputs"], True)]:
        server = start_server(flags=flags)
        id = server.post("/predict/digits?wait_for_log=true", json=digit).json()["request_id"]
        row = server.get(f"/predictions/{id}").json()
        assert ("input" in row) == kept
        if kept:
            assert row["input"] == digit
        server.stop()


def test_retention_by_age(start_server, digit):
    server = start_server(flags=["--log-retention-days", 1, "--log-max-bytes", 10_000_000])
    kept = server.post("/predict/digits?wait_for_log=true", json=digit).json()["request_id"]
    server.stop()
    assert stored(server.log_file) == [kept]


def test_no_log_at_all(start_server, digit):
    server = start_server(flags=["--log", "none"])
    answer = server.post("/predict/digits?wait_for_log=true", json=digit)
    assert answer.status_code == 200
    asked = server.get(f"/predictions/{answer.json()['request_id']}")
    assert asked.status_code in (404, 503) and "log" in asked.json()["error"]
    assert not server.log_file.exists()


def test_two_servers_share_a_log(start_server, digit, tmp_path):
    flags = ["--log", f"sqlite://{tmp_path}/shared.db"]
    first, second = start_server(flags=flags), start_server(flags=flags)
    ids = [server.post("/predict/digits?wait_for_log=true", json=digit).json()["request_id"]
           for server in (first, second) for _ in range(20)]
    for id in ids:
        assert first.get(f"/predictions/{id}").status_code == 200
    first.stop()
    second.stop()
    assert set(stored(tmp_path / "shared.db")) == set(ids)
