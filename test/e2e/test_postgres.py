"""The prediction log in PostgreSQL against the worst: killed, paused, restarted, away from the start, shared by two.

The database is looked at with psql, not through the server.
"""

import itertools
import json
import sqlite3
import threading
import uuid

import pytest

from load import Load
from postgres import Postgres
from server import metric, run, wait_until


@pytest.fixture(scope="module")
def postgres():
    server = Postgres()
    yield server
    server.stop()


@pytest.fixture
def database(postgres, request, counter=itertools.count()):
    name = f"test_{next(counter)}"
    postgres.make_database(name)
    return name


def stored(postgres, database):
    """The ids in the database; none may be there twice."""
    ids = [row[0] for row in postgres.query("SELECT id FROM saccade.predictions", database)]
    assert len(ids) == len(set(ids)), "a row is there twice"
    return set(ids)


def spilled(server):
    """The ids in the spill file of a server that has ended."""
    spill = sqlite3.connect(server.folder / "predictions-spill.db")
    try:
        return {str(uuid.UUID(bytes=id)) for (id,) in spill.execute("SELECT id FROM predictions")}
    finally:
        spill.close()


def wait_for_delivery(server):
    wait_until(lambda: metric(server, "saccade_log_spill_rows") == 0, 60, "delivery")
    wait_until(lambda: metric(server, "saccade_log_queue_rows") == 0, 60, "an empty queue")


def test_rows_are_in_the_database(start_server, postgres, database, digit):
    server = start_server(flags=["--log", postgres.url(database), "--log-inputs"])
    answer = server.post("/predict/digits?wait_for_log=true", json={**digit, "id": "mine"}).json()
    [[model, result, client, image, day, part]] = postgres.query(
        "SELECT model, result->>'class', client_id, json_array_length(input->'image'),"
        "created_at::date, tableoid::regclass FROM saccade.predictions", database)
    assert (model, int(result), client, int(image)) == ("digits", answer["class"], '"mine"', 28)
    assert part.removeprefix("saccade.") == f"predictions_p{day.replace('-', '')}"  # as the search path has it
    row = server.get(f"/predictions/{answer['request_id']}").json()
    assert row["id"] == "mine" and row["result"]["class"] == answer["class"] and row["timestamp"] == answer["timestamp"]
    assert server.get("/predictions?model=digits&limit=5").json()["predictions"] == [row]
    assert server.get("/predictions?model=sentiment").json()["predictions"] == []
    # tomorrow's partition is there already
    assert len(postgres.query("SELECT 1 FROM pg_inherits WHERE inhparent = 'saccade.predictions'::regclass",
                              database)) == 2


def test_killed_and_restarted_under_load_nothing_is_lost_or_doubled(start_server, postgres, database, body):
    server = start_server(flags=["--log", postgres.url(database), "--log-mode", "durable"])
    with Load(server, body) as load:
        load.more()
        postgres.kill()
        load.more()
        wait_until(lambda: metric(server, "saccade_log_database_up") == 0, 30, "the loss is noticed")
        assert server.get("/predictions").status_code == 503
        assert "retry-after" in server.get("/predictions").headers
        row = server.get(f"/predictions/{load.answered[-1]}")  # found in the spill
        assert row.status_code == 200 and row.json()["model"] == "digits"
        postgres.start()
        load.more()
    assert not load.failed
    wait_for_delivery(server)
    assert stored(postgres, database) == set(load.answered)
    assert metric(server, "saccade_log_delivered_rows_total") == metric(server, "saccade_log_spilled_rows_total") > 0
    wait_until(lambda: metric(server, "saccade_log_database_up") == 1, 30, "the return is noticed")


def test_paused_it_slows_no_prediction(start_server, postgres, database, body):
    server = start_server(flags=["--log", postgres.url(database)])
    with Load(server, body) as load:
        load.more()
        wait_until(lambda: len(stored(postgres, database)) > 20, 30, "rows")
        postgres.pause()
        try:
            load.slowest = 0.0
            wait_until(lambda: metric(server, "saccade_log_spilled_rows_total") > 0, 30, "spilled rows")
            load.more(200)
            paused = load.slowest
        finally:
            postgres.go_on()
        load.more()
    assert not load.failed
    # far less than the second that the writer waits for the database: no prediction waits with it
    assert paused < 0.9
    wait_for_delivery(server)
    assert stored(postgres, database) == set(load.answered)


def test_killed_with_a_full_spill_the_next_start_delivers(start_server, postgres, database, body, tmp_path):
    spill = tmp_path / "spill.db"
    flags = ["--log", postgres.url(database), "--log-mode", "durable", "--log-spill", spill]
    postgres.kill()
    try:
        server = start_server(flags=flags)  # without a database from the start
        with Load(server, body) as load:
            load.more(100)
            server.kill()
        assert "predictions are kept in" in server.stderr()
    finally:
        postgres.start()
    server = start_server(flags=flags)
    wait_for_delivery(server)
    assert set(load.answered) <= stored(postgres, database)


