"""The cases, run by grpcio: cases.py ADDRESS CASES [PID OF THE SERVER]. ../README.md says what each kind of case requires.

test/e2e/test_grpc_cases.py runs the same cases with run_case().
"""

import base64
import json
import os
import pathlib
import queue
import signal
import sys
import tempfile
import threading
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

PROTOS = pathlib.Path(__file__).resolve().parents[3] / "proto"
SERVICE = "inference.GRPCInferenceService"
CALL_SECONDS = 60  # nothing in the cases takes so long: a call that ends by this has hung
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Failed(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Failed(what)


# A pool of their own: another copy of the same protocol, such as tritonclient's, may be in the same process.
POOL = descriptor_pool.DescriptorPool()


def load_protos():
    """Compiles the project's own .proto files, by grpcio-tools."""
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "all"
        code = protoc.main(["protoc", f"-I{PROTOS}", "--include_imports", f"--descriptor_set_out={target}",
                            "grpc_service.proto", "health.proto"])
        require(code == 0, "the .proto files could not be compiled")
        for file in descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file:
            POOL.Add(file)


class Api:
    """A channel, and the methods of the generated code by their names."""

    def __init__(self, address, **settings):
        options, compression = list(OPTIONS), grpc.Compression.NoCompression
        # a connection of its own, which grpcio otherwise shares between channels with equal settings
        options.append(("grpc.use_local_subchannel_pool", 1))
        if "time_ms" in settings:
            options += [("grpc.keepalive_time_ms", settings["time_ms"]), ("grpc.keepalive_timeout_ms", 5000),
                        ("grpc.keepalive_permit_without_calls", int(settings.get("without_calls", False))),
                        ("grpc.http2.max_pings_without_data", 0)]
        if settings.get("compression") == "gzip":
            compression = grpc.Compression.Gzip
        self.channel = grpc.insecure_channel(address, options=options, compression=compression)
        self.was_ready, self.left_ready = threading.Event(), threading.Event()
        self.channel.subscribe(self._changed)

    def _changed(self, state):
        if state == grpc.ChannelConnectivity.READY:
            self.was_ready.set()
        elif self.was_ready.is_set():
            self.left_ready.set()

    def method(self, name, unknown=False):
        service, _, method = name.rpartition("/")
        service = service or SERVICE
        path = f"/{service}/{method}"
        shape = POOL.FindServiceByName(SERVICE if unknown else service).methods_by_name["ServerLive" if unknown else method]
        request = message_factory.GetMessageClass(shape.input_type)
        answer = message_factory.GetMessageClass(shape.output_type)
        make = self.channel.stream_stream if shape.client_streaming else self.channel.unary_unary
        call = make(path, request_serializer=request.SerializeToString, response_deserializer=answer.FromString)
        return call, request

    def infer(self):
        return self.method("ModelInfer")

    def stream(self):
        return self.method("ModelStreamInfer")

    def close(self):
        self.channel.close()


def filled(template, number):
    """The template with "$i" as the number and "$raw" as the base64 of its four bytes."""
    text = json.dumps(template).replace("$raw", base64.b64encode(number.to_bytes(4, "little")).decode())
    return json.loads(text.replace("$i", str(number)))


def message(kind, template, number=0):
    return json_format.ParseDict(filled(template, number), kind())


def difference(wanted, found, place=""):
    """Where `found` lacks what is wanted, in words; None: nowhere. An absent value is the default one."""
    if wanted == "*":
        return None if found not in (None, "", 0, "0", [], {}) else f"{place} is empty"
    if isinstance(wanted, dict):
        found = found or {}
        return next((d for key, value in wanted.items() if (d := difference(value, found.get(key), f"{place}.{key}"))), None)
    if isinstance(wanted, list):
        found = found or []
        if len(wanted) != len(found):
            return f"{place} has {len(found)} elements instead of {len(wanted)}"
        return next((d for i, value in enumerate(wanted) if (d := difference(value, found[i], f"{place}[{i}]"))), None)
    if found is None:
        return f"{place} is missing instead of {wanted}" if wanted else None
    return None if wanted == found else f"{place} is {found} instead of {wanted}"


def as_json(answer):
    return json_format.MessageToDict(answer, preserving_proto_field_name=True)


def check_answer(wanted, answer, number=0):
    found = difference(filled(wanted, number), as_json(answer), "answer")
    require(not found, found)


def check_error(wanted, error):
    require(error.code().name == wanted["code"], f"{error.code().name} ({error.details()}) instead of {wanted['code']}")
    require(error.details(), f"{wanted['code']} came without a message")
    require(wanted["message"] in error.details(), f"the message lacks '{wanted['message']}': {error.details()}")


def expect(case, answer_of):
    """Calls answer_of() and compares its answer or error with the case's."""
    try:
        answer = answer_of()
    except grpc.RpcError as error:
        require("error" in case, f"{error.code().name}: {error.details()}")
        check_error(case["error"], error)
        return None
    require("error" not in case, f"an answer instead of {case.get('error', {}).get('code')}")
    return answer


def metadata(case):
    return list(case.get("metadata", {}).items())


def call(api, case):
    method, kind = api.method(case["method"], case.get("unknown", False))
    answer = expect(case, lambda: method(message(kind, case.get("request", {})), timeout=CALL_SECONDS, metadata=metadata(case)))
    if answer is not None:
        check_answer(case["answer"], answer)


class Conversation:
    """A stream whose requests are sent one at a time; without a call of end() it stays open."""

    def __init__(self, api, timeout=CALL_SECONDS):
        method, self.kind = api.stream()
        self._requests = queue.SimpleQueue()
        self.answers = method(iter(self._requests.get, None), timeout=timeout)

    def send(self, template, number=0):
        self._requests.put(message(self.kind, template, number))

    def end(self):
        self._requests.put(None)


def take_from(waiting, answer):
    """Takes from `waiting` the expected answer that this one is."""
    found = as_json(answer)
    for i, wanted in enumerate(waiting):
        if difference(wanted, found) is None:
            del waiting[i]
            return
    raise Failed(f"an answer that none was expected like: {str(found)[:300]}")


def stream(api, case):
    rounds = range(case.get("repeat", 1))
    requests = [(template, i) for i in rounds for template in case["requests"]]
    waiting = [filled(template, i) for i in rounds for template in case["answers"]]
    conversation = Conversation(api)
    for template, i in requests:
        conversation.send(template, i)
        if case.get("one_by_one"):
            take_from(waiting, next(conversation.answers))
    conversation.end()
    for answer in conversation.answers:
        take_from(waiting, answer)
    require(not waiting, f"{len(waiting)} requests were not answered")
    require(conversation.answers.code() == grpc.StatusCode.OK, f"the stream ended with {conversation.answers.code().name}")


def one_call(api, case, number):
    method, kind = api.infer()
    start = time.monotonic()
    check_answer(case["answer"], method(message(kind, case["request"], number), timeout=CALL_SECONDS), number)
    return time.monotonic() - start


def given_up(api, case, start):
    """What was started to be given up, each with the time at which it ended."""
    timeout = case["deadline_ms"] / 1000 if "deadline_ms" in case else CALL_SECONDS
    ended = {}
    if case.get("stream"):
        conversation = Conversation(api, timeout)
        for i in range(case["calls"]):
            conversation.send(case["request"], i)
        calls = [conversation.answers]
    else:
        method, kind = api.infer()
        calls = [method.future(message(kind, case["request"], i), timeout=timeout) for i in range(case["calls"])]
    done = threading.Semaphore(0)

    def on_end(call):
        ended[call] = time.monotonic() - start
        done.release()

    for each in calls:
        if case.get("stream"):  # answers on the way are read and not looked at
            threading.Thread(target=lambda: [each.code(), on_end(each)], daemon=True).start()
        else:
            each.add_done_callback(on_end)
    if "cancel_after_ms" in case:
        time.sleep(case["cancel_after_ms"] / 1000)
        for each in calls:
            each.cancel()
    for _ in calls:
        require(done.acquire(timeout=CALL_SECONDS), "a call did not end")
    return ended


def give_up(api, case):
    one = one_call(api, case, 1)
    wait = case.get("deadline_ms", case.get("cancel_after_ms")) / 1000
    for each, seconds in given_up(api, case, time.monotonic()).items():
        require(each.code().name == case["code"], f"{each.code().name} instead of {case['code']}")
        require(wait - 0.005 <= seconds <= wait + case["within_ms"] / 1000, f"ended after {seconds * 1000:.0f} ms")
    limit = case["then_within_calls"]
    after = one_call(api, case, 2)
    require(after <= limit * one, f"the next call took {after / one:.1f} times one call's {one * 1000:.0f} ms; at most {limit}")


def echo(api, case):
    content = (bytes(range(251)) * (case["bytes"] // 251 + 1))[:case["bytes"]]
    method, kind = api.infer()
    request = kind(model_name="identity", raw_input_contents=[content])
    request.inputs.add(name="x", datatype="UINT8", shape=[len(content)])
    calls = [method.future(request, timeout=CALL_SECONDS) for _ in range(case["calls"])]
    for each in calls:
        answer = expect(case, each.result)
        require(answer is None or list(answer.raw_output_contents) == [content], "the content came back changed")


def many(api, case):
    method, kind = api.infer()
    room, failures = threading.Semaphore(case["in_flight"]), []

    def finished(number):
        def look(call):
            try:
                check_answer(case["answer"], call.result(), number)
            except (Failed, grpc.RpcError) as error:
                failures.append(f"call {number}: {error}")
            room.release()
        return look

    for i in range(case["calls"]):
        room.acquire()
        method.future(message(kind, case["request"], i), timeout=CALL_SECONDS).add_done_callback(finished(i))
    for _ in range(case["in_flight"]):
        require(room.acquire(timeout=CALL_SECONDS), "calls did not end")
    require(not failures, f"{len(failures)} failed; {failures[0] if failures else ''}")


def keep_alive(api, case):
    seconds = case["quiet_ms"] / 1000 if "quiet_ms" in case else (case["pings"] + 0.5) * case["time_ms"] / 1000
    if case.get("stream"):
        conversation = Conversation(api)
        conversation.send(case["request"])
        check_answer(case["answer"], next(conversation.answers))
    else:
        one_call(api, case, 0)
    require(api.was_ready.wait(10), "the channel is not ready after a call")
    require(not api.left_ready.wait(seconds), "the server has closed the connection")
    if case.get("stream"):
        conversation.send(case["request"])
        conversation.end()
        for answer in conversation.answers:
            check_answer(case["answer"], answer)
    else:
        one_call(api, case, 0)
    require(not api.left_ready.is_set(), "the server has closed the connection")


def drain(api, case, pid):
    start = time.monotonic()
    method, kind = api.infer()
    conversation = Conversation(api)
    conversation.send(case["request"], 100)
    wanted = {"infer_response": case["answer"]}
    check_answer(wanted, next(conversation.answers), 100)
    first = threading.Event()
    calls = [method.future(message(kind, case["request"], i), timeout=CALL_SECONDS) for i in range(case["calls"])]
    conversation.send(case["request"], 101)
    for each in calls:
        each.add_done_callback(lambda _: first.set())
    require(first.wait(CALL_SECONDS), "no call was answered")
    os.kill(pid, signal.SIGTERM)
    late(api, case)
    for i, each in enumerate(calls):
        try:
            check_answer(case["answer"], each.result(), i)
        except grpc.RpcError as error:
            raise Failed(f"accepted call {i} of {len(calls)} was lost: {error.code().name}: {error.details()}") from None
    answers = []
    try:
        answers.extend(conversation.answers)
    except grpc.RpcError as error:
        require(error.code() == grpc.StatusCode.UNAVAILABLE, f"the stream ended with {error.code().name}: {error.details()}")
    require(len(answers) == 1, f"the stream's last request got {len(answers)} answers")
    check_answer(wanted, answers[0], 101)
    require(time.monotonic() - start < case["within_ms"] / 1000, "it took too long")


def late(api, case):
    """Calls after the signal: answered, or refused so that a client may try elsewhere."""
    method, kind = api.method("ServerLive")
    for _ in range(100):
        try:
            method(kind(), timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            require(error.code() == grpc.StatusCode.UNAVAILABLE, f"a late call got {error.code().name}: {error.details()}")
            return
        time.sleep(0.02)
    raise Failed("2 s after the signal calls are still accepted")


KINDS = {"call": call, "stream": stream, "give_up": give_up, "echo": echo, "many": many}


def run_case(api, address, case, pid=None):
    """Raises where the case is not as it should be. `api` is the channel that most cases share."""
    try:
        if case["do"] in KINDS and "compression" not in case:
            KINDS[case["do"]](api, case)
            method, kind = api.method("ServerLive")
            require(method(kind(), timeout=CALL_SECONDS).live, "the server is not live")
            require(not api.left_ready.is_set(), "the connection was closed")
            return
        own = Api(address, **case)
        try:
            if case["do"] == "drain":
                drain(own, case, pid)
            else:
                {**KINDS, "keep_alive": keep_alive}[case["do"]](own, case)
        finally:
            own.close()
    except grpc.RpcError as error:
        raise Failed(f"{error.code().name}: {error.details()}") from error


def in_background(address, case):
    result = queue.SimpleQueue()

    def work():
        try:
            run_case(None, address, case)
            result.put(None)
        except Failed as failure:
            result.put(failure)

    threading.Thread(target=work, daemon=True).start()
    return result


def main():
    address, cases, pid = sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text()), sys.argv[3:]
    load_protos()
    # those that wait most of the time wait beside the others
    started = {case["name"]: in_background(address, case) for case in cases if case["do"] == "keep_alive"}
    api, passed, failed = Api(address), 0, 0
    for case in cases:
        if case["do"] == "drain" and not pid:
            print(f"skip  {case['name']}: no process was named", flush=True)
            continue
        try:
            if case["name"] in started:
                failure = started[case["name"]].get()
                if failure:
                    raise failure
            else:
                run_case(api, address, case, int(pid[0]) if pid else None)
            passed += 1
            print(f"pass  {case['name']}", flush=True)
        except Failed as failure:
            failed += 1
            print(f"fail  {case['name']}: {failure}", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
