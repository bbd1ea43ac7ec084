"""Requests by which one request is smuggled inside another, as data: add yours to the list.

Two programs that read the same bytes and see different requests in them are what smuggling lives on (RFC 9112, 11.2). So
each case says the one meaning that the bytes have here: refused and the connection closed, or exactly these answers and no
other. CANARY stands where only a reader that was deceived finds a request; nobody may ever answer it.
test_smuggling.py sends each case whole and again byte by byte.

The rules are those of RFC 9110 and RFC 9112; the forms in which they were broken are public since Watchfire's paper of 2005.
"""

from dataclasses import dataclass

CANARY = "GET /canary HTTP/1.1\r\nHost: a\r\n\r\n"
GOOD = '{"text": "a joy to watch"}'
# As a chunked body: the good one, and the canary's bytes as a chunk's size would count them.
CHUNKS = f"{len(GOOD):x}\r\n{GOOD}\r\n0\r\n\r\n"


def post(*headers, body="", version="HTTP/1.1", target="/predict/sentiment", host="Host: a", end="\r\n"):
    lines = [f"POST {target} {version}", *([host] if host else []), *headers, "", ""]
    return end.join(lines) + body


def get(*headers, target="/health/live", method="GET", version="HTTP/1.1", host="Host: a", body=""):
    lines = [f"{method} {target} {version}", *([host] if host else []), *headers, "", ""]
    return "\r\n".join(lines) + body


@dataclass
class Case:
    """`answers`: the statuses that come back, in order. `closed`: with the last of them the server ends the connection by itself."""

    name: str
    sent: str | bytes
    answers: tuple[int, ...]
    closed: bool = True

    @property
    def bytes(self):
        return self.sent.encode("latin-1") if isinstance(self.sent, str) else self.sent


def refused(name, sent, status=400):
    return Case(name, sent, (status,))


def taken(name, sent, *answers):
    return Case(name, sent, answers, closed=False)


LENGTH = f"Content-Length: {len(GOOD)}"
CHUNKED = "Transfer-Encoding: chunked"

# CL.TE and TE.CL: a length and chunks. RFC 9112, 6.3 allows a server to refuse both, and that is the only safe thing.
BOTH = [
    refused("CL.TE: the rest behind the last chunk", post("Content-Length: 5", CHUNKED, body="0\r\n\r\n" + CANARY)),
    refused("CL.TE: a length beyond the chunks",
            post(f"Content-Length: {5 + len(CANARY)}", CHUNKED, body="0\r\n\r\n" + CANARY)),
    refused("TE.CL: a length within the first chunk",
            post("Content-Length: 4", CHUNKED, body=f"{len(CANARY):x}\r\n{CANARY}\r\n0\r\n\r\n")),
    refused("TE.CL: chunks before the length", post(CHUNKED, "Content-Length: 4", body=f"{len(CANARY):x}\r\n{CANARY}\r\n0\r\n\r\n")),
    refused("TE.0: chunks and a length of nothing", post(CHUNKED, "Content-Length: 0", body=CHUNKS + CANARY)),
    refused("CL.0 in HTTP/1.0", post(CHUNKED, "Content-Length: 0", "Connection: keep-alive", version="HTTP/1.0", body=CHUNKS + CANARY)),
]

