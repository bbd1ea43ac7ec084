"""WebSocket by hand over a plain socket (RFC 6455), for frames that a library refuses to send."""

import os
import struct

from raw_http import RawConnection

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(opcode, payload=b"", final=True, masked=True, reserved=0):
    payload = payload.encode() if isinstance(payload, str) else payload
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return head + payload
    mask = os.urandom(4)
    repeated = (mask * (len(payload) // 4 + 1))[:len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + mask + mixed.to_bytes(len(payload), "big")


class RawWebSocket(RawConnection):
    def __init__(self, server, path="/ws/predict", **options):
        super().__init__(server, **options)
        self.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        status, headers = self.head()
        assert status == 101 and headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    def frame(self):
        """Opcode and payload of the next frame from the server."""
        first, second = self.take(2)
        assert first & 0x80 and not second & 0x80, "the server's frames are whole and unmasked"
        length = second
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
        return first & 0x0F, self.take(length)

    def close_code(self):
        """The code of the close frame, which must come next."""
        opcode, payload = self.frame()
        assert opcode == CLOSE, (opcode, payload)
        return struct.unpack(">H", payload[:2])[0]
