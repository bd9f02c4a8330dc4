"""What stands before a local page: only this host, only its own pages, not too much at once.

A browser lets any page send requests to 127.0.0.1, and a name that somebody else owns can be made
to point there (DNS rebinding). So the ``Host`` of every request has to be a known one; what changes
something, and every WebSocket, has to come from a page of the same host (``Origin``) and to bring
the token that only these pages know.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN_HEADER, TOKEN_FIELD = "x-csrf-token", "csrf"
MAX_KNOWN = 10_000  # addresses that are counted; those seen least lately are forgotten
HEADERS = {
    # Everything comes from here; pictures, frames and sound also out of the page's own memory.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' blob: data:; media-src 'self' blob:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware that lets through what a page of this server sends, in reasonable amounts.

    Parameters
    ----------
    app : ASGI application
    hosts : collection of str, optional
        Names and addresses by which the server is asked, without port; None: any, for a server that
        is meant to be found from elsewhere.
    max_bytes : int
        Of the body of one request.
    rate_hz, burst : float
        Requests of one address: so many a second for ever, and so many at once.
    clock : callable
        Seconds, rising.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: Collection[str] | None = LOOPBACK,
        max_bytes: int = 1 << 20,
        rate_hz: float = 20.0,
        burst: float = 100.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app, self._hosts, self._max_bytes = app, hosts, max_bytes
        self._bucket = Buckets(rate_hz, burst, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve or refuse one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        client = scope.get("client") or ("", 0)
        if refused := self._refusal(scope, headers):  # which takes nothing from those who may
            await self._refuse(scope, receive, send, *refused)
        elif (wait_s := self._bucket.take(client[0])) > 0:
            await self._refuse(
                scope, receive, send, 429, "too many requests; wait a moment",
                {"retry-after": str(int(wait_s) + 1)},
            )  # fmt: skip
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        else:
            await self._app(scope, self._limited(receive), _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self._hosts is not None and name_of(host) not in self._hosts:
            return 421, "this server does not answer to that name"
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return None
        origin = headers.get("origin", "")
        # A proxy may add TLS, so the scheme may differ; "null" is nobody's.
        if urlsplit(origin).scheme not in ("http", "https") or urlsplit(origin).netloc != host:
            return 403, "this request does not come from a page of this server"
        length = headers.get("content-length") or "0"
        if not (length.isascii() and length.isdigit()):
            return 400, "this is no length"
        if int(length) > self._max_bytes:
            return 413, f"more than {self._max_bytes / 1e6:.0f} MB"
        return None

    async def _refuse(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        status: int,
        reason: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
            return
        response = PlainTextResponse(reason, status_code=status, headers=headers)
        await response(scope, receive, _with_headers(send))

    def _limited(self, receive: Receive) -> Receive:
        """Count what comes: a length need not be stated, nor true."""
        count = 0

        async def counted() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > self._max_bytes:
                raise HTTPException(413, f"more than {self._max_bytes / 1e6:.0f} MB")
            return message

        return counted


class Buckets:
    """How long each of many names has to wait: a bucket that refills, for each.

    Parameters
    ----------
    rate_hz, burst : float
        How fast it fills, and what it holds.
    clock : callable
        Seconds, rising.
    """

    def __init__(
        self, rate_hz: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate_hz, self._burst, self._clock = rate_hz, burst, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take one; return the seconds to wait if there is none, else 0."""
        now = self._clock()
        left, when = self._left.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - when) * self._rate_hz)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._rate_hz
        self._left[name] = (left - 1 if left >= 1 else left, now)
        while len(self._left) > MAX_KNOWN:
            self._left.popitem(last=False)
        return wait_s


def name_of(host: str) -> str:
    """The name in a ``Host`` header, without port.

    Examples
    --------
    >>> name_of("localhost:8000"), name_of("[::1]:8000"), name_of("evil.example")
    ('localhost', '[::1]', 'evil.example')
    """
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def token_for(secret: bytes, name: str) -> str:
    """The token of one browser, which pages of other hosts cannot read: an HMAC of its cookie."""
    return hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()


def require_token(given: str, secret: bytes, name: str) -> None:
    """Raise 403 unless ``given`` is the token of the browser ``name``."""
    if not name or not hmac.compare_digest(given.encode(), token_for(secret, name).encode()):
        raise HTTPException(403, "this form is too old, or of another page; load the page again")


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