# TE.TE: a coding that one reader knows as chunked and another does not.
CODINGS = [refused(f"TE.TE: {name}", post(*headers, body=CHUNKS + CANARY), None) for name, headers in {
    "xchunked": ["Transfer-Encoding: xchunked"],
    "chunkedx": ["Transfer-Encoding: chunkedx"],
    "identity": ["Transfer-Encoding: identity"],
    "chunked, identity": ["Transfer-Encoding: chunked, identity"],
    "chunked then gzip": ["Transfer-Encoding: chunked, gzip"],
    "gzip alone": ["Transfer-Encoding: gzip"],
    "in quotes": ['Transfer-Encoding: "chunked"'],
    "a parameter": ["Transfer-Encoding: chunked;q=1"],
    "a vertical tab before it": ["Transfer-Encoding: \x0bchunked"],
    "a form feed behind it": ["Transfer-Encoding: chunked\x0c"],
    "a NUL behind it": ["Transfer-Encoding: chunked\0"],
    "a space inside": ["Transfer-Encoding: chu nked"],
    "no colon": ["Transfer-Encoding chunked"],
    "a space before the colon": ["Transfer-Encoding : chunked"],
    "a tab before the colon": ["Transfer-Encoding\t: chunked"],
    "a space before the name": [" Transfer-Encoding: chunked"],
    "folded": ["Transfer-Encoding:\r\n chunked"],
    "folded after a comma": ["Transfer-Encoding: gzip,\r\n chunked"],
    "a carriage return inside": ["Transfer-Encoding: chun\rked"],
    "a line feed inside": ["X: y\nTransfer-Encoding: chunked"],
    "a carriage return before the name": ["X: y\rTransfer-Encoding: chunked"],
    "hidden in another header's value": ["X: y\r\r\nTransfer-Encoding: chunked"],
    "a byte above ASCII in the name": ["Transfer\x96Encoding: chunked", "Transfer-Encoding: xchunked"],
    "a dotless i": ["Transfer-Encod\xc4\xb1ng: chunked"],
    "chunked twice": ["Transfer-Encoding: chunked, chunked"],
    "chunked in two headers": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "chunked and another in two headers": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
    "another and chunked in two headers": ["Transfer-Encoding: identity", "Transfer-Encoding: chunked"],
    "empty": ["Transfer-Encoding:"],
    "a comma alone": ["Transfer-Encoding: ,"],
    "gzip, chunked": ["Transfer-Encoding: gzip, chunked"],
    "tabs around it": ["Transfer-Encoding: \t chunked \t"],  # allowed, but not by every reader
}.items()] + [
    # RFC 9112, 6.1: faulty framing, whatever else it says.
    refused("TE.TE: HTTP/1.0 knows no chunks", post(CHUNKED, "Connection: keep-alive", version="HTTP/1.0", body=CHUNKS + CANARY)),
    taken("TE: in capitals and with spaces around is chunked", post("TRANSFER-ENCODING:  CHUNKED  ", body=CHUNKS) + get(), 200, 200),
]

# Lengths that readers count differently.
LENGTHS = [refused(f"CL: {name}", post(*headers, body=GOOD + CANARY)) for name, headers in {
    "two that differ": [LENGTH, "Content-Length: 0"],
    "two that agree": [LENGTH, LENGTH],
    "a list that agrees": [f"{LENGTH}, {len(GOOD)}"],
    "a list that differs": [f"{LENGTH}, 0"],
    "a plus": [f"Content-Length: +{len(GOOD)}"],
    "a minus": ["Content-Length: -1"],
    "a minus before nothing": ["Content-Length: -0"],
    "hexadecimal": [f"Content-Length: 0x{len(GOOD):x}"],
    "a fraction": [f"{LENGTH}.0"],
    "an exponent": ["Content-Length: 2e1"],
    "an underscore": ["Content-Length: 2_6"],
    "a space between digits": ["Content-Length: 2 6"],
    "a tab between digits": ["Content-Length: 2\t6"],
    "words behind it": [f"{LENGTH} bytes"],
    "in quotes": [f'Content-Length: "{len(GOOD)}"'],
    "nothing": ["Content-Length:"],
    "a space": ["Content-Length: "],
    "2^64": ["Content-Length: 18446744073709551616"],
    "2^64 and the length": [f"Content-Length: {2**64 + len(GOOD)}"],
    "forty digits": ["Content-Length: " + "9" * 40],
    "digits of another script": ["Content-Length: \xd9\xa2\xd9\xa6"],
    "a NUL behind it": [LENGTH + "\0"],
    "a vertical tab before it": [f"Content-Length:\x0b{len(GOOD)}"],
    "a space before the colon": [f"Content-Length : {len(GOOD)}"],
    "a space before the name": [f" Content-Length: {len(GOOD)}"],
    "a byte order mark before the name": [f"\xef\xbb\xbfContent-Length: {len(GOOD)}"],
    "folded": [f"Content-Length:\r\n {len(GOOD)}"],
    "folded onto another header": ["X: y", f" {LENGTH}"],
    "a line feed before it": [f"X: y\n{LENGTH}"],
    "a carriage return before it": [f"X: y\r{LENGTH}"],
    "a carriage return behind it": [f"{LENGTH}\r"],
}.items()] + [
    taken("CL: leading zeros are decimal", post(f"Content-Length: 000{len(GOOD)}", body=GOOD) + get(), 200, 200),
    taken("CL: spaces and tabs around it", post(f"Content-Length: \t{len(GOOD)} \t ", body=GOOD) + get(), 200, 200),
    taken("CL: on a GET its body is a body", get(f"Content-Length: {len(CANARY)}", body=CANARY) + get(), 200, 200),
    taken("CL: chunks on a GET are its body", get(CHUNKED, body=f"{len(CANARY):x}\r\n{CANARY}\r\n0\r\n\r\n") + get(), 200, 200),
    taken("CL: none on a POST is no body", post(body=get()), 400, 200),
    taken("CL.0: a body where a route takes none", get(LENGTH, target="/docs", body=GOOD) + get(), 200, 200),
    taken("CL.0: a body on an unknown route", post(f"Content-Length: {len(CANARY)}", target="/nothing", body=CANARY) + get(), 404, 200),
    taken("CL.0: a body with a wrong method",
          post(f"Content-Length: {len(CANARY)}", target="/health/live", body=CANARY) + get(), 405, 200),
]

