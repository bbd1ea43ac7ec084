#!/usr/bin/env python3
"""What `engine: auto` takes, against every fixed choice; and what the server makes of the best one.

    bench/engines.py                       all of it, about ten minutes
    bench/engines.py --models digits,magika --seconds 0.5
    bench/engines.py --served nudenet --models ''

First: every engine, number of threads, number of instances and batch size of each model is measured in this process's child
(`saccade bench --engine all`), all taking turns, and then what `auto` chose in several loads is looked up among them. The ratio is the
median of each turn's own. Second: requests over HTTP with binary tensors against the best of those ways without a server, taking turns.
Free dimensions of the models are what `saccade bench` makes of them. Standard library only; Python 3.11 or newer; needs `wrk`.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FETCHED = ROOT / ".deps/models"
MODELS = {
    "digits": ROOT / "examples/repository/digits/1/model.onnx",
    "sentiment": ROOT / "examples/repository/sentiment/1/model.onnx",
    "ocr_cls": FETCHED / "ocr_cls.onnx",
    "ocr_det": FETCHED / "ocr_det.onnx",
    "ocr_rec": FETCHED / "ocr_rec.onnx",
    "magika": FETCHED / "magika.onnx",
    "nudenet": FETCHED / "nudenet.onnx",
}
# Where a free dimension has a size that everybody uses.
CONFIGS = {
    "ocr_rec": 'input { name: "x" data_type: TYPE_FP32 dims: [ 3, 48, 320 ] }\n',
    "ocr_cls": 'input { name: "x" data_type: TYPE_FP32 dims: [ 3, 48, 192 ] }\n',
    "nudenet": 'input { name: "images" data_type: TYPE_FP32 dims: [ 3, 320, 320 ] }\n',
}
SIZES = {"BOOL": 1, "UINT8": 1, "INT8": 1, "FP16": 2, "INT32": 4, "FP32": 4, "INT64": 8, "FP64": 8}


class Wrong(Exception):
    pass


def saccade() -> str:
    return str(Path(os.environ.get("SACCADE_BINARY") or ROOT / "build/release/saccade").resolve())


def bench(model: Path, *flags) -> dict:
    done = subprocess.run([saccade(), "bench", str(model), "--json", *map(str, flags)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Wrong(done.stderr.strip() or f"saccade bench ended with {done.returncode}")
    return json.loads(done.stdout)


def laid_out(name: str, folder: Path) -> Path:
    """A repository's directory of the model, with its configuration."""
    if not MODELS[name].is_file():
        raise Wrong(f"{MODELS[name]} is not there; test/models/fetch brings it")
    place = folder / name
    (place / "1").mkdir(parents=True)
    (place / "1/model.onnx").symlink_to(MODELS[name])
    if name in CONFIGS:
        (place / "config.pbtxt").write_text(CONFIGS[name])
    return place


def way(row: dict) -> tuple:
    return row["engine"], row["threads"], row["instances"]


def said(row: dict) -> str:
    return f"{row['engine']}, {row['threads']} × {row['instances']}"


def best(rows: list[dict]) -> dict:
    return max(rows, key=lambda row: row["predictions_per_second"])


def ratio(above: dict, below: dict) -> float:
    return statistics.median(a / b for a, b in zip(above["turns"], below["turns"]))


def search(place: Path, options) -> tuple[list[dict], collections.Counter]:
    rows = bench(place, "--engine", "all", "--seconds", options.seconds, "--rounds", options.rounds, "--max-batch", options.max_batch)["rows"]
    chosen: collections.Counter = collections.Counter()
    for _ in range(options.loads):
        made = bench(place, "--engine", "auto", "--seconds", 0.05, "--rounds", 1, "--max-batch", 1)
        chosen[way(made["rows"][0])] += 1
    return rows, chosen


def rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def engine_line(name: str, rows: list[dict], chosen: collections.Counter) -> str:
    top = best(rows)
    cells = [name, f"{said(top)}, batch {top['batch']}", rate(top["predictions_per_second"])]
    taken, shares = [], []
    for one, count in chosen.most_common():
        own = best([row for row in rows if way(row) == one])
        shares += [ratio(own, top)] * count
        taken.append(f"{said(own)}" + (f" ({count}×)" if len(chosen) > 1 else ""))
    cells += ["; ".join(taken), f"{statistics.median(shares):.3f}", f"{min(shares):.3f}"]
    for engine in ("onnxruntime", "openvino"):
        own = [row for row in rows if row["engine"] == engine]
        cells.append(rate(best(own)["predictions_per_second"]) if own else "–")
    return "| " + " | ".join(cells) + " |"


