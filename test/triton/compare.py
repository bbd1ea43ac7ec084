"""What differs between an answer of Triton and one of Saccade to the same case of the corpus.

    differences(case, ours)     a list of texts, empty where the two agree

They agree where a client would see no difference: the status (4xx is 4xx, the gRPC code is equal), the form of errors,
the members and types of JSON (`1` and `1.0` differ, some clients tell them apart), and all values but those that
depend on the moment or on what runs the model. Texts of errors are free: they are for people.
"""

import base64
import json
import math
import re
import struct

from google.protobuf import json_format, message_factory
from tritonclient.grpc import service_pb2

from cases import FORMATS

# Members that must be there in both, with the same type, whose values say what runs a model, or how it went.
FREE_VALUES = {"platform", "backend", "runtime", "default_model_filename", "reason", "error", "error_message",
               "message", "last_inference", "ns", "host_policy"}
FLOATS = {"FP16", "BF16", "FP32", "FP64"}


def differences(case, ours):
    theirs, how = case["triton"], case.get("compare", "values")
    if "no_answer" in theirs or "no_answer" in ours:
        return [f"answer: {brief(theirs)}, ours {brief(ours)}"]
    if "rpc" in case:
        found = grpc_differences(case["rpc"], theirs, ours, how)
    else:
        found = rest_differences(theirs, ours, how)
    if theirs.get("region_hex") != ours.get("region_hex"):
        found.append(f"region: {theirs.get('region_hex')}, ours {ours.get('region_hex')}")
    return found


def brief(answer):
    return json.dumps(answer, ensure_ascii=False)[:300]


# -- REST


def status_class(status):
    return status if status < 400 else f"{status // 100}xx"


def rest_differences(theirs, ours, how):
    if status_class(theirs["status"]) != status_class(ours["status"]):
        return [f"status: {theirs['status']}, ours {ours['status']} {brief(ours)}"]
    if theirs["status"] >= 400:
        return error_differences(theirs, ours)
    found = []
    if theirs.get("content_encoding") != ours.get("content_encoding"):
        found.append(f"content encoding: {theirs.get('content_encoding')}, ours {ours.get('content_encoding')}")
    if ("header_length" in theirs) != ("header_length" in ours):
        found.append(f"length of the JSON: {theirs.get('header_length')}, ours {ours.get('header_length')}")
    their_body, our_body = body(theirs), body(ours)
    if their_body is not None and media_type(theirs) != media_type(ours):
        found.append(f"content type: {theirs.get('content_type')}, ours {ours.get('content_type')}")
    found += json_differences(their_body, our_body, how, "body")
    if not found and "tensors_hex" in theirs:
        found += tensor_differences(binary_tensors(theirs), binary_tensors(ours))
    return found


def media_type(answer):
    return (answer.get("content_type") or "").split(";")[0].strip().lower()


def error_differences(theirs, ours):
    """Errors of both are {"error": text}, or nothing but a status."""
    expected, got = body(theirs), body(ours)
    if expected is None:
        return [] if got is None else [f"error: no body, ours {brief(ours)}"]
    if isinstance(got, dict) and set(got) == {"error"} and isinstance(got["error"], str) and got["error"]:
        return []
    return [f"error: {brief(theirs)}, ours {brief(ours)}"]


def body(answer):
    if "json" in answer:
        return answer["json"]
    text = answer.get("text")
    if "base64" in answer:  # not UTF-8, as a model may answer
        text = base64.b64decode(answer["base64"]).decode("latin-1")
    if text is None:
        return None
    try:
        return json.loads(text)  # takes NaN, which Triton writes
    except ValueError:
        return text


# -- gRPC


def completed(rpc, message):
    """With the fields that protobuf leaves out, as they hold what they hold by default."""
    if message is None:
        return None
    service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    made = message_factory.GetMessageClass(service.methods_by_name[rpc].output_type)()
    return json_format.MessageToDict(json_format.ParseDict(message, made), preserving_proto_field_name=True,
                                     always_print_fields_with_no_presence=True)


def completed_answer(rpc, answer):
    if "responses" in answer:
        return {**answer, "responses": [completed(rpc, one) for one in answer["responses"]]}
    return {**answer, "response": completed(rpc, answer.get("response"))}


def grpc_differences(rpc, theirs, ours, how):
    if theirs["code"] != ours["code"]:
        return [f"code: {theirs['code']}, ours {brief(ours)}"]
    theirs, ours = completed_answer(rpc, theirs), completed_answer(rpc, ours)
    if "responses" in theirs:
        if len(theirs["responses"]) != len(ours["responses"]):
            return [f"{len(theirs['responses'])} responses, ours {len(ours['responses'])}: {brief(ours)}"]
        return [one for i, pair in enumerate(zip(theirs["responses"], ours["responses"]))
                for one in message_differences(*pair, how, f"response {i}")]
    return message_differences(theirs.get("response"), ours.get("response"), how, "response")


