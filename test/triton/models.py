"""The models of the corpus, each described once and written twice: for Triton and for Saccade.

    models.py triton FOLDER     a repository whose models are Python (Triton's Python backend runs the `python` below)
    models.py saccade FOLDER    a repository whose models are ONNX (built from the `onnx` below)

Names, datatypes, dims, batching, labels and results are equal, so what the servers answer can be compared. Only the
side for Saccade needs PyPI's onnx.
"""

import base64
import dataclasses
import pathlib
import sys

try:
    from onnx import TensorProto, helper
except ImportError:  # the recorder has none
    TensorProto = helper = None

DATATYPES = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "BF16", "FP32",
             "FP64", "BYTES"]

# What onnx calls them where it has another name.
ONNX_NAMES = {"FP16": "FLOAT16", "BF16": "BFLOAT16", "FP32": "FLOAT", "FP64": "DOUBLE", "BYTES": "STRING"}

LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@dataclasses.dataclass
class Model:
    name: str
    inputs: dict  # name: (datatype, dims)
    outputs: dict
    onnx: list  # [operator, inputs, outputs, attributes], inputs may be numbers: constants of the first input's type
    python: str  # a function of numpy arrays that gives a list of arrays
    max_batch_size: int = 8
    labels: bool = False
    versions: dict = dataclasses.field(default_factory=lambda: {1: None})  # version: what "VERSION" is in the two above
    extra: str = ""  # more lines of config.pbtxt


def identity(name, datatype, dims, **options):
    port = (datatype, dims)
    return Model(name, {"x": port}, {"y": port}, [["Identity", ["x"], ["y"], {}]], "lambda x: [x]", **options)


MODELS = [
    *(identity(f"id_{datatype.lower()}", datatype, [-1]) for datatype in DATATYPES),
    identity("plain_fp32", "FP32", [-1], max_batch_size=0),
    identity("plain_bytes", "BYTES", [-1], max_batch_size=0),
    identity("fixed_int32", "INT32", [2, 3], max_batch_size=0),
    identity("free_int32", "INT32", [-1, 2, -1]),
    Model("add_sub", {"INPUT0": ("INT32", [4]), "INPUT1": ("INT32", [4])},
          {"OUTPUT0": ("INT32", [4]), "OUTPUT1": ("INT32", [4])},
          [["Add", ["INPUT0", "INPUT1"], ["OUTPUT0"], {}], ["Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"], {}]],
          "lambda a, b: [a + b, a - b]"),
    Model("classifier", {"x": ("FP32", [10])}, {"y": ("FP32", [10])}, [["Softmax", ["x"], ["y"], {"axis": -1}]],
          "lambda x: [np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)]", labels=True),
    Model("plain_classifier", {"x": ("FP32", [10])}, {"y": ("FP32", [10])}, [["Softmax", ["x"], ["y"], {"axis": -1}]],
          "lambda x: [np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)]", labels=True, max_batch_size=0),
    # Looks its input up in a table of ten: any other place makes the run fail.
    Model("picky", {"place": ("INT64", [1])}, {"found": ("FP32", [1])},
          [["Gather", [[0, 10, 20, 30, 40, 50, 60, 70, 80, 90], "place"], ["found"], {}]],
          "lambda place: [np.arange(10, dtype=np.float32)[place] * 10]"),
    # Division by zero gives Infinity and NaN.
    Model("divide", {"a": ("FP32", [-1]), "b": ("FP32", [-1])}, {"y": ("FP32", [-1])},
          [["Div", ["a", "b"], ["y"], {}]], "lambda a, b: [a / b]"),
    Model("versions", {"x": ("INT32", [1])}, {"y": ("INT32", [1])}, [["Add", ["x", "VERSION"], ["y"], {}]],
          "lambda x: [x + np.int32(VERSION)]", versions={1: 100, 2: 200}, extra="version_policy: { all: {} }"),
]

# Put into the repository when the server is up already: one that can be loaded and one that can't.
LATE = [
    identity("spare", "INT32", [2]),
    Model("broken", {"x": ("INT32", [2])}, {"y": ("INT32", [2])}, [["Frobnicate", ["x"], ["y"], {}]],
          "this is not Python"),
]


def ports(values, labels):
    label = ' label_filename: "labels.txt"' if labels else ""
    kinds = {"BYTES": "STRING"}  # where config.pbtxt has another name
    return ",\n".join(f'  {{ name: "{name}" data_type: TYPE_{kinds.get(kind, kind)} dims: {dims}{label} }}'
                      for name, (kind, dims) in values.items())


