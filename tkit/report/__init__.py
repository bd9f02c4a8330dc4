"""Reports: what a scoring run found, as plain data that shows itself in every format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tkit.errors import ScoreError
from tkit.files import require_path
from tkit.remote import Place

if TYPE_CHECKING:
    import pandas

    from tkit.report.series import ClipSeries

# Names of the rows that are measured beside the predictions; no prediction may take one. The last
# is measured only where a metric listens.
CONTROL_ROWS = ("static", "gt", "gt-lag3", "detector-noise", "other-sound")


@dataclass(frozen=True)
class Cell:
    """One cell of the table: a metric of a method over the whole set.

    Parameters
    ----------
    value : float or None
        Mean over clips, or score of all clips pooled; ``inf`` where no clip has any error; None if
        no clip has a score.
    low, high : float or None
        Ends of the 95 % interval, which is one of the value's own expectation for new speakers with
        as many clips; None where there is none.
    n : int
        Clips that entered.
    unit, better : str
        As declared by the metric.
    signature : str
        How it was measured; scores of different signatures are not comparable.
    note : str
        Why there is no finite value, or no interval. It begins with ``inf`` where the value is
        infinite, with ``n/a`` where the row does not apply to the metric.
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
class Recoded:
    """Least and largest score of a method whose predictions were re-encoded, of ``n`` clips.

    ``encoder`` says by what, and in which qualities.
    """

    method: str
    metric: str
    low: float
    high: float
    unit: str
    n: int
    encoder: str


@dataclass(frozen=True)
class Comparison:
    """Two methods on their common clips, in one metric.

    ``difference`` is that of the scores, first minus second (of their distances from the ground
    truth's score where nearer to it is better), with its 95 % interval; ``p`` is two-sided, by
    flipping the signs of whole units (speakers), and ``least_p`` the least that so many of them can
    reach; ``p_holm`` is corrected for the comparisons of ``family``: those of methods with each
    other in the metric, or with a control row. There is no p where units are too few, as
    ``no_p`` says. ``win_rate`` is the share of clips in which the first is better, ties half;
    ``effect`` Cohen's d; ``note`` names the clips that count otherwise than in the table.
    """

    metric: str
    first: str
    second: str
    difference: float
    low: float | None
    high: float | None
    p: float | None
    win_rate: float
    effect: float | None
    n: int
    unit: str
    p_holm: float | None
    least_p: float | None = None
    family: str = ""
    no_p: str = ""
    note: str = ""


@dataclass(frozen=True)
class Stratum:
    """The table on the clips that share a text, e.g. the column ``sex`` and the text ``female``.

    ``methods`` are as those of the whole report; a method has of these clips those that it has.
    """

    column: str
    text: str
    methods: dict[str, dict[str, Cell]]


@dataclass(frozen=True)
class Report:
    """The result of one scoring run.

    Parameters
    ----------
    protocol : str
        Name of the protocol.
    methods : dict
        Method to {metric: :class:`Cell`}: the predictions first, then the control rows.
    clips : list of ClipScore
    rejects : list of Unscored
    speakers : list of SpeakerScore
    comparisons : list of Comparison
    published : str
        Corpus whose published rows tables print beside; empty for none.
    common : dict
        As ``methods``, on the clips that all of them have, metric by metric; empty where that makes
        no difference.
    strata : list of Stratum
        As ``methods``, on the clips of each text of the columns that were asked for.
    recoded : list of Recoded
        How far re-encoding the predictions moves the scores; empty if that was not asked for.
    lacks : tuple of str
        What the evaluator that the protocol is named for has or does, and the protocol does not.
    series : dict
        Clip to what was seen in its frames; empty if no metric looked at landmarks. Not in the
        JSON, but in a file beside it, see :mod:`tkit.report.series`.
    videos : dict
        Clip to {row: path or URL} of the ground truth and the predictions, as they lay when they
        were scored; not in the JSON.

    Examples
    --------
    >>> cell = Cell(31.5, 30.25, 33.0, n=8, unit="dB", better="higher", signature="psnr|n:8")
    >>> report = Report("tkit", {"ours": {"psnr": cell}})
    >>> print(report.table())
    method  clips                PSNR ↑ dB
    ours        8  31.500 [30.250, 33.000]
    <BLANKLINE>
    psnr|n:8
    <BLANKLINE>
    >>> report.frame()[["method", "metric", "value"]].values.tolist()
    [['ours', 'psnr', 31.5]]
    >>> Report.from_json(report.to_json()) == report
    True
    """

    protocol: str
    methods: dict[str, dict[str, Cell]]
    clips: list[ClipScore] = field(default_factory=list)
    rejects: list[Unscored] = field(default_factory=list)
    speakers: list[SpeakerScore] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    published: str = ""
    common: dict[str, dict[str, Cell]] = field(default_factory=dict)
    strata: list[Stratum] = field(default_factory=list)
    lacks: tuple[str, ...] = ()
    recoded: list[Recoded] = field(default_factory=list)
    series: Mapping[str, ClipSeries] = field(default_factory=dict, compare=False, repr=False)
    videos: Mapping[str, Mapping[str, Place]] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics, in the order of the table's columns."""
        return list(next(iter(self.methods.values()), {}))

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read a report back from what :meth:`to_json` or ``tkit score --json`` wrote.

        Raises
        ------
        ScoreError
            If the text is no such report.
        """
        from tkit.report import tables

        return tables.from_json(text)

    @classmethod
    def read(cls, path: str | Path) -> Report:
        """Read a JSON report from a file.

        Raises
        ------
        UsageError
            If there is no such file.
        ScoreError
            If it is no JSON report of ``tkit score``.
        """
        try:
            return cls.from_json(require_path(path, "report").read_text(encoding="utf-8"))
        except (ScoreError, OSError, UnicodeDecodeError) as error:
            raise ScoreError(f"{path}: not a JSON report of tkit score") from error

    def to_json(self) -> str:
        """Write the whole report as JSON, as ``tkit score --json`` does."""
        from tkit.report import tables

        return tables.as_json(self)

    def table(self, *, width: int = 80) -> str:
        """Lay out the methods as an aligned text table, signatures and comparisons below.

        A table wider than ``width`` columns goes on below itself.
        """
        from tkit.report import tables

        return tables.as_text(self, width=width)

    def frame(self) -> pandas.DataFrame:
        """Make a pandas table, one row a method and metric.

        Returns
        -------
        pandas.DataFrame
            Columns ``method``, ``metric`` and the fields of :class:`Cell`; ``value``, ``low`` and
            ``high`` are floats, NaN where there is none (``note`` says why).
        """
        import pandas

        rows = [
            {"method": method, "metric": metric, **vars(cell)}
            for method, cells in self.methods.items()
            for metric, cell in cells.items()
        ]
        columns = ["method", "metric", *Cell.__dataclass_fields__]
        frame = pandas.DataFrame(rows, columns=columns)
        return frame.astype(dict.fromkeys(("value", "low", "high"), float) | {"n": int})

    def to_latex(self) -> str:
        """Write the table in LaTeX, booktabs, the best of two or more predictions in bold."""
        from tkit.report import latex

        return latex.as_latex(self)

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        from tkit.report import pages

        return pages.as_notebook(self)
