"""Metrics: one module a family; each measures additive statistics and finishes them into scores.

A metric never turns a clip into a number directly. ``measure`` returns sums; the sums of parts of a
clip, or of the clips of a set, add up, and the ``finish`` of each score makes its number of them.
Chunked reading, parallel runs and pooling over any set follow from that, and a family of several
scores looks at a clip once. Prediction and ground truth are always passed by keyword.

Users name scores, not families:

>>> import numpy, tkit
>>> frames = numpy.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), numpy.uint8)
>>> tkit.METRICS.get("ssim")(pred=frames, gt=frames, window="gauss11")
1.0
>>> len(tkit.METRICS.names()), sorted(tkit.METRICS.families())[:4]
(59, ['av', 'blink', 'brisque', 'cpbd'])
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from tkit.errors import ConfigError, UnknownNameError, UsageError, did_you_mean
from tkit.files import short_hash
from tkit.registry import BackEnd, Registry

Stats = dict[str, Any]

# What a metric can look at. Pictures are (T, H, W, 3) uint8 RGB, or (T, H, W) where they are gray
# or asked for in gray; points are (T, 68, 2) in pixels of the protocol's pictures, NaN where no
# face was found.
VIEWS = {
    "frames": "pictures as the protocol crops and resizes them",
    "gray": "the same in gray",
    "own-frames": "pictures as they are in the file",
    "own-gray": "the same in gray",
    "points": "landmarks, steadied over time where the back-end does so",
    "raw-points": "the same as they were found in each frame",
    "refined-points": "steadied, lips and lids laid on the boundaries of segments",
}

# What a metric may ask of a clip.
INPUTS = {
    "pred": "the prediction",
    "gt": "the ground truth",
    "wave": "the sound",
    "fps": "the frame rate",
    "source": "the picture or clip that it was made of",
}


# What is made of the ground truth to see what a score tells apart: its first frame repeated, itself
# three frames late, with noise (0.7 pixels on points, 6 levels on pictures), and beside the sound
# of another clip.
CONTROLS = "static", "gt-lag3", "noise", "other-sound"


@dataclass(frozen=True)
class Need:
    """What ``measure`` is given of prediction and ground truth.

    Parameters
    ----------
    view : str
        One of :data:`VIEWS`.
    whole : bool
        ``measure`` must see whole clips: its statistics add up over the clips of a set, not over
        the parts of a clip.
    """

    view: str
    whole: bool = False

    @property
    def of_points(self) -> bool:
        """Landmarks, not pictures."""
        return self.view.endswith("points")


@dataclass(frozen=True)
class Param:
    """One declared choice of a metric.

    Parameters
    ----------
    default : str, float or None
        Value of the ``tkit`` protocol.
    doc : str
    choices : tuple of str, optional
        Allowed values; without them the value is a number, or None where that is the default.
    tag : str, optional
        Name in the signature; by default the parameter's own.
    tokens : mapping, optional
        Values whose signature token is not ``tag:value``; empty where it goes unsaid.
    units : mapping, optional
        Values that change the unit of the score.
    text : bool
        The value is any text (a path); its token is the file's name and hash.
    """

    default: Any
    doc: str
    choices: tuple[str, ...] = ()
    tag: str = ""
    tokens: Mapping[Any, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    text: bool = False

    def check(self, name: str, value: Any) -> Any:
        """Return ``value`` (text is read as a number) or raise :class:`ConfigError`."""
        if self.choices:
            if value not in self.choices:
                raise ConfigError(f"{name}: {value!r} is none of {', '.join(self.choices)}")
            return value
        if self.text:
            return str(value or "")
        if value is None or value == "none":
            if self.default is None:
                return None
            raise ConfigError(f"{name}: needs a number")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ConfigError(f"{name}: {value!r} is not a number") from None
        if number != number:
            raise ConfigError(f"{name}: nan is not a number that can be used")
        return number

    def token(self, name: str, value: Any) -> str:
        """Return the signature token of one value."""
        if value in self.tokens:
            return self.tokens[value]
        if self.text:
            return f"{self.tag or name}:{_file_token(value)}"
        text = "none" if value is None else f"{value:g}" if isinstance(value, float) else value
        return f"{self.tag or name}:{text}"


MISSING_FACE = Param(
    "error",
    "a frame without a face: error (the clip has no score) or drop (the frame is left out)",
    choices=("error", "drop"),
    tag="face",
)


@dataclass(frozen=True, kw_only=True)
class Network(BackEnd[Any]):
    """A network that a metric looks through, from a file of the user's or a package.

    Parameters
    ----------
    setting : str
        The metric's parameter that names the file, e.g. ``lse-d.weights``.
    """

    kind: ClassVar[str] = "network"

    setting: str = ""

    @property
    def option(self) -> str:  # type: ignore[override]
        """How the user gives the file."""
        return f"--set {self.setting}=FILE"


@dataclass(frozen=True)
class Score:
    """One number that the statistics of a family give.

    Parameters
    ----------
    unit : str
        Empty for a pure number; a parameter may change it.
    better : {"higher", "lower", "closer"}
        ``closer``: to the value of the ground truth.
    finish : callable
        ``finish(stats) -> float``. Raises :class:`tkit.errors.ScoreError` with the reason if these
        statistics have no such score; the others of the family go on.
    title, citation : str
        Where they are not those of the family.
    pooled : bool
        The score of a set is ``finish`` of the sum of its clips' statistics, not the mean of the
        clips' scores: for rates and distributions, of which a clip holds too little.
    events : str
        The sum that counts what a pooled score is of, e.g. blinks: few allow no interval.
    over : str
        The sum that a pooled score is a mean over, if any: what a speaker weighs in its interval.
    ceiling : float, optional
        Of a score that can be infinite: what a clip counts as, at most, in a mean over clips, its
        interval and differences.
    without : callable, optional
        ``without(parts) -> scores``: of a pooled score, what ``finish`` makes of the sum of all
        parts but one, for each part in turn, where a quicker way is known than to finish them.
    remark : callable, optional
        ``remark(stats) -> str``: what is to be said beside the number that these give, if anything.
    of_truth : bool
        Of a family that can do without the ground truth: this score cannot.
    apart, alike : tuple of str
        Of :data:`CONTROLS`: what must be worse than the ground truth, or further from it, and what
        must not. Of the others nothing is promised.
    """

    unit: str
    better: str
    finish: Callable[[Stats], float]
    title: str = ""
    citation: str = ""
    pooled: bool = False
    events: str = ""
    over: str = "frames"
    ceiling: float | None = None
    without: Callable[[Sequence[Stats]], list[float]] | None = None
    remark: Callable[[Stats], str] | None = None
    of_truth: bool = False
    apart: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()


@dataclass(frozen=True)
class Metric:
    """A family: what is measured at once, and the scores it gives.

    Parameters
    ----------
    title, citation : str
    needs : Need
    measure : callable
        ``measure(*, pred, gt, …) -> stats``: additive sums by name, its keywords ``inputs`` and the
        names of ``params``. ``frames``, the number of frames that entered, is always one of the
        sums. Raises :class:`tkit.errors.ScoreError` with the reason if the pair cannot be measured.
    scores : mapping
        Name to :class:`Score`.
    inputs : tuple of str
        Which of :data:`INPUTS` ``measure`` takes of a clip, and is given; those that have a default
        it can do without. ``fps`` are frames a second; ``wave``, only for whole clips, is the sound
        that lips should fit, (S,) float32 at 16 kHz: a file's, or that of the ground truth, or of
        the prediction where there is none; ``source`` (N, H, W, 3) uint8 RGB, as in its file.
    params : mapping
        Name to :class:`Param`; all of them appear in the signature.
    network : Network, optional
        What it looks through, so that a missing file is named before any work.
    example : callable, optional
        ``example(folder)`` returns what ``measure`` takes in a test, by name: the parameter of a
        random network that it writes there, or a pair that is measured instead of a drawn one.
    limits : str
        What its scores do not say, in sentences; what they say stands at the top of the module.
    checked : str
        Against which second implementation or truth it is tested, and how near it comes.
    ms : float
        Milliseconds of CPU a frame of 256 x 256 pixels, about; ``benchmarks/metrics_speed.py``.
    """

    title: str
    citation: str
    needs: Need
    measure: Callable[..., Stats]
    scores: Mapping[str, Score]
    inputs: tuple[str, ...] = ("pred", "gt")
    params: Mapping[str, Param] = field(default_factory=dict)
    network: Network | None = None
    example: Callable[[Path], dict[str, Any]] | None = None
    limits: str = ""
    checked: str = ""
    ms: float = 0.0

    @property
    def about(self) -> str:
        """What its scores say: the text at the top of its module, without the example."""
        text = inspect.cleandoc(sys.modules[self.measure.__module__].__doc__ or "")
        return text.partition("\n>>> ")[0].strip()


@dataclass(frozen=True)
class Scorer:
    """A score with its family: what a name of :data:`METRICS` stands for."""

    name: str
    family: Metric
    score: Score

    def __call__(self, **given: Any) -> float:
        """Measure one pair and finish it.

        Parameters
        ----------
        **given
            The family's ``inputs`` (others of :data:`INPUTS` are not looked at), and parameters
            that differ from their defaults.

        Raises
        ------
        ConfigError
            If a parameter is not declared or its value not allowed.
        UsageError
            If an input is missing or no array of numbers.
        ScoreError
            If the pair cannot be measured, or has no such score.
        """
        return self.finish(self.measure(**given))

    def measure(self, **given: Any) -> Stats:
        """Statistics of one pair, from what a call takes; raises as a call does."""
        if missing := [key for key in self.required if key not in given]:
            there = ", ".join(given) or "nothing"
            raise UsageError(f"{self.name} needs {' and '.join(missing)}; it was given {there}")
        inputs = {
            key: _numbers(given[key], key, metric=self.name)
            for key in self.family.inputs
            if key in given
        }
        chosen = {key: value for key, value in given.items() if key not in INPUTS}
        return self.family.measure(**inputs, **self.settings(chosen))

    def finish(self, stats: Stats) -> float:
        """Make the number of summed statistics."""
        return self.score.finish(stats)

    @property
    def required(self) -> tuple[str, ...]:
        """Which of :data:`INPUTS` it cannot do without; a frame rate is always known."""
        taken = inspect.signature(self.family.measure).parameters.values()
        free = {one.name for one in taken if one.default is not inspect.Parameter.empty} | {"fps"}
        free -= {"gt"} if self.score.of_truth else set()
        return tuple(key for key in self.family.inputs if key not in free)

    @property
    def title(self) -> str:
        """What it is, in words."""
        return self.score.title or self.family.title

    @property
    def citation(self) -> str:
        """Where it comes from."""
        return self.score.citation or self.family.citation

    @property
    def needs(self) -> Need:
        """What is looked at."""
        return self.family.needs

    @property
    def params(self) -> Mapping[str, Param]:
        """The declared choices."""
        return self.family.params

    @property
    def better(self) -> str:
        """``higher``, ``lower`` or ``closer``."""
        return self.score.better

    @property
    def pooled(self) -> bool:
        """Whether a set is finished as one."""
        return self.score.pooled

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Complete ``given`` with the defaults, in declared order.

        Raises
        ------
        ConfigError
            If a parameter is not declared (the message names the nearest) or its value not allowed.
        """
        for key in given:
            if key not in self.params:
                there = ", ".join(self.params) or "none"
                hint = did_you_mean(key, self.params)
                raise ConfigError(f"unknown parameter {self.name}.{key}{hint} (there are: {there})")
        return {
            key: param.check(f"{self.name}.{key}", given.get(key, param.default))
            for key, param in self.params.items()
        }

    def require_network(self, settings: Mapping[str, Any]) -> None:
        """Raise :class:`UsageError` if the family looks through a network that is not given."""
        network = self.family.network
        if network and network.model:
            network.find_model(settings[network.setting.partition(".")[2]])

    def view(self, settings: Mapping[str, Any]) -> str:
        """What of :data:`VIEWS` is looked at under ``settings``: frames in gray are made once."""
        view = self.needs.view
        # Pictures that the metric resizes are turned to gray afterwards.
        gray = settings.get("color") == "gray" and not settings.get("resize")
        gray &= view.endswith("frames")
        return view.replace("frames", "gray") if gray else view

    def unit_of(self, settings: Mapping[str, Any]) -> str:
        """Return the unit of scores measured with ``settings``."""
        for key, param in self.params.items():
            if settings[key] in param.units:
                return param.units[settings[key]]
        return self.score.unit

    def tokens(self, settings: Mapping[str, Any]) -> list[str]:
        """Signature tokens of complete ``settings``, from the declared parameters alone."""
        tokens = [param.token(key, settings[key]) for key, param in self.params.items()]
        found = [token for token in tokens if token]
        # Unless a metric offers a choice, frames are averaged within a clip and clips over the set.
        pool = "pool:set" if self.pooled else "pool:clip"
        return found if "pool" in self.params else [*found, pool]


