"""The trained network as an ONNX graph that takes plain strings.

Only operators of the ONNX standard (opset 20 and ai.onnx.ml 4), so every ONNX Runtime since 1.18 runs the
file.

Three invariants hold in the graph:
  - A text's words stand left-aligned in its row; 0 marks the empty places after them, each row ends in at
    least one, and nothing behind the words reaches the answer. So a text's answer does not depend on its
    batch.
  - No dimension is ever zero, whatever the texts: a full stop is appended to each text (it counts for
    nothing), and a full stop is put before the list of unknown words.
  - StringNormalizer works in the "C" locale. Its default needs an installed en_US locale, which slim
    containers lack.
"""

import pathlib

import numpy as np
import onnx
from network import BIGRAM, PAIRS, SHIFT, TRIGRAM, Network
from onnx import TensorProto, helper, numpy_helper
from text import DELIMITERS, MAX_WORDS, NOTHING, UNKNOWN, Vocabulary

CLASSES = 2
# The network is trained to softened targets and so is less sure than it could be. Its logits are multiplied
# by this, which brings confidence closer to accuracy on the validation texts: the best factor for sentences
# (long reviews would bear 1.6).
SHARPEN = 1.25


class Graph:
    """Collects nodes; every method returns the name of what it added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray | int | list[int], name: str | None = None) -> str:
        array = value if isinstance(value, np.ndarray) else np.array(value, np.int64)
        name = name or f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(
        self,
        operator: str,
        *inputs: str | int | list[int] | np.ndarray,
        outputs: int = 1,
        name: str | None = None,
        domain: str = "",
        **attributes,
    ) -> str:
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        name = name or f"{operator.lower()}{len(self.nodes)}"
        results = [name] + [f"{name}.{i}" for i in range(1, outputs)]
        self.nodes.append(helper.make_node(operator, names, results, name, domain=domain, **attributes))
        return name

    def lookup(self, words: str, table: dict[str, int], name: str) -> str:
        return self.add(
            "LabelEncoder",
            words,
            name=name,
            domain="ai.onnx.ml",
            keys_strings=list(table),
            values_int64s=list(table.values()),
            default_int64=UNKNOWN,
        )


def numbers_of_text(g: Graph, vocabulary: Vocabulary) -> str:
    """int64 [batch, length]: the graph's twin of Vocabulary.encode."""
    lower = g.add("StringNormalizer", "text", case_change_action="LOWER", locale="C")
    ended = g.add("StringConcat", lower, np.array([" ."], object))
    # One cut more than words are kept: the rest of an overlong text is one last piece, which is sliced off.
    cut = g.add("StringSplit", ended, outputs=2, maxsplit=MAX_WORDS)
    words = g.add("Slice", cut, [0], [MAX_WORDS], [1])
    whole = g.lookup(words, vocabulary.whole, "whole")

    unknown = g.add("Equal", whole, UNKNOWN)
    where = g.add("Transpose", g.add("NonZero", unknown), perm=[1, 0])  # [unknown words, 2]
    pieces = g.add(
        "Unsqueeze", g.add("Concat", np.array(["."], object), g.add("GatherND", words, where), axis=0), [1]
    )
    for delimiter, times in DELIMITERS:
        pieces = g.add("StringSplit", pieces, outputs=2, delimiter=delimiter, maxsplit=times)
        pieces = g.add("Reshape", pieces, [0, -1])  # [unknown words + 1, pieces]
    parts = g.lookup(pieces, vocabulary.parts, "parts")

    # Each word becomes as many places as the most cut word has pieces; a known word takes the first of its
    # places.
    places = g.add("Shape", parts, start=1, end=2)
    first = g.add("Pad", [1], g.add("Concat", [0], g.add("Sub", places, 1), axis=0), NOTHING)
    known = g.add("Where", unknown, NOTHING, whole)
    spread = g.add("Mul", g.add("Unsqueeze", known, [2]), first)  # [batch, words, places]
    spread = g.add("ScatterND", spread, where, g.add("Slice", parts, [1], [2**31 - 1], [0]))
    gappy = g.add("Reshape", spread, [0, -1])

    # Close the gaps: the n-th number that is not 0 goes to place n, every 0 to the one place after the
    # longest text.
    kept = g.add("Cast", g.add("Greater", gappy, NOTHING), to=TensorProto.INT64)
    rank = g.add("CumSum", kept, np.array(1, np.int64))
    longest = g.add("ReduceMax", rank, keepdims=0)
    goal = g.add("Where", g.add("Cast", kept, to=TensorProto.BOOL), g.add("Sub", rank, 1), longest)
    rows = g.add("Shape", "text")
    length = g.add("Reshape", g.add("Add", longest, 1), [1])
    empty = g.add(
        "ConstantOfShape",
        g.add("Concat", rows, length, axis=0),
        value=numpy_helper.from_array(np.array([NOTHING], np.int64)),
    )
    return g.add("ScatterElements", empty, goal, gappy, axis=1, name="numbers")


