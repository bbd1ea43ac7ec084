"""HTTP by hand over a plain socket, for what a well-behaved client never sends."""

import socket


class RawConnection:
    def __init__(self, server, seconds=15):
        self.socket = socket.create_connection(("localhost", server.port), timeout=seconds)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def end_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError(f"the server closed; before that: {self.buffer!r}")
        self.buffer += data

    def take(self, count):
        if len(self.buffer) < count:
            pieces, length = [self.buffer], len(self.buffer)
            while length < count:
                data = self.socket.recv(1 << 20)
                if not data:
                    raise ConnectionError(f"the server closed after {length} of {count} bytes")
                pieces.append(data)
                length += len(data)
            self.buffer = b"".join(pieces)
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def head(self):
        """The status and headers of the next response, an interim one too."""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
        return int(first.split()[1]), headers

    def response(self):
        """Status, headers and body of the next response that is not an interim one."""
        status, headers = self.head()
        while 100 <= status < 200:
            status, headers = self.head()
        return status, headers, self.take(int(headers.get("content-length", 0))).decode()

    def is_closed(self):
        """Whether the server ends the connection, with nothing further sent."""
        try:
            return not self.buffer and self.socket.recv(1) == b""
        except ConnectionError:
            return True


def post(path, body, *headers, version="1.1"):
    body = body.encode() if isinstance(body, str) else body
    lines = [f"POST {path} HTTP/{version}", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