class Metrics(Registry[Scorer]):
    """The registry of families, in terms of their scores."""

    def families(self) -> dict[str, Metric]:
        """Import every entry: family by name."""
        return dict(_families(self, tuple(self.folders())))

    def names(self) -> list[str]:
        """Names of all scores in alphabetical order."""
        return sorted(score for family in self.families().values() for score in family.scores)

    def get(self, name: str) -> Scorer:
        """Return the score ``name``, which can be called.

        Raises
        ------
        UnknownNameError
            If there is no such score; the message names the nearest one.
        """
        hyphened = name.replace("_", "-")
        for family in self.families().values():
            if hyphened in family.scores:
                return Scorer(hyphened, family, family.scores[hyphened])
        names = self.names()
        hint = did_you_mean(hyphened, names)
        raise UnknownNameError(f"unknown metric {name!r}{hint} (there are: {', '.join(names)})")


@lru_cache
def _families(registry: Metrics, folders: tuple[str, ...]) -> dict[str, Metric]:
    """The entries in ``folders``, looked for once: a name is looked up for every clip."""
    entries: Registry[Metric] = Registry(registry.package, registry.constant, registry.exclude)
    return {name: entries.get(name) for name in entries.names()}


SHARED = frozenset(
    {
        "alignment",
        "backbones",
        "ffmpeg",
        "kernel_distance",
        "kernels",
        "pictures",
        "points",
        "theval",
    }
)
METRICS = Metrics("tkit.metrics", "METRIC", exclude=SHARED)


