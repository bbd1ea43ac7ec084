"""Rate limits that several servers share through a real Redis: exact together; without it each for itself, at once."""

import concurrent.futures
import os
import pathlib
import time

from server import wait_until
from test_rate_limits import PROXIES, X, metric, statuses

SECONDS = 30


def wait_for_connection(server, nth=1):
    # Not by the metric alone: scrapes are calls, and count against the limits of these tests.
    wait_until(lambda: server.stderr().count(": connected") >= nth, SECONDS, "a connection to Redis")


def replicas(start_server, models, redis, rule, count=2, wait="2s"):
    servers = [start_server(models / "fixed.onnx", flags=[
        "--rate-limit", rule, "--redis", redis.url, "--rate-limit-redis", "--rate-limit-redis-timeout", wait, *PROXIES,
        "--log", "none", "--engine", "onnxruntime"]) for _ in range(count)]
    for server in servers:
        wait_for_connection(server)
    return servers


def test_two_servers_share_one_limit_exactly(start_server, models, redis):
    servers = replicas(start_server, models, redis, "address:1/h:100")
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda place: statuses(servers[place % 2], 30), range(8)))
    assert sum(status == 200 for one in answers for status in one) == 100
    assert {status for one in answers for status in one} == {200, 429}
    # Whom Redis has refused is refused from memory.
    asked = metric(servers[0], "saccade_rate_limit_decisions_total", place="redis")
    assert statuses(servers[0], 20) == [429] * 20
    # (The scrapes are calls, too.)
    assert metric(servers[0], "saccade_rate_limit_decisions_total", place="redis") <= asked + 2
    assert metric(servers[0], "saccade_rate_limit_fallback") == 0
    # A replica that comes later finds the limit as it is, by the script that Redis has already.
    later = replicas(start_server, models, redis, "address:1/h:100", count=1)[0]
    assert statuses(later, 2) == [429] * 2


def test_a_redis_that_stands_still_slows_nothing_down(start_server, models, redis):
    (server,) = replicas(start_server, models, redis, "address:1/h:1000", count=1, wait="5ms")
    assert statuses(server, 20) == [200] * 20
    redis.pause()
    began = time.monotonic()
    assert statuses(server, 300) == [200] * 300
    took = time.monotonic() - began
    # Had each waited for Redis as long as it may, all together would have taken far longer than the breaker lets them.
    waited = metric(server, "saccade_redis_commands_total", outcome="timeout")
    assert 0 < waited < 100, f"after a few the breaker lets nobody wait; {took:.2f} s in all"
    assert metric(server, "saccade_rate_limit_fallback") == 1
    assert metric(server, "saccade_breaker_opened_total", service="redis") >= 1
    redis.resume()

    def shared_again():
        assert statuses(server, 1) == [200]
        return metric(server, "saccade_rate_limit_fallback") == 0 and metric(server, "saccade_breaker_state", service="redis") == 0

    wait_until(shared_again, SECONDS, "the limit in Redis again")


def test_without_redis_each_server_goes_on_from_what_it_knows(start_server, models, redis):
    servers = replicas(start_server, models, redis, "address:1/h:10")
    assert statuses(servers[0], 8) == [200] * 8
    redis.kill()
    for server in servers:
        wait_until(lambda server=server: ": disconnected" in server.stderr(), SECONDS, "the connection gone")
    assert statuses(servers[0], 4) == [200] * 2 + [429] * 2, "not a new burst"
    assert statuses(servers[1], 12) == [200] * 10 + [429] * 2, "of those it had heard nothing"
    redis.start()
    for server in servers:
        wait_for_connection(server, 2)
    assert statuses(servers[0], 1, client="192.0.2.77") == [200]
    assert metric(servers[0], "saccade_rate_limit_fallback") == 0


def test_a_server_starts_and_serves_without_redis(start_server, models, redis):
    redis.kill()
    server = start_server(models / "fixed.onnx", flags=[
        "--rate-limit", "address:1/h:3", "--redis", redis.url, "--rate-limit-redis", *PROXIES, "--log", "none"])
    assert statuses(server, 5) == [200] * 3 + [429] * 2
    assert server.stderr().count("no connection") == 1, "said once, tried on"
    redis.start()
    wait_for_connection(server)
    assert statuses(server, 1, client="192.0.2.9") == [200]
    assert metric(server, "saccade_redis_connected") == 1
