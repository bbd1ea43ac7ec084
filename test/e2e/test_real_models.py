"""Other people's models through Triton's clients, every output compared with ONNX Runtime in this process."""

import subprocess

import numpy
import onnxruntime
import pytest
import tritonclient.grpc
import tritonclient.http

from server import PROJECT, REPOSITORY, Server

FOLDER = PROJECT / ".deps/models"
TYPES = {"float32": "FP32", "int32": "INT32", "int64": "INT64", "object": "BYTES"}


def numbers(*shape, seed=1):
    return numpy.random.default_rng(seed).random(shape, dtype=numpy.float32)


# What each model is asked: sizes as its own users send them, one item and several.
REQUESTS = {
    "digits": [{"image": numbers(1, 28, 28)}, {"image": numbers(5, 28, 28)}],
    "sentiment": [{"text": numpy.array([["What a wonderful film."]], dtype=object)},
                  {"text": numpy.array([["Dull."], ["Good, and then bad."], [""]], dtype=object)}],
    "magika": [{"bytes": numpy.full((1, 2048), 65, dtype=numpy.int32)},
               {"bytes": numpy.random.default_rng(2).integers(0, 257, (3, 2048), dtype=numpy.int32)}],
    "nudenet": [{"images": numbers(1, 3, 320, 320)}, {"images": numbers(2, 3, 320, 320)}],
    "ocr_det": [{"x": numbers(1, 3, 64, 96)}, {"x": numbers(1, 3, 96, 64)}],
    "ocr_rec": [{"x": numbers(1, 3, 48, 100)}, {"x": numbers(2, 3, 48, 64)}],
    "ocr_cls": [{"x": numbers(1, 3, 48, 192)}, {"x": numbers(4, 3, 48, 192)}],
    "silero_vad": [{"input": numbers(1, 512), "state": numpy.zeros((2, 1, 128), numpy.float32),
                    "sr": numpy.array(16000, numpy.int64)},
                   {"input": numbers(3, 512), "state": numbers(2, 3, 128), "sr": numpy.array(16000, numpy.int64)}],
}
EXAMPLES = {name: REPOSITORY / name / "1/model.onnx" for name in ("digits", "sentiment")}
CASES = [pytest.param(model, inputs, id=f"{model}-{number}")
         for model, requests in REQUESTS.items() for number, inputs in enumerate(requests)]


@pytest.fixture(scope="module")
def files():
    subprocess.run([PROJECT / "test/models/fetch"], check=True)
    return EXAMPLES | {name: FOLDER / f"{name}.onnx" for name in REQUESTS if name not in EXAMPLES}


@pytest.fixture(scope="module")
def served(files, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("real"), REPOSITORY,
                    *(f"{name}={file}" for name, file in files.items() if name not in EXAMPLES))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def expected(files):
    """(model, inputs) -> outputs by name, as ONNX Runtime itself gives them on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    sessions = {}

    def run(model, inputs):
        if model not in sessions:
            sessions[model] = onnxruntime.InferenceSession(files[model], options)
        session = sessions[model]
        shaped = {port.name: inputs[port.name].reshape(-1) if len(port.shape) == 1 and port.type == "tensor(string)"
                  else inputs[port.name] for port in session.get_inputs()}
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, shaped)))

    return run


def compare(result, expected):
    for name, value in expected.items():
        got = result.as_numpy(name)
        assert got is not None, f"no output {name}"
        if value.dtype == object:
            assert [text.decode() for text in got.reshape(-1)] == [str(text) for text in value.reshape(-1)]
        else:
            numpy.testing.assert_allclose(got.reshape(value.shape), value, rtol=1e-4, atol=1e-5, err_msg=name)


def tensors(module, model, inputs, **how):
    made = []
    for name, value in inputs.items():
        tensor = module.InferInput(name, list(value.shape), TYPES[str(value.dtype)])
        tensor.set_data_from_numpy(value, **how)
        made.append(tensor)
    return made


@pytest.mark.parametrize("binary_out", [True, False], ids=["binary-out", "json-out"])
@pytest.mark.parametrize("binary_in", [True, False], ids=["binary-in", "json-in"])
@pytest.mark.parametrize("model, inputs", CASES)
def test_rest(served, expected, model, inputs, binary_in, binary_out):
    wanted = expected(model, inputs)
    with tritonclient.http.InferenceServerClient(f"localhost:{served.port}", network_timeout=120) as client:
        outputs = [tritonclient.http.InferRequestedOutput(name, binary_data=binary_out) for name in wanted]
        result = client.infer(model, tensors(tritonclient.http, model, inputs, binary_data=binary_in), outputs=outputs)
    compare(result, wanted)


@pytest.mark.parametrize("model, inputs", CASES)
def test_grpc(served, expected, model, inputs):
    with tritonclient.grpc.InferenceServerClient(f"localhost:{served.grpc_port}") as client:
        compare(client.infer(model, tensors(tritonclient.grpc, model, inputs)), expected(model, inputs))


def test_grpc_stream_over_all_models(served, expected):
    """All models through one stream, answers in the order of the requests."""
    answers = []
    with tritonclient.grpc.InferenceServerClient(f"localhost:{served.grpc_port}") as client:
        client.start_stream(lambda result, error: answers.append(error or result))
        for model, requests in REQUESTS.items():
            for inputs in requests:
                client.async_stream_infer(model, tensors(tritonclient.grpc, model, inputs))
        client.stop_stream()
    asked = [(model, inputs) for model, requests in REQUESTS.items() for inputs in requests]
    assert len(answers) == len(asked)
    for (model, inputs), answer in zip(asked, answers):
        assert not isinstance(answer, Exception), answer
        compare(answer, expected(model, inputs))
