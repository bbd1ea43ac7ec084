"""Saccade answers the corpus as a real Triton did when it was recorded (test/triton/README.md).

Every file of test/triton/corpus is one test, as its cases build on one another. What may differ is listed, with a
reason, in test/triton/differences.json; what is listed there and does not differ fails too.
"""

import os
import re
import sys

import grpc
import pytest
from tritonclient.grpc import service_pb2

from server import PROJECT, Server

sys.path.insert(0, str(PROJECT / "test/triton"))

import cases  # noqa: E402
import compare  # noqa: E402
import known  # noqa: E402
import models  # noqa: E402

FLAGS = ["--engine", "onnxruntime", "--model-control-mode", "explicit", "--load-model", "*", "--log", "none"]


class Peer:
    """Saccade on the repository that Triton had."""

    def __init__(self, folder):
        self.repository = folder / "models"
        self.repository.mkdir()
        models.write("saccade", self.repository)
        self.server = Server(folder, self.repository, flags=FLAGS)
        models.write_late("saccade", self.repository)
        self.channel = grpc.insecure_channel(f"localhost:{self.server.grpc_port}")
        self.substitutes = {**models.substitutes("saccade"), "$REPOSITORY": str(self.repository),
                            "$KEY": f"/saccade_corpus_{os.getpid()}"}

    def send(self, case):
        return cases.send(case, ("localhost", self.server.port), self.channel, service_pb2, self.substitutes)

    def stop(self):
        self.channel.close()
        self.server.stop()


@pytest.fixture(scope="module")
def shared_peer(tmp_path_factory):
    peer = Peer(tmp_path_factory.mktemp("triton"))
    yield peer
    peer.stop()


@pytest.fixture
def peer_for(request, tmp_path):
    """A server of its own for the files that leave one changed."""
    own = []

    def give(content):
        if not content.get("own_server"):
            return request.getfixturevalue("shared_peer")
        own.append(Peer(tmp_path))
        return own[0]

    yield give
    for peer in own:
        peer.stop()


def contains(ours, expected):
    if isinstance(expected, dict) and isinstance(ours, dict):
        return all(key in ours and contains(ours[key], value) for key, value in expected.items())
    return ours == expected


def unexpected(name, case, ours, allowed):
    """What is wrong with an answer, given what is allowed to differ: a list of texts."""
    found = compare.differences(case, ours)
    group = allowed.get(name)
    if group is None:
        return [f"{name}: {one}" for one in found]
    if not found:
        return [f"{name}: is listed in differences.json and does not differ"]
    if not contains(ours, group.get("expect", {})):
        return [f"{name}: differences.json says {group['expect']}, it is {compare.brief(ours)}"]
    return [f"{name}: {one}" for one in found if not re.search(group.get("differs", ""), one)]


def answers(peer, content):
    """Pairs of a case and what Saccade answers."""
    regions = cases.make_regions(content, peer.substitutes)
    try:
        return [(case, peer.send(case)) for case in content["cases"]]
    finally:
        for region in regions:
            region.unlink(missing_ok=True)


@pytest.mark.parametrize("path", cases.files(), ids=lambda path: path.stem)
def test_answers_as_triton_does(path, peer_for):
    content = cases.load(path)
    peer, allowed = peer_for(content), known.allowed()
    problems = [problem for case, ours in answers(peer, content)
                for problem in unexpected(f"{path.stem}: {case['name']}", case, ours, allowed)]
    assert peer.server.process.poll() is None, "the server has ended"
    assert not problems, f"{len(problems)} of {len(content['cases'])}:\n" + "\n".join(problems)


def test_every_listed_difference_is_of_a_case():
    names = {f"{path.stem}: {case['name']}" for path in cases.files() for case in cases.load(path)["cases"]}
    assert set(known.allowed()) <= names


def test_every_case_has_a_name_of_its_own_and_an_answer():
    for path in cases.files():
        names = [case["name"] for case in cases.load(path)["cases"]]
        assert len(names) == len(set(names)), path.name
        assert all("triton" in case for case in cases.load(path)["cases"]), f"{path.name}: run test/triton/record --new"


def test_the_document_lists_the_differences():
    assert known.written() == known.section(), "run test/triton/known.py"


def test_corpus_is_written_as_the_recorder_writes_it(tmp_path):
    for path in cases.files():
        copy = tmp_path / path.name
        cases.dump(copy, cases.load(path))
        assert copy.read_text(encoding="utf-8") == path.read_text(encoding="utf-8"), path.name
