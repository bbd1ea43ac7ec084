"""WebSocket frames that no well-behaved client sends (RFC 6455), as data: add yours to the list.

Each says what is sent and the code with which the server closes; None: it goes on, and answers the good message that follows.
test_websocket_abuse.py sends each at once and byte by byte. The plainest breaches are in test_websocket.py.
"""

import struct
import zlib
from dataclasses import dataclass

from raw_websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

GOOD = b'{"text": "a joy to watch"}'


@dataclass
class Case:
    name: str
    sent: bytes
    code: int | None


def head(first, second, *rest):
    """A frame's head as bytes, with a mask of zeros where the mask bit is set."""
    return bytes([first, second, *rest])


def close(code, reason=b""):
    return frame(CLOSE, struct.pack(">H", code) + reason)


def compressed(data):
    squeezer = zlib.compressobj(wbits=-15)
    return (squeezer.compress(data) + squeezer.flush(zlib.Z_SYNC_FLUSH))[:-4]


RESERVED = [Case(f"reserved bits {bits >> 4:03b} on {name}", frame(opcode, payload, reserved=bits), 1002)
            for bits in (0x10, 0x20, 0x40, 0x70) for opcode, name, payload in ((TEXT, "text", GOOD), (PING, "a ping", b"")) ]
RESERVED += [Case(f"reserved bit on the {place}", sent, 1002) for place, sent in {
    "second fragment": frame(TEXT, GOOD[:5], final=False) + frame(CONTINUATION, GOOD[5:], reserved=0x40),
    "close": frame(CLOSE, struct.pack(">H", 1000), reserved=0x40)}.items()]
RESERVED += [Case("compression that was not agreed", frame(TEXT, compressed(GOOD), reserved=0x40), 1002),
             Case("a compressed bomb that was not agreed", frame(TEXT, compressed(bytes(10_000_000)), reserved=0x40), 1002),
             Case("compression without its bit is no text", frame(TEXT, b"\xab" + compressed(GOOD)), 1007)]

OPCODES = [Case(f"opcode {opcode:#x}", frame(opcode, "x"), 1002) for opcode in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF)]
OPCODES += [Case("an unknown opcode inside a message", frame(TEXT, GOOD[:5], final=False) + frame(5, "x"), 1002)]

LENGTHS = [
    Case("125 in sixteen bits", head(0x81, 0xFE, 0, 125, 0, 0, 0, 0) + b"x" * 125, 1002),
    Case("65535 in 64 bits", head(0x81, 0xFF) + struct.pack(">Q", 65535) + bytes(4), 1002),
    Case("nothing in 64 bits", head(0x81, 0xFF) + struct.pack(">Q", 0) + bytes(4), 1002),
    Case("2^63", head(0x82, 0xFF) + struct.pack(">Q", 1 << 63) + bytes(4), 1002),
    Case("2^64 - 1", head(0x82, 0xFF) + struct.pack(">Q", (1 << 64) - 1) + bytes(4), 1002),
    Case("2^63 - 1", head(0x82, 0xFF) + struct.pack(">Q", (1 << 63) - 1) + bytes(4), 1009),
    Case("2^32 + 1, which is 1 in 32 bits", head(0x82, 0xFF) + struct.pack(">Q", (1 << 32) + 1) + bytes(4) + b"x", 1009),
    Case("one beyond the limit", head(0x82, 0xFF) + struct.pack(">Q", (64 << 20) + 1) + bytes(4), 1009),
    Case("2^63 - 1 as a second fragment, where a sum would overflow",
         frame(BINARY, "x" * 100, final=False) + head(0x80, 0xFF) + struct.pack(">Q", (1 << 63) - 1) + bytes(4), 1009),
    Case("a ping in sixteen bits", head(0x89, 0xFE, 0, 126, 0, 0, 0, 0), 1002),
    Case("a ping in 64 bits", head(0x89, 0xFF) + struct.pack(">Q", 1 << 40) + bytes(4), 1002),
]

