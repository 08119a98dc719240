"""A web server that runs inside nodes: whole files and parts of them, digests of what is sent, and who asks.

`python3 web_server.py FILE PORT...`. At each port it answers UDP too, with what it was sent.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PIECE = 1 << 20


class Site(ThreadingHTTPServer):
    """Of one port, for both versions of IP."""

    address_family = socket.AF_INET6
    request_queue_size = 128
    file: int

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class Answering(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        """`/peer` is the client's address and port, anything else the file, from where the client says."""
        if self.path == "/peer":
            host, port = self.client_address[:2]
            self._say(f"{host.removeprefix('::ffff:')} {port}")
            return
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        left = os.fstat(self.server.file).st_size - begin
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(left))
        self.end_headers()
        while left:
            sent = os.sendfile(self.connection.fileno(), self.server.file, begin, left)
            begin, left = begin + sent, left - sent

    def do_PUT(self) -> None:
        """The answer is the digest of what was sent."""
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        buffer = memoryview(bytearray(_PIECE))
        while left:
            read = self.rfile.readinto1(buffer[:left])
            if not read:
                return
            digest.update(buffer[:read])
            left -= read
        self._say(digest.hexdigest())

    def _say(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def echo(port: int) -> None:
    """Sends every datagram back."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as own:
        own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        own.bind(("::", port))
        while True:
            data, peer = own.recvfrom(65_536)
            own.sendto(data, peer)


def main() -> None:
    """Serves until it is ended."""
    file = os.open(sys.argv[1], os.O_RDONLY)
    for port in map(int, sys.argv[2:]):
        site = Site(("::", port), Answering)
        site.file = file
        for serve in (site.serve_forever, lambda port=port: echo(port)):
            threading.Thread(target=serve).start()


if __name__ == "__main__":
    main()
