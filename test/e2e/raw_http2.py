"""HTTP/2 by hand over a plain socket (RFC 9113), for frames that no library sends."""

import struct

import hpack

from raw_http import RawConnection

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR = range(7)
REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(7, 12)
INITIAL_WINDOW_SIZE = 0x4

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def block(fields):
    """Without the dynamic table and Huffman's code, so that each block stands alone and any byte may be in it."""
    def text(value):
        value = value.encode("latin-1") if isinstance(value, str) else value
        return hpack.hpack.encode_integer(len(value), 7) + value
    return b"".join(b"\0" + bytes(text(name)) + bytes(text(value)) for name, value in fields)


def pseudo(method="GET", path="/health/live", scheme="http", authority="localhost"):
    return [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority)]


def request(stream, fields, body=None, end=True):
    head = frame(HEADERS, END_HEADERS | (END_STREAM if body is None and end else 0), stream, block(fields))
    return head if body is None else head + frame(DATA, END_STREAM if end else 0, stream, body)


class RawHttp2(RawConnection):
    def __init__(self, server, first=b"", **options):
        super().__init__(server, **options)
        self.decoder = hpack.Decoder()
        self.acknowledges = True  # False: not even that may come between two frames
        self.goaway = None   # the error code of the last one
        self.resets = {}     # error codes by stream
        self.answers = {}    # [status, body, whole] by stream
        self.send(PREFACE + (first or settings()))

    def read(self):
        """One frame; what it says is kept. False: the connection has ended."""
        try:
            head = self.take(9)
            payload = self.take(int.from_bytes(head[:3], "big"))
        except (ConnectionError, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                raise
            return False
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
        if kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        elif kind == RST_STREAM:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == HEADERS:
            fields = dict(self.decoder.decode(payload, raw=True))
            self.answers[stream] = [int(fields[b":status"]), b"", bool(flags & END_STREAM)]
        elif kind == DATA:
            self.answers[stream][1] += payload
            self.answers[stream][2] = bool(flags & END_STREAM)
        elif kind in (SETTINGS, PING) and not flags & ACK and self.acknowledges:
            try:
                self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
            except OSError:
                pass  # it has ended meanwhile; what it had said is still to be read
        return True

    def until_over(self, stream):
        """Reads until this stream is answered or reset, or the connection ends: (status or None, error code or None)."""
        while not (stream in self.resets or self.answers.get(stream, [0, b"", False])[2]):
            if not self.read():
                break
        return self.answers.get(stream, [None])[0], self.resets.get(stream, self.goaway)

    def until_closed(self):
        """Reads until the server ends the connection; the error code of its GOAWAY, None where it sent none."""
        while self.read():
            pass
        return self.goaway