def add(left: Stats, right: Stats) -> Stats:
    """Sum of two statistics of the same metric; an empty one is the neutral element."""
    if not left or not right:
        return left or right
    return {key: left[key] + right[key] for key in left}


def _numbers(given: Any, key: str, *, metric: str) -> Any:
    """Return the input ``key`` as an array, or as a float if it is a rate.

    Raises
    ------
    UsageError
        If it is neither, or a sound of several channels, or a rate that is not above zero. Pictures
        and points are looked at by the families, which know what they need.
    """
    import numpy as np

    try:
        array = np.asarray(given)
    except (TypeError, ValueError):  # as of lists of several lengths
        array = np.asarray(None)
    what = f"{metric}: {key}"
    if array.dtype.kind not in "biuf":
        raise UsageError(f"{what} is no array of numbers but {type(given).__name__}")
    if key == "wave" and array.ndim != 1:
        raise UsageError(f"{what} has shape {array.shape}; a sound is (S,), of one channel")
    if key == "fps":
        if array.ndim or not 0 < array < float("inf"):
            raise UsageError(f"{what} is {given!r}; frames a second are one number above zero")
        return float(array)
    return array


def _file_token(path: str) -> str:
    """Name and first digits of the SHA-256 of a file: two files of one name are not one."""
    if not Path(path).is_file():
        return path or "none"
    return f"{Path(path).name}-{short_hash(path)}"
