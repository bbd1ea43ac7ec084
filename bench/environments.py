"""The peers' Python environments: build/bench/venv-NAME, made from peers/NAME/requirements.txt when that is new or has changed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from machine import BENCH, ROOT, Stop

# Debian's own where there is one: a version manager's may lack the shared libpython that Triton's backend wants.
SYSTEM_PYTHON = Path("/usr/bin/python3")


def folder(name: str) -> Path:
    return ROOT / "build/bench" / f"venv-{name}"


def requirements(name: str) -> Path:
    return BENCH / "peers" / name / "requirements.txt"


def python(name: str) -> Path:
    """The peer's interpreter, in an environment that is complete."""
    made, wanted = folder(name), requirements(name).read_text()
    stamp = made / "requirements.txt"
    if stamp.is_file() and stamp.read_text() == wanted:
        return made / "bin/python"
    print(f"making a Python environment for {name} …", file=sys.stderr)
    system = SYSTEM_PYTHON if SYSTEM_PYTHON.exists() else Path(sys.executable)
    shutil.rmtree(made, ignore_errors=True)
    try:
        subprocess.run([system, "-m", "venv", made], check=True, stdout=sys.stderr)
        pip = [made / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "-r", requirements(name)]
        subprocess.run(pip, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Stop(f"can't make the environment of {name}: {error} (`--servers` can leave it out)") from error
    stamp.write_text(wanted)
    return made / "bin/python"


def version(name: str, package: str) -> str:
    found = re.search(rf"^{re.escape(package)}(?:\[\w+\])?==(\S+)", requirements(name).read_text(), re.MULTILINE)
    return found.group(1) if found else "unknown"


def site_packages(name: str) -> Path:
    [found] = sorted((folder(name) / "lib").glob("python3.*/site-packages"))
    return found
