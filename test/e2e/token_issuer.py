"""An issuer of tokens (JWT): keys made by the openssl program, its key set served over HTTP on this machine."""

import base64
import http.server
import json
import subprocess
import threading
import time


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value):
    return encoded(json.dumps(value).encode())


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, check=True, capture_output=True).stdout


class SigningKey:
    """An RSA key (RS256) or one on P-256 (ES256)."""

    def __init__(self, folder, name, alg="RS256"):
        self.name, self.alg, self.file = name, alg, folder / f"{name}.key"
        kind = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"] if alg == "RS256" else \
            ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        openssl("genpkey", *kind, "-out", self.file)

    def public(self):
        key = {"kid": self.name, "use": "sig", "alg": self.alg}
        if self.alg == "RS256":
            modulus = openssl("rsa", "-in", self.file, "-noout", "-modulus").decode().strip().partition("=")[2]
            return {**key, "kty": "RSA", "n": encoded(bytes.fromhex(modulus)), "e": "AQAB"}
        point = openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")[-64:]
        return {**key, "kty": "EC", "crv": "P-256", "x": encoded(point[:32]), "y": encoded(point[32:])}

    def pem(self):
        return openssl("pkey", "-in", self.file, "-pubout")

    def sign(self, text):
        signature = openssl("dgst", "-sha256", "-sign", self.file, data=text.encode())
        if self.alg == "RS256":
            return signature
        numbers, rest = [], signature[2:]  # a sequence of two integers, in DER
        for _ in range(2):
            size = rest[1]
            numbers.append(rest[2:2 + size].lstrip(b"\0").rjust(32, b"\0"))
            rest = rest[2 + size:]
        return b"".join(numbers)


class Issuer:
    """`answer` is what GET /keys gives; None: 500. `fetches` counts the questions. `authority`: it speaks TLS."""

    NAME = "https://issuer.example"

    def __init__(self, *keys, authority=None):
        self.fetches, self.answer = 0, None
        self.publish(*keys)
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.fetches += 1
                body = issuer.answer
                self.send_response(200 if body is not None else 500)
                self.send_header("Cache-Control", "max-age=3600")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if authority:
            authority.serve_tls(self.server)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"{'https' if authority else 'http'}://127.0.0.1:{self.server.server_port}/keys"

    def publish(self, *keys):
        self.answer = json.dumps({"keys": [key.public() for key in keys]}).encode() if keys else None

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def claims(self, **more):
        return {"iss": self.NAME, "aud": "saccade", "sub": "alice", "exp": int(time.time()) + 600,
                "scope": "saccade:predict saccade:read", **more}

    def token(self, key, header=None, **claims):
        text = part({"alg": key.alg, "kid": key.name, **(header or {})}) + "." + part(self.claims(**claims))
        return text + "." + encoded(key.sign(text))
