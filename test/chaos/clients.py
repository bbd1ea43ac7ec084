"""The load: clients of four kinds that ask one prediction after another, and tell the ledger what came of each.

They come back after a cut, as real ones do. A connection that brings anything but the one answer that was asked for breaks a rule.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct

import grpc
import websockets
from tritonclient.grpc import service_pb2

from ledger import CUT, REFUSED, Ledger, Request
from supervisor import PROJECT

PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 40  # longer than any fault: without an answer by then there will be none
DIGIT = json.loads((PROJECT / "examples/digits/request.json").read_text())["image"]
GONE = (ConnectionError, asyncio.IncompleteReadError, websockets.ConnectionClosed, websockets.InvalidHandshake, EOFError, OSError)


class Client:
    kind = ""

    def __init__(self, ledger: Ledger, port: int):
        self.ledger, self.port = ledger, port
        self.stopping = False
        self.last = False  # the server has said that it ends the connection behind this answer

    async def run(self) -> None:
        while not self.stopping:
            try:
                await self.connect()
            except (*GONE, asyncio.TimeoutError):
                await asyncio.sleep(0.05)  # nobody is there; nothing was asked
                continue
            try:
                self.last = False
                while not self.stopping:
                    await self.once()
                    await asyncio.sleep(PAUSE_SECONDS)
            except GONE:
                pass
            finally:
                await self.close()

    async def once(self) -> None:
        request = self.ledger.begin(self.kind)
        try:
            await asyncio.wait_for(self.ask(request), PATIENCE_SECONDS)
        except asyncio.TimeoutError:
            self.ledger.breach(f"{request.id} was not answered within {PATIENCE_SECONDS} s on a connection that stayed open")
            self.ledger.end(request, REFUSED)
            raise EOFError from None
        except GONE as error:
            self.ledger.end(request, CUT, repr(error))
            raise
        if self.last:
            raise EOFError

    def expect(self, request: Request, holds: bool, what: object) -> None:
        if not holds:
            self.ledger.breach(f"{request.id} got a wrong answer: {str(what)[:200]}")


class HttpClient(Client):
    """HTTP/1.1 by hand, so that a second answer would be seen."""

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), 5)

    async def close(self) -> None:
        self.writer.close()

    async def post(self, request: Request, path: str, body: dict) -> None:
        content = json.dumps(body).encode()
        if self.reader._buffer:  # noqa: SLF001: there is no other way to see it without waiting
            self.ledger.breach(f"before {request.id} the connection brought an answer that nobody had asked for")
        self.writer.write(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])}
        answer = await self.reader.readexactly(int(headers["content-length"]))
        status = int(head.split()[1])
        self.ledger.status(request, status, answer.decode())
        if status == 200:
            self.check(request, json.loads(answer))
        self.last = headers.get("connection") == "close"


class RestClient(HttpClient):
    kind = "rest"

    async def ask(self, request: Request) -> None:
        await self.post(request, "/predict/digits", {"image": DIGIT, "id": request.id})

    def check(self, request: Request, answer: dict) -> None:
        self.expect(request, answer["id"] == request.id and answer["class"] == 7, answer)


class InferClient(HttpClient):
    kind = "v2"

    async def ask(self, request: Request) -> None:
        await self.post(request, "/v2/models/sentiment/infer", {"id": request.id, "inputs": [
            {"name": "text", "datatype": "BYTES", "shape": [1, 1], "data": ["a joy to watch"]}]})

    def check(self, request: Request, answer: dict) -> None:
        self.expect(request, answer["id"] == request.id and answer["outputs"][0]["data"][1] > 0.5, answer)


class GrpcClient(Client):
    kind = "grpc"
    REFUSALS = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED}
    # What grpcio itself says where a connection ended; all else with UNAVAILABLE comes from the server.
    CUTS = ("ocket closed", "onnection reset", "ailed to connect", "roken pipe", "GOAWAY", "connections to all backends", "recvmsg", "End of TCP",
            "Connection refused", "ping timeout", "RST_STREAM")

    async def connect(self) -> None:
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=[
            ("grpc.enable_retries", 0), ("grpc.max_reconnect_backoff_ms", 100), ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)])
        self.infer = self.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer",
                                              request_serializer=service_pb2.ModelInferRequest.SerializeToString,
                                              response_deserializer=service_pb2.ModelInferResponse.FromString)
        await asyncio.wait_for(self.channel.channel_ready(), 10)

    async def close(self) -> None:
        await self.channel.close()

    async def ask(self, request: Request) -> None:
        text = b"two lost hours"
        message = service_pb2.ModelInferRequest(model_name="sentiment", id=request.id)
        message.inputs.add(name="text", datatype="BYTES", shape=[1, 1])
        message.raw_input_contents.append(struct.pack("<I", len(text)) + text)
        try:
            answer = await self.infer(message)
        except grpc.aio.AioRpcError as error:
            if any(part in error.details() for part in self.CUTS):
                raise ConnectionError(error.details()) from None
            self.ledger.status(request, 503 if error.code() in self.REFUSALS else 500, f"{error.code()} {error.details()}")
            return
        self.ledger.status(request, 200, "")
        self.expect(request, answer.id == request.id and struct.unpack("<2f", answer.raw_output_contents[0])[0] > 0.5, answer)


class WebSocketClient(Client):
    """Four messages on their way together; each must be answered once and in order."""

    kind = "ws"
    TOGETHER = 4

    async def connect(self) -> None:
        self.socket = await websockets.connect(f"ws://127.0.0.1:{self.port}/ws/predict/digits", open_timeout=5, ping_interval=None, proxy=None)

    async def close(self) -> None:
        self.socket.transport.abort()

    async def once(self) -> None:
        requests = [self.ledger.begin(self.kind) for _ in range(self.TOGETHER)]
        waiting = list(requests)
        try:
            for request in requests:
                await self.socket.send(json.dumps({"image": DIGIT, "id": request.id}))
            while waiting:
                answer = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE_SECONDS))
                request = waiting.pop(0)
                self.expect(request, answer.get("id") == request.id, answer)
                if "error" in answer:
                    self.ledger.status(request, 503 if answer["code"] == "unavailable" else 500, str(answer))
                else:
                    self.ledger.status(request, 200, "")
                    self.expect(request, answer["class"] == 7, answer)
        except asyncio.TimeoutError:
            for request in waiting:
                self.ledger.breach(f"{request.id} was not answered within {PATIENCE_SECONDS} s on a connection that stayed open")
                self.ledger.end(request, REFUSED)
            raise EOFError from None
        except GONE as error:
            for request in waiting:
                self.ledger.end(request, CUT, repr(error))
            raise


KINDS = {RestClient: 4, InferClient: 2, GrpcClient: 2, WebSocketClient: 2}


class Load:
    def __init__(self, ledger: Ledger, port: int):
        self.clients = [kind(ledger, port) for kind, count in KINDS.items() for _ in range(count)]
        self.tasks: list[asyncio.Task] = []

    def start(self) -> None:
        self.tasks = [asyncio.create_task(client.run()) for client in self.clients]

    async def stop(self) -> None:
        """Every request on its way still gets its answer."""
        for client in self.clients:
            client.stopping = True
        results = await asyncio.gather(*self.tasks, return_exceptions=True)
        for client, result in zip(self.clients, results):
            if isinstance(result, BaseException):
                client.ledger.breach(f"a {client.kind} client failed: {result!r}")


def reset(writer_or_socket: socket.socket) -> None:
    """Ends a connection with RST instead of FIN."""
    writer_or_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer_or_socket.close()


def junk(random, length: int) -> bytes:
    return bytes(random.getrandbits(8) for _ in range(length))


