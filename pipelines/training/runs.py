"""Run folders, and the trained stages one finds in them or in the zoo.

A run folder holds ``config.toml``, ``losses.csv`` (step, name, value), ``log/`` (TensorBoard),
``checkpoint.pt`` (resumable) and, when the run is done, ``weights.safetensors`` with the draft of
its card, ``card.toml``.
"""

from __future__ import annotations

import contextlib
import csv
import inspect
import shutil
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tkit.errors import OutputExistsError, UsageError, WeightsError
from tkit.files import atomic_path, writing
from tkit.pipelines.training import config as configs
from tkit.pipelines.training.stage import STAGES, Stage
from tkit.store import EncoderInfo
from tkit.zoo.released import cards
from tkit.zoo.released import weights as released_weights


@dataclass(frozen=True)
class Run:
    """The files of one run folder."""

    folder: Path

    @property
    def config(self) -> Path:
        """All settings, as TOML that ``--config`` reads."""
        return self.folder / "config.toml"

    @property
    def losses(self) -> Path:
        """The log as CSV: step, name, value."""
        return self.folder / "losses.csv"

    @property
    def log(self) -> Path:
        """The log for TensorBoard."""
        return self.folder / "log"

    @property
    def checkpoint(self) -> Path:
        """Everything that ``--resume`` needs."""
        return self.folder / "checkpoint.pt"

    @property
    def weights(self) -> Path:
        """The result."""
        return self.folder / "weights.safetensors"

    @property
    def card(self) -> Path:
        """Draft of the result's card."""
        return self.folder / "card.toml"

    def files(self) -> list[Path]:
        """Everything a run writes, as far as it is there."""
        known = (self.config, self.losses, self.log, self.checkpoint, self.weights, self.card)
        return [path for path in known if path.exists()]

    def clear(self) -> None:
        """Remove the files of an older run; other files in the folder stay."""
        for path in self.files():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def open_run(folder: str | Path, *, resume: bool, force: bool) -> Run:
    """Check that a run folder may be trained into; nothing is changed yet.

    Parameters
    ----------
    resume : bool
        The folder holds a checkpoint, which is to be continued.
    force : bool
        An older run is to be replaced, by :meth:`Run.clear`.

    Raises
    ------
    OutputExistsError
        If an older run is there and neither was asked for.
    UsageError
        If there is nothing to resume, or both were asked for.
    """
    run = Run(Path(folder))
    if resume and force:
        raise UsageError("--resume continues a run and --force removes it; pass one of them")
    if resume:
        if not run.checkpoint.is_file():
            raise UsageError(f"{run.folder}: no checkpoint to resume; start without --resume")
        return run
    if run.files() and not force:
        raise OutputExistsError(
            f"{run.folder} holds a run; pass --resume to continue it or --force to replace it"
        )
    return run


class Log:
    """Writes named numbers to the run's CSV and TensorBoard files.

    TensorBoard's writer is a thread, which ends where it cannot write; who wants to add to what it
    has not written then waits for ever. So it is asked first.
    """

    def __init__(self, run: Run, *, done: int) -> None:
        # Loading TensorBoard takes a second that only training should pay.
        from torch.utils.tensorboard import SummaryWriter

        rows = [row for row in read_losses(run) if row[0] <= done] if done else []
        with atomic_path(run.losses) as temporary, temporary.open("w", newline="") as file:
            csv.writer(file).writerows([("step", "name", "value"), *rows])
        self._run, self._file = run, run.losses.open("a", newline="")
        self._failed: list[BaseException] = []
        self._before, threading.excepthook = threading.excepthook, self._note
        with writing(run.log):
            self._board = SummaryWriter(run.log, purge_step=done + 1 if done else None)

    def _note(self, args: threading.ExceptHookArgs) -> None:
        if isinstance(args.exc_value, OSError):
            self._failed.append(args.exc_value)
        else:
            self._before(args)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        with writing(self._run.folder):
            try:
                self._file.close()
                if not self._failed:
                    self._board.close()
            finally:
                threading.excepthook = self._before
            self._raise()

    def _raise(self) -> None:
        if self._failed:
            raise self._failed[0]

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Log values after ``step`` steps."""
        with writing(self._run.folder):
            self._raise()
            csv.writer(self._file).writerows((step, name, value) for name, value in values.items())
            self._file.flush()
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def show(self, step: int, pictures: Mapping[str, Any]) -> None:
        """Put pictures (3, H, W) in [0, 1] into TensorBoard."""
        for name, picture in pictures.items():
            self._board.add_image(name, picture.float().cpu(), step)


def read_losses(run: Run) -> list[tuple[int, str, float]]:
    """Read the log of a run: (step, name, value); a half-written last line is left out."""
    found = []
    with run.losses.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = csv.reader(file)
        with contextlib.suppress(csv.Error, ValueError, StopIteration):
            next(rows)
            for step, name, value in rows:
                found.append((int(step), name, float(value)))
    return found


@dataclass(frozen=True, repr=False)
class Trained:
    """A stage with the weights of a run or of the zoo; called on arrays it does its work.

    What it takes and gives is said at the stage's ``apply``, as that of
    :func:`tkit.pipelines.stages.motion.work.apply`.
    """

    stage: Stage
    config: Any
    weights: released_weights.Weights

    def __call__(self, *arrays: Any, **settings: Any) -> Any:
        """Do the stage's work on arrays; :class:`UsageError` unless they are what it takes."""
        signature = inspect.signature(self.stage.apply)
        try:
            signature.bind(self, *arrays, **settings)
        except TypeError as error:
            taken = ", ".join(list(signature.parameters)[1:])
            raise UsageError(f"{self.stage.name} takes {taken}: {error}") from None
        return self.stage.apply(self, *arrays, **settings)

    def __repr__(self) -> str:
        """Stage, file and hash; the tensors would fill pages."""
        path, sha8 = str(self.weights.path), self.weights.sha256[:8]
        return f"Trained({self.stage.name!r}, {path!r}, sha256 {sha8})"

    @property
    def card(self) -> cards.Card | None:
        """The card beside the weights, which a run only drafts; None if there is none."""
        path = cards.card_beside(self.weights.path)
        return cards.read_card(path) if path.is_file() else None

    @property
    def encoder(self) -> EncoderInfo:
        """The speech features of the store that it was trained on."""
        try:
            return EncoderInfo(**self.weights.record["encoder"])
        except (KeyError, TypeError) as error:
            raise WeightsError(
                f"{self.weights.path}: does not say which speech features it was trained on"
            ) from error

    @property
    def nets(self) -> dict[str, Any]:
        """The nets by name, as the stage's functions take them."""
        return {self.stage.released: self.weights.module}

    def require_encoder(self, info: EncoderInfo, *, where: str) -> None:
        """Raise :class:`WeightsError` unless the features are those it was trained on.

        Parameters
        ----------
        where : str
            What the features belong to, for the message.
        """
        trained = self.encoder
        if self.stage.needs_speech and trained != info:
            raise WeightsError(
                f"{where} has the speech features {info.signature} ({info.dim} columns at "
                f"{info.rate_hz:g} Hz), but {self.weights.path} was trained on {trained.signature} "
                f"({trained.dim} at {trained.rate_hz:g} Hz); use --speech {trained.name} there, or "
                "train on these features"
            )


