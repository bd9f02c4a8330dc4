import numpy as np
import pytest

from tkit.errors import ScoreError
from tkit.face import geometry
from tkit.metrics import METRICS

LMD = METRICS.get("lmd")
IOD_PX = 40.0
LOWER_LIP = [55, 56, 57, 58, 59, 65, 66, 67]  # 8 of the 20 mouth points


def score(pred, gt, **params):
    return LMD.finish(LMD.measure(pred=pred, gt=gt, **params))


@pytest.fixture
def face(stores):
    """Three frames of a face of 40 px between the eyes, in a picture of about 128 px."""
    return np.stack([stores.face() * IOD_PX + [64, 44]] * 3)


@pytest.fixture
def opened(face):
    """The same with the lower lip 5 px further down."""
    pred = face.copy()
    pred[:, LOWER_LIP, 1] += 5
    return pred


def test_known_opening_gives_the_known_distance(face, opened):
    # Centring moves the mouth by 8/20 of 5 px = 2 px: 8 points are 3 px off, 12 points 2 px.
    assert score(opened, face, scale="px") == pytest.approx((8 * 3 + 12 * 2) / 20)
    assert score(opened, face) == pytest.approx(100 * 2.4 / IOD_PX)
    assert score(opened, face, centre="none", scale="px") == pytest.approx(8 * 5 / 20)
    assert score(opened, face, centre="similarity", scale="px") == pytest.approx(8 * 5 / 20)
    assert score(opened, face, norm="l1", scale="px") == pytest.approx(2.4 / 2)
    assert score(opened, face, reduce="sum", scale="px") == pytest.approx(48)
    assert score(opened, face, reduce="sum68", scale="px") == pytest.approx(48 / 68)
    # 5 of the 12 outer points; among 24 the four corners count twice, none of which moved.
    raw = {"centre": "none", "scale": "px"}
    assert score(opened, face, points="outer", **raw) == pytest.approx(5 * 5 / 12)
    assert score(opened, face, points="all", **raw) == pytest.approx(8 * 5 / 68)
    assert score(opened, face, points="lips24", **raw) == pytest.approx(8 * 5 / 24)


def test_identity_and_shift(face):
    assert score(face, face) == 0.0
    shifted = face + np.array([7.0, -3.0])
    assert score(shifted, face) == pytest.approx(0, abs=1e-12)
    assert score(shifted, face, centre="none", scale="px") == pytest.approx(np.hypot(7, 3))


def test_head_pose_is_removed_by_similarity_alone(face, opened):
    angle = 0.2
    turn = 1.1 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = face @ turn.T + [3.0, 9.0]
    assert score(moved, face, centre="similarity") == pytest.approx(0, abs=1e-9)
    assert score(moved, face) > 1
    # What the mouth did survives: prediction and ground truth are compared in the latter's pose.
    aligned = score(opened @ turn.T + [3.0, 9.0], face, centre="similarity", scale="px")
    assert aligned == pytest.approx(2.0, abs=1e-9)


def test_percent_of_inter_ocular_distance_does_not_depend_on_resolution(face, opened):
    assert score(2 * opened, 2 * face) == pytest.approx(score(opened, face))
    assert score(2 * opened, 2 * face, scale="px") == pytest.approx(4.8)


def test_each_frame_has_its_own_distance_between_the_eyes(face, opened):
    gt, pred = face.copy(), opened.copy()
    gt[1], pred[1] = gt[1] * 2, pred[1] * 3  # 40 and 80 px between the eyes of the ground truth
    each = [score(pred[t : t + 1], gt[t : t + 1]) for t in range(3)]
    assert score(pred, gt) == pytest.approx(np.mean(each))
    assert geometry.inter_ocular(gt)[1] == pytest.approx(80)


def test_missing_faces_are_an_error_or_dropped_and_counted(face, opened):
    opened[1] = np.nan
    with pytest.raises(
        ScoreError, match="no face in 1 of 3 frames of the prediction, first in frame 1"
    ):
        LMD.measure(pred=opened, gt=face)
    with pytest.raises(ScoreError, match="of the ground truth, first in frame 1"):
        LMD.measure(pred=face, gt=opened)
    stats = LMD.measure(pred=opened, gt=face, missing_face="drop")
    assert stats["frames"] == 2
    assert LMD.finish(stats) == pytest.approx(6.0)
    face[[0, 2]] = np.nan  # now no frame has both
    with pytest.raises(ScoreError, match="no frame has a face in both"):
        LMD.measure(pred=opened, gt=face, missing_face="drop")


def test_points_that_do_not_fit_are_refused(face):
    with pytest.raises(ScoreError, match="2 predicted frames of points, ground truth has 3"):
        LMD.measure(pred=face[:2], gt=face)
    with pytest.raises(ScoreError, match=r"points of the prediction have shape \(3, 20, 2\)"):
        LMD.measure(pred=face[:, 48:], gt=face)
    with pytest.raises(ScoreError, match="eyes of the ground truth coincide"):
        LMD.measure(pred=face, gt=np.zeros_like(face))


def test_unit_follows_the_scale():
    assert LMD.unit_of(LMD.settings({})) == "% IOD"
    assert LMD.unit_of(LMD.settings({"scale": "px"})) == "px"