@contextlib.contextmanager
def serving(place: Path, folder: Path):
    """Gives the address of a server of one model, as it comes, but that it forgets what it measured."""
    with open(folder / "stdout", "w+") as out, open(folder / "stderr", "w") as err:
        process = subprocess.Popen([saccade(), "serve", str(place), "--port", "0", "--grpc-port", "0", "--engine-cache", "none"], cwd=folder, stdout=out, stderr=err)
    try:
        end = time.monotonic() + 60
        while not (found := re.search(r"serves on http://\S+?:(\d+)", (folder / "stdout").read_text())):
            if process.poll() is not None or time.monotonic() > end:
                raise Wrong("the server did not start: " + (folder / "stderr").read_text())
            time.sleep(0.05)
        yield f"http://127.0.0.1:{found.group(1)}"
    finally:
        process.terminate()
        process.wait()


def binary_request(url: str, name: str) -> tuple[bytes, int]:
    """The body of an inference request with one made-up item, tensors in binary, and the length of its head."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/v2/models/{name}") as answer:
        inputs = json.load(answer)["inputs"]
    head, tail = [], b""
    draw = random.Random(1)
    for one in inputs:
        shape = [1 if size < 0 else size for size in one["shape"]]
        count = 1
        for size in shape:
            count *= size
        if one["datatype"] == "FP32":
            data = b"".join(struct.pack("<f", draw.random()) for _ in range(count))
        else:
            data = b"\0" * (count * SIZES[one["datatype"]])
        head.append({"name": one["name"], "datatype": one["datatype"], "shape": shape, "parameters": {"binary_data_size": len(data)}})
        tail += data
    text = json.dumps({"inputs": head, "parameters": {"binary_data_output": True}}).encode()
    return text + tail, len(text)


def served_line(name: str, place: Path, top: dict, folder: Path, options) -> str:
    with serving(place, folder) as url:
        body, length = binary_request(url, name)
        (folder / "body").write_bytes(body)
        command = ["wrk", "-t1", f"-c{options.connections}", f"-d{options.served_seconds}s", "--timeout", "30s",
                   "-H", f"Inference-Header-Content-Length: {length}", "-H", "Content-Type: application/octet-stream",
                   "-s", str(ROOT / "bench/load/predict.lua"), f"{url}/v2/models/{name}/infer", "--", str(folder / "body")]  # fmt: skip
        shares, served, alone = [], [], []
        for turn in range(options.served_rounds + 1):
            answers = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
            if answers["errors"]:
                raise Wrong(f"{name}: {answers['errors']} of the requests failed")
            rows = bench(place, "--engine", top["engine"], "--threads", top["threads"], "--instances", top["instances"],
                         "--max-batch", top["batch"], "--seconds", options.served_seconds / 2, "--rounds", 1)["rows"]
            inside = next(row for row in rows if row["batch"] == top["batch"])["predictions_per_second"]
            if turn == 0:
                continue  # to get warm
            served.append(answers["requests_per_s"])
            alone.append(inside)
            shares.append(answers["requests_per_s"] / inside)
    cells = [name, f"{said(top)}, batch {top['batch']}", rate(statistics.median(alone)), rate(statistics.median(served)), f"{statistics.median(shares):.3f}"]
    return "| " + " | ".join(cells) + " |"


def names(text: str) -> list[str]:
    found = [name for name in text.split(",") if name]
    for name in found:
        if name not in MODELS:
            raise argparse.ArgumentTypeError(f"there is no model {name}; there are {', '.join(MODELS)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=names, default=list(MODELS), help="to search, separated by commas")
    parser.add_argument("--served", type=names, default=["magika", "nudenet"], help="to serve, separated by commas")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each way and batch size (1)")
    parser.add_argument("--rounds", type=int, default=5, help="turns in which they are spent (5)")
    parser.add_argument("--max-batch", type=int, default=16, help="largest batch that is tried (16)")
    parser.add_argument("--loads", type=int, default=3, help="how often auto chooses (3)")
    parser.add_argument("--connections", type=int, default=16, help="of wrk (16)")
    parser.add_argument("--served-seconds", type=int, default=4, help="for each turn (4)")
    parser.add_argument("--served-rounds", type=int, default=3, help="turns that count (3)")
    options = parser.parse_args()
    found: dict[str, dict] = {}
    with tempfile.TemporaryDirectory(prefix="saccade-bench-") as temporary:
        folder = Path(temporary)
        try:
            if options.models:
                print("| model | best fixed choice (threads × instances) | predictions/s | auto takes | of the best | worst load "
                      "| best with ONNX Runtime | best with OpenVINO |\n|---|---|--:|---|--:|--:|--:|--:|", flush=True)
            for name in options.models:
                rows, chosen = search(laid_out(name, folder), options)
                found[name] = best(rows)
                print(engine_line(name, rows, chosen), flush=True)
            if options.served:
                print("\n| model | best way in one process | predictions/s | served over HTTP, binary | of it |\n|---|---|--:|--:|--:|", flush=True)
            for name in options.served:
                place = folder / name if name in found else laid_out(name, folder)
                if name not in found:
                    found[name] = best(search(place, options)[0])
                print(served_line(name, place, found[name], folder, options), flush=True)
        except Wrong as error:
            print(f"bench/engines.py: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
