"""Builds the clients below .deps/clients. Each function gives the command that takes ADDRESS, CASES and PID.

A language's packages are installed only where its commands are not there already, from wherever they came.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
PROTOS = PROJECT / "proto"
BUILT = PROJECT / ".deps/clients"


def run(*command, folder=PROJECT, **environment):
    """Runs a command and shows what it said only where it failed."""
    done = subprocess.run([str(word) for word in command], cwd=folder, env={**os.environ, **environment},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f"{done.stdout[-8000:]}\nclients: failed: {' '.join(map(str, command))}")
    return done.stdout


def need(purpose, *commands):
    if not all(shutil.which(command) for command in commands):
        print(run(PROJECT / "scripts/install-packages", purpose), end="", flush=True)


def folder(language):
    place = BUILT / language
    place.mkdir(parents=True, exist_ok=True)
    return place


def copied(language, patterns, target):
    """A copy of the sources, so that nothing is written beside them."""
    target.mkdir(parents=True, exist_ok=True)
    for pattern in patterns:
        for source in (HERE / language).glob(pattern):
            shutil.copy(source, target)


def python():
    return [sys.executable, HERE / "python/cases.py"]


def go_command(place):
    """The installed Go where it is new enough, else the Go that go.mod asks for, which comes as a module.

    A Go since 1.21 fetches that by itself. The older one of Debian 12 is made to.
    """
    need("clients-go", "go")
    wanted = re.search(r"^go (\S+)$", (HERE / "go/go.mod").read_text(), re.MULTILINE).group(1)
    major, minor = map(int, re.search(r"go(\d+)\.(\d+)", run("go", "version")).groups())
    if (major, minor) >= (1, 21):
        return "go"
    system = run("go", "env", "GOOS").strip(), run("go", "env", "GOARCH").strip()
    module = f"golang.org/toolchain@v0.0.1-go{wanted}.{'-'.join(system)}"
    empty = place / "fetch"
    empty.mkdir(exist_ok=True)
    (empty / "go.mod").write_text("module fetch\n")
    said = run("go", "mod", "download", "-json", module, folder=empty)
    root = place / "toolchain"
    if not (root / "bin/go").exists():
        shutil.copytree(re.search(r'"Dir": "([^"]+)"', said).group(1), root, dirs_exist_ok=True)
        for path in [root, *root.rglob("*")]:  # a module holds files that can neither be run nor be changed
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" or "tool" in path.parts else 0o644)
    return root / "bin/go"


def go_tools(place, go):
    tools = place / "bin"
    run(go, "build", "-o", f"{tools}/", "google.golang.org/protobuf/cmd/protoc-gen-go",
        "google.golang.org/grpc/cmd/protoc-gen-go-grpc", "github.com/fullstorydev/grpcurl/cmd/grpcurl",
        folder=HERE / "go", GOFLAGS="-mod=readonly -buildvcs=false")
    return tools


def go():
    place = folder("go")
    command = go_command(place)
    tools, source = go_tools(place, command), place / "source"
    copied("go", ["*.go", "go.mod", "go.sum"], source)
    packages = {"grpc_service": "inference", "model_config": "inference", "health": "health"}
    places = ",".join(f"M{proto}.proto=saccade/client/{package}" for proto, package in packages.items())
    run("protoc", f"-I{PROTOS}", f"--plugin={tools}/protoc-gen-go", f"--plugin={tools}/protoc-gen-go-grpc",
        f"--go_out={source}", f"--go_opt=module=saccade/client,{places}",
        f"--go-grpc_out={source}", f"--go-grpc_opt=module=saccade/client,{places}",
        *(f"{proto}.proto" for proto in packages))
    run(command, "build", "-o", place / "client", ".", folder=source, GOFLAGS="-mod=readonly -buildvcs=false")
    return [place / "client"]


def grpcurl():
    place = folder("go")
    return go_tools(place, go_command(place)) / "grpcurl"


def java():
    need("clients-java", "java", "javac", "mvn")
    place = folder("java")
    run("mvn", "-q", "-B", "-f", HERE / "java/pom.xml", f"-Dclient.build={place}", f"-Dclient.protos={PROTOS}",
        "package")
    return ["java", "-cp", f"{place}/jars/*:{place}/classes", "saccade.Client"]


def node():
    need("clients-node", "node", "npm")
    place = folder("node")
    copied("node", ["*.js", "package*.json"], place)
    lock, stamp = (place / "package-lock.json").read_text(), place / "installed"
    if not stamp.exists() or stamp.read_text() != lock:
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=place)
        stamp.write_text(lock)
    return ["env", f"SACCADE_PROTOS={PROTOS}", "node", place / "client.js"]


def cpp():
    need("clients-cpp", "grpc_cpp_plugin", "cmake")
    place = folder("cpp")
    run("cmake", "-S", HERE / "cpp", "-B", place, "-G", "Ninja")
    run("ninja", "-C", place, "-j", "2", "client")
    return [place / "client"]


LANGUAGES = {"python": python, "go": go, "java": java, "node": node, "cpp": cpp}
