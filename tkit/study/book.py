"""The one file of a study: what is shown, to whom it was shown, and what they said.

SQLite, written ahead (WAL) and to the disk before anybody is told that an answer was taken: it is
there after a crash. Every call opens the file anew, so threads and processes may share it.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tkit.errors import UsageError
from tkit.seeds import generator
from tkit.study import plan

FILE, VIDEOS, CONSENT = "study.sqlite", "videos", "consent.txt"
LAYOUT = 1  # of the tables
WAIT_S = 10.0  # for others who are writing
EARLY_S = 0.3  # that an answer may come before its videos can have ended: clocks differ
GONE_S = 86_400.0  # after which what a rater has not answered does not count as given
PREFERENCE = "preference"
TABLES = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE videos (
    id INTEGER PRIMARY KEY, file TEXT NOT NULL UNIQUE, method TEXT, clip TEXT NOT NULL,
    duration_s REAL NOT NULL, due REAL);  -- due: the answer that a check of attention asks for
CREATE TABLE raters (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, begun_s REAL NOT NULL,
    seen_s REAL NOT NULL);
CREATE TABLE trials (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE,
    rater INTEGER NOT NULL REFERENCES raters, place INTEGER NOT NULL,
    first INTEGER NOT NULL REFERENCES videos, second INTEGER REFERENCES videos,
    shown_s REAL, answered_s REAL, UNIQUE (rater, place));
CREATE TABLE answers (
    trial INTEGER NOT NULL REFERENCES trials, question TEXT NOT NULL, score REAL NOT NULL,
    PRIMARY KEY (trial, question));
"""


@dataclass(frozen=True)
class Settings:
    """What a study asks.

    Parameters
    ----------
    title : str
    questions : dict of str
        Short name to the words in which it is asked.
    ends : tuple of str
        What the least and the greatest score mean.
    pairwise : bool
        Two videos are compared instead of one being rated.
    n_clips : int
        That one rater sees of every method.
    n_checks : int
        Checks of attention of one rater.
    key : str
        Secret of this study, hexadecimal.
    """

    title: str
    questions: dict[str, str]
    ends: tuple[str, str]
    pairwise: bool
    n_clips: int
    n_checks: int
    key: str


@dataclass(frozen=True)
class Video:
    """One file of a study; those that check attention have no ``method``, but a ``due``."""

    file: str
    method: str | None
    clip: str
    duration_s: float
    due: float | None = None


@dataclass(frozen=True)
class Trial:
    """What a rater is to judge now."""

    token: str
    place: int
    count: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """One answer of a rater about a video, or about two."""

    rater: int
    question: str
    score: float
    videos: tuple[Video, ...]


class TooEarlyError(Exception):
    """An answer came before its videos can have been played to their end."""