MASKS = [
    Case("an unmasked ping", frame(PING, "x", masked=False), 1002),
    Case("an unmasked close", frame(CLOSE, struct.pack(">H", 1000), masked=False), 1002),
    Case("an unmasked second fragment", frame(TEXT, GOOD[:5], final=False) + frame(CONTINUATION, GOOD[5:], masked=False), 1002),
    Case("unmasked and empty", frame(TEXT, b"", masked=False), 1002),
    Case("a mask of zeros is a mask", head(0x81, 0x80 | len(GOOD), 0, 0, 0, 0) + GOOD, None),
]

FRAGMENTS = [
    Case("a final continuation of nothing", frame(CONTINUATION, "x"), 1002),
    Case("a first continuation of nothing", frame(CONTINUATION, "x", final=False), 1002),
    Case("a continuation behind a whole message", frame(TEXT, GOOD) + frame(CONTINUATION, "x"), 1002),
    Case("a binary message inside a text message", frame(TEXT, GOOD[:5], final=False) + frame(BINARY, "x"), 1002),
    Case("a fragmented pong", frame(PONG, "x", final=False), 1002),
    Case("a fragmented close", frame(CLOSE, struct.pack(">H", 1000), final=False), 1002),
    Case("ten thousand empty fragments", frame(TEXT, b"", final=False) + frame(CONTINUATION, b"", final=False) * 10_000
         + frame(CONTINUATION, GOOD), None),
    Case("pongs that nobody asked for, inside a message",
         frame(TEXT, GOOD[:5], final=False) + frame(PONG, "x") * 100 + frame(CONTINUATION, GOOD[5:]), None),
    Case("a close inside a message", frame(TEXT, GOOD[:5], final=False) + close(1000), 1000),
]

CLOSES = [Case(f"close with {code}", close(code), 1002)
          for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65535)]
CLOSES += [Case(f"close with {code} is echoed", close(code), code) for code in (1000, 1001, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999)]
CLOSES += [
    Case("close of one byte", frame(CLOSE, b"\x03"), 1002),
    Case("close of 126 bytes", head(0x88, 0xFE, 0, 126, 0, 0, 0, 0) + bytes(126), 1002),
    Case("close whose reason ends inside a character", close(1000, b"\xe2\x82"), 1007),
    Case("close whose reason is a surrogate", close(1000, b"\xed\xa0\x80"), 1007),
    Case("frames behind a close are not read", close(4001) + frame(TEXT, GOOD) + frame(3, "x") + close(4002), 4001),
    Case("an unmasked frame behind a close is not read", close(4001) + frame(TEXT, GOOD, masked=False), 4001),
]

# Not UTF-8: RFC 3629. Whole, and cut where only the next fragment would tell.
WRONG = {"a lone continuation byte": b"\x80", "0xC0, an overlong NUL": b"\xc0\x80", "0xC1": b"\xc1\xbf", "an overlong slash": b"\xe0\x80\xaf",
         "an overlong of four": b"\xf0\x80\x80\xaf", "beyond U+10FFFF": b"\xf4\x90\x80\x80", "0xF5": b"\xf5\x80\x80\x80",
         "0xFE": b"\xfe", "0xFF": b"\xff", "five bytes": b"\xf8\x88\x80\x80\x80", "a high surrogate": b"\xed\xa0\x80",
         "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80", "two of three bytes": b"\xe2\x82", "three of four bytes": b"\xf0\x9f\x98"}
TEXTS = [Case(f"text with {name}", frame(TEXT, b'{"text": "' + wrong + b'"}'), 1007) for name, wrong in WRONG.items()]
TEXTS += [Case(f"text with {name}, cut inside", b"".join(
    frame(TEXT if i == 0 else CONTINUATION, piece, final=False) for i, piece in enumerate([b'{"text": "' + wrong[:1], wrong[1:]]))
    + frame(PING, "between") + frame(CONTINUATION, b'"}'), 1007) for name, wrong in WRONG.items()]
TEXTS += [Case("text that ends inside a character", frame(TEXT, b'{"text": "\xe2\x82'), 1007),
          Case("a binary message need not be UTF-8", frame(BINARY, b"\xff\xfe"), None)]

WEBSOCKET_ABUSE = RESERVED + OPCODES + LENGTHS + MASKS + FRAGMENTS + CLOSES + TEXTS