def test_a_full_spill_loses_the_newest_and_counts_them(start_server, postgres, database, digit):
    server = start_server(flags=["--log", postgres.url(database), "--log-inputs", "--log-queue", "50",
                                 "--log-spill-max-bytes", str(1 << 20)])
    body = json.dumps({"image": [digit["image"]] * 20})
    first = server.post("/predict/digits?wait_for_log=true", content=body).json()["request_id"]
    postgres.pause()
    try:
        with Load(server, body) as load:
            wait_until(lambda: metric(server, 'saccade_log_lost_rows_total{reason="queue_full"}') > 0, 60, "lost rows")
            refused = server.post("/predict/digits?wait_for_log=true", content=body)
            assert refused.status_code == 503 and "full" in refused.text
        assert not load.failed
    finally:
        postgres.go_on()
    wait_for_delivery(server)
    ids = stored(postgres, database)
    assert first in ids
    lost = metric(server, 'saccade_log_lost_rows_total{reason="queue_full"}')
    assert len(set(load.answered) - ids) == lost


def test_two_servers_share_one_database(start_server, postgres, database, body):
    flags = ["--log", postgres.url(database)]
    servers = []
    starts = [threading.Thread(target=lambda: servers.append(start_server(flags=flags))) for _ in range(2)]
    for start in starts:  # at once: only one of them makes the schema
        start.start()
    for start in starts:
        start.join(60)
    assert len(servers) == 2
    with Load(servers[0], body) as one, Load(servers[1], body) as two:
        one.more()
        two.more()
        postgres.kill()
        one.more()
        two.more()
        postgres.start()
    for server in servers:
        wait_for_delivery(server)
    assert stored(postgres, database) == set(one.answered + two.answered)
    assert servers[0].get(f"/predictions/{two.answered[0]}").status_code == 200
    assert postgres.query("SELECT version FROM saccade.schema_version", database) == [["1"]]


def test_a_row_that_the_database_does_not_take_is_lost_alone(start_server, postgres, database, digit):
    server = start_server(flags=["--log", postgres.url(database)])
    server.post("/predict/digits?wait_for_log=true", json=digit)
    postgres.query("ALTER TABLE saccade.predictions ALTER client_id TYPE varchar(12) USING client_id::text", database)
    ids = []
    with server.client() as client:
        for number in range(20):
            answer = client.post("/predict/digits", json={**digit, "id": "x" * 20 if number == 7 else "short"})
            ids.append(answer.json()["request_id"])
    wait_until(lambda: metric(server, 'saccade_log_lost_rows_total{reason="refused"}') == 1, 30, "the refused row")
    wait_for_delivery(server)
    assert stored(postgres, database) >= set(ids) - {ids[7]}
    assert ids[7] not in stored(postgres, database)


def test_retention_drops_whole_days(start_server, postgres, database, digit):
    url = postgres.url(database)
    server = start_server(flags=["--log", url])
    server.post("/predict/digits?wait_for_log=true", json=digit)
    server.stop()
    for table in ("predictions", "feedback"):
        postgres.query(f"CREATE TABLE saccade.{table}_p20200102 PARTITION OF saccade.{table} "
                       "FOR VALUES FROM ('2020-01-02 00:00Z') TO ('2020-01-03 00:00Z')", database)
    postgres.query("INSERT INTO saccade.predictions VALUES('016f639a-7c00-7000-8000-000000000000', '2020-01-02 00:00Z',"
                   "'2020-01-02', 'digits', '1', NULL, '{}', 1, NULL)", database)
    server = start_server(flags=["--log", url, "--log-retention-days", "30"])
    wait_until(lambda: postgres.query("SELECT to_regclass('saccade.predictions_p20200102') IS NULL",
                                      database) == [["t"]], 30, "the dropped partition")
    assert postgres.query("SELECT count(*) FROM saccade.predictions", database) == [["1"]]
    assert server.post("/predict/digits?wait_for_log=true", json=digit).status_code == 200


def test_what_is_wrong_with_the_database_is_said(start_server, postgres, database, tmp_path, models):
    def says(url):
        done = run("serve", str(next(models.glob("*.onnx"))), "--port", "0", "--log", url, folder=tmp_path)
        assert done.returncode == 1, done.stderr
        return done.stderr

    assert '"nowhere" does not exist' in says(postgres.url("nowhere"))
    assert "nonsense" in says(postgres.url() + "?nonsense=1")
    refused = says(postgres.url().replace("saccade@", "nobody:secret@"))
    assert '"nobody" does not exist' in refused and "secret" not in refused
    start_server(flags=["--log", postgres.url(database)]).stop()
    postgres.query("INSERT INTO saccade.schema_version VALUES(99)", database)
    assert "newer Saccade (version 99" in says(postgres.url(database))
    postgres.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    assert "UTF8" in says(postgres.url("latin"))


def test_two_servers_can_not_share_a_spill(start_server, postgres, database, models, tmp_path):
    spill = tmp_path / "spill.db"
    start_server(flags=["--log", postgres.url(database), "--log-spill", spill])
    done = run("serve", str(next(models.glob("*.onnx"))), "--port", "0", "--log", postgres.url(database), "--log-spill",
               spill, folder=tmp_path)
    assert done.returncode == 1 and "--log-spill" in done.stderr