def message_differences(theirs, ours, how, place):
    found = json_differences(without_tensors(theirs), without_tensors(ours), how, place)
    return found or tensor_differences(raw_tensors(theirs), raw_tensors(ours))


def without_tensors(message):
    if isinstance(message, dict):
        return {key: without_tensors(value) for key, value in message.items() if key != "raw_output_contents"}
    return message


# -- tensors


def binary_tensors(answer):
    """[(datatype, bytes)] of an answer of REST."""
    data, tensors, start = bytes.fromhex(answer["tensors_hex"]), [], 0
    for output in answer["json"]["outputs"]:
        size = output.get("parameters", {}).get("binary_data_size", 0)
        tensors.append((output["datatype"], data[start:start + size]))
        start += size
    return tensors + ([("left over", data[start:])] if start != len(data) else [])


def raw_tensors(message):
    message = (message or {}).get("infer_response", message) or {}
    datatypes = [output["datatype"] for output in message.get("outputs", [])]
    contents = [base64.b64decode(one) for one in message.get("raw_output_contents", [])]
    return list(zip(datatypes, contents)) if len(datatypes) == len(contents) else [("tensors", str(contents).encode())]


def tensor_differences(theirs, ours):
    if len(theirs) != len(ours):
        return [f"{len(theirs)} tensors, ours {len(ours)}"]
    return [f"tensor {i}: {expected[1].hex()}, ours {got[1].hex()}"
            for i, (expected, got) in enumerate(zip(theirs, ours))
            if expected[0] != got[0] or not same_tensor(*expected, got[1])]


def same_tensor(datatype, theirs, ours):
    if theirs == ours or datatype not in FLOATS | {"BYTES"}:
        return theirs == ours
    mine, yours = unpacked(datatype, ours), unpacked(datatype, theirs)
    return len(mine) == len(yours) and all(map(same_value, yours, mine))


def unpacked(datatype, data):
    if datatype == "BYTES":
        values = []
        while data:
            length = struct.unpack_from("<I", data)[0]
            values.append(data[4:4 + length].decode("latin-1"))
            data = data[4 + length:]
        return values
    if datatype == "BF16":
        data = b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))
    letter = FORMATS.get(datatype, "f")
    return struct.unpack(f"<{len(data) // struct.calcsize(letter)}{letter}", data)


# -- JSON


def kind(value):
    if isinstance(value, bool) or value is None:
        return str(type(value).__name__)
    return {int: "whole number", float: "float", str: "text", list: "list", dict: "object"}[type(value)]


def json_differences(theirs, ours, how, place):
    if kind(theirs) != kind(ours):
        return [f"{place}: {kind(theirs)}, ours {kind(ours)} {brief(ours)}"]
    if isinstance(theirs, dict):
        theirs, ours = settled(theirs), settled(ours)
        found = [f"{place}: no {key!r}" for key in theirs if key not in ours]
        found += [f"{place}: {key!r} is ours alone" for key in ours if key not in theirs]
        for key in theirs:
            if key in ours:
                inner = "shape" if key in FREE_VALUES else how
                found += json_differences(theirs[key], ours[key], inner, f"{place}.{key}")
        return found
    if isinstance(theirs, list):
        return list_differences(theirs, ours, how, place)
    if how == "shape" or same_value(theirs, ours):
        return []
    return [f"{place}: {theirs!r}, ours {ours!r}"]


def settled(value):
    """An entry of the repository's index that is on its way, as it is a moment later."""
    return {**value, "state": "UNAVAILABLE", "reason": "unloaded"} if value.get("state") == "UNLOADING" else value


def list_differences(theirs, ours, how, place):
    if how == "shape" and len(theirs) != len(ours):  # as many as there happen to be, each like Triton's first
        return [one for i, value in enumerate(ours) if theirs
                for one in json_differences(theirs[0], value, how, f"{place}[{i}]")][:3]
    if len(theirs) != len(ours):
        return [f"{place}: {len(theirs)} elements, ours {len(ours)}: {brief(ours)}"]
    return [one for i, pair in enumerate(zip(theirs, ours)) for one in json_differences(*pair, how, f"{place}[{i}]")]


CLASS = re.compile(r"(-?(?:nan|inf|\d+(?:\.\d+)?(?:e[-+]\d+)?))(:\d+(?::.*)?)", re.IGNORECASE)


def same_value(theirs, ours):
    """Floats may differ in their last digits between numpy and ONNX Runtime, also in "0.632149:4:four"."""
    if isinstance(theirs, str) and isinstance(ours, str) and theirs != ours:
        pair = CLASS.fullmatch(theirs), CLASS.fullmatch(ours)
        return all(pair) and pair[0][2] == pair[1][2] and same_value(float(pair[0][1]), float(pair[1][1]))
    if isinstance(theirs, (int, float)) and isinstance(ours, (int, float)) and float in (type(theirs), type(ours)):
        return math.isclose(theirs, ours, rel_tol=1e-5, abs_tol=1e-6) or (math.isnan(theirs) and math.isnan(ours))
    return theirs == ours
