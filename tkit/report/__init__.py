"""Reports: what a scoring run found, as plain data; ``tables`` writes it in every format."""

from __future__ import annotations

from dataclasses import dataclass, field

HONEST_ROWS = ("static", "gt", "gt-lag3", "detector-noise")  # names no prediction may take


@dataclass(frozen=True)
class Score:
    """One cell of the table: a metric of a method over the whole set.

    Parameters
    ----------
    value : float or None
        Mean over clips; ``inf`` where a clip has no error at all; None if no clip has a score.
    low, high : float or None
        Ends of the 95 % interval; None where it was not computed.
    n : int
        Clips that entered.
    unit, better : str
        As declared by the metric.
    signature : str
        How it was measured; scores of different signatures are not comparable.
    note : str
        Why there is no finite value, if there is none.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    unit: str
    better: str
    signature: str
    note: str = ""


@dataclass(frozen=True)
class ClipScore:
    """A metric of a method on one clip, and the frames that entered."""

    method: str
    clip: str
    metric: str
    value: float
    frames: int


@dataclass(frozen=True)
class Unscored:
    """A clip of a method that has no score, or not all of them, and the reason."""

    method: str
    clip: str
    reason: str


@dataclass(frozen=True)
class SpeakerScore:
    """Mean of a metric of a method over one speaker's clips."""

    method: str
    speaker: str
    metric: str
    value: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """Two methods on their common clips, in one metric.

    ``difference`` is that of the scores, first minus second (of their distances from the ground
    truth's score where nearer to it is better), with its 95 % interval; ``p`` is two-sided, by
    flipping the signs of whole units; ``p_holm`` is corrected for all comparisons of the report;
    ``win_rate`` the share of clips in which the first is better, ties half; ``effect`` Cohen's d.
    """

    metric: str
    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    p: float
    win_rate: float
    effect: float | None
    n: int
    unit: str
    p_holm: float


@dataclass(frozen=True)
class Report:
    """The result of one scoring run.

    Parameters
    ----------
    protocol : str
        Name of the protocol.
    methods : dict
        Method to {metric: :class:`Score`}: the predictions first, then the honest rows.
    clips : list of ClipScore
    rejects : list of Unscored
    speakers : list of SpeakerScore
    comparisons : list of Comparison
    published : str
        Corpus whose published rows tables print beside; empty for none.
    """

    protocol: str
    methods: dict[str, dict[str, Score]]
    clips: list[ClipScore] = field(default_factory=list)
    rejects: list[Unscored] = field(default_factory=list)
    speakers: list[SpeakerScore] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    published: str = ""
