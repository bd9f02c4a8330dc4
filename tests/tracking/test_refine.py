"""Refinement of lips on drawn lips whose boundaries are known, and on generated faces."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tkit.face import geometry
from tkit.lips import INNER_LOWER, INNER_UPPER, OUTER_SIDES, Region, pictures
from tkit.tracking import FrontEnds
from tkit.tracking.refine import (
    DOUBTED,
    FADE_FRAMES,
    REACH,
    TRUSTED,
    crossings,
    normals,
    refine,
    trust,
)
from tkit.zoo.nets.lipseg import DIVISIONS

CENTRE = np.array([100.0, 120.0])
IOD = 60.0
OUTER, INNER = (26.0, 13.0), (19.0, 6.0)  # half axes of the lips' two contours, px
SHAPE = 160, 200


def ellipse(axes: tuple[float, float], count: int) -> np.ndarray:
    """Contour in iBUG's order: from the person's right corner over the upper lip and back below."""
    angle = np.pi + 2 * np.pi * np.arange(count) / count
    return CENTRE + np.stack([axes[0] * np.cos(angle), axes[1] * np.sin(angle)], axis=1)


def soft(axes: tuple[float, float]) -> np.ndarray:
    """Probability map of a filled ellipse whose boundary is two pixels soft; one half on it."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    level = np.sqrt(((x - CENTRE[0]) / axes[0]) ** 2 + ((y - CENTRE[1]) / axes[1]) ** 2)
    gradient = np.hypot(
        (x - CENTRE[0]) / axes[0] ** 2, (y - CENTRE[1]) / axes[1] ** 2
    ) / np.maximum(level, 1e-6)
    distance = (level - 1) / np.maximum(gradient, 1e-6)
    return np.clip(0.5 - distance / 2, 0, 1)


def face() -> np.ndarray:
    points = np.zeros((68, 2))
    points[geometry.RIGHT_EYE], points[geometry.LEFT_EYE] = (70, 60), (70 + IOD, 60)
    points[geometry.OUTER_LIPS], points[geometry.INNER_LIPS] = ellipse(OUTER, 12), ellipse(INNER, 8)
    return points


def off(points: np.ndarray, axes: tuple[float, float]) -> np.ndarray:
    """Distance of points from an ellipse to first order, px."""
    scaled = (points - CENTRE) / axes
    level = np.linalg.norm(scaled, axis=1)
    return np.abs(level - 1) * level / np.linalg.norm(scaled / axes, axis=1)


def regions(outer: np.ndarray, inner: np.ndarray) -> list[Region]:
    """Regions of one frame whose cells are its pixels."""
    still = np.eye(2, 3)[None]
    return [
        Region((48, 54, *OUTER_SIDES), outer[None], still),
        Region((60, 64, *INNER_UPPER, *INNER_LOWER), inner[None], still),
    ]


def refine_one(points: np.ndarray, outer: np.ndarray, inner: np.ndarray):
    refined = refine(points[None], regions(outer, inner))
    return refined.points[0], refined.placed[0]


def test_normals_point_outward_in_ibug_order():
    contour = ellipse((10, 10), 12)
    np.testing.assert_allclose(normals(contour), (contour - CENTRE) / 10, atol=1e-9)


@pytest.mark.parametrize("squeeze", [0.7, 0.85, 1.15])
def test_points_land_on_the_boundary(squeeze):
    """The tracker sees the lips too flat or too tall; the segmentation knows better."""
    points = face()
    points[geometry.MOUTH, 1] = CENTRE[1] + squeeze * (points[geometry.MOUTH, 1] - CENTRE[1])
    before = points.copy()
    after, placed = refine_one(points, soft(OUTER), soft(INNER))
    np.testing.assert_array_equal(points, before)
    np.testing.assert_array_equal(after[:48], before[:48])
    assert placed[geometry.MOUTH].all() and not placed[:48].any()
    assert off(after[geometry.OUTER_LIPS], OUTER).max() < 0.3
    assert off(after[geometry.INNER_LIPS], INNER).max() < 0.3


