"""docs/security.md is true: its limits are the program's, and the tests that it names exist."""

import re
import subprocess

import pytest

from test_docs import BINARY, PROJECT, clean_environment, flags_of_help, read


def limits_of_docs():
    section = read("docs/security.md").split("## Limits")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(--[a-z0-9-]+)` \| `([^`]*)` \|", section, re.M))


def test_limits_are_the_programs():
    defaults = flags_of_help()
    for flag, default in limits_of_docs().items():
        assert defaults[flag] == default, flag


def test_every_limit_is_there():
    """All flags of the group that --help calls Limits."""
    text = subprocess.run([str(BINARY), "serve", "--help"], capture_output=True, text=True, check=True, env=clean_environment()).stdout
    group = re.split(r"^\S.*:\n|^\n", text.split("\nLimits:\n")[1], maxsplit=1, flags=re.M)[0]
    flags = set(re.findall(r"^  (--[a-z][a-z0-9-]*)", group, re.M))
    assert len(flags) > 5
    assert flags <= set(limits_of_docs()), "docs/security.md does not name a limit"


NAMED = re.findall(r"`(test/[\w/.]+)(?:::(\w+))?`", read("docs/security.md"))


@pytest.mark.parametrize("file, function", NAMED, ids=[f"{file}::{function}" for file, function in NAMED])
def test_the_tests_named_exist(file, function):
    path = PROJECT / file
    assert path.is_file(), f"there is no {file}"
    if function:
        assert re.search(rf"^(async )?def {function}\(", path.read_text(encoding="utf-8"), re.M), f"{file} has no {function}"


def test_every_threat_has_a_test():
    section = read("docs/security.md").split("## Threats")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        assert re.search(r"`test/[\w/.]+", row.rsplit("|", 2)[1]), row
