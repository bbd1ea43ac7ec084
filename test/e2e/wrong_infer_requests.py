"""Wrong requests of the inference protocol, made by code from one good request.

`wrong_types()` puts every kind of JSON value where another belongs, in every field: for REST, where a field's type can
be wrong. `mistakes()` has what is wrong about the values although all types are right, as plain requests with `data`,
so that every form of the protocol can send them.

Each gives (name, request, what the message must say). The good request asks the model `add_sub` of test/triton/models.py.
"""

import copy
import json

# Every kind of value that JSON has, and numbers that are whole, negative, broken and too large.
VALUES = {"null": None, "true": True, "a number": 7, "a negative number": -7, "a fraction": 1.5, "more than 64 bits": 2**64,
          "a text": "seven", "an empty text": "", "an empty list": [], "a list": [[]], "an object": {"a": 1}}

WHOLE = {"a number"}
TEXT = {"a text", "an empty text"}
OBJECT = {"an object"}

# Where, which of the values are of the right type there (or mean the same as nothing), what the message must say.
FIELDS = [
    ((), {"an object"}, "must be a JSON object"),
    (("id",), TEXT | {"null"}, '"id"'),
    (("inputs",), set(), "input"),
    (("inputs", 0), set(), '"inputs"[0]'),
    (("inputs", 0, "name"), set(), "name|no input"),
    (("inputs", 0, "datatype"), set(), "datatype"),
    (("inputs", 0, "shape"), set(), "shape"),
    (("inputs", 0, "shape", 0), set(), "shape"),
    (("inputs", 0, "shape", 1), set(), "shape"),
    (("inputs", 0, "data"), set(), "INPUT0"),
    (("inputs", 0, "data", 2), {"a number", "a negative number"}, 'input "INPUT0" at [2]|INPUT0'),
    (("inputs", 0, "parameters"), OBJECT | {"null"}, "parameters"),
    (("inputs", 0, "parameters", "binary_data_size"), {"null"}, "binary_data_size"),
    (("inputs", 0, "parameters", "shared_memory_region"), {"null"}, "shared_memory_region"),
    (("inputs", 0, "parameters", "shared_memory_offset"), {"null"}, "shared_memory_offset"),
    (("inputs", 0, "parameters", "shared_memory_byte_size"), {"null"}, "shared_memory_byte_size"),
    (("outputs",), {"null", "an empty list"}, "outputs"),
    (("outputs", 0), set(), "outputs"),
    (("outputs", 0, "name"), set(), "name|no output"),
    (("outputs", 0, "parameters"), OBJECT | {"null"}, "parameters"),
    (("outputs", 0, "parameters", "classification"), WHOLE | {"null"}, "classification"),
    (("outputs", 0, "parameters", "binary_data"), {"true", "null"}, "binary_data"),
    (("outputs", 0, "parameters", "shared_memory_region"), {"null"}, "shared_memory_region"),
    (("outputs", 0, "parameters", "shared_memory_offset"), {"null"}, "shared_memory_offset"),
    (("outputs", 0, "parameters", "shared_memory_byte_size"), {"null"}, "shared_memory_byte_size"),
    (("parameters",), OBJECT | {"null"}, "parameters"),
    (("parameters", "priority"), WHOLE | {"null"}, "priority"),
    (("parameters", "timeout"), WHOLE | {"null"}, "timeout"),
    (("parameters", "sequence_id"), WHOLE | TEXT | {"a negative number", "null"}, "sequence_id"),
    (("parameters", "sequence_start"), {"true", "null"}, "sequence_start"),
    (("parameters", "sequence_end"), {"true", "null"}, "sequence_end"),
    (("parameters", "binary_data_output"), {"true", "null"}, "binary_data_output"),
    (("parameters", "triton_mine"), {"null"}, "triton_mine"),
    (("parameters", "mine"), set(VALUES) - {"an empty list", "a list", "an object"}, "mine"),
]

NEEDED = [("inputs",), ("inputs", 0), ("inputs", 0, "name"), ("inputs", 0, "datatype"), ("inputs", 0, "shape"),
          ("inputs", 0, "data"), ("outputs", 0, "name")]