def test_frames_are_refined_each_with_its_own_segments():
    squeezed, tall = face(), face()
    squeezed[geometry.MOUTH, 1] = CENTRE[1] + 0.8 * (squeezed[geometry.MOUTH, 1] - CENTRE[1])
    tall[geometry.MOUTH, 1] = CENTRE[1] + 1.1 * (tall[geometry.MOUTH, 1] - CENTRE[1])
    both = [
        Region(one.index, np.concatenate([one.inside, one.inside]), np.repeat(one.transforms, 2, 0))
        for one in regions(soft(OUTER), soft(INNER))
    ]
    together = refine(np.stack([squeezed, tall]), both).points
    for points, seen in zip((squeezed, tall), together, strict=True):
        np.testing.assert_allclose(seen, refine_one(points, soft(OUTER), soft(INNER))[0])


def test_right_points_hardly_move():
    after, _ = refine_one(face(), soft(OUTER), soft(INNER))
    assert np.abs(after - face()).max() < 0.1


def test_without_a_boundary_points_stay_and_say_so():
    points = face()
    after, placed = refine_one(points, soft(OUTER), np.zeros(SHAPE))
    assert not placed[geometry.INNER_LIPS].any()
    np.testing.assert_array_equal(after[geometry.INNER_LIPS], points[geometry.INNER_LIPS])
    assert placed[geometry.OUTER_LIPS].all()


def test_an_uncertain_segmentation_moves_nothing():
    guess = 0.35 + 0.3 * soft(OUTER)
    assert not refine_one(face(), guess, guess)[1].any()


def test_a_region_that_is_doubted_moves_nothing_and_the_others_do():
    points = face()
    points[geometry.MOUTH, 1] = CENTRE[1] + 0.85 * (points[geometry.MOUTH, 1] - CENTRE[1])
    outer, inner = regions(soft(OUTER), soft(INNER))
    doubted = replace(outer, doubt=np.array([DOUBTED]))
    after = refine(points[None], [doubted, replace(inner, doubt=np.array([TRUSTED]))])
    assert not after.placed[0, geometry.OUTER_LIPS].any()
    np.testing.assert_array_equal(after.points[0, geometry.OUTER_LIPS], points[geometry.OUTER_LIPS])
    assert after.placed[0, geometry.INNER_LIPS].all()
    assert off(after.points[0, geometry.INNER_LIPS], INNER).max() < 0.3


def test_trust_comes_and_goes_gradually_and_single_doubts_change_nothing():
    doubt = np.full(300, 0.5)
    doubt[::7] = 9.0
    np.testing.assert_allclose(trust(doubt), 1)
    doubt = np.r_[np.full(150, 0.5), np.full(150, 9.0)]
    share = trust(doubt)[:, 0]
    assert share[0] == pytest.approx(1) and share[-1] == pytest.approx(0)
    assert np.abs(np.diff(share)).max() <= 1 / FADE_FRAMES + 1e-9
    np.testing.assert_allclose(trust(np.array([0.2])), 1)


def test_a_boundary_far_away_is_not_that_of_this_point():
    points = face()
    points[51, 1] -= 2 * REACH * IOD
    after, placed = refine_one(points, soft(OUTER), soft(INNER))
    assert not placed[51]
    np.testing.assert_array_equal(after[51], points[51])


def test_of_two_boundaries_the_nearest_counts():
    segment = np.zeros((20, 60))
    segment[:, 10:20] = segment[:, 30:41] = 1
    region = Region((48,), segment[None], np.eye(2, 3)[None])
    origin, right = np.array([[[38.0, 10.0]]]), np.array([[[1.0, 0.0]]])
    assert crossings(region, origin, right, unit_px=100) == pytest.approx(2.5)
    assert crossings(region, origin - (16, 0), right, unit_px=100) == pytest.approx(-2.5)
    assert np.isnan(crossings(region, origin, right, unit_px=2 / REACH)).all()


