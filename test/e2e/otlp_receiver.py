"""A collector's receiving end: OTLP over HTTP, decoded by OpenTelemetry's own messages."""

import http.server
import threading

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2


class Span:
    def __init__(self, resource, scope, message):
        self.resource, self.scope, self.message = resource, scope, message
        self.name = message.name
        self.id, self.parent = message.span_id.hex(), message.parent_span_id.hex()
        self.trace = message.trace_id.hex()
        self.attributes = attributes_of(message)
        self.begin, self.end = message.start_time_unix_nano, message.end_time_unix_nano
        self.failed = message.status.code == 2


def attributes_of(message):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in message.attributes}


class Receiver:
    """Listens on a free port. `answers`: what the next requests get instead of 200, each (status, headers). `authority`: it speaks TLS."""

    def __init__(self, authority=None):
        self.spans, self.requests, self.answers = [], [], []
        self.hold = threading.Event()  # cleared: requests wait for it
        self.hold.set()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers.items())))
                receiver.hold.wait(60)
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                if status == 200:
                    receiver.keep(body)
                answer = b"" if status != 200 else trace_service_pb2.ExportTraceServiceResponse().SerializeToString()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if authority:
            authority.serve_tls(self.server)
        self.url = f"{'https' if authority else 'http'}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keep(self, body):
        message = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
        for resource_spans in message.resource_spans:
            resource = attributes_of(resource_spans.resource)
            for scope_spans in resource_spans.scope_spans:
                self.spans += [Span(resource, scope_spans.scope, span) for span in scope_spans.spans]

    def of(self, trace):
        return [span for span in list(self.spans) if span.trace == trace]

    def close(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()
