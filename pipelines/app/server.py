"""The page of the app, and what it asks for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import struct
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tkit.errors import TkitError, UsageError, one_line
from tkit.pipelines.app import booth as booths
from tkit.pipelines.app import folders
from tkit.report import tables
from tkit.scoring import protocols
from tkit.web.guard import TOKEN_FIELD, TOKEN_HEADER, Guard, require_token, token_for
from tkit.web.pages import Pages

MAX_BYTES = 50 << 20  # of a file that is chosen
RATE_HZ, BURST = 50.0, 200.0  # requests: a player asks for parts
PICTURE, ATTENTION = 0, 1  # first byte of a message; then the frame's number, then a JPEG
HEAD = struct.Struct(">BI")


def app(booth: booths.Booth, root: Path | None) -> Starlette:
    """The page as an ASGI application.

    Parameters
    ----------
    booth : Booth
        Closed when the application ends.
    root : Path, optional
        Below which folders may be scored; None: none.
    """
    page = _Page(booth, root)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            page.stop()
            booth.close()

    return Starlette(
        routes=[
            Route("/", page.index),
            Route("/photo", page.photo, methods=["POST"]),
            Route("/sound", page.sound, methods=["POST"]),
            Route("/listen", page.listen, methods=["POST"]),
            WebSocketRoute("/speak", page.speak),
            Route("/sounds/{name}.wav", page.wav),
            Route("/videos/{name}.mp4", page.video),
            Route("/folders", page.folders),
            Route("/score", page.score, methods=["POST"]),
            Route("/style.css", page.style),
            Route("/app.js", page.script),
        ],
        middleware=[Middleware(Guard, max_bytes=MAX_BYTES, rate_hz=RATE_HZ, burst=BURST)],
        exception_handlers={HTTPException: _problem, TkitError: _problem},
        lifespan=lifespan,
    )


class _Page:
    def __init__(self, booth: booths.Booth, root: Path | None) -> None:
        self._booth, self._root = booth, root
        self._pages = Pages("tkit.pipelines.app", "tkit.report")
        self._secret = secrets.token_bytes(32)
        self._stop = threading.Event()
        self._scoring = asyncio.Lock()

    def stop(self) -> None:
        """End the video that is being made."""
        self._stop.set()

    def index(self, request: Request) -> Response:
        return self._pages.page(
            "app.html", title="tkit", csrf=token_for(self._secret, "app"),
            max_seconds=int(booths.MAX_SOUND_S), max_side=booths.MAX_SIDE,
            root="" if self._root is None else self._root.resolve().name,
            protocols=protocols.names(),
        )  # fmt: skip

    async def photo(self, request: Request) -> Response:
        name, sitter = await self._taken(request, self._booth.take_photo, "this photo")
        height, width = sitter.image.shape[:2]
        return JSONResponse({"photo": name, "width": width, "height": height})

    async def sound(self, request: Request) -> Response:
        name, sound = await self._taken(request, self._booth.take_sound, "this sound")
        seconds = len(sound.ear) / booths.SOUND_HZ
        return JSONResponse({"sound": name, "seconds": seconds, "frames": sound.n_frames})

    async def _taken(
        self, request: Request, take: Callable[[Path], tuple[str, Any]], what: str
    ) -> tuple[str, Any]:
        """Put the body of a request into a file for as long as it is read."""
        self._require(request)
        path = self._booth.folder / f"{secrets.token_hex(12)}.part"
        try:
            with path.open("wb") as file:
                async for chunk in request.stream():
                    file.write(chunk)
            return await run_in_threadpool(take, path)
        except TkitError as error:
            raise HTTPException(422, one_line(str(error).replace(str(path), what))) from error
        finally:
            path.unlink(missing_ok=True)

    async def listen(self, request: Request) -> Response:
        self._require(request)
        given = await _json(request)
        photo, sound = str(given.get("photo")), str(given.get("sound"))
        await run_in_threadpool(self._booth.listen, photo, sound)
        return JSONResponse({})

    async def speak(self, socket: WebSocket) -> None:
        """Send frames while they are made, until the browser has them all or goes away."""
        await socket.accept()
        queue: asyncio.Queue[Any] = asyncio.Queue()
        put = asyncio.get_running_loop().call_soon_threadsafe
        stop = threading.Event()

        def show(number: int, picture: bytes, attention: bytes) -> None:
            put(queue.put_nowait, HEAD.pack(PICTURE, number) + picture)
            put(queue.put_nowait, HEAD.pack(ATTENTION, number) + attention)

        def work(photo: str, sound: str, choices: booths.Choices) -> None:
            end: dict[str, Any] = {}
            try:
                end = {"video": self._booth.speak(photo, sound, choices, show, stop)}
            except booths.Stopped:
                pass
            except TkitError as error:
                end = {"error": one_line(str(error))}
            finally:
                put(queue.put_nowait, end)

        try:
            given = json.loads(await socket.receive_text())
            require_token(str(given.get(TOKEN_FIELD)), self._secret, "app")
            choices = booths.Choices.of(given)
        except (ValueError, AttributeError, HTTPException, UsageError) as error:
            await socket.close(1008, one_line(str(error))[:100])
            return
        except WebSocketDisconnect:
            return
        self._stop.set()  # a new press ends the one before
        self._stop = stop
        working = asyncio.create_task(
            run_in_threadpool(work, str(given.get("photo")), str(given.get("sound")), choices)
        )
        leaving = asyncio.create_task(_left(socket, stop))
        try:
            while True:
                message = await queue.get()
                if isinstance(message, bytes):
                    await socket.send_bytes(message)
                    continue
                if message:
                    await socket.send_text(json.dumps(message))
                await socket.close()
                break
        except (WebSocketDisconnect, RuntimeError):  # gone, or closing
            stop.set()
        finally:
            leaving.cancel()
            await working

    def wav(self, request: Request) -> Response:
        sound = self._booth.sounds.get(request.path_params["name"])
        if sound is None:
            raise HTTPException(404, "there is nothing here")
        return FileResponse(sound.file, media_type="audio/wav")

    def video(self, request: Request) -> Response:
        path = self._booth.videos.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404, "there is nothing here")
        return FileResponse(path, media_type="video/mp4", filename="talking.mp4")

    def folders(self, request: Request) -> Response:
        found = [] if self._root is None else list(folders.listed(self._root.resolve()))
        return JSONResponse([{"folder": name, "clips": count} for name, count in found])

    async def score(self, request: Request) -> Response:
        self._require(request)
        if self._root is None:
            raise HTTPException(404, "no folder was given at the start: tkit app --root DIR")
        given = await _json(request)
        if self._scoring.locked():
            raise HTTPException(409, "a folder is being scored; wait for it")
        asked = {name: str(given.get(name, "")) for name in ("pred", "gt", "protocol")}
        async with self._scoring:
            report = await run_in_threadpool(folders.score, self._root, **asked)
        return JSONResponse({
            "table": tables.cells(report),
            "notes": [*tables.notes(report), *tables.summarise(report.rejects)],
            "signatures": tables.signatures(report),
            "json": tables.as_json(report),
        })  # fmt: skip

    def style(self, request: Request) -> Response:
        return self._pages.file("style.css", "window.css", "app.css")

    def script(self, request: Request) -> Response:
        return self._pages.file("app.js")

    def _require(self, request: Request) -> None:
        require_token(request.headers.get(TOKEN_HEADER, ""), self._secret, "app")


async def _left(socket: WebSocket, stop: threading.Event) -> None:
    """Wait until a browser goes away, or says anything, which means the same."""
    with contextlib.suppress(WebSocketDisconnect):
        await socket.receive_text()
    stop.set()


async def _json(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "this is no JSON") from error
    if not isinstance(given, dict):
        raise HTTPException(400, "this is no JSON object")
    return given


def _problem(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 422
    said = error.detail if isinstance(error, HTTPException) else one_line(str(error))
    return JSONResponse({"error": said}, status)
