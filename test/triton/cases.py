"""Reads the corpus, sends its cases to a server, and puts the answers into the form in which they are recorded.

README.md in this folder describes the form. The recorder and the test that compares share this file.
"""

import base64
import gzip
import http.client
import json
import pathlib
import struct
import zlib

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
WIDTH = 120

FORMATS = {"BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q", "INT8": "b", "INT16": "h",
           "INT32": "i", "INT64": "q", "FP16": "e", "FP32": "f", "FP64": "d"}


def files():
    return sorted(CORPUS.glob("*.json"))


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


# -- writing the corpus so that people can read it


def broken_up(value, indent):
    """JSON with as much on a line as fits."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) + indent <= WIDTH or not value or not isinstance(value, (dict, list)):
        return text
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        members = [f"{json.dumps(key)}: {broken_up(one, indent + len(key) + 5)}" for key, one in value.items()]
        return "{" + f",\n{pad}".join(members) + "}"
    lines, line = [], ""
    for one in (broken_up(one, indent + 1) for one in value):
        if line and ("\n" in line + one or len(line) + len(one) + indent + 3 > WIDTH):
            lines.append(line)
            line = ""
        line += (", " if line else "") + one
    return "[" + f",\n{pad}".join([*lines, line]) + "]"


def dump(path, content):
    cases = ",\n\n".join("  " + broken_up(case, 2) for case in content["cases"])
    head = "".join(f" {json.dumps(key)}: {broken_up(value, len(key) + 5)},\n"
                   for key, value in content.items() if key != "cases")
    path.write_text("{\n" + head + ' "cases": [\n' + cases + "\n ]\n}\n", encoding="utf-8")


# -- what a case sends


def substituted(text, substitutes):
    for placeholder, value in substitutes.items():
        text = text.replace(placeholder, value)
    return text


def restored(text, substitutes):
    """The opposite, for what differs from machine to machine."""
    for placeholder in ("$REPOSITORY", "$KEY"):
        text = text.replace(substitutes.get(placeholder) or placeholder, placeholder)
    return text


def packed(tensor):
    """{"INT32": [1, 2]}, {"BYTES": ["a", "b"]}, {"hex": "01ff"} or {"zeros": 4096} as a tensor's bytes."""
    [(kind, values)] = tensor.items()
    if kind == "zeros":
        return bytes(values)
    if kind == "hex":
        return bytes.fromhex(values)
    if kind == "BYTES":
        return b"".join(struct.pack("<I", len(one.encode())) + one.encode() for one in values)
    if kind == "BF16":
        return b"".join(struct.pack("<f", one)[2:] for one in values)
    return struct.pack(f"<{len(values)}{FORMATS[kind]}", *values)


def body_and_headers(case, substitutes):
    headers = dict(case.get("headers", {}))
    if "json" in case:
        body = substituted(json.dumps(case["json"]), substitutes).encode()
    elif "base64" in case:
        body = base64.b64decode(case["base64"])
    else:
        body = substituted(case.get("text", ""), substitutes).encode()
    if "tensors" in case:
        headers.setdefault("Inference-Header-Content-Length", str(len(body)))
        body += b"".join(map(packed, case["tensors"]))
    if "compress" in case:
        headers["Content-Encoding"] = case["compress"]
        body = gzip.compress(body, mtime=0) if case["compress"] == "gzip" else zlib.compress(body)
    return body, headers


def strict_json(text):
    def refuse(word):
        raise ValueError(f"{word} is not JSON")
    return json.loads(text, parse_constant=refuse)


def body_forms(data, substitutes):
    """The most readable of json, text and base64."""
    try:
        text = restored(data.decode(), substitutes)
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}
    try:
        return {"json": strict_json(text)}
    except ValueError:
        return {"text": text} if text else {}


