"""Faces on their head or on a side are refused with the reason, whoever finds their points."""

import numpy as np
import pytest

from tkit import media
from tkit.errors import NoFaceError
from tkit.face import geometry, plausible
from tkit.landmarks import dlib68
from tkit.tracking import FrontEnds
from tkit.tracking.upright import turn_of, upright_only


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Ten frames of a generated person, and their points."""
    from tkit.corpora import CORPORA

    root = tmp_path_factory.mktemp("puppet")
    CORPORA.get("puppet").generate(root, speakers=1, clips=1, seed=11)
    frames = media.read_clip(next(root.glob("s1/*.mp4"))).frames[:10]
    return frames, dlib68.track(frames)


def turned(frames, points, times):
    """Frames and points turned counter-clockwise by as many right angles."""
    height, width = frames.shape[1:3]
    middle, around = np.array([width - 1, height - 1]) / 2, points
    for _ in range(times):
        x, y = np.moveaxis(around - middle, -1, 0)
        middle = middle[::-1]
        around = np.stack([y, -x], axis=-1) + middle
    return np.ascontiguousarray(np.rot90(frames, times, axes=(1, 2))), around


def finds(points):
    """A back-end that finds these points."""
    return upright_only(lambda frames, **_: points.copy())


def test_an_upright_face_passes_as_it_was_found(clip):
    frames, points = clip
    np.testing.assert_array_equal(finds(points)(frames), points)
    np.testing.assert_array_equal(FrontEnds().track()(frames), points)


def test_points_whose_mouth_lies_above_the_eyes_are_refused(clip):
    frames, points = turned(*clip, 2)
    assert plausible.on_its_head(points).all() and not plausible.on_its_head(clip[1]).any()
    with pytest.raises(NoFaceError, match="upside down: its mouth lies above its eyes in 10 of 10"):
        finds(points)(frames)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_upright_face_laid_over_one_that_is_not_is_refused(clip, times):
    frames, points = turned(*clip, times)
    middle = points.mean(axis=1, keepdims=True)
    laid = clip[1] - clip[1].mean(axis=1, keepdims=True) + middle
    assert not plausible.on_its_head(laid).any()
    assert turn_of(frames[0], laid[0]) == 90 * times
    with pytest.raises(NoFaceError, match=f"found turned by {90 * times} degrees"):
        finds(laid)(frames)


def test_one_frame_on_its_head_is_a_frame_without_a_face(clip):
    frames, points = clip
    points = points.copy()
    points[4] = geometry.apply(np.array([[-1.0, 0, 300], [0, -1.0, 300]]), points[4])
    found = finds(points)(frames)
    assert np.isnan(found[4]).all()
    np.testing.assert_array_equal(np.delete(found, 4, axis=0), np.delete(points, 4, axis=0))


def test_without_a_face_nothing_is_refused(clip):
    frames, points = clip
    assert np.isnan(finds(np.full_like(points, np.nan))(frames)).all()