def good():
    return {"id": "mine",
            "inputs": [{"name": "INPUT0", "datatype": "INT32", "shape": [1, 4], "data": [1, 2, 3, 4]},
                       {"name": "INPUT1", "datatype": "INT32", "shape": [1, 4], "data": [5, 6, 7, 8]}],
            "outputs": [{"name": "OUTPUT0"}]}


def put(request, path, value):
    """The request with another value there; objects on the way are made."""
    if not path:
        return value
    request = copy.deepcopy(request)
    place = request
    for key in path[:-1]:
        if isinstance(place, dict):
            place = place.setdefault(key, {})
        else:
            place = place[key]
    place[path[-1]] = value
    return request


def without(request, path):
    request = copy.deepcopy(request)
    place = request
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return request


def where(path):
    return ".".join(map(str, path)) or "the whole"


def wrong_types():
    for path, right, message in FIELDS:
        for kind, value in VALUES.items():
            if kind not in right:
                yield f"{where(path)} is {kind}", put(good(), path, value), message
    for path in NEEDED:
        yield f"{where(path)} is missing", without(good(), path), "is missing|has no data"


def right_types():
    """What is said to be right above, so that the list can't call everything wrong."""
    for path, right, _ in FIELDS:
        for kind in sorted(right) if path else ():
            if path[-1] not in ("classification",) or kind != "true":
                yield f"{where(path)} is {kind}", put(good(), path, VALUES[kind])


def mistakes():
    request = good()

    def with_input(**members):
        return {**request, "inputs": [{**request["inputs"][0], **members}, request["inputs"][1]]}

    yield "no inputs", {**request, "inputs": []}, 'input "INPUT0" is missing'
    yield "an input is missing", {**request, "inputs": request["inputs"][:1]}, 'input "INPUT1" is missing'
    yield "an input twice", {**request, "inputs": [request["inputs"][0]] * 2}, 'input "INPUT0" is there twice'
    yield "an input too many", {**request, "inputs": request["inputs"] + [{**request["inputs"][0], "name": "INPUT2"}]}, \
        'no input "INPUT2"'
    yield "an unknown input", with_input(name="INPUT9"), 'no input "INPUT9"'
    yield "an output's name for an input", with_input(name="OUTPUT0"), 'no input "OUTPUT0"'
    yield "a name of 100,000 letters", with_input(name="x" * 100_000), "no input"
    yield "an unknown output", {**request, "outputs": [{"name": "OUTPUT9"}]}, 'no output "OUTPUT9"'
    yield "an input's name for an output", {**request, "outputs": [{"name": "INPUT0"}]}, 'no output "INPUT0"'
    for datatype in ["FP32", "INT64", "INT33", "int32", "TYPE_INT32", "STRING", "I" * 100_000]:
        yield f"datatype {datatype[:12]}", with_input(datatype=datatype), '"datatype"'
    for shape in [[], [4], [1, 1, 4], [1, 3], [4, 1], [0, 4], [9, 4], [-1, 4], [1, -1], [1, 2**31], [2**62, 4], [1] * 10,
                  [1] * 1000]:
        yield f"shape {str(shape)[:30]}", with_input(shape=shape), '"shape"'
    yield "batches that disagree", with_input(shape=[2, 4], data=[1] * 8), "a batch of 2"
    for count in [0, 1, 3, 5, 8]:
        yield f"{count} elements for 4", with_input(data=[1] * count), 'input "INPUT0"|"INPUT0"'


def doubled():
    """JSON texts in which a member stands twice."""
    text = json.dumps(good())
    for member in ['"id": "mine"', '"name": "INPUT0"', '"datatype": "INT32"', '"shape": [1, 4]', '"data": [1, 2, 3, 4]',
                   '"inputs": [', '"outputs": [', '"name": "OUTPUT0"']:
        assert member in text
        double = {'"inputs": [': '"inputs": [], ', '"outputs": [': '"outputs": [], '}.get(member, member + ", ")
        yield f"{member} twice", text.replace(member, double + member, 1), "is there twice"
    for member in ["priority", "binary_data_output"]:
        value = "1" if member == "priority" else "true"
        parameters = f'"parameters": {{"{member}": {value}, "{member}": {value}}}, '
        yield f"parameter {member} twice", "{" + parameters + text[1:], f'"{member}" is there twice'
