"""Requests that must be refused, as data: add yours to the list.

Each names what is sent, the status that must come back, and a part of the message that a person must be able to read
there. After each of them the same server must still answer a good request (test_bad_input.py sees to that).
"""

from dataclasses import dataclass, field

IMAGE = "/predict/digits"
TEXT = "/predict/sentiment"
ROW = "[" + ",".join(["0"] * 28) + "]"


def image(first_pixel):
    """A whole image as JSON, with this as its first pixel."""
    first = "[" + ",".join([first_pixel] + ["0"] * 27) + "]"
    return '{"image": [' + ",".join([first] + [ROW] * 27) + "]}"


def rows(count, row=ROW):
    return '{"image": [' + ",".join([row] * count) + "]}"


@dataclass
class Case:
    name: str
    path: str
    body: str | bytes
    status: int
    message: str
    method: str = "POST"
    headers: dict = field(default_factory=dict)


BAD_REQUESTS = [
    # JSON that is none
    Case("nothing", TEXT, "", 400, "the body is empty"),
    Case("no JSON at all", TEXT, "hello", 400, "JSON"),
    Case("truncated in a number", IMAGE, '{"image": [[0, 0', 400, "JSON"),
    Case("truncated in a string", TEXT, '{"text": "goo', 400, "JSON"),
    Case("truncated before the last brace", TEXT, '{"text": "good"', 400, "JSON"),
    Case("something behind it", TEXT, '{"text": "good"} {"text": "bad"}', 400, "behind"),
    Case("a comma too many", TEXT, '{"text": "good",}', 400, "JSON"),
    Case("single quotes", TEXT, "{'text': 'good'}", 400, "JSON"),
    Case("an unknown escape", TEXT, r'{"text": "\q"}', 400, "text"),
    Case("half a surrogate pair", TEXT, r'{"text": "\ud83d"}', 400, "text"),
    Case("a raw line break in a string", TEXT, '{"text": "a\nb"}', 400, "JSON"),
    Case("not UTF-8 in a text", TEXT, b'{"text": "\xff\xfe"}', 400, "UTF-8"),
    Case("not UTF-8 in a key", TEXT, b'{"te\xc3t": "good"}', 400, "UTF-8"),
    Case("nested 100,000 deep", IMAGE, '{"image": ' + "[" * 100_000 + "0" + "]" * 100_000 + "}", 400, ""),
    Case("nested 100,000 deep and never closed", IMAGE, '{"image": ' + "[" * 100_000, 400, ""),
    Case("nested objects 100,000 deep", IMAGE, '{"image": ' * 100_000, 400, ""),
    Case("nested in an unknown member", TEXT, '{"x": ' + "[" * 100_000 + "]" * 100_000 + ', "text": "a"}', 400, ""),
    Case("nine dimensions", IMAGE, '{"image": ' + "[" * 9 + "0" + "]" * 9 + "}", 400, "image"),
    Case("huge", IMAGE, rows(100_000), 400, "[100000,28]"),
    # members
    Case("a list instead of an object", TEXT, '["good"]', 400, "must be a JSON object"),
    Case("a string instead of an object", TEXT, '"good"', 400, "must be a JSON object"),
    Case("null", TEXT, "null", 400, "must be a JSON object"),
    Case("an empty object", TEXT, "{}", 400, '"text" is missing'),
    Case("a wrong name", TEXT, '{"txt": "good"}', 400, 'there is no input "txt"; the model takes "text"'),
    Case("a name too many", TEXT, '{"text": "good", "mood": 1}', 400, '"mood"'),
    Case("the same name twice", TEXT, '{"text": "good", "text": "bad"}', 400, '"text" is there twice'),
    Case("the same name twice, once escaped", TEXT, r'{"text": "good", "te\u0078t": "bad"}', 400, "twice"),
    Case("two ids", TEXT, '{"text": "good", "id": 1, "id": 2}', 400, '"id" is there twice'),
    Case("an id that is a list", TEXT, '{"text": "good", "id": [1]}', 400, '"id" must be a string or a number'),
    Case("an id without end", TEXT, '{"text": "good", "id": "' + "x" * 1000 + '"}', 400, '"id" is longer'),
    # types
    Case("a number for a text", TEXT, '{"text": 5}', 400, '"text"'),
    Case("null for a text", TEXT, '{"text": null}', 400, '"text"'),
    Case("an object for a text", TEXT, '{"text": {"a": 1}}', 400, '"text"'),
    Case("a text for an image", IMAGE, '{"image": "seven"}', 400, '"image"'),
    Case("a text for a pixel", IMAGE, image('"0"'), 400, '"image"'),
    Case("null for a pixel", IMAGE, image("null"), 400, '"image"'),
    Case("true for a pixel", IMAGE, image("true"), 400, '"image"'),
    # numbers
    Case("NaN", IMAGE, image("NaN"), 400, ""),
    Case("Infinity", IMAGE, image("-Infinity"), 400, ""),
    Case("more than any double", IMAGE, image("1e400"), 400, ""),
    Case("more than FP32 holds", IMAGE, image("1e39"), 400, "image"),
    Case("a leading zero", IMAGE, image("01"), 400, ""),
    Case("a plus sign", IMAGE, image("+1"), 400, ""),
    Case("a minus alone", IMAGE, image("-"), 400, ""),
    Case("a number with two points", IMAGE, image("1.2.3"), 400, ""),
    # shapes
    Case("a single number", IMAGE, '{"image": 0}', 400, "shape"),
    Case("one row", IMAGE, '{"image": ' + ROW + "}", 400, "shape [28]"),
    Case("27 rows", IMAGE, rows(27), 400, "got shape [27,28], the model takes [28,28]"),
    Case("29 columns", IMAGE, rows(28, "[" + ",".join(["0"] * 29) + "]"), 400, "[28,29]"),
    Case("ragged rows", IMAGE, '{"image": [' + ",".join([ROW] * 27 + ["[0]"]) + "]}", 400, '"image"'),
    Case("a number among rows", IMAGE, '{"image": [' + ",".join([ROW] * 27 + ["0"]) + "]}", 400, '"image"'),
    Case("a row among numbers", IMAGE, '{"image": [[' + ",".join(["0"] * 27) + ",[0]]]}", 400, '"image"'),
    Case("an empty list", IMAGE, '{"image": []}', 400, '"image"'),
    Case("an empty batch", TEXT, '{"text": []}', 400, "empty"),
    Case("empty rows", IMAGE, '{"image": [[], []]}', 400, '"image"'),
    Case("texts too deep", TEXT, '{"text": [[["good"]]]}', 400, "shape"),
    Case("a batch above the maximum", TEXT, '{"text": [' + ",".join(['"a"'] * 65) + "]}", 400, "max_batch_size of 64"),
    # raw tensors
    Case("raw bytes, none", IMAGE, b"", 400, "one item has 3136", headers={"content-type": "application/octet-stream"}),
    Case("raw bytes, one too few", IMAGE, b"\0" * 3135, 400, "3135",
         headers={"content-type": "application/octet-stream"}),
    Case("raw bytes, 65 images", IMAGE, b"\0" * 3136 * 65, 400, "at most 64",
         headers={"content-type": "application/octet-stream"}),
    # routes
    Case("an unknown content type", TEXT, "<a/>", 415, "application/json", headers={"content-type": "application/xml"}),
    Case("an unknown model", "/predict/dogs", "{}", 404, 'no model "dogs"'),
    Case("an unknown version", TEXT + "?version=9", '{"text": "a"}', 404, "9"),
    Case("an unknown model, asynchronously", "/predict-async/dogs", "{}", 404, "dogs"),
    Case("an unknown route", "/predicts", "{}", 404, "no route"),
    Case("a route too long", TEXT + "/more", "{}", 404, "no route"),
    Case("a wrong method", TEXT, "", 405, "takes POST, not GET", method="GET"),
    Case("another wrong method", "/metrics", "{}", 405, "takes GET, not POST"),
    Case("a wrong flag in the query", TEXT + "?probabilities=maybe", '{"text": "a"}', 400, "probabilities"),
    Case("a wrong flag for the log", TEXT + "?wait_for_log=maybe", '{"text": "a"}', 400, "wait_for_log"),
    Case("a WebSocket's route without WebSocket", "/ws/predict", "", 426, "WebSocket", method="GET"),
    Case("an id that is none", "/predictions/abc", "", 400, "no request_id", method="GET"),
    Case("an id that was never given", "/predictions/01936f0e-0000-7000-8000-000000000000", "", 404, "in the log",
         method="GET"),
]
