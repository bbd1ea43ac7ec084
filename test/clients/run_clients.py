"""Starts a server for each client, runs the client, and prints what came out as a table. Called by `run`."""

import pathlib
import signal
import subprocess
import sys
import tempfile

import build_clients
import models
import tools

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from server import Server  # noqa: E402

CLIENT_SECONDS = 300
FLAGS = ["--log", "none"]


def lines_of(command, server):
    """The client's lines, as (passed, name, why)."""
    arguments = [*map(str, command), f"localhost:{server.grpc_port}", str(HERE / "cases.json"), str(server.process.pid)]
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as client:
        try:
            out, err = client.communicate(timeout=CLIENT_SECONDS)
        except subprocess.TimeoutExpired:
            client.kill()
            out, err = client.communicate()
            err += f"\nit did not end within {CLIENT_SECONDS} s"
    for line in out.splitlines():
        word, _, rest = line.partition("  ")
        if word == "pass":
            yield True, rest, ""
        elif word == "fail":  # "topic: name: why"
            topic, name, why = (rest + ": : ").split(": ", 2)
            yield False, f"{topic}: {name}", why.removesuffix(": : ")
    if client.returncode not in (0, 1) or "passed" not in out:
        yield False, "the client itself", err[-2000:] or f"ended with {client.returncode}"


def run_language(language, repository, folder):
    command = build_clients.LANGUAGES[language]()
    server = Server(folder, repository, flags=FLAGS)
    try:
        yield from lines_of(command, server)
        # the last case has told it to end
        server.stop()
        yield True, "drain: the server ends in order", ""
    except AssertionError as error:
        yield False, "drain: the server ends in order", str(error)[-2000:]
    finally:
        if server.process.poll() is None:
            server.kill()


def run_tool(tool, repository, folder):
    server = Server(folder, repository, flags=FLAGS)
    try:
        for name, why in tools.results(tools.TOOLS[tool], f"localhost:{server.port}"):
            yield not why, name, why
    finally:
        server.stop()


def mark_of(why):
    return "" if why is None else "FAIL" if why else "pass"


def table(results, columns):
    names = list(dict.fromkeys(name for rows in results.values() for name in rows))
    width = max(map(len, names))
    yield " " * width + "".join(f"  {column:>7}" for column in columns)
    for name in names:
        marks = (mark_of(results[column].get(name)) for column in columns)
        yield f"{name:<{width}}" + "".join(f"  {mark:>7}" for mark in marks)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    wanted = sys.argv[1:]
    known = [*build_clients.LANGUAGES, *tools.TOOLS]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        sys.exit(f"clients: unknown {', '.join(unknown)}; there are {', '.join(known)}")
    wanted = wanted or known
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        repository = pathlib.Path(folder) / "repository"
        models.write(repository)
        for name in wanted:
            print(f"== {name}", flush=True)
            place = pathlib.Path(folder) / name
            place.mkdir()
            run = run_language if name in build_clients.LANGUAGES else run_tool
            results[name] = {}
            for passed, case, why in run(name, repository, place):
                results[name][case] = "" if passed else why or "failed"
                if not passed:
                    print(f"fail  {case}: {why}", flush=True)
    print(*table(results, wanted), sep="\n")
    failed = sum(bool(why) for rows in results.values() for why in rows.values())
    print(f"{sum(map(len, results.values())) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
