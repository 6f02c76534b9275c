"""The Knative hello world in Python: standard library only."""
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TARGET = os.environ.get("TARGET", "World")


class Hello(BaseHTTPRequestHandler):
    """Answers every request with a greeting and logs one line for it."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        """Reads the body, whatever it is, and greets."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = f"Hello {TARGET}!\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = answer
    do_POST = answer


class Server(ThreadingHTTPServer):
    """A server that does not look up its own name: there is no resolver in the container."""

    daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        self.socket.setsockopt(__import__("socket").SOL_SOCKET, __import__("socket").SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = "hello", self.server_address[1]


if __name__ == "__main__":
    Server(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Hello).serve_forever()