def config(model, first_line):
    return (f'name: "{model.name}"\n{first_line}\nmax_batch_size: {model.max_batch_size}\n'
            f'input [\n{ports(model.inputs, False)}\n]\noutput [\n{ports(model.outputs, model.labels)}\n]\n'
            f'instance_group [ {{ count: 1 kind: KIND_CPU }} ]\n{model.extra}\n')


TRITON_MODEL = '''import numpy as np
import triton_python_backend_utils as pb

compute = {python}
inputs, outputs = {inputs}, {outputs}


def answer(request):
    tensors = [pb.get_input_tensor_by_name(request, name) for name in inputs]
    if {bf16}:  # numpy has no BF16
        return pb.InferenceResponse([pb.Tensor.from_dlpack(outputs[0], tensors[0].to_dlpack())])
    try:
        with np.errstate(all="ignore"):
            results = compute(*(tensor.as_numpy() for tensor in tensors))
    except IndexError as error:
        return pb.InferenceResponse([], pb.TritonError(str(error)))
    return pb.InferenceResponse([pb.Tensor(name, array) for name, array in zip(outputs, results)])


class TritonPythonModel:
    def execute(self, requests):
        return [answer(request) for request in requests]
'''


def triton_model(model, constant):
    bf16 = any(kind == "BF16" for kind, _ in model.inputs.values())
    return TRITON_MODEL.format(python=model.python.replace("VERSION", str(constant)), inputs=list(model.inputs),
                               outputs=list(model.outputs), bf16=bf16).encode()


def kind(datatype):
    return getattr(TensorProto, ONNX_NAMES.get(datatype, datatype))


def value_info(model, name, port):
    datatype, dims = port
    batch = ["N"] if model.max_batch_size else []
    free = [f"{name}_{i}" if size < 0 else size for i, size in enumerate(dims)]
    return helper.make_tensor_value_info(name, kind(datatype), batch + free)


def constant_tensor(model, name, value):
    """A number is of the inputs' type; a list is a table, of the outputs'."""
    port = next(iter((model.outputs if isinstance(value, list) else model.inputs).values()))
    shape = [len(value)] if isinstance(value, list) else []
    return helper.make_tensor(name, kind(port[0]), shape, value if shape else [value])


def saccade_model(model, constant):
    constants, nodes = [], []
    for operator, inputs, outputs, attributes in model.onnx:
        names = []
        for one in inputs:
            if one == "VERSION" or not isinstance(one, str):
                value = constant if one == "VERSION" else one
                constants.append(constant_tensor(model, f"constant{len(constants)}", value))
                one = constants[-1].name
            names.append(one)
        nodes.append(helper.make_node(operator, names, outputs, **attributes))
    graph = helper.make_graph(nodes, model.name,
                              [value_info(model, name, port) for name, port in model.inputs.items()],
                              [value_info(model, name, port) for name, port in model.outputs.items()], constants)
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    return made.SerializeToString()


SIDES = {  # the file's name, who makes it, the line of config.pbtxt that says what runs it
    "triton": ("model.py", triton_model, 'backend: "python"'),
    "saccade": ("model.onnx", saccade_model, 'platform: "onnxruntime_onnx"'),
}


def write_one(side, model, folder):
    file, make, first_line = SIDES[side]
    target = pathlib.Path(folder) / model.name
    for version, constant in model.versions.items():
        (target / str(version)).mkdir(parents=True, exist_ok=True)
        (target / str(version) / file).write_bytes(make(model, constant))
    (target / "config.pbtxt").write_text(config(model, first_line))
    if model.labels:
        (target / "labels.txt").write_text("\n".join(LABELS) + "\n")


def write(side, folder):
    for model in MODELS:
        write_one(side, model, folder)


def write_late(side, folder):
    for model in LATE:
        write_one(side, model, folder)


def substitutes(side):
    """What stands for each placeholder of a case's body, where the two sides must be told different things."""
    file, make, _ = SIDES[side]
    spare = next(model for model in LATE if model.name == "spare")
    return {"$BACKEND": {"triton": "python", "saccade": "onnxruntime"}[side], "$MODEL_FILE": file,
            "$MODEL_BASE64": base64.b64encode(make(spare, None)).decode()}


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in SIDES:
        sys.exit(__doc__)
    write(sys.argv[1], sys.argv[2])