# The ends of lines: CR LF and nothing else (RFC 9112, 2.2).
ENDS = [
    refused("bare LF everywhere", post(LENGTH, body=GOOD, end="\n"), 505),
    refused("bare LF behind the request line", "GET /health/live HTTP/1.1\nHost: a\r\n\r\n" + CANARY, 505),
    refused("bare LF behind a header", "GET /health/live HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" + CANARY),
    refused("bare LF at the end of the head", "GET /health/live HTTP/1.1\r\nHost: a\r\n\n" + CANARY),
    refused("bare CR behind the request line", "GET /health/live HTTP/1.1\rHost: a\r\n\r\n" + CANARY),
    refused("bare CR behind a header", "GET /health/live HTTP/1.1\r\nHost: a\rX: y\r\n\r\n" + CANARY),
    refused("bare CR at the end of the head", "GET /health/live HTTP/1.1\r\nHost: a\r\n\r" + CANARY),
    refused("CR CR LF behind a header", "GET /health/live HTTP/1.1\r\nHost: a\r\r\nX: y\r\n\r\n" + CANARY),
    refused("folded header", "GET /health/live HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n" + CANARY),
    refused("folded with a tab", "GET /health/live HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n" + CANARY),
    refused("a space before the first header", "GET /health/live HTTP/1.1\r\n Host: a\r\n\r\n" + CANARY),
    refused("a line of a space as the end of the head", "GET /health/live HTTP/1.1\r\nHost: a\r\n \r\n" + CANARY),
    refused("NUL in a header's value", "GET /health/live HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n" + CANARY),
    refused("NUL in a header's name", "GET /health/live HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n" + CANARY),
    refused("NUL before the method", "\0GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n" + CANARY, 501),
    refused("a name of nothing", "GET /health/live HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n" + CANARY),
    refused("a header without a colon", "GET /health/live HTTP/1.1\r\nHost: a\r\nX y\r\n\r\n" + CANARY),
    refused("a control character in a value", "GET /health/live HTTP/1.1\r\nHost: a\r\nX: a\x01b\r\n\r\n" + CANARY),
    refused("DEL in a value", "GET /health/live HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n" + CANARY),
    refused("brackets in a name", "GET /health/live HTTP/1.1\r\nHost: a\r\nX[]: y\r\n\r\n" + CANARY),
    taken("empty lines before a request are passed over", "\r\n\r\n" + get() + "\r\n" + get(), 200, 200),
]

# Chunks.
def chunked(body):
    return post(CHUNKED, body=body)