def send_rest(case, address, substitutes, seconds=5):
    """Sends one case on a connection of its own and gives the answer's recorded form."""
    body, headers = body_and_headers(case, substitutes)
    connection = http.client.HTTPConnection(*address, timeout=seconds)
    try:
        connection.putrequest(case.get("method", "GET"), case["path"], skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if "Content-Length" not in headers and (body or case.get("method") == "POST"):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        data = response.read()
    except TimeoutError:
        return {"no_answer": f"nothing within {seconds} s"}
    except (ConnectionError, http.client.HTTPException) as error:
        return {"no_answer": type(error).__name__}
    finally:
        connection.close()
    return rest_answer(response, data, substitutes)


def rest_answer(response, data, substitutes):
    answer = {"status": response.status}
    for key, header in (("content_type", "Content-Type"), ("content_encoding", "Content-Encoding")):
        if response.getheader(header) is not None:
            answer[key] = response.getheader(header)
    if answer.get("content_encoding") == "gzip":
        data = gzip.decompress(data)
    elif answer.get("content_encoding") == "deflate":
        data = zlib.decompress(data)
    length = response.getheader("Inference-Header-Content-Length")
    if length is None:
        return {**answer, **body_forms(data, substitutes)}
    answer["header_length"] = int(length)
    return {**answer, **body_forms(data[:int(length)], substitutes), "tensors_hex": data[int(length):].hex()}


# -- gRPC


def message(service_pb2, kind, content, substitutes):
    """A protobuf message of its JSON, whose member "tensors" stands for raw_input_contents."""
    from google.protobuf import json_format
    content = json.loads(substituted(json.dumps(content), substitutes))
    tensors = content.pop("tensors", [])
    made = json_format.ParseDict(content, getattr(service_pb2, kind)())
    if tensors:
        made.raw_input_contents.extend(map(packed, tensors))
    return made


def as_json(made, substitutes):
    from google.protobuf import json_format
    text = json_format.MessageToJson(made, preserving_proto_field_name=True, indent=None)
    return json.loads(restored(text, substitutes))


def send_grpc(case, channel, service_pb2, substitutes, seconds=20):
    """Makes one call and gives the answer's recorded form."""
    import grpc
    name = case["rpc"]
    stream = name == "ModelStreamInfer"
    kind = "ModelInferRequest" if stream else f"{name}Request"
    sent = [message(service_pb2, kind, one, substitutes) for one in case.get("requests", [case.get("request", {})])]
    call = (channel.stream_stream if stream else channel.unary_unary)(
        f"/inference.GRPCInferenceService/{name}", request_serializer=lambda made: made.SerializeToString(),
        response_deserializer=getattr(service_pb2, f"{name}Response").FromString)
    answers = []
    try:
        if stream:
            answers.extend(as_json(one, substitutes) for one in call(iter(sent), timeout=seconds))
        else:
            answers.append(as_json(call(sent[0], timeout=seconds), substitutes))
    except grpc.RpcError as error:
        failed = {"code": error.code().name, "message": restored(error.details(), substitutes)}
        return {**failed, "responses": answers} if stream else failed
    return {"code": "OK", "responses": answers} if stream else {"code": "OK", "response": answers[0]}


# -- shared memory


def region_path(key, substitutes):
    return pathlib.Path("/dev/shm" + substituted(key, substitutes))


def make_regions(content, substitutes):
    """Creates the regions that a file's cases need, each {"key", "byte_size", "tensors"}; gives their paths."""
    paths = []
    for region in content.get("regions", []):
        path = region_path(region["key"], substitutes)
        data = b"".join(map(packed, region.get("tensors", [])))
        path.write_bytes(data.ljust(region["byte_size"], b"\0"))
        paths.append(path)
    return paths


def send(case, rest_address, channel, service_pb2, substitutes):
    if "rpc" in case:
        answer = send_grpc(case, channel, service_pb2, substitutes)
    else:
        answer = send_rest(case, rest_address, substitutes)
    if "region" in case:  # what the server has written there
        offset, end = case["region"].get("offset", 0), case["region"].get("offset", 0) + case["region"]["byte_size"]
        answer["region_hex"] = region_path(case["region"]["key"], substitutes).read_bytes()[offset:end].hex()
    return answer
