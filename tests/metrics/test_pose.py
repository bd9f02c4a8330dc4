"""Pose distance, head dynamics and expressions of heads with known motion."""

import numpy as np
import pytest
import stores

from tkit.errors import ScoreError
from tkit.face import geometry, head
from tkit.metrics import METRICS

T = np.arange(100)


def turned(pitch=0.0, yaw=0.0, roll=0.0, *, size_px=60.0):
    angles = np.broadcast_arrays(np.zeros(len(T)), pitch, yaw, roll)[1:]
    return size_px * head.project(head.rotation(*angles)) + [160, 120]


def value(name, pred, gt=None, **more):
    return METRICS.get(name)(pred=pred, gt=pred if gt is None else gt, **more)


@pytest.mark.parametrize("axis", ["pitch", "yaw", "roll"])
def test_pose_distance_is_the_angle_between(axis):
    gt = turned(**{axis: 10 * np.sin(T / 9)})
    pred = turned(**{axis: 10 * np.sin(T / 9) + 6}, size_px=90)
    assert value("pose-distance", pred, gt) == pytest.approx(6, abs=1e-4)
    assert value("pose-distance", gt, gt) == 0


def test_head_dynamics_are_spread_and_speed():
    wave = 8 * np.sqrt(2) * np.sin(2 * np.pi * T / 50)  # two whole turns: a deviation of 8
    assert value("head-dynamics", turned(yaw=wave)) == pytest.approx(8 / 3, abs=1e-4)
    assert value("head-dynamics", turned(5, wave, wave)) == pytest.approx(16 / 3, abs=1e-3)
    steady = turned(roll=0.2 * T)
    assert value("head-speed", steady, fps=50.0) == pytest.approx(10, abs=1e-4)
    assert value("head-speed", steady, fps=25.0) == pytest.approx(5, abs=1e-4)
    # Where the picture is turned upside down roll goes on beyond half a turn.
    assert value("head-dynamics", turned(roll=170 + 0.2 * T)) == pytest.approx(
        value("head-dynamics", steady), abs=1e-4
    )


def test_head_dynamics_of_lost_frames():
    points = turned(roll=0.2 * T)
    lost = points.copy()
    lost[30:33] = np.nan
    with pytest.raises(ScoreError, match="no face in 3 of 100"):
        value("head-speed", lost)
    assert value("head-speed", lost, missing_face="drop") == pytest.approx(5, abs=1e-4)
    with pytest.raises(ScoreError, match="a single frame has no dynamics"):
        value("head-dynamics", points[:1])
    with pytest.raises(ScoreError, match="no two frames"):
        value("head-speed", points[:1])


def spoken(clip="clip", *, width=1.0, n_frames=100):
    time_s = (np.arange(n_frames) + 0.5) / stores.FPS
    opening, wide = stores.mouth_signals(clip, time_s).T
    moved = stores.displacement(opening, wide, stores.closure(clip, n_frames))
    return geometry.apply(stores.head_pose("head", n_frames), stores.face() * [width, 1] + moved)


def test_another_face_with_the_same_expression_has_no_distance():
    mine, theirs = spoken(), spoken(width=1.1)
    other = value("expression-distance", spoken("other"), mine)
    assert value("expression-distance", theirs, mine) < 0.2 * other
    assert value("lmd", theirs, mine) > 0.5 * value("lmd", spoken("other"), mine)


def test_brows_by_hand():
    gt = spoken()
    raised = gt.copy()
    raised[40:60, 17:27, 1] -= 3.0  # px, of 60 between the eyes, in a fifth of the frames
    assert value("eyebrow-distance", raised, gt) == pytest.approx(100 * 3 / 60 / 5, rel=0.01)
    # Ten of the 42 expressive points.
    assert value("expression-distance", raised, gt) == pytest.approx(10 / 42 * 1.0, rel=0.01)
    assert value("eyebrow-distance", gt, gt) == value("expression-distance", gt, gt) == 0