def eighth(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The table in signed bytes, and the scale of each column."""
    scale = np.maximum(np.abs(table).max(0), 1e-8) / 127
    return np.round(table / scale).astype(np.int8), scale.astype(np.float32)


def probabilities(g: Graph, numbers: str, network: Network) -> None:
    """The graph's twin of Network.forward. Byte tables stay bytes until after the look-up, and the scales of
    their columns are folded into the weights behind them."""
    state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    words, word_scale = eighth(state["words.weight"])
    pairs, pair_scale = eighth(state["pairs.weight"])
    width, filters, pair_width = words.shape[1], state["filters.weight"].shape[0], pairs.shape[1]
    scales = np.concatenate([word_scale, np.ones(2 * filters, np.float32), pair_scale, pair_scale])
    final = (state["final.weight"] * scales * SHARPEN).T.astype(np.float32)

    present = g.add("Greater", numbers, NOTHING)
    mask = g.add("Cast", present, to=TensorProto.FLOAT)
    count = g.add("Max", g.add("ReduceSum", mask, [1], keepdims=1), np.array(1, np.float32))  # [batch, 1]

    rows = g.add("Gather", g.constant(words, "words"), numbers)
    vectors = g.add(
        "Transpose", g.add("Cast", rows, to=TensorProto.FLOAT), perm=[0, 2, 1]
    )  # 0 where no word is
    mean = g.add("Div", g.add("ReduceSum", vectors, [2], keepdims=0), count)
    kernel = (state["filters.weight"] * word_scale[None, :, None]).astype(np.float32)
    found = g.add(
        "Relu",
        g.add(
            "Conv",
            vectors,
            g.constant(kernel, "filters"),
            state["filters.bias"],
            kernel_shape=[kernel.shape[2]],
            pads=[1, 1],
        ),
    )
    found = g.add("Mul", found, g.add("Unsqueeze", mask, [1]))
    strongest = g.add("ReduceMax", found, [2], keepdims=0)
    average = g.add("Div", g.add("ReduceSum", found, [2], keepdims=0), count)

    pair_table = g.constant(pairs, "pairs")
    root = g.add("Sqrt", count)
    rest = numbers
    key = g.add("Mul", numbers, SHIFT[0])
    sums = []
    for step, salt in ((1, BIGRAM), (2, TRIGRAM)):
        rest = g.add(
            "Pad", g.add("Slice", rest, [1], [2**31 - 1], [1]), [0, 0, 0, 1], NOTHING
        )  # the words after
        key = g.add("Add", key, g.add("Mul", rest, SHIFT[step]))
        place = g.add("Mod", g.add("Add", key, salt) if salt else key, PAIRS)
        entry = g.add("Cast", g.add("Gather", pair_table, place), to=TensorProto.FLOAT)
        there = g.add("Cast", g.add("Greater", rest, NOTHING), to=TensorProto.FLOAT)
        total = g.add("Squeeze", g.add("MatMul", g.add("Unsqueeze", there, [1]), entry), [1])
        sums.append(g.add("Div", total, root))
    features = g.add("Concat", mean, strongest, average, *sums, axis=1)
    logits = g.add("Gemm", features, g.constant(final, "final"), state["final.bias"] * np.float32(SHARPEN))
    g.add("Softmax", logits, axis=1, name="probabilities")
    assert final.shape == (width + 2 * filters + 2 * pair_width, CLASSES)


def export(network: Network, vocabulary: Vocabulary, path: pathlib.Path) -> None:
    g = Graph()
    probabilities(g, numbers_of_text(g, vocabulary), network)
    graph = helper.make_graph(
        g.nodes,
        "sentiment",
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["batch"])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", CLASSES])],
        g.constants,
    )
    file = helper.make_model(
        graph,
        ir_version=9,
        producer_name="saccade examples/sentiment/train.py",
        opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4)],
    )
    helper.set_model_props(
        file, {"license": "Apache-2.0", "description": "English sentiment: negative, positive"}
    )
    onnx.checker.check_model(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(file, path)
