"""Serving one app until Ctrl-C."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import uvicorn

from tkit.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

SHUTDOWN_S = 2  # that open connections have to end after Ctrl-C
MAX_FRAME = 1 << 16  # bytes of a WebSocket message that a page may send


def listen(host: str, port: int | None, *, usual: int) -> socket.socket:
    """Open the socket of a server, before anything slow is done.

    Parameters
    ----------
    host : str
    port : int, optional
        By default ``usual``, or any that is free where that is taken.
    usual : int

    Raises
    ------
    UsageError
        If the port is taken, or the host is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (usual, 0) if port is None else (port,):
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, wanted))
        except OSError as error:
            opened.close()
            if error.errno == errno.EADDRINUSE and port is None and wanted:
                continue
            why = "is taken by another program; give another --port, or none"
            if error.errno != errno.EADDRINUSE:
                why = f"cannot be listened at ({error.strerror or error})"
            raise UsageError(f"{host}, port {wanted}: {why}") from error
        return opened
    raise UsageError(f"{host}: no free port")


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Let a request to terminate, and a terminal that closes, unwind a block as Ctrl-C does.

    Without it the process is gone at once, and what it would have removed stays.
    """

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    numbers = (signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def address(opened: socket.socket) -> str:
    """The address of a page, for a browser on this machine."""
    host, port = opened.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    return f"http://{shown}:{port}/"


def serve(app: ASGIApp, opened: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C.

    Parameters
    ----------
    app : ASGI application
        Whose ``lifespan`` ends on Ctrl-C and on a request to terminate.
    opened : socket
        From :func:`listen`.
    ready : callable
        Called once, when a browser may come.
    """
    settings = uvicorn.Config(
        app,
        log_level="warning",
        ws_max_size=MAX_FRAME,
        timeout_graceful_shutdown=SHUTDOWN_S,
        server_header=False,
        lifespan="on",
    )
    with contextlib.suppress(KeyboardInterrupt), opened:
        _Server(settings, ready).run(sockets=[opened])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
