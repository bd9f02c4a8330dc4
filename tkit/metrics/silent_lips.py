"""Lips and the loudness of speech: do they rest in silence, and open as far as it is loud?

``silent-lip-stability`` is the median, over the frames of silences of 0.3 s or more, of how far the
vertical opening of the inner lips is from its mean there, in the distance of the outer eye corners:
0 where they rest. ``lip-loudness`` is the mean absolute difference, over frames of speech, of that
opening and the sound's level, each laid from 0 to 1 over the clip. THEval calls it lip sync. Speech
is found by its energy: what is less than ``speech_db`` below the loudest frame of the clip, gaps
of less than 0.1 s included. The lips of the ground truth are not looked at, but by the scores
``theval-…``, which say how near to them these are (:mod:`tkit.metrics.theval`).

>>> import numpy, tkit
>>> pred = numpy.zeros((50, 68, 2))
>>> pred[:, 39:48, 0] = 100  # the left eye, in pixels from the right one
>>> pred[25:, 65:68, 1] = numpy.linspace(0, 20, 25)[:, None]  # the lower inner lip
>>> level = numpy.concatenate([numpy.zeros(16000), numpy.linspace(0.2, 1, 16000)])
>>> wave = level * numpy.sin(2 * numpy.pi * 200 * numpy.arange(32000) / 16000)
>>> given = {"pred": pred, "wave": wave}
>>> tkit.METRICS.get("silent-lip-stability")(**given)
0.0
>>> tkit.METRICS.get("lip-loudness")(**given) < 0.1
True
"""

from __future__ import annotations

import numpy as np

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import MISSING_FACE, Metric, Need, Param, Stats, theval
from tkit.metrics.av import SAMPLE_RATE, energy_db
from tkit.metrics.points import eye_distance

MIN_SILENCE_S, MAX_GAP_S, WINDOW_S = 0.3, 0.1, 0.05
MIN_SPEECH = 0.1  # share of the frames
UPPER_INDEX, LOWER_INDEX = [61, 62, 63], [67, 66, 65]


def measure(
    *,
    pred: np.ndarray,
    wave: np.ndarray,
    gt: np.ndarray | None = None,
    fps: float = 25.0,
    speech_db: float,
    missing_face: str,
) -> Stats:
    """Values of a whole clip, each side by itself.

    Parameters
    ----------
    pred, gt : ndarray (T, 68, 2)
        Points in pixels, NaN where no face was found.
    wave : ndarray (S,)
        Sound that both should fit, at 16 kHz.
    fps : float
        Frames a second.
    speech_db, missing_face
        See ``METRIC.params``.

    Raises
    ------
    ScoreError
        If the two do not fit each other, a face is missing or the sound silent.
    """
    points = theval.sides(pred, gt, missing_face=missing_face)
    speech = spoken(wave, n_frames=len(pred), fps=fps, speech_db=speech_db)
    silent = runs(~speech, at_least=MIN_SILENCE_S * fps)
    level = loudness(wave, n_frames=len(pred), fps=fps)
    rest: list[float | None] = []
    apart: list[float | None] = []
    for what, (shown, use) in points.items():
        opening = np.full(len(shown), np.nan)
        opening[use] = _opening(shown[use], what)
        still = opening[silent & use]
        rest.append(float(np.median(abs(still - still.mean()))) if len(still) > 1 else None)
        said = speech & use
        enough = speech.mean() >= MIN_SPEECH and said.sum() > 1
        apart.append(_apart(opening[said], level[said]) if enough else None)
    return {
        "frames": int(points["prediction"][1].sum()),
        **theval.sums("silent_lip_stability", *rest),
        **theval.sums("lip_loudness", *apart),
    }


def spoken(wave: np.ndarray, *, n_frames: int, fps: float, speech_db: float) -> np.ndarray:
    """Frames (T,) bool of speech; :class:`ScoreError` if the whole sound is silent."""
    from tkit.metrics.av import FLOOR_DB

    if not 0 < speech_db < FLOOR_DB:
        raise ScoreError(f"speech_db is {speech_db:g}; it is between 0 and {FLOOR_DB:g}")
    loud = energy_db(wave, n_frames=n_frames, fps=fps) > FLOOR_DB - speech_db
    return ~runs(~loud, at_least=MAX_GAP_S * fps)


def runs(flags: np.ndarray, *, at_least: float) -> np.ndarray:
    """Keep of flags (T,) only those in runs of so many."""
    kept = np.zeros_like(flags)
    for start, stop in geometry.runs(flags):
        kept[start:stop] = stop - start >= at_least
    return kept


def loudness(wave: np.ndarray, *, n_frames: int, fps: float) -> np.ndarray:
    """Root mean square (T,) of windows of 50 ms about every 50 ms, interpolated at the frames."""
    step = round(SAMPLE_RATE * WINDOW_S)
    n_steps = len(wave) // step + 1
    padded = np.zeros((n_steps + 1) * step)
    padded[step // 2 : step // 2 + len(wave)] = wave  # windows are centred
    level = np.sqrt((padded[: n_steps * step].reshape(n_steps, step) ** 2).mean(axis=1))
    return np.interp(np.arange(n_frames) / fps, np.arange(n_steps) * WINDOW_S, level)


def _opening(points: np.ndarray, what: str) -> np.ndarray:
    """Vertical opening (T,) of the inner lips in distances of the outer eye corners."""
    eye_distance(points, what)
    corners = np.linalg.norm(points[:, 36] - points[:, 45], axis=1)
    if (corners == 0).any():
        raise ScoreError(f"the two eyes of the {what} coincide in a frame")
    gap = np.abs(points[:, UPPER_INDEX, 1] - points[:, LOWER_INDEX, 1]).mean(axis=1)
    opening: np.ndarray = gap / corners
    return opening


def _apart(opening: np.ndarray, level: np.ndarray) -> float:
    both = [(x - x.min()) / (x.max() - x.min() + 1e-8) for x in (opening, level)]
    return float(abs(both[0] - both[1]).mean())


METRIC = Metric(
    title="Lips and the loudness of speech",
    needs=Need("points", whole=True),
    inputs=("pred", "gt", "wave", "fps"),
    params={
        "speech_db": Param(30.0, "speech is what is less than so far below the loudest frame"),
        "missing_face": MISSING_FACE,
    },
    measure=measure,
    scores=theval.scores(
        {
            "silent-lip-stability": "Unrest of silent lips",
            "lip-loudness": "Lips apart from the loudness",
        },
        "no silence of 0.3 s, or less than a tenth of speech",
        apart={
            "silent-lip-stability": ("noise",),
            "lip-loudness": ("static", "gt-lag3", "other-sound"),
            "theval-lip-loudness": ("static", "gt-lag3"),
        },
        alike={"lip-loudness": ("noise",), "theval-lip-loudness": ("noise", "other-sound")},
    ),
    citation=theval.CITATION,
    limits="Loudness is not speech: noise, music or breath count as speech, and a clip without "
    "silence has no silent lips. THEval finds speech by a network; its published values are "
    "of another mesh.",
    checked="pair by pair, 1e-9; drawn points and sounds, 2 %",
    ms=0.02,
)