def require_array(given: Any, what: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Return what a stage was given as an array of numbers.

    Parameters
    ----------
    what : str
        Its name, for the message.
    shape : tuple
        Its lengths; None where any above zero will do.

    Raises
    ------
    UsageError
        If it has another shape or holds no numbers.
    """
    try:
        array = np.asarray(given)
    except (TypeError, ValueError):  # as of lists of several lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{what}: no array of numbers but {type(given).__name__}")
    fits = array.ndim == len(shape) and all(
        length > 0 if wanted is None else length == wanted
        for length, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        names = ", ".join("N" if wanted is None else str(wanted) for wanted in shape)
        above = ", N above 0" if None in shape else ""
        raise UsageError(f"{what} of shape {array.shape}, not ({names}){above}")
    return array


def require_count(given: Any, what: str) -> int:
    """Return a number of frames; :class:`UsageError` unless it is whole and not negative."""
    if not isinstance(given, int | np.integer) or given < 0:
        kind = given if isinstance(given, int | float | str) else type(given).__name__
        raise UsageError(f"{what} is {kind}, not a whole number of frames")
    return int(given)


def load(stage: str, name_or_path: str | Path | None = None) -> Trained:
    """Load the weights of one stage.

    Parameters
    ----------
    stage : str
        Its name.
    name_or_path : str or Path, optional
        A weight file, a run folder, or a name in the zoo. By default ``runs/STAGE``, if it holds
        weights, else the released weights of the stage.

    Raises
    ------
    WeightsError
        If the weights are of another stage.
    """
    entry = STAGES.get(stage)
    if name_or_path is None:
        own = Run(Path("runs") / stage).weights
        name_or_path = own if own.is_file() else _released(entry)
    weights = _read(name_or_path)
    trained_as = weights.record.get("stage")
    if trained_as != entry.name:
        raise WeightsError(
            f"{weights.path}: weights of the stage {trained_as!r}, not {entry.name!r}"
        )
    return _trained(entry, weights)


def find(name_or_path: str | Path) -> Trained:
    """Load a trained stage, whichever its weights are of.

    Parameters
    ----------
    name_or_path : str or Path
        A weight file, a run folder, a name in the zoo, or the name of a stage, whose released
        weights are meant.

    Raises
    ------
    UsageError
        If there is nothing of the kind.
    WeightsError
        If the weights are of no stage.
    """
    name = str(name_or_path)
    is_there = Path(name).is_file() or Run(Path(name)).weights.is_file()
    is_stage = name in STAGES.names() and not is_there
    weights = _read(_released(STAGES.get(name)) if is_stage else name_or_path)
    trained_as = weights.record.get("stage")
    if not isinstance(trained_as, str) or trained_as not in STAGES.names():
        raise WeightsError(f"{weights.path}: weights of no stage of tkit but of a {weights.net}")
    return _trained(STAGES.get(trained_as), weights)


def _read(name_or_path: str | Path) -> released_weights.Weights:
    path = Path(name_or_path)
    return released_weights.load(Run(path).weights if path.is_dir() else path)


def _trained(stage: Stage, weights: released_weights.Weights) -> Trained:
    values = weights.record.get("config")
    if not isinstance(values, dict):
        raise WeightsError(f"{weights.path}: has no settings of the stage {stage.name}")
    config = configs.make(stage.config, values, where=str(weights.path))
    return Trained(stage, config, weights)


def _released(stage: Stage) -> Path:
    """The weight file that came with the package."""
    there, name = cards.released(), stage.weights or stage.name
    if name not in there:
        path = Run(Path("runs") / stage.name).weights
        raise UsageError(
            f"no weights for {stage.name}: {path} is not there; run tkit train {stage.name} first"
        )
    return there[name]