class Book:
    """An opened study.

    Parameters
    ----------
    folder : Path
        Holds the file, the videos and the text of consent.

    Raises
    ------
    UsageError
        If there is no study.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / FILE
        if not self._path.is_file():
            raise UsageError(f"{folder}: no study is there; make one with tkit study new")
        try:
            with self._read() as found:
                (layout,) = found.execute("PRAGMA user_version").fetchone()
                rows = dict(found.execute("SELECT name, value FROM settings")) if layout else {}
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{self._path}: not a study that can be read ({error})") from error
        if layout != LAYOUT:
            raise UsageError(f"{self._path}: of another version of tkit, or not a study")
        fields = {name: json.loads(value) for name, value in rows.items()}
        self.settings = Settings(**fields | {"ends": tuple(fields["ends"])})

    @classmethod
    def make(cls, folder: Path, settings: Settings, videos: Iterable[Video]) -> Book:
        """Write the file of a new study into a folder that has its videos."""
        with closing(_connect(folder / FILE)) as made:
            made.executescript(f"PRAGMA user_version = {LAYOUT};" + TABLES)
            made.execute("BEGIN")
            made.executemany(
                "INSERT INTO settings VALUES (?, ?)",
                [(name, json.dumps(value)) for name, value in asdict(settings).items()],
            )
            made.executemany(
                "INSERT INTO videos (file, method, clip, duration_s, due) VALUES (?, ?, ?, ?, ?)",
                [tuple(asdict(video).values()) for video in videos],
            )
            made.execute("COMMIT")
        return cls(folder)

    def count_of_one(self) -> int:
        """How many trials one rater is given."""
        with self._read() as book:
            (methods,) = book.execute("SELECT count(DISTINCT method) FROM videos").fetchone()
        things = len(plan.pairs(methods)) if self.settings.pairwise else methods
        return things * self.settings.n_clips + self.settings.n_checks

    def begin(self) -> str:
        """Take a new rater with a plan of trials, and return the rater's token."""
        token, now = secrets.token_urlsafe(24), time.time()
        with self._write() as book:
            (number,) = book.execute("SELECT count(*) FROM raters").fetchone()
            rater = book.execute(
                "INSERT INTO raters (token, begun_s, seen_s) VALUES (?, ?, ?)", (token, now, now)
            ).lastrowid
            book.executemany(
                "INSERT INTO trials (token, rater, place, first, second) VALUES (?, ?, ?, ?, ?)",
                [
                    (secrets.token_urlsafe(12), rater, place, *[*shown, None][:2])
                    for place, shown in enumerate(self._planned(book, number, now))
                ],
            )
        return token

    def _planned(self, book: sqlite3.Connection, number: int, now: float) -> list[list[int]]:
        """The videos of every trial of the rater ``number``."""
        settings = self.settings
        rng = generator(0, settings.key, str(number))
        ids = {
            (clip, method): id_
            for id_, method, clip in book.execute("SELECT id, method, clip FROM videos")
            if method is not None
        }
        clips = sorted({clip for clip, _ in ids})
        methods = sorted({method for _, method in ids})
        rng_names = generator(0, settings.key)  # which row a method has is the study's own secret
        methods = [methods[index] for index in rng_names.permutation(len(methods))]
        given = dict(
            book.execute(
                "SELECT clip, count(*) FROM trials JOIN videos ON videos.id = first "
                "JOIN raters ON raters.id = rater "
                "WHERE method IS NOT NULL AND (answered_s IS NOT NULL OR seen_s > ?) GROUP BY clip",
                (now - GONE_S,),
            )
        )
        planned = plan.for_rater(
            number,
            n_methods=len(methods),
            seen=[given.get(clip, 0) for clip in clips],
            n_clips=settings.n_clips,
            pairwise=settings.pairwise,
            rng=rng,
        )
        shown = [[ids[clips[one.clip], methods[m]] for m in one.methods] for one in planned]
        checks = [id_ for (id_,) in book.execute("SELECT id FROM videos WHERE method IS NULL")]
        places = plan.with_checks(len(shown), settings.n_checks, rng)
        chosen = rng.permutation(checks)[: len(places)]
        # From the end on, so that the places before stay what they are.
        for place, check in sorted(zip(places, chosen, strict=False), reverse=True):
            shown.insert(place, [int(check)] * (2 if settings.pairwise else 1))
        return shown

    def trial(self, rater: str) -> Trial | None:
        """What a rater is to judge next; None if all is done. ``KeyError`` of an unknown rater."""
        with self._read() as book:
            row = book.execute("SELECT id FROM raters WHERE token = ?", (rater,)).fetchone()
            if row is None:
                raise KeyError(rater)
            (count,) = book.execute("SELECT count(*) FROM trials WHERE rater = ?", row).fetchone()
            found = book.execute(
                "SELECT trials.token, place, a.file, b.file FROM trials "
                "JOIN videos AS a ON a.id = first LEFT JOIN videos AS b ON b.id = second "
                "WHERE rater = ? AND answered_s IS NULL ORDER BY place LIMIT 1",
                row,
            ).fetchone()
        if found is None:
            return None
        token, place, *files = found
        return Trial(token, place, count, tuple(file for file in files if file))

    def show(self, rater: str, file: str) -> Path | None:
        """Path of a video that a rater is to judge now, whose time begins; None of any other."""
        trial = self.trial(rater)
        if trial is None or file not in trial.files:
            return None
        now = time.time()
        with self._write() as book:
            book.execute(
                "UPDATE trials SET shown_s = ? WHERE token = ? AND shown_s IS NULL",
                (now, trial.token),
            )
            book.execute("UPDATE raters SET seen_s = ? WHERE token = ?", (now, rater))
        return self.folder / VIDEOS / file

    def answer(self, rater: str, trial: str, scores: dict[str, float]) -> bool:
        """Take the answers to a trial; False, and nothing is changed, unless it is the one now.

        Raises
        ------
        TooEarlyError
            If its videos cannot have been played to their end.
        """
        now = time.time()
        with self._write() as book:
            row = book.execute(
                "SELECT trials.id, shown_s, a.duration_s + coalesce(b.duration_s, 0) FROM trials "
                "JOIN raters ON raters.id = rater JOIN videos AS a ON a.id = first "
                "LEFT JOIN videos AS b ON b.id = second WHERE raters.token = ? "
                "AND trials.token = ? AND answered_s IS NULL",
                (rater, trial),
            ).fetchone()
            if row is None:
                return False
            id_, shown_s, duration_s = row
            if shown_s is None or now - shown_s < duration_s - EARLY_S:
                raise TooEarlyError
            book.execute("UPDATE trials SET answered_s = ? WHERE id = ?", (now, id_))
            book.executemany(
                "INSERT INTO answers VALUES (?, ?, ?)",
                [(id_, question, score) for question, score in scores.items()],
            )
        return True

    def answers(self) -> list[Answer]:
        """All answers, those to checks of attention too, in the order of raters and trials."""
        about = "file, method, clip, duration_s, due"
        columns = ", ".join(f"{side}.{name}" for side in "ab" for name in about.split(", "))
        with self._read() as book:
            rows = book.execute(
                f"SELECT rater, question, score, {columns} FROM answers "
                "JOIN trials ON trials.id = trial JOIN videos AS a ON a.id = first "
                "LEFT JOIN videos AS b ON b.id = second ORDER BY rater, place, answers.rowid"
            ).fetchall()
        return [
            Answer(rater, question, score, tuple(Video(*part) for part in (video[:5], video[5:])
                                                 if part[0] is not None))
            for rater, question, score, *video in rows
        ]  # fmt: skip

    def progress(self) -> dict[int, tuple[int, int]]:
        """Rater to trials that are answered, and all of them."""
        with self._read() as book:
            rows = book.execute(
                "SELECT rater, count(answered_s), count(*) FROM trials GROUP BY rater"
            ).fetchall()
        return {rater: (done, count) for rater, done, count in rows}

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with closing(_connect(self._path)) as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with closing(_connect(self._path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:  # commits, or takes back what was begun if something is raised
                yield connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:  # no database, or one that is kept busy
        connection.close()
        raise
    return connection