SIZE = f"{len(GOOD):x}"
CHUNKING = [refused(f"chunk: {name}", chunked(body)) for name, body in {
    "0x before the size": f"0x{SIZE}\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "a plus before the size": f"+{SIZE}\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "a minus before the size": f"-{SIZE}\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "a space before the size": f" {SIZE}\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "a size in quotes": f'"{SIZE}"\r\n{GOOD}\r\n0\r\n\r\n{CANARY}',
    "an underscore in the size": f"1_a\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "no size": f"\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "an extension without a size": f";x=y\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "a size of 2^64 and one": f"10000000000000001\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "a size of two bytes less": f"{len(GOOD) - 2:x}\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "a size beyond the data": f"{len(GOOD) + 2:x}\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "no line end behind the data": f"{SIZE}\r\n{GOOD}0\r\n\r\n{CANARY}",
    "bare LF behind the size": f"{SIZE}\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "bare CR behind the size": f"{SIZE}\r{GOOD}\r\n0\r\n\r\n{CANARY}",
    "bare LF behind the data": f"{SIZE}\r\n{GOOD}\n0\r\n\r\n{CANARY}",
    "bare LF behind the last size": f"{SIZE}\r\n{GOOD}\r\n0\n\r\n{CANARY}",
    "bare LF as the end": f"{SIZE}\r\n{GOOD}\r\n0\r\n\n{CANARY}",
    "bare LF in an extension": f"{SIZE};x\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "bare CR in an extension": f"{SIZE};x\ry\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "a request in an extension": f"{SIZE};x\n{CANARY}{GOOD}\r\n0\r\n\r\n",
    "an extension in an unclosed quote": f'{SIZE};x="y\r\n{GOOD}\r\n0\r\n\r\n{CANARY}',
    "NUL in an extension": f"{SIZE};x=\0\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "a space and a number behind the size": f"{SIZE} 0\r\n{GOOD}\r\n0\r\n\r\n{CANARY}",
    "bare LF behind a trailer": f"{SIZE}\r\n{GOOD}\r\n0\r\nX: y\n\r\n{CANARY}",
    "a folded trailer": f"{SIZE}\r\n{GOOD}\r\n0\r\nX: y\r\n z\r\n\r\n{CANARY}",
    "a trailer without a colon": f"{SIZE}\r\n{GOOD}\r\n0\r\nGET /canary HTTP/1.1\r\n\r\n",
    "a space before a trailer's colon": f"{SIZE}\r\n{GOOD}\r\n0\r\nX : y\r\n\r\n{CANARY}",
}.items()] + [
    taken("chunk: extensions and quotes are passed over",
          chunked(f'{SIZE};a;b=c;d="e;\\"f"\r\n{GOOD}\r\n0;last\r\n\r\n') + get(), 200, 200),
    taken("chunk: many zeros before the size", chunked(f"{'0' * 14}{SIZE}\r\n{GOOD}\r\n000\r\n\r\n") + get(), 200, 200),
    taken("chunk: capitals are hexadecimal too", chunked(f"{SIZE.upper()}\r\n{GOOD}\r\n0\r\n\r\n") + get(), 200, 200),
    refused("chunk: a length as a trailer", chunked(f"{CHUNKS[:-2]}Content-Length: {len(CANARY)}\r\n\r\n{CANARY}")),
    refused("chunk: a coding as a trailer", chunked(f"{CHUNKS[:-2]}Transfer-Encoding: chunked\r\n\r\n{CANARY}")),
    taken("chunk: a trailer is no header", chunked(f"{CHUNKS[:-2]}X-Request-Timeout-Ms: 0\r\nHost: b\r\n\r\n") + get(), 200, 200),
    taken("chunk: a request as a body", chunked(f"{len(CANARY):x}\r\n{CANARY}\r\n0\r\n\r\n") + get(), 400, 200),
]

# Who is asked: RFC 9112, 3.2. Where a proxy and a server disagree about it, the one's rule does not hold for the other.
HOSTS = [
    refused("Host: none", get(host=None) + CANARY),
    refused("Host: two that differ", get("Host: b") + CANARY),
    refused("Host: two that agree", get("Host: a") + CANARY),
    refused("Host: a space inside", get(host="Host: a b") + CANARY),
    refused("Host: a path", get(host="Host: a/b") + CANARY),
    refused("Host: somebody before an @", get(host="Host: a@b") + CANARY),
    refused("Host: a comma", get(host="Host: a, b") + CANARY),
    refused("absolute form without a Host", get(target="http://a/health/live", host=None) + CANARY),
    taken("Host: with a port, an IPv6 address, empty",
          get(host="Host: a:80") + get(host="Host: [::1]:80") + get(host="Host:") + get(host="Host: a_b.c-d"), 200, 200, 200, 200),
    taken("HTTP/1.0 needs no Host", get("Connection: keep-alive", host=None, version="HTTP/1.0"), 200),
    taken("absolute form asks the path", get(target="http://a/health/live") + get(target="HTTP://a/health/live"), 200, 200),
    taken("absolute form of another host than Host's asks the path", get(target="http://b/health/live"), 200),
    taken("absolute form whose authority hides a path", get(target="http://a?/health/live"), 200),
    taken("absolute form of nothing but an authority", get(target="http://a"), 200),
    refused("absolute form of another scheme", get(target="ftp://a/health/live") + CANARY),
    refused("authority form outside CONNECT", get(target="a:80") + CANARY),
    refused("a relative path", get(target="health/live") + CANARY),
    refused("CONNECT", get(method="CONNECT", target="a:80") + CANARY, 501),
    refused("CONNECT with a body", get(f"Content-Length: {len(CANARY)}", method="CONNECT", target="a:80", body=CANARY), 501),
    refused("CONNECT to a path", get(method="CONNECT", target="/canary"), 501),
    taken("OPTIONS for the server", get(method="OPTIONS", target="*") + get(), 404, 200),
]

