"""What is asked: the models, the bodies of their requests, and what a right answer is."""

from __future__ import annotations

import dataclasses
import json
import random
import struct
import subprocess
from pathlib import Path

import environments
from machine import BENCH, ROOT, Stop, shown


@dataclasses.dataclass(frozen=True)
class Model:
    name: str
    title: str
    file: Path
    input: str
    datatype: str
    shape: tuple[int, ...]  # of one request, with the batch's 1
    seconds: int  # per measurement: long enough for a slow server to answer 64 connections once


MODELS = [
    Model("digits", "a CNN on 28×28 pixels, 13 µs", ROOT / "examples/repository/digits/1/model.onnx", "image", "FP32", (1, 28, 28), 2),
    Model("ocr_cls", "PP-OCR's text direction, 48×192 pixels, 0.9 ms", ROOT / ".deps/models/ocr_cls.onnx", "x", "FP32", (1, 3, 48, 192), 2),
    Model("magika", "the type of a file by 2,048 of its bytes, 6 ms", ROOT / ".deps/models/magika.onnx", "bytes", "INT32", (1, 2048), 2),
    Model("nudenet", "YOLOv8n on 320×320 pixels, 16 ms", ROOT / ".deps/models/nudenet.onnx", "images", "FP32", (1, 3, 320, 320), 8),
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Request:
    """A body as it goes over the wire, in a file for the load generators."""

    form: str
    body: bytes
    file: Path
    headers: tuple[tuple[str, str], ...]


def nested(flat: list, shape: tuple[int, ...]) -> list:
    for size in reversed(shape[1:]):
        flat = [flat[i:i + size] for i in range(0, len(flat), size)]
    return flat


def values(model: Model) -> list:
    """One request's numbers: pixels as two decimals (an image has 256 levels; more digits would measure parsing), bytes as they are."""
    count = 1
    for size in model.shape:
        count *= size
    if model.name == "digits":
        image = json.loads((ROOT / "examples/digits/request.json").read_text())["image"]
        return [pixel for row in image for pixel in row]
    if model.datatype == "INT32":
        text = (ROOT / "LICENSE").read_bytes()  # the model looks at a file's first and last 1,024 bytes
        return [*text[:count // 2], *text[-(count - count // 2):]]
    noise = random.Random(1)
    return [round(noise.random(), 2) for _ in range(count)]


def requests(model: Model, folder: Path) -> dict[str, Request]:
    """The same numbers in each form: "native" (our own, and what a framework's user would write), "v2" (Open Inference Protocol), and
    "binary", the protocol's extension that puts the tensor's bytes behind the JSON."""
    flat = values(model)
    body = nested(flat, model.shape)
    made = {"native": ({model.input: body[0]}, b"")}
    tensor = {"name": model.input, "datatype": model.datatype, "shape": list(model.shape)}
    made["v2"] = {"inputs": [{**tensor, "data": flat}]}, b""
    raw = packed(flat, model.datatype)
    made["binary"] = {"inputs": [{**tensor, "parameters": {"binary_data_size": len(raw)}}],
                      "parameters": {"binary_data_output": True}}, raw  # fmt: skip
    result = {}
    for form, (head, tail) in made.items():
        text = json.dumps(head, separators=(",", ":")).encode()
        if model.name == "digits" and form == "native":
            text = (ROOT / "examples/digits/request.json").read_bytes()
        headers = [("Content-Type", "application/json")]
        if form == "binary":
            headers = [("Content-Type", "application/octet-stream"), ("Inference-Header-Content-Length", str(len(text)))]
        file = folder / f"{model.name}.{form}"
        file.write_bytes(text + tail)
        result[form] = Request(form, text + tail, file, tuple(headers))
    return result


def packed(flat: list, datatype: str) -> bytes:
    return struct.pack(f"<{len(flat)}{'f' if datatype == 'FP32' else 'i'}", *flat)


@dataclasses.dataclass(frozen=True)
class Expected:
    """What ONNX Runtime itself says, in an environment of the peers'."""

    outputs: dict[str, list[float]]

    @property
    def classes(self) -> list[float] | None:
        """A classifier's probabilities: one output, of at most a thousand numbers here."""
        [first, *rest] = self.outputs.values()
        return first if not rest and len(first) <= 1000 else None

    def differs(self, answer: dict) -> str:
        """What is wrong with an answer of any form, empty where it is right."""
        if "class" in answer:
            best = max(range(len(self.classes)), key=self.classes.__getitem__)
            if answer["class"] != best or abs(answer["confidence"] - self.classes[best]) > 0.01:
                return f"class {answer['class']}, confidence {answer['confidence']}; ONNX Runtime: {best}, {self.classes[best]}"
            return ""
        given = answer.get("outputs")
        if isinstance(given, list):  # the protocol's form
            given = {one["name"]: one["data"] for one in given}
        if not isinstance(given, dict):
            return f"neither a class nor outputs: {str(answer)[:200]}"
        for name, wanted in self.outputs.items():
            got = list(flattened(given.get(name, [])))
            if len(got) != len(wanted):
                return f'output "{name}" has {len(got)} numbers; ONNX Runtime gives {len(wanted)}'
            # Another engine, or another order of a sum, may differ in the last digits.
            worst = max(abs(a - b) - 0.01 * abs(b) for a, b in zip(got, wanted))
            if worst > 0.01:
                return f'output "{name}" differs by {worst:.3g} from what ONNX Runtime gives'
        return ""


def flattened(value):
    if isinstance(value, list):
        for one in value:
            yield from flattened(one)
    else:
        yield value


def expected(model: Model, request: Request) -> Expected:
    command = [environments.python("fastapi"), BENCH / "peers/reference.py", model.file, request.file]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Stop(f"ONNX Runtime does not run {shown(model.file)}: {done.stderr[-500:]}")
    return Expected(json.loads(done.stdout))
