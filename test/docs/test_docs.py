"""The documentation is true: flags, metrics, routes, links, and the commands of the README.

    .deps/venv/bin/python -m pytest test/docs

SACCADE_BINARY names another build than build/release/saccade.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

import grpc
import pytest

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("SACCADE_BINARY") or PROJECT / "build/release/saccade").resolve()
DOCS = PROJECT / "docs"
NOT_OURS = {".git", ".deps", "build", "test-results", "node_modules", ".pytest_cache", ".cache"}
START_SECONDS = 60


def read(path):
    return (PROJECT / path).read_text(encoding="utf-8")


def clean_environment():
    """Without settings of whoever runs the tests: they would show up as defaults."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SACCADE_")}
    if "SACCADE_ONNXRUNTIME" in os.environ:
        kept["SACCADE_ONNXRUNTIME"] = os.environ["SACCADE_ONNXRUNTIME"]
    return {**kept, "no_proxy": "localhost", "NO_PROXY": "localhost"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Both examples on a free port; gives the port."""
    folder = tmp_path_factory.mktemp("server")
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        process = subprocess.Popen([str(BINARY), "serve", str(PROJECT / "examples/repository"), "--port", "0",
                                    "--grpc-port", "0"],
                                   cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env=clean_environment())
    try:
        end = time.monotonic() + START_SECONDS
        while not (found := re.search(r"serves on http://[^\s:]+:(\d+)", (folder / "stdout").read_text())):
            assert process.poll() is None and time.monotonic() < end, (folder / "stderr").read_text()
            time.sleep(0.02)
        yield int(found.group(1))
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def ask(port, path, body=None):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    data = None if body is None else json.dumps(body).encode()
    with opener.open(f"http://localhost:{port}{path}", data=data, timeout=20) as answer:
        return answer.read().decode()


# ---- flags

def flags_of_help():
    """{flag: default} as `serve --help` prints them: "off" for switches, "none" without a default."""
    text = subprocess.run([str(BINARY), "serve", "--help"], capture_output=True, text=True, check=True,
                          env=clean_environment()).stdout
    flags = {}
    for line in text.splitlines():
        match = re.match(r"^  (?:-\w,)?(--[a-z][a-z0-9-]*)(.*)$", line)
        if not match or match.group(1) == "--help":
            continue
        flag, rest = match.group(1), match.group(2).split("(Env:")[0].strip()
        if not rest:
            flags[flag] = "off"
        elif "REQUIRED" in rest:
            flags[flag] = "required"
        else:
            # CLI11 wrote =8000, and since 2.4 [8000], which stands behind a range in brackets.
            default = re.search(r"=(\S+)$", rest) or re.search(r".*\[([^\]]+)\]", rest)
            flags[flag] = default.group(1) if default else "none"
    return flags


def flags_of_docs():
    rows = re.findall(r"^\| `(--[a-z0-9-]+)` \| `?([^`|]*?)`? \| `(SACCADE_\w+)` \|", read("docs/configuration.md"), re.M)
    assert len({flag for flag, _, _ in rows}) == len(rows), "a flag has two rows"
    for flag, _, environment in rows:
        assert environment == "SACCADE_" + flag[2:].replace("-", "_").upper()
    return {flag: default for flag, default, _ in rows}


def test_flags_and_defaults():
    assert flags_of_docs() == flags_of_help()


def test_every_flag_named_anywhere_exists():
    """Also those of saccade's other commands, of curl and of the project's own scripts."""
    known = set(flags_of_help()) | {"--help", "--version"}
    for command in (["check"], ["bench"], ["key", "create"], ["key", "revoke"], ["key", "list"]):
        text = subprocess.run([str(BINARY), *command, "--help"], capture_output=True, text=True, check=True).stdout
        known |= set(re.findall(r"--[a-z][a-z0-9-]*", text))
    for path in ["README.md", *(f"docs/{file.name}" for file in DOCS.glob("*.md"))]:
        named = set(re.findall(r"`(--[a-z][a-z0-9-]*)", read(path)))
        named |= set(re.findall(r"^.*saccade serve.*$", read(path), re.M) and
                     [flag for line in re.findall(r"^.*saccade serve.*$", read(path), re.M)
                      for flag in re.findall(r"(?<=\s)--[a-z][a-z0-9-]*", line)])
        assert named <= known, f"{path} names flags that there are not: {sorted(named - known)}"


# ---- metrics

def test_metrics(server):
    answer = json.loads(ask(server, "/predict/sentiment?wait_for_log=true", {"text": "A fine film."}))
    ask(server, f"/predictions/{answer['request_id']}/feedback", {"truth": "positive"})
    with grpc.insecure_channel(f"localhost:{server}") as channel:
        channel.unary_unary("/grpc.health.v1.Health/Check")(b"")
    exposed = dict(re.findall(r"^# TYPE (\S+) (\S+)$", ask(server, "/metrics"), re.M))
    rows = re.findall(r"^\| `((?:http|saccade|grpc|nv)_\w+)` \| (\w+) \|.*?\| (.*) \|$", read("docs/metrics.md"), re.M)
    documented = {name: kind for name, kind, _ in rows}
    optional = {name for name, _, meaning in rows if meaning.startswith("only with")}
    assert {name: kind for name, kind in documented.items() if name not in optional or name in exposed} == exposed


def test_labels_of_metrics(server):
    """Each label that a series carries is named in the docs."""
    text = read("docs/metrics.md")
    for label in set(re.findall(r'[{,](\w+)="', ask(server, "/metrics"))) - {"le"}:
        assert f"`{label}`" in text, f"docs/metrics.md does not name the label {label}"


def test_queries_name_metrics_that_exist(server):
    exposed = set(re.findall(r"^# TYPE (\S+) ", ask(server, "/metrics"), re.M))
    for block in re.findall(r"```promql\n(.*?)```", read("docs/metrics.md"), re.S):
        for name in re.findall(r"\b(?:http|saccade)_\w+", block):
            assert name in exposed or re.sub(r"_(bucket|sum|count)$", "", name) in exposed, name


# ---- routes

def test_routes(server):
    listed = {(route["method"], route["path"]) for route in json.loads(ask(server, "/"))["routes"]}
    row = re.compile(r"^\| `(GET|POST|PUT|DELETE|PATCH)` \| `(/\S*)` \|", re.M)
    documented = set(row.findall(read("docs/http-api.md"))) | set(row.findall(read("docs/websocket-api.md")))
    assert documented == listed
    paths = json.loads(ask(server, "/openapi.json"))["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item}
    assert listed <= described


# ---- links

def markdown_files():
    return sorted(file for file in PROJECT.rglob("*.md")
                  if not NOT_OURS & set(file.relative_to(PROJECT).parts)
                  and not file.relative_to(PROJECT).parts[0].startswith("build"))


def anchors(file):
    """GitHub's: lower case, punctuation dropped, spaces to hyphens."""
    headings = re.findall(r"^#{1,6} (.+?)\s*$", file.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("file", markdown_files(), ids=lambda file: str(file.relative_to(PROJECT)))
def test_links(file):
    text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (file.parent / path).resolve() if path else file
        assert place.exists(), f"{target}: there is no such file"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{target}: there is no such heading"


# ---- names of the code

SOURCES = {file.relative_to(PROJECT / "src").as_posix(): file.read_text(encoding="utf-8")
           for file in sorted((PROJECT / "src").rglob("*")) if file.suffix in {".h", ".cpp"}}


def test_life_of_a_request_names_what_there_is():
    text = read("docs/life-of-a-request.md")
    code = "\n".join(SOURCES.values())
    for word in re.findall(r"`([^`]+)`", text):
        if re.fullmatch(r"[\w/]+\.(?:cpp|h)", word):
            assert word in SOURCES, f"there is no src/{word}"
        elif re.fullmatch(r"(?:[A-Za-z_]\w*::)?[A-Za-z_]\w*", word) and word not in {"sentiment", "block", "durable"}:
            owner, _, name = word.rpartition("::")
            assert re.search(rf"\b{name}\b", code), f"nothing is called {word}"
            assert not owner or re.search(rf"\b(?:class|struct) {owner}\b", code), f"there is no class {owner}"


def rooms():
    bare = re.sub(r"#[^\n]*", "", read("CMakeLists.txt"))
    return [re.split(r"\s+", call.strip())[0] for call in re.findall(r"saccade_room\s*\(([^)]*)\)", bare)]


def test_every_room_is_described():
    """In the table of architecture.md, and in a README of its own."""
    assert re.findall(r"^\| `([a-z_/]+)` \| [^|]+ \|[^|]*\|$", read("docs/architecture.md"), re.M) == rooms()
    for room in rooms():
        assert (PROJECT / "src" / room / "README.md").is_file(), f"src/{room} has no README.md"


# ---- the README's commands

def marked_blocks(kind, language):
    """The README's code blocks that stand under <!-- test: KIND -->."""
    blocks = re.findall(rf"<!-- test: {kind} -->\n```{language}\n(.*?)```", read("README.md"), re.S)
    assert blocks, f"the README has no block marked {kind}"
    return blocks


CURLS = [line for block in marked_blocks("curl", "sh") for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("command", CURLS)
def test_curl_commands(server, command):
    assert command.startswith("curl ") and "localhost:8000" in command
    command = command.replace("curl ", "curl -sS --fail-with-body ", 1).replace("localhost:8000", f"localhost:{server}")
    done = subprocess.run(["bash", "-c", command], cwd=PROJECT, capture_output=True, text=True, timeout=30,
                          env=clean_environment())
    assert done.returncode == 0, done.stderr + done.stdout
    if "/metrics" in command:
        assert "# TYPE http_requests_total counter" in done.stdout
    else:
        assert "error" not in json.loads(done.stdout)


@pytest.mark.parametrize("program", marked_blocks("python", "python"))
def test_python_programs(server, program):
    pytest.importorskip("websockets")
    program = re.sub(r"localhost:800[01]", f"localhost:{server}", program)
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, timeout=30,
                          env=clean_environment())
    assert done.returncode == 0, done.stderr
    if "websockets" in program:
        assert "'prediction': 'positive'" in done.stdout and "'id': 1" in done.stdout
    else:
        negative, positive = map(float, re.findall(r"[\d.e-]+", done.stdout))
        assert positive > 0.9 > negative


def test_place_for_the_measured_table():
    assert read("README.md").index("<!-- bench:begin -->") < read("README.md").index("<!-- bench:end -->")