# The request line.
LINES = [
    refused("HTTP/0.9", "GET /health/live\r\n" + CANARY),
    refused("HTTP/0.9 said", get(version="HTTP/0.9") + CANARY, 505),
    refused("HTTP/1.2", get(version="HTTP/1.2") + CANARY, 505),
    refused("HTTP/2.0 without its preface", get(version="HTTP/2.0") + CANARY, 505),
    refused("HTTP/1.10", get(version="HTTP/1.10") + CANARY, 505),
    refused("http/1.1 in small letters", get(version="http/1.1") + CANARY),
    refused("no version", "GET /health/live \r\nHost: a\r\n\r\n" + CANARY),
    refused("another protocol", get(version="RTSP/1.0") + CANARY, 505),
    refused("ICE, which some parsers know", get(version="ICE/1.0", method="SOURCE") + CANARY, None),
    refused("two targets", "GET /health/live /canary HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("a tab between the parts", "GET\t/health/live\tHTTP/1.1\r\nHost: a\r\n\r\n" + CANARY, None),
    refused("a space behind the version", "GET /health/live HTTP/1.1 \r\nHost: a\r\n\r\n" + CANARY, 505),
    refused("a space before the method", " GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n" + CANARY, None),
    refused("a method in small letters", get(method="get") + CANARY, 501),
    refused("a NUL in the target", get(target="/health\0/live") + CANARY),
    refused("a control character in the target", get(target="/health/\x01live") + CANARY),
    refused("a carriage return in the target", get(target="/health/live\rX") + CANARY),
    refused("HTTP/2's preface behind a request", get() + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (200, None)),
    taken("a fragment is not sent", get(target="/health/live?#/canary"), 200),
]

# A change of protocol that does not come: the next bytes are still HTTP/1.1's.
H2C = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"]
UPGRADES = [
    taken("h2c is not taken up", get(*H2C) + get(), 200, 200),
    taken("h2c with a body", post(*H2C, LENGTH, body=GOOD) + get(), 200, 200),
    taken("h2c with a chunked body", post(*H2C, CHUNKED, body=CHUNKS) + get(), 200, 200),
    taken("h2c without being named in Connection", get("Upgrade: h2c") + get(), 200, 200),
    refused("h2c and the preface behind it", get(*H2C) + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", (200, None)),
    taken("websocket where there is none", get("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==") + get(), 200, 200),
    taken("a websocket of a wrong version leaves HTTP/1.1",
          get("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 7777",
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", target="/ws/predict") + get(), 426, 200),
    taken("a websocket's handshake with a body: the body is no frame",
          get("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Content-Length: {len(CANARY)}",
              target="/ws/predict", body=CANARY) + get(), 426, 200),
    taken("Expect and the body at once", post(LENGTH, "Expect: 100-continue", body=GOOD) + get(), 200, 200),
    taken("Expect without a body", get("Expect: 100-continue") + get(), 200, 200),
    refused("Expect twice in one", post(LENGTH, "Expect: 100-continue, 100-continue", body=GOOD) + CANARY, 417),
]

# What Connection names is between two hops, and means nothing here.
HOPS = [
    taken("Connection names the length", post("Connection: Content-Length", LENGTH, body=GOOD) + get(), 200, 200),
    taken("Connection names the coding", post("Connection: Transfer-Encoding", CHUNKED, body=CHUNKS) + get(), 200, 200),
    Case("Connection: close ends it, whatever follows", get("Connection: close") + CANARY, (200,)),
    Case("Connection: close in a list", get("Connection: keep-alive, close") + CANARY, (200,)),
    Case("HTTP/1.0 ends it by itself", get(version="HTTP/1.0") + CANARY, (200,)),
]

SMUGGLED_REQUESTS = BOTH + CODINGS + LENGTHS + ENDS + CHUNKING + HOSTS + LINES + UPGRADES + HOPS
