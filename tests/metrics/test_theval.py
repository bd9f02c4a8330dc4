"""THEval's formulas on drawn points and sounds whose values are known."""

from itertools import combinations

import numpy as np
import pytest
import stores

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import METRICS, add
from tkit.scoring import protocols

FPS = 25.0


def value(name, pred, gt=None, **more):
    return METRICS.get(name)(pred=pred, gt=pred if gt is None else gt, **more)


def face(n_frames=100, *, clip="clip", size=1.0, opening=None):
    time_s = (np.arange(n_frames) + 0.5) / FPS
    drawn, wide = stores.mouth_signals(clip, time_s).T
    opening = drawn if opening is None else opening
    moved = stores.displacement(opening, wide, stores.closure(clip, n_frames))
    return size * geometry.apply(stores.head_pose("head", n_frames), stores.face() + moved)


def by_hand(points):
    """Lip dynamics, pair by pair."""
    return np.mean([
        np.std([np.hypot(*(frame[i] - frame[j])) for frame in points])
        for i, j in combinations(range(48, 68), 2)
    ])  # fmt: skip


def test_lip_dynamics_pair_by_pair():
    points = face(40)
    assert value("lip-dynamics", points, scale="px") == pytest.approx(by_hand(points), rel=1e-9)
    unit = points / geometry.inter_ocular(points)[:, None, None]
    assert value("lip-dynamics", points) == pytest.approx(100 * by_hand(unit), rel=1e-9)


def test_only_the_form_in_pixels_knows_the_size_of_the_picture():
    small, large = face(), face(size=4.0)  # 128 and 512 pixels
    for name in ("lip-dynamics", "eyebrow-dynamics"):
        assert value(name, large) == pytest.approx(value(name, small), rel=1e-9)
    apart = [value("lip-dynamics", points, scale="px") for points in (small, large)]
    assert apart[1] == pytest.approx(4 * apart[0])


def test_eyebrow_dynamics_by_hand_over_lost_frames():
    points = face(10, opening=np.zeros(10))
    points[:] = points[:1]
    size = geometry.inter_ocular(points)[0]
    direction = points[0, 17:22].mean(axis=0) - points[0, 36:42].mean(axis=0)
    points[4, 17:22] += direction / np.linalg.norm(direction) * 2  # away from the eye, and back
    assert value("eyebrow-dynamics", points) == pytest.approx(2 * 2 / size / 18)
    lost = points.copy()
    lost[6] = np.nan
    dropped = value("eyebrow-dynamics", lost, missing_face="drop")
    assert dropped == pytest.approx(2 * 2 / size / 16)


def test_nearness_is_of_the_means_over_a_set():
    metric = METRICS.get("theval-lip-dynamics")
    pairs = [(face(clip="a"), face(clip="b")), (face(clip="c"), face(clip="d"))]
    total = {}
    for pred, gt in pairs:
        total = add(total, metric.measure(pred=pred, gt=gt))
    mine, truth = (
        np.mean([value("lip-dynamics", side) for side in sides])
        for sides in zip(*pairs, strict=True)
    )
    assert metric.finish(total) == pytest.approx(1 - abs(mine - truth) / truth)
    gt = face()
    still = gt[:1].repeat(len(gt), axis=0)
    assert value("theval-lip-dynamics", gt, gt) == 1
    assert value("theval-lip-dynamics", still, gt) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ScoreError, match="ground truth's value is zero"):
        value("theval-lip-dynamics", gt, still)
    with pytest.raises(ScoreError, match="a single frame has no dynamics"):
        value("lip-dynamics", gt[:1])


def sound(loud):
    """A hum with the level of each frame."""
    n = round(len(loud) * 16000 / FPS)
    level = np.interp(np.arange(n) / 16000 * FPS, np.arange(len(loud)), loud)
    return (level * np.sin(2 * np.pi * 200 * np.arange(n) / 16000)).astype(np.float32)


def spoken(n_frames=100):
    """Silence, then a voice that swells and fades."""
    loud = np.zeros(n_frames)
    loud[40:80] = 0.2 + 0.8 * np.abs(np.sin(np.arange(40) / 5))
    return loud


def test_lips_that_rest_in_silence_are_stable():
    loud = spoken()
    given = {"wave": sound(loud), "fps": FPS}
    calm = face(opening=loud)
    calm[:] = np.where(loud[:, None, None] > 0, calm, calm[:1])
    assert value("silent-lip-stability", calm, **given) < 1e-3
    restless = calm.copy()
    flicker = 3.0 * (np.arange(100) % 2)
    restless[:, 65:68, 1] += flicker[:, None]
    corners = np.linalg.norm(calm[0, 36] - calm[0, 45])
    expected = 1.5 / corners  # half of the way up and down, about the mean
    assert value("silent-lip-stability", restless, **given) == pytest.approx(expected, rel=0.02)


def test_lips_that_follow_the_loudness_are_near_it():
    loud = spoken()
    given = {"wave": sound(loud), "fps": FPS}
    follows = face(opening=loud)
    against = face(opening=1 - loud)
    assert value("lip-loudness", follows, **given) < 0.12
    assert value("lip-loudness", against, **given) > 0.3
    assert value("theval-lip-loudness", follows, follows, **given) == 1


def test_no_silence_or_no_speech_has_a_reason():
    points = face()
    always = sound(np.full(100, 0.5))
    with pytest.raises(ScoreError, match=r"no silence of 0\.3 s"):
        value("silent-lip-stability", points, wave=always)
    with pytest.raises(ScoreError, match="the sound is silent"):
        value("lip-loudness", points, wave=0 * always)
    with pytest.raises(ScoreError, match="speech_db is 60; it is between 0 and 50"):
        value("lip-loudness", points, wave=always, speech_db=60)


def test_the_protocol_measures_pictures_of_256_pixels():
    protocol = protocols.load("theval-ourpoints")
    assert (protocol.crop, protocol.resize) == ("none", 256)
    assert protocol.metrics["lip-dynamics"]["scale"] == "px" and len(protocol.metrics) == 8
    assert {f"theval-{name}" for name in protocol.metrics if "theval" not in name} < set(
        protocol.metrics
    )