def test_corners_also_go_to_a_boundary_along_their_contour():
    """The left corner lies one pixel too low: its contour runs up, out of what lies under it."""
    points = face()
    points[48, 1] += 1
    under = np.zeros(SHAPE)
    under[121:] = 1  # the boundary is at 120.5
    after = refine(points[None], [Region((48,), under[None], np.eye(2, 3)[None], along=True)])
    # Along the contour, which is not quite upright there.
    assert after.points[0, 48, 1] == pytest.approx(120.5, abs=0.05)


@pytest.mark.parametrize("finer", [1, 2, 5])
def test_pictures_show_the_same_place_at_every_resolution(finer):
    """A soft spot in the frame is found where the transform says, also in much finer frames."""
    points = face() * finer
    y, x = np.mgrid[: SHAPE[0] * finer, : SHAPE[1] * finer] / finer
    spot = CENTRE + np.array((5.0, -3.0))
    light = 255 * np.exp(-(((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * 4.0**2)))
    frame = np.repeat(light[..., None], 3, axis=2).astype(np.uint8)
    transform = pictures.mouth_transforms(points[None])[0]
    picture = pictures.sample(frame, transform, pictures.MOUTH_SIZE)[..., 0].astype(float)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    seen = np.array([(columns * picture).sum(), (rows * picture).sum()]) / picture.sum()
    np.testing.assert_allclose(seen, geometry.apply(transform, spot[None] * finer)[0], atol=0.1)


def test_a_left_eye_is_seen_mirrored():
    points = face()
    points[42:48] += np.array([[10, 0], [4, -4], [-4, -4], [-10, 0], [-4, 4], [4, 4]])
    right, left = pictures.eye_transforms(points[None])[0]
    inner_left = geometry.apply(left, points[None, 42])[0]
    outer_left = geometry.apply(left, points[None, 45])[0]
    # Either way round, the points 42 and 45 lie on the mirrored sides.
    assert (inner_left[0] > outer_left[0]) == (points[42, 0] < points[45, 0])
    assert np.linalg.det(left[:, :2]) < 0 < np.linalg.det(right[:, :2])


@pytest.fixture(scope="module")
def talking(tmp_path_factory):
    """A generated clip: frames, tracked points, the truth and its blinks."""
    from tkit import media
    from tkit.corpora import CORPORA
    from tkit.landmarks import dlib68

    root = tmp_path_factory.mktemp("puppet")
    CORPORA.get("puppet").generate(root, speakers=1, clips=1, seed=7)
    video = next(root.glob("s1/*.mp4"))
    truth = np.load(root / "truth" / "s1" / f"{video.stem}.npz")
    frames = media.read_clip(video).frames
    return frames, dlib68.track(frames), truth["points"].astype(float), truth["blinks"]


def test_classes_in_a_mirror_and_their_sums():
    from tkit.lips import lipseg

    rng = np.random.default_rng(0)
    width, height = pictures.MOUTH_SIZE
    frame = cv2.GaussianBlur(rng.integers(0, 255, (height, width, 3), np.uint8), (0, 0), 3)
    names = [name for division in DIVISIONS["mouth"] for name in division]
    assert [names[index] for index in lipseg.MIRRORED[4:9]] == names[8:3:-1]
    here = lipseg.classify("mouth", [frame], np.eye(2, 3)[None])[0]
    for first, count in ((0, 4), (4, 5), (9, 2)):
        np.testing.assert_allclose(here[first : first + count].sum(axis=0), 1, atol=1e-5)


def test_doubt_does_not_change_in_a_mirror(talking):
    """Two views of a mouth that are each other's mirror image differ as much either way round."""
    from tkit.lips import lipseg

    frames, tracked, _, _ = talking
    width = frames.shape[2]
    turned = geometry.mirror(tracked[:1].astype(float), width=width - 1)
    here = lipseg.segment(frames[:1], tracked[:1])[0].doubt
    there = lipseg.segment(np.ascontiguousarray(frames[:1, :, ::-1]), turned)[0].doubt
    # Pictures are sampled at whole grey levels, in a mirror at others.
    np.testing.assert_allclose(here, there, rtol=0.1)


def test_a_picture_seen_before_is_not_segmented_again(talking, monkeypatch):
    from tkit.lips import lipseg

    frames, tracked, _, _ = talking
    still, points = np.repeat(frames[:1], 30, axis=0), np.repeat(tracked[:1], 30, axis=0)
    seen = []
    blob = cv2.dnn.blobFromImages
    monkeypatch.setattr(
        cv2.dnn, "blobFromImages", lambda some, *how: (seen.append(len(some)), blob(some, *how))[1]
    )
    regions = lipseg.segment(still, points)
    assert seen == [1] * len(seen)
    for region in regions:
        np.testing.assert_array_equal(region.inside, region.inside[:1].repeat(30, axis=0))
    alone = lipseg.segment(still[:1], points[:1])
    np.testing.assert_allclose(regions[0].inside[0], alone[0].inside[0])


def test_faces_unlike_those_learned_from_keep_their_tracked_points(talking):
    """A face that is half hidden by noise: the networks say one thing here and another there."""
    from tkit import tracking

    frames, tracked, _, _ = talking
    rng = np.random.default_rng(3)
    spoilt = np.clip(0.3 * frames[:20] + 0.7 * rng.integers(0, 256, frames[:20].shape), 0, 255)
    segment = FrontEnds().segment()
    refined, placed = tracking.refine_lips(spoilt.astype(np.uint8), tracked[:20], segment)
    assert not placed.any()
    away = np.linalg.norm(refined - tracked[:20], axis=-1) / IOD
    assert away.max() < 0.02  # steadied only


def test_lipseg_brings_lips_and_lids_nearer_to_the_truth(talking):
    from tkit import tracking

    frames, tracked, truth, blinks = talking
    refined, placed = tracking.refine_lips(frames, tracked, FrontEnds().segment())
    assert placed[:, geometry.OUTER_LIPS].mean() > 0.95 and not placed[:, :36].any()

    def mouth_error(points):
        return np.linalg.norm(points - truth, axis=-1)[:, geometry.MOUTH].mean()

    assert mouth_error(refined) < 0.7 * mouth_error(tracked)
    np.testing.assert_array_equal(refined[:, :36], tracked[:, :36])
    apex = np.rint(blinks[:, 1] * 25 - 0.5).astype(int)
    assert len(apex)
    assert geometry.eye_aspect_ratio(refined)[apex].max() < 0.15
    inner = refined[:, geometry.INNER_LIPS, 1]
    assert (inner[:, 5:8] - inner[:, [3, 2, 1]]).min() > -0.3  # lips do not cross, px


def test_frames_without_a_face_stay_without_points(talking):
    from tkit import tracking

    frames, tracked, _, _ = talking
    some = tracked[:10].copy()
    some[4] = np.nan
    refined, placed = tracking.refine_lips(frames[:10], some, FrontEnds().segment())
    assert np.isnan(refined[4]).all() and not placed[4].any()
    assert np.isfinite(refined[[3, 5]]).all()
    same, none = tracking.refine_lips(frames[:10], some, FrontEnds(lips="none").segment())
    np.testing.assert_array_equal(same, some)
    assert not none.any()


def test_only_a_segmenter_that_takes_a_model_file_gets_one(tmp_path):
    from tkit.errors import UsageError

    with pytest.raises(UsageError, match="lip segmenter lipseg takes no model file"):
        FrontEnds(lips="lipseg", lips_model=str(tmp_path / "x.pth")).lips_signature()
