"""The page of metrics at the controller's port, and who may read it.

Where the controller listens on loopback, whoever is on this machine may: the page has names and counters, and
no secret. Elsewhere, and for who asks by a name that is none of loopback's (a web page that had its own name
point here would), it takes a token of its own, which opens nothing else.

A page is built in a thread, from copies that the event loop makes; who asks within a second of another gets
the same. It is compressed for whoever takes that: a connection has two seconds for what does not fit into its
buffers.
"""

from __future__ import annotations

import asyncio
import gzip
import hmac
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Response

from nextmini.controller.exposition import CONTENT_TYPE, render
from nextmini.controller.metric_families import families

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Request

    from nextmini.controller.metric_families import Snapshot

PATH = "/metrics"
FRESH_SECONDS = 1.0
_FASTEST = 1

Access = Literal["open", "token"]


class Bearer:
    """A token that is demanded in a header (RFC 6750, section 2.1)."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    def stands_in(self, request: Request) -> bool:
        """Whether the request has it, once."""
        given = request.headers.get_all("Authorization")
        return len(given) == 1 and hmac.compare_digest(
            given[0].encode("utf-8", "surrogateescape"), self._expected
        )


@dataclass(frozen=True, slots=True)
class _Built:
    """A page, and the same compressed."""

    plain: bytes
    small: bytes


class MetricsPage:
    """Answers requests for the metrics."""

    def __init__(self, look: Callable[[], Snapshot], token: str) -> None:
        """`look` copies what there is to show; it is called in the event loop."""
        self._look = look
        self._bearer = Bearer(token)
        self._built: asyncio.Task[_Built] | None = None
        self._begun = 0.0

    async def answer(self, request: Request, access: Access) -> Response:
        """The page, or a refusal."""
        opened = access == "open" and asked_by_loopback(request.headers.get_all("Host"))
        if not opened and not self._bearer.stands_in(request):
            text = b"the metrics demand the token in the file metrics-token\n"
            return _response(HTTPStatus.UNAUTHORIZED, text, "text/plain; charset=utf-8")
        built = await self._page()
        if takes_gzip(request.headers.get_all("Accept-Encoding")):
            response = _response(HTTPStatus.OK, built.small, CONTENT_TYPE)
            response.headers["Content-Encoding"] = "gzip"
            return response
        return _response(HTTPStatus.OK, built.plain, CONTENT_TYPE)

    async def _page(self) -> _Built:
        now = asyncio.get_running_loop().time()
        built = self._built
        if built is None or (built.done() and now - self._begun >= FRESH_SECONDS):
            self._begun = now
            built = self._built = asyncio.create_task(asyncio.to_thread(_build, self._look()))
        # Who asked first may leave while others wait.
        return await asyncio.shield(built)


def metrics_url(controller: str) -> str:
    """Where the page is, by the URL that dataplane processes connect to."""
    parts = urlsplit(controller)
    return f"{'https' if parts.scheme == 'wss' else 'http'}://{parts.netloc}{PATH}"


def asked_by_loopback(hosts: list[str]) -> bool:
    """Whether the name by which somebody asks, in the header Host, is one of this machine for itself."""
    if len(hosts) != 1:
        return False
    try:
        name = urlsplit(f"//{hosts[0]}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def takes_gzip(accepted: list[str]) -> bool:
    """Whether headers Accept-Encoding name gzip and do not exclude it (RFC 9110, section 12.5.3)."""
    for coding in ",".join(accepted).lower().split(","):
        name, _, weight = coding.partition(";")
        if name.strip() == "gzip":
            return weight.strip() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _build(snapshot: Snapshot) -> _Built:
    plain = render(families(snapshot))
    return _Built(plain, gzip.compress(plain, _FASTEST))


def _response(status: HTTPStatus, body: bytes, content_type: str) -> Response:
    headers = Headers({"Content-Type": content_type, "Content-Length": str(len(body)), "Connection": "close"})
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="nextmini metrics"'
    return Response(status.value, status.phrase, headers, body)
