"""Every field of a ModelInferRequest wrong in every way that its type allows: an INVALID_ARGUMENT or its like that says which."""

import random
import struct

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

import protocol_models
import wrong_infer_requests as wrong

SECONDS = 20
THE_CLIENT_S_FAULT = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}
# Each kind of value that a parameter can carry, and what of it fits which type.
PARAMETERS = {"bool_param": True, "int64_param": -7, "string_param": "seven", "double_param": 1.5, "uint64_param": 2**64 - 1}
CONTENTS = {"bool_contents": [True] * 4, "int64_contents": [1] * 4, "uint_contents": [1] * 4, "uint64_contents": [1] * 4,
            "fp32_contents": [1.0] * 4, "fp64_contents": [1.0] * 4, "bytes_contents": [b"1"] * 4}


@pytest.fixture(scope="module")
def channel(tmp_path_factory):
    server = protocol_models.serve(tmp_path_factory.mktemp("bad"), flags=["--log", "none"])
    with grpc.insecure_channel(f"localhost:{server.grpc_port}") as channel:
        yield channel
    server.stop()


@pytest.fixture(scope="module")
def stub(channel):
    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
    yield stub
    answer = stub.ModelInfer(message(wrong.good()), timeout=SECONDS)
    assert struct.unpack("<4i", answer.raw_output_contents[0]) == (6, 8, 10, 12)


def message(request):
    """The protobuf form of a request in JSON form, its data as typed contents."""
    made = service_pb2.ModelInferRequest(model_name="add_sub", id=request.get("id", ""))
    for tensor in request["inputs"]:
        added = made.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        if tensor["datatype"] == "FP32":
            added.contents.fp32_contents.extend(tensor["data"])
        elif tensor["datatype"] == "INT64":
            added.contents.int64_contents.extend(tensor["data"])
        else:
            added.contents.int_contents.extend(tensor["data"])
    for output in request.get("outputs", ()):
        made.outputs.add(name=output["name"])
    return made


def refused(stub, request, text):
    with pytest.raises(grpc.RpcError) as raised:
        stub.ModelInfer(request, timeout=SECONDS)
    assert raised.value.code() in THE_CLIENT_S_FAULT, raised.value
    said = raised.value.details()
    assert any(part in said for part in text.split("|")), said
    assert 5 < len(said) < 500


@pytest.mark.parametrize("request_, text", [pytest.param(*one[1:], id=one[0]) for one in wrong.mistakes()])
def test_mistakes(stub, request_, text):
    refused(stub, message(request_), text)


@pytest.mark.parametrize("field", CONTENTS)
def test_contents_of_another_type(stub, field):
    request = message(wrong.good())
    request.inputs[0].contents.Clear()
    getattr(request.inputs[0].contents, field).extend(CONTENTS[field])
    refused(stub, request, "INPUT0")


@pytest.mark.parametrize("field", CONTENTS)
def test_contents_of_two_types(stub, field):
    request = message(wrong.good())
    getattr(request.inputs[0].contents, field).extend(CONTENTS[field])
    refused(stub, request, "INPUT0")


def raw(*contents):
    request = message(wrong.good())
    for tensor in request.inputs:
        tensor.ClearField("contents")
    request.raw_input_contents.extend(contents)
    return request


@pytest.mark.parametrize("first", [0, 1, 15, 17, 32])
def test_raw_contents_of_a_wrong_size(stub, first):
    refused(stub, raw(b"\0" * first, b"\0" * 16), "INPUT0")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_raw_contents_too_few_and_too_many(stub, count):
    refused(stub, raw(*[b"\0" * 16] * count), "raw_input_contents|has no data|INPUT")


def test_raw_and_typed_contents_mixed(stub):
    request = message(wrong.good())
    request.raw_input_contents.append(b"\0" * 16)
    refused(stub, request, "raw_input_contents|contents")


# Where a parameter stands, its name, the kinds of value that are right for it.
PLACES = [("request", "priority", {"uint64_param"}), ("request", "timeout", {"uint64_param"}),
          ("request", "sequence_start", {"bool_param"}), ("request", "sequence_end", {"bool_param"}),
          ("request", "triton_mine", set()),
          ("input", "shared_memory_region", set()), ("input", "shared_memory_offset", set()),
          ("input", "shared_memory_byte_size", set()),
          ("output", "classification", set()), ("output", "shared_memory_region", set()),
          ("output", "shared_memory_byte_size", set())]
# A whole number of any kind is a count; one that is positive stands for itself.
FITS = {("output", "classification"): {"uint64_param"}}


@pytest.mark.parametrize("kind", PARAMETERS)
@pytest.mark.parametrize("place, name, right", PLACES, ids=[f"{place}.{name}" for place, name, _ in PLACES])
def test_parameters_of_a_wrong_kind(stub, place, name, right, kind):
    if kind in right | FITS.get((place, name), set()):
        pytest.skip("this is right")
    request = message(wrong.good())
    owner = {"request": request, "input": request.inputs[0], "output": request.outputs[0]}[place]
    setattr(owner.parameters[name], kind, PARAMETERS[kind])
    refused(stub, request, f"{name}|shared_memory|region")


@pytest.mark.parametrize("name, version, text", [
    ("", "", "model"), ("nobody", "", "nobody"), ("add_sub", "7", "7"), ("add_sub", "one", "one"), ("add_sub", "-1", "-1"),
    ("../add_sub", "", "add_sub"), ("x" * 100_000, "", "xxx")])
def test_models_that_are_not_there(stub, name, version, text):
    request = message(wrong.good())
    request.model_name, request.model_version = name, version
    refused(stub, request, text)


def test_random_changes_never_break_the_server(stub, channel):
    """Bytes of a good message changed at random: an answer or a refusal, never a failure of the server's."""
    random.seed(7)
    good = message(wrong.good()).SerializeToString()
    send_bytes = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
    seen = set()
    for _ in range(1000):
        changed = bytearray(good)
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(changed))
            if random.random() < 0.3:
                del changed[at:at + random.randint(1, 5)]
            else:
                changed[at] = random.randrange(256)
            if not changed:
                break
        try:
            send_bytes(bytes(changed), timeout=SECONDS)
            seen.add(grpc.StatusCode.OK)
        except grpc.RpcError as error:
            assert error.code() in THE_CLIENT_S_FAULT, (error, bytes(changed))
            seen.add(error.code())
    assert grpc.StatusCode.INVALID_ARGUMENT in seen
