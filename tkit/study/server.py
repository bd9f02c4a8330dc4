"""The pages of a study. No page, address or header says which method made a video."""

from __future__ import annotations

import secrets
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from tkit.parsing import read_text
from tkit.study.book import CONSENT, Book, TooEarlyError, Trial
from tkit.study.material import ORDER, SCORES
from tkit.web.guard import (
    LOOPBACK,
    TOKEN_FIELD,
    Buckets,
    Guard,
    require_token,
    token_for,
)
from tkit.web.pages import Pages

MAX_BYTES = 1 << 16  # of a form
KEEP_S = 90 * 86_400  # that a browser remembers a rater
RATERS_HZ, RATERS_AT_ONCE = 0.2, 30.0  # new ones from one address
CHOICES = {0.0: ORDER[0], 1.0: ORDER[1], 0.5: "no difference"}  # of a comparison


def app(folder: Path, *, anywhere: bool = False) -> Starlette:
    """The pages of one study, as an ASGI application.

    Parameters
    ----------
    folder : Path
        From :func:`tkit.study.material.new`.
    anywhere : bool
        Answer to any name, for raters at other machines; by default to this one's only.
    """
    pages = _Study(folder)
    return Starlette(
        routes=[
            Route("/", pages.welcome),
            Route("/begin", pages.begin, methods=["POST"]),
            Route("/rate", pages.rate),
            Route("/answer", pages.answer, methods=["POST"]),
            Route("/come-back/{token}", pages.come_back),
            Route("/videos/{file}", pages.video),
            Route("/style.css", pages.style),
            Route("/study.js", pages.script),
        ],
        middleware=[
            Middleware(Guard, hosts=None if anywhere else LOOPBACK, max_bytes=MAX_BYTES)
        ],
        exception_handlers={HTTPException: pages.problem, 404: pages.problem},
    )  # fmt: skip


class _Study:
    def __init__(self, folder: Path) -> None:
        self._book = Book(folder)
        self._pages = Pages("tkit.study", "tkit.report")
        self._secret = bytes.fromhex(self._book.settings.key)
        self._cookie = f"study-{token_for(self._secret, 'cookie')[:8]}"
        self._beginning = Buckets(RATERS_HZ, RATERS_AT_ONCE)

    def welcome(self, request: Request) -> Response:
        visitor = request.cookies.get(self._cookie, "")
        if self._is_rater(visitor):
            return RedirectResponse("/rate", 303)
        visitor = visitor or secrets.token_urlsafe(24)
        text = read_text(self._book.folder / CONSENT)
        response = self._page(
            "consent.html",
            visitor,
            paragraphs=[part for part in text.split("\n\n") if part.strip()],
        )
        return self._remembered(response, visitor)

    async def begin(self, request: Request) -> Response:
        form = await request.form()
        self._require(request, str(form.get(TOKEN_FIELD, "")))
        if form.get("consent") != "yes":
            return RedirectResponse("/", 303)
        if self._is_rater(request.cookies[self._cookie]):
            return RedirectResponse("/rate", 303)
        if self._beginning.take(request.client.host if request.client else "") > 0:
            raise HTTPException(429, "too many people begin here at once; wait a minute")
        rater = await run_in_threadpool(self._book.begin)
        return self._remembered(RedirectResponse("/rate", 303), rater)

    def rate(self, request: Request) -> Response:
        rater = request.cookies.get(self._cookie, "")
        try:
            trial = self._book.trial(rater)
        except KeyError:
            return RedirectResponse("/", 303)
        if trial is None:
            return self._page("thanks.html", rater)
        return self._trial(request, rater, trial)

    def _trial(
        self, request: Request, rater: str, trial: Trial, *, status: int = 200, remark: str = ""
    ) -> Response:
        settings = self._book.settings
        scores = [(f"{score:g}", f"{score:g}") for score in SCORES]
        if settings.pairwise:
            scores = [(f"{score:g}", words) for score, words in CHOICES.items()]
        return self._page(
            "trial.html", rater, status=status, remark=remark, trial=trial, scores=scores,
            settings=settings, link=f"{request.base_url}come-back/{rater}",
        )  # fmt: skip

    async def answer(self, request: Request) -> Response:
        form = await request.form()
        self._require(request, str(form.get(TOKEN_FIELD, "")))
        rater, settings = request.cookies[self._cookie], self._book.settings
        allowed = {f"{score:g}" for score in (CHOICES if settings.pairwise else SCORES)}
        given = {name: str(form.get(f"score-{name}", "")) for name in settings.questions}
        if not set(given.values()) <= allowed:
            raise HTTPException(400, "answer every question")
        scores = {name: float(score) for name, score in given.items()}
        try:
            await run_in_threadpool(self._book.answer, rater, str(form.get("trial", "")), scores)
        except TooEarlyError:
            trial = await run_in_threadpool(self._book.trial, rater)
            if trial is not None:
                remark = "Please watch to the end before you answer."
                return self._trial(request, rater, trial, status=409, remark=remark)
        return RedirectResponse("/rate", 303)

    def come_back(self, request: Request) -> Response:
        rater = request.path_params["token"]
        if not self._is_rater(rater):
            raise HTTPException(404, "this link belongs to nobody here")
        return self._remembered(RedirectResponse("/rate", 303), rater)

    def video(self, request: Request) -> Response:
        rater = request.cookies.get(self._cookie, "")
        try:
            path = self._book.show(rater, request.path_params["file"])
        except KeyError:
            path = None
        if path is None:
            raise HTTPException(404, "there is nothing here")
        return FileResponse(path, media_type="video/mp4")

    def style(self, request: Request) -> Response:
        return self._pages.file("style.css", "window.css", "study.css")

    def script(self, request: Request) -> Response:
        return self._pages.file("study.js")

    def problem(self, request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        said = getattr(error, "detail", "")
        return PlainTextResponse(said if status != 404 else said or "there is nothing here", status)

    def _is_rater(self, token: str) -> bool:
        try:
            self._book.trial(token)
        except KeyError:
            return False
        return True

    def _require(self, request: Request, token: str) -> None:
        require_token(token, self._secret, request.cookies.get(self._cookie, ""))

    def _page(
        self, template: str, visitor: str, *, status: int = 200, **values: object
    ) -> Response:
        return self._pages.page(
            template, status=status, title=self._book.settings.title,
            csrf=token_for(self._secret, visitor), **values,
        )  # fmt: skip

    def _remembered(self, response: Response, token: str) -> Response:
        response.set_cookie(
            self._cookie, token, max_age=KEEP_S, httponly=True, samesite="lax", path="/"
        )
        return response
