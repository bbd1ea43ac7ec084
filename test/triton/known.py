#!/usr/bin/env python3
"""The differences from Triton that are allowed, and the text about them in docs/protocol.md.

    test/triton/known.py    writes the section of docs/protocol.md anew from differences.json
"""

import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "docs/protocol.md"
BEGIN = "<!-- differences from Triton, from test/triton/differences.json by test/triton/known.py -->"
END = "<!-- end of the differences from Triton -->"


def groups():
    return json.loads((HERE / "differences.json").read_text(encoding="utf-8"))["differences"]


def allowed():
    """{"file: case": the group that lists it}"""
    found = {}
    for group in groups():
        for case in group["cases"]:
            assert case not in found, f"differences.json lists {case!r} twice"
            found[case] = group
    return found


def section():
    lines = ["| | Triton | Saccade | why | cases |", "|---|---|---|---|---|"]
    lines += [f"| {one['what']} | {one['triton']} | {one['saccade']} | {one['reason']} | {len(one['cases'])} |"
              for one in groups()]
    return "\n".join(lines)


def written():
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.split(BEGIN)[1].split(END)[0].strip()


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{section()}\n{END}{rest.split(END)[1]}", encoding="utf-8")
