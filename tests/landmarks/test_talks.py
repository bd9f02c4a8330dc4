"""Of two people who stay in the picture the one who talks is followed, however small."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tkit.corpora import puppet
from tkit.corpora.puppet import motion as motions
from tkit.corpora.puppet import render as rendering
from tkit.face import geometry
from tkit.landmarks import LANDMARKERS, dlib68
from tkit.landmarks.boxes import rivals
from tkit.landmarks.talks import swing, talker
from tkit.seeds import generator

N_FRAMES = 40
SCALE = 0.7  # of the smaller face


def talk(number: int, *, silent: bool) -> np.ndarray:
    """Frames (T, H, W, 3) of one puppet whose head moves and who talks, or only looks on."""
    face, rng = puppet.face_of(number, 0), generator(0, "talk", str(number))
    edges_s = itertools.pairwise(np.linspace(0, N_FRAMES / puppet.FPS, 13).tolist())
    babble = tuple((*edge, "am"[index % 2]) for index, edge in enumerate(edges_s))
    pivot = face.points[geometry.JAW].mean(axis=0)
    said = () if silent else babble
    motion = motions.perform(said, n_frames=N_FRAMES, fps=puppet.FPS, pivot=pivot, rng=rng)
    return np.stack(list(rendering.render(face, motion, rng)))


@pytest.fixture(scope="module")
def pair() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Frames of a larger and a smaller puppet, each of them talking and silent."""
    import cv2

    def smaller(frames: np.ndarray) -> np.ndarray:
        return np.stack([
            cv2.resize(frame, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
            for frame in frames
        ])  # fmt: skip

    return {
        "large": (talk(1, silent=True), talk(1, silent=False)),
        "small": (smaller(talk(2, silent=True)), smaller(talk(2, silent=False))),
    }


def beside(large: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Put two puppets side by side, the smaller one at the right."""
    height, width = large.shape[1:3]
    frames = np.full((len(large), height, width + small.shape[2], 3), 90, np.uint8)
    frames[:, :, :width] = large
    frames[:, height - small.shape[1] :, width:] = small
    return frames


@pytest.mark.parametrize(
    ("large_talks", "small_talks", "followed"),
    [(False, True, "small"), (True, False, "large"), (False, False, "large")],
)
def test_the_one_who_talks_is_followed(pair, large_talks, small_talks, followed):
    frames = beside(pair["large"][large_talks], pair["small"][small_talks])
    notes: list[str] = []
    points = LANDMARKERS.get("dlib68").load()(frames, note=notes.append)
    assert np.isfinite(points).all()
    at_right = points[:, :, 0].mean(axis=1) > pair["large"][0].shape[2]
    assert at_right.all() if followed == "small" else not at_right.any()
    why = "talks" if large_talks or small_talks else "is there longest"
    assert notes == [f"2 faces: the points follow the one that {why}"]


def test_one_face_costs_no_fit_more(pair, monkeypatch):
    fits, real = [], dlib68.fit
    monkeypatch.setattr(
        dlib68, "fit", lambda greys, boxes: fits.extend(boxes) or real(greys, boxes)
    )
    dlib68.track(pair["large"][1])
    assert len(fits) == N_FRAMES


# ---- who talks, from points alone ------------------------------------------------------------


def track(opening: np.ndarray, *, iod: float = 60.0, noise: float = 0.0) -> np.ndarray:
    """Points (T, 68, 2) of a face whose inner lips are ``opening`` inter-ocular distances apart."""
    rng = np.random.default_rng(0)
    points = np.zeros((len(opening), 68, 2))
    points[:, geometry.LEFT_EYE, 0] = 1.0
    points[:, [67, 66, 65], 1] = opening[:, None]
    return iod * (points + noise * rng.standard_normal(points.shape))


SPEECH = 0.15 * (1 + np.sin(np.arange(50)))
STILL = np.full(50, 0.05)


def test_swing_is_in_inter_ocular_distances():
    assert swing(track(SPEECH)) == pytest.approx(0.3, abs=0.02)
    assert swing(track(SPEECH, iod=20.0)) == pytest.approx(swing(track(SPEECH)))
    assert swing(track(STILL)) == pytest.approx(0.0, abs=1e-9)
    gaps = track(SPEECH)
    gaps[::2] = np.nan
    assert swing(gaps) == pytest.approx(0.3, abs=0.03)
    assert swing(np.full((5, 68, 2), np.nan)) == 0.0


def test_one_of_several_talks():
    still, talks = track(STILL, noise=0.02), track(SPEECH, iod=20.0, noise=0.02)
    assert talker({7: still, 3: talks, 1: still}) == 3
    assert talker({0: talks}) == 0
    assert talker({0: still, 1: still}) is None  # nobody
    assert talker({0: talks, 1: talks}) is None  # one cannot tell
    assert talker({}) is None


def test_a_held_open_mouth_does_not_talk():
    assert talker({0: track(np.full(50, 0.4), noise=0.01), 1: track(SPEECH)}) == 1


def test_only_those_who_stay_about_as_long_are_rivals():
    def seen(x: float, frames: range) -> dict[int, np.ndarray]:
        return {index: np.array([x, 50.0, 40.0]) for index in frames}

    long, nearly, short = seen(50, range(41)), seen(150, range(2, 41)), seen(250, range(20))
    assert rivals([[long, nearly, short]]) == {0: [long], 1: [nearly]}
    after = seen(50, range(41, 61))  # the same person after a cut
    assert rivals([[long, nearly], [after]]) == {0: [long, after]}
    assert rivals([]) == {}
