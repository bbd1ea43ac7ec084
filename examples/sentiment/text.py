"""From text to word numbers: the vocabulary, and the Python twin of the graph's text operators (export.py).

1. ASCII letters become lower case; the text is cut at spaces, the first MAX_WORDS words are kept.
2. Each word is looked up as it stands in `whole`: that table knows words together with the punctuation that
   sticks to them ("great!", "(great") because ONNX has no operator that would strip it.
3. A word that `whole` lacks is cut at DELIMITERS, one after another, and its pieces are looked up in `parts`.
4. Number 0 (punctuation alone) is left out; number 1 stands for any unknown word.
"""

import collections
from collections.abc import Iterable

MAX_WORDS = 1024
# A delimiter and how often one piece may be cut at it. The limits bound the work that a hostile text can
# cause.
DELIMITERS = [("\r", 1), ("\n", 2), ("\t", 1), ("-", 2), ("...", 1)]
NOTHING, UNKNOWN = 0, 1
LEAST_COUNT = 8  # a word seen less often in training is unknown, unless the lexicon has it
WITH_MARKS = 8000  # so many words are known in all of MARKS, the others as they were seen
PARTS_WITH_MARKS = 5000

PUNCTUATION = ".,!?;:\"'()[]{}*-_~/\\…“”‘’`–—\x85\x91\x92\x93\x94\x95\x96\x97´&<>|=+#^«»"
MARKS = [
    "{}.",
    "{},",
    "{}!",
    "{}?",
    "{}!!",
    "{}!!!",
    "{}...",
    "{};",
    "{}:",
    "({}",
    "{})",
    '"{}',
    '{}"',
    "'{}",
    "{}'",
    '{}."',
    "{}'s",
    "{}’s",
    "*{}*",
    "{}…",
]
LOWER = str.maketrans({chr(c): chr(c + 32) for c in range(ord("A"), ord("Z") + 1)})


def words_of(text: str) -> list[str]:
    return [word for word in text.translate(LOWER).split(" ") if word][:MAX_WORDS]


def pieces_of(word: str) -> list[str]:
    pieces = [word]
    for delimiter, times in DELIMITERS:
        pieces = [part for piece in pieces for part in piece.split(delimiter, times)]
    return [piece for piece in pieces if piece]


class Vocabulary:
    def __init__(self, texts: Iterable[str], lexicon: Iterable[str]):
        lexicon = [word for word in lexicon if word.translate(LOWER) == word]
        self.emoticons = {word for word in lexicon if not word.isalnum()}
        seen = collections.Counter(word for text in texts for word in words_of(text))
        counts = collections.Counter()
        for word, count in seen.items():
            counts[self.bare(word)] += count
        for word, count in list(seen.items()):
            if counts[self.bare(word)] < LEAST_COUNT:
                for piece in pieces_of(word):
                    seen[piece] += count
                    counts[self.bare(piece)] += count
        rated = set(lexicon)
        common = [word for word, count in counts.most_common() if count >= LEAST_COUNT and word]
        known = set(common)
        self.words = common + [word for word in lexicon if word not in known]
        numbers = {word: number for number, word in enumerate(self.words, UNKNOWN + 1)}
        self.size = len(self.words) + UNKNOWN + 1

        self.whole = {mark: NOTHING for mark in ["", *PUNCTUATION]} | numbers
        for word, count in seen.items():
            bare = self.bare(word)
            if not bare:
                self.whole[word] = NOTHING
            elif count >= 3 and bare in numbers:
                self.whole.setdefault(word, numbers[bare])
        self.parts = {mark: NOTHING for mark in ["", *PUNCTUATION]} | {
            word: number for word, number in numbers.items() if word not in self.emoticons
        }
        for rank, word in enumerate(self.words):
            if not word.replace("'", "").isalpha():
                continue
            if rank < WITH_MARKS or word in rated:
                for mark in MARKS if rank < len(common) else MARKS[:4]:
                    self.whole.setdefault(mark.format(word), numbers[word])
            if rank < PARTS_WITH_MARKS:
                for mark in MARKS[:4]:
                    self.parts.setdefault(mark.format(word), numbers[word])
            if "'" in word:
                self.whole.setdefault(word.replace("'", "’"), numbers[word])

    def bare(self, word: str) -> str:
        """The word without what sticks to it. Emoticons are made of punctuation and stay as they are."""
        if word in self.emoticons:
            return word
        return (
            word.strip(PUNCTUATION)
            .replace("’", "'")
            .replace("\x92", "'")
            .replace("´", "'")
            .removesuffix("'s")
        )

    def encode(self, text: str) -> list[int]:
        numbers = []
        for word in words_of(text):
            number = self.whole.get(word, UNKNOWN)
            numbers += (
                [number] if number != UNKNOWN else [self.parts.get(p, UNKNOWN) for p in pieces_of(word)]
            )
        return [number for number in numbers if number != NOTHING]
