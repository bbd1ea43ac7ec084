"""What people try a server with: grpcurl, which knows a service by reflection alone, and curl over HTTP/2."""

import json
import subprocess

import build_clients

SERVICE = "inference.GRPCInferenceService"
ADD = {"model_name": "add", "inputs": [
    {"name": "a", "datatype": "INT32", "shape": [1, 4], "contents": {"int_contents": [1, 2, 3, 4]}},
    {"name": "b", "datatype": "INT32", "shape": [1, 4], "contents": {"int_contents": [10, 20, 30, 40]}}]}
SUM = "CwAAABYAAAAhAAAALAAAAA=="  # 11, 22, 33, 44


def said(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


def grpcurl(address):
    program = build_clients.grpcurl()

    def ask(*words):
        return said(program, "-plaintext", "-max-time", "30", *words)

    yield "grpcurl: list", ask(address, "list"), [SERVICE, "grpc.health.v1.Health"]
    yield ("grpcurl: list the methods", ask(address, "list", SERVICE),
           [f"{SERVICE}.ModelInfer", f"{SERVICE}.ModelStreamInfer"])
    yield "grpcurl: describe a message", ask(address, "describe", "inference.ModelInferRequest"), ["raw_input_contents"]
    yield "grpcurl: call", ask("-d", json.dumps(ADD), address, f"{SERVICE}/ModelInfer"), [SUM]
    yield ("grpcurl: an error", ask("-d", '{"name": "nobody"}', address, f"{SERVICE}/ModelMetadata"),
           ["NotFound", "nobody"])


def curl(address):
    def ask(*words):
        return said("curl", "-sS", "--max-time", "30", "--http2-prior-knowledge",
                    "-w", " HTTP/%{http_version} %{http_code}", *words)

    body = {"inputs": [{"name": each["name"], "datatype": each["datatype"], "shape": each["shape"],
                        "data": each["contents"]["int_contents"]} for each in ADD["inputs"]]}
    yield "curl over HTTP/2: ready", ask(f"http://{address}/v2/health/ready"), ["HTTP/2 200"]
    yield ("curl over HTTP/2: infer", ask(f"http://{address}/v2/models/add/infer", "-d", json.dumps(body)),
           ["HTTP/2 200", "[11,22,33,44]"])
    yield "curl over HTTP/2: an error", ask(f"http://{address}/v2/models/nobody"), ["HTTP/2 404", "nobody"]


def results(tool, address):
    """Name of the case, and what is wrong with it; empty: nothing."""
    for name, text, parts in tool(address):
        lacks = [part for part in parts if part not in text]
        yield name, f"lacks {lacks}: {text.strip()[:300]}" if lacks else ""


TOOLS = {"grpcurl": grpcurl, "curl": curl}
