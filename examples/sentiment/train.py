"""Train the sentiment model, export it to ONNX and check the exported file.

    python3 -m venv build/training/venv
    build/training/venv/bin/pip install -r examples/sentiment/requirements.txt
    build/training/venv/bin/python examples/sentiment/train.py

data.py says where the texts come from and how they are split, text.py how they become numbers, network.py
what learns, export.py how it becomes a graph. The validation texts are for choosing settings: with
--validate nothing else is looked at. Without it the test texts follow, once, through the exported file. One
thread and fixed seeds: the same machine gives the same file.
"""

import argparse
import copy
import pathlib
import time

import data
import numpy as np
import onnxruntime as ort
import torch
from export import SHARPEN, export
from network import Network
from text import Vocabulary

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHE = PROJECT / "build" / "training"
MODEL = PROJECT / "examples" / "repository" / "sentiment" / "1" / "model.onnx"
SEED, BATCH, PEAK_RATE = 2, 64, 2e-3
NEGATIONS = [
    "not",
    "never",
    "no",
    "isn't",
    "wasn't",
    "don't",
    "doesn't",
    "didn't",
    "can't",
    "won't",
    "hardly",
]


# Training ---------------------------------------------------------------------------------------


class Material:
    """What one epoch sees: long reviews, an excerpt of each, the sentences twice, handfuls of the lexicon's
    words, and texts that say nothing."""

    def __init__(
        self, vocabulary: Vocabulary, long: data.Labelled, sentences: data.Labelled, words: data.Labelled
    ):
        def encoded(texts: data.Labelled) -> list[tuple[list[int], float]]:
            return [(vocabulary.encode(text), target) for text, target in texts]

        self.long, self.sentences = encoded(long), encoded(sentences)
        self.negations = [vocabulary.encode(word)[0] for word in NEGATIONS]
        self.words = [
            (numbers, target) for numbers, target in encoded(words) if len(numbers) == 1 and numbers[0] > 1
        ]
        rated = {numbers[0] for numbers, _ in self.words}
        self.unrated = np.array([number for number in range(2, 10_000) if number not in rated])

    def epoch(self, random: np.random.Generator) -> list[tuple[list[int], float]]:
        items = self.long + 2 * self.sentences
        for numbers, target in self.long:
            size = int(random.integers(15, 60))
            if (
                len(numbers) > size
            ):  # an excerpt often says less than the whole, so its target is less certain
                start = int(random.integers(0, len(numbers) - size))
                items.append((numbers[start : start + size], 0.5 + 0.6 * (target - 0.5)))
        items += self.handfuls(random) + self.handfuls(random)
        items += [
            ([1] * size, 0.5) for size in range(12) for _ in range(10)
        ]  # nothing, or unknown words only
        return items

    def handfuls(self, random: np.random.Generator) -> list[tuple[list[int], float]]:
        """Every rated word once, in groups of one to four of like feeling, some of them negated, other
        words strewn in. It teaches what reviews of films can't: that "phone" and "battery" say nothing, and
        what emoji say."""
        items = []
        for side in (False, True):
            words = [(numbers[0], target) for numbers, target in self.words if (target > 0.5) == side]
            queue = [words[i] for i in random.permutation(len(words))]
            while queue:
                size = int(random.integers(1, 5))
                taken, queue = queue[:size], queue[size:]
                target = sum(target for _, target in taken) / len(taken)
                groups = [[number] for number, _ in taken]
                if random.random() < 0.2:
                    groups = [[int(random.choice(self.negations)), number] for number, _ in taken]
                    target = 0.5 - 0.6 * (target - 0.5)  # "not great" is less bad than "great" is good
                for _ in range(int(random.integers(0, 7))):
                    groups.append([1 if random.random() < 0.4 else int(random.choice(self.unrated))])
                items.append(
                    ([number for i in random.permutation(len(groups)) for number in groups[i]], target)
                )
        return items


def padded(texts: list[list[int]]) -> torch.Tensor:
    numbers = np.zeros([len(texts), max(1, *map(len, texts)) + 1], np.int64)
    for row, text in zip(numbers, texts):
        row[: len(text)] = text
    return torch.from_numpy(numbers)


def batches(items: list[tuple[list[int], float]], random: np.random.Generator) -> list[np.ndarray]:
    """Texts of like length together, the batches in random order."""
    lengths = np.array([len(numbers) + 1 for numbers, _ in items]) * np.exp(random.normal(0, 0.1, len(items)))
    ordered = np.argsort(lengths)
    parts = [ordered[i : i + BATCH] for i in range(0, len(ordered), BATCH)]
    return [parts[i] for i in random.permutation(len(parts))]


def train(material: Material, vocabulary: Vocabulary, epochs: int) -> Network:
    torch.manual_seed(SEED)
    random = np.random.default_rng(SEED)
    network = Network(vocabulary.size)
    with torch.no_grad():  # the first number of a word's vector starts as its rating: rare words keep it
        network.words.weight[:, 0] = 0
        for numbers, target in material.words:
            network.words.weight[numbers[0], 0] = 2 * target - 1
    average = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters())
    network.train()
    started, step = time.monotonic(), 0
    for epoch in range(epochs):
        items = material.epoch(random)
        parts, total = batches(items, random), 0.0
        for part in parts:
            rate = min(step / 200, max(0.02, 1 - step / (epochs * len(parts))))
            optimizer.param_groups[0]["lr"] = PEAK_RATE * rate
            target = torch.tensor([items[i][1] for i in part])
            likely = network(padded([items[i][0] for i in part])).log_softmax(1)
            loss = -(target * likely[:, 1] + (1 - target) * likely[:, 0]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            total += loss.item()
            if step % 4 == 0:
                with torch.no_grad():
                    for slow, fast in zip(average.parameters(), network.parameters()):
                        slow.lerp_(fast, 0.02)
        print(
            f"epoch {epoch + 1}/{epochs}: loss {total / len(parts):.4f}, {time.monotonic() - started:.0f} s",
            flush=True,
        )
    return average.eval()


# Checks on the exported file ----------------------------------------------------------------------


def session(path: pathlib.Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def predict(run: ort.InferenceSession, texts: list[str], batch: int = 32) -> np.ndarray:
    """How positive each text is, 0 to 1."""
    parts = [
        run.run(None, {"text": np.array(texts[i : i + batch], object)})[0]
        for i in range(0, len(texts), batch)
    ]
    return np.concatenate(parts)[:, 1]


def report(run: ort.InferenceSession, title: str, texts: data.Labelled) -> None:
    """Targets above 0.5 are positive."""
    answers = predict(run, [text for text, _ in texts])
    positive = np.array([target > 0.5 for _, target in texts])
    right = (answers > 0.5) == positive
    sure = np.maximum(answers, 1 - answers) >= 0.9
    print(
        f"{title}: {right.sum()} of {len(right)} right ({100 * right.mean():.1f} %);"
        f" negative {right[~positive].sum()}/{(~positive).sum()},"
        f" positive {right[positive].sum()}/{positive.sum()};"
        f" confidence >= 0.9: {sure.sum()}, {(sure & ~right).sum()} of them wrong"
    )


def check_hostile(run: ort.InferenceSession) -> None:
    texts = [
        "",
        " ",
        "\n",
        ".",
        "good",
        "bad",
        "😀",
        "日本語 テキスト",
        "a\r\n\r\nb\tc",
        "-" * 100_000,
        "." * 5000,
        "good " * 50_000,
        "x" * 1_000_000,
        "\0",
        "NOT good",
        "  good\t\n",
        "a-b-c-d-e...f...g\n\nh",
        "Ünïcödé 👍🏽 ‼️",
    ]
    together = predict(run, texts, batch=len(texts))
    alone = predict(run, texts, batch=1)
    assert np.isfinite(together).all() and np.abs(together - alone).max() < 1e-4, (
        "a text's answer depends on its batch"
    )
    assert abs(predict(run, ["good  \n"])[0] - predict(run, ["Good"])[0]) < 1e-5
    print(
        "empty text:", f"{together[0]:.3f}", " 'good':", f"{together[4]:.3f}", " 'bad':", f"{together[5]:.3f}"
    )


def check_twin(run: ort.InferenceSession, network: Network, vocabulary: Vocabulary, texts: list[str]) -> None:
    with torch.no_grad():
        expected = torch.cat(
            [(network(padded([vocabulary.encode(text)])) * SHARPEN).softmax(1)[:, 1] for text in texts]
        ).numpy()
    difference = np.abs(predict(run, texts) - expected).max()
    print(f"largest difference from the trained network, which rounding to bytes causes: {difference:.4f}")
    assert difference < 0.05


def measure(run: ort.InferenceSession, title: str, text: str) -> None:
    for batch in (1, 8):
        texts, times = np.array([text] * batch, object), []
        for _ in range(1000):
            begin = time.perf_counter_ns()
            run.run(None, {"text": texts})
            times.append(time.perf_counter_ns() - begin)
        each = np.median(times) / 1000 / batch
        print(f"  {title}, {len(text.split())} words, batch {batch}: {each:.0f} microseconds a text")


def main() -> None:
    options = argparse.ArgumentParser(description="Train, export and check the sentiment model.")
    options.add_argument(
        "--validate", action="store_true", help="leave the test texts and the published model alone"
    )
    options.add_argument("--epochs", type=int, default=3)
    options.add_argument("--output", type=pathlib.Path, help="where to write the model")
    given = options.parse_args()
    torch.set_num_threads(1)

    texts = data.load(CACHE)
    long, sentences = texts.train_long, texts.train_sentences
    print(
        f"training on {len(long)} long reviews, {len(sentences)} sentences and {len(texts.words)} rated words"
    )
    vocabulary = Vocabulary([text for text, _ in long + sentences], [word for word, _ in texts.words])
    print(f"{vocabulary.size} words in {len(vocabulary.whole)} spellings")
    network = train(Material(vocabulary, long, sentences, texts.words), vocabulary, given.epochs)

    path = given.output or (CACHE / "sentiment-validate.onnx" if given.validate else MODEL)
    export(network, vocabulary, path)
    run = session(path)
    print(f"{path.name}: {path.stat().st_size:,} bytes")
    check_hostile(run)
    check_twin(
        run,
        network,
        vocabulary,
        [text for text, _ in texts.validation["long reviews"][:300] + texts.validation["sentences"][:300]],
    )
    for title, labelled in texts.validation.items():
        report(run, f"validation {title}", labelled)
    if not given.validate:
        for title, labelled in texts.test.items():
            report(run, f"test {title}", labelled)
        for title, rated in texts.other.items():
            report(run, title, [(text, (rating > 0) * 1.0) for text, rating in rated if rating != 0])
            report(
                run,
                f"{title} rated 0.5 or more from 0",
                [(text, (rating > 0) * 1.0) for text, rating in rated if abs(rating) >= 0.5],
            )
    measure(run, "short text", "A warm, funny film with a cast that is a joy to watch.")
    measure(run, "long text", "A warm, funny film with a cast that is a joy to watch. " * 20)


if __name__ == "__main__":
    main()
