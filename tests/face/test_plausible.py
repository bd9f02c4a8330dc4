"""Motion of others on odd faces: lids and lips that meet and never cross."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tkit.face import geometry, plausible
from tkit.pipelines.animation.carry import Carry
from tkit.pipelines.animation.render import JAW_FOLLOWS, SMILE, Person, close_lips, share_of_picture

SIZE = 128


def odd(face, *, width=1.0, gape=0.0, eyes=1.0, tilt=0.0):
    """The drawn face with a wide mouth, the mouth open, narrow eyes, or with slanting lips."""
    points = np.array(face)
    centre = points[geometry.MOUTH].mean(axis=0)
    points[geometry.MOUTH, 0] = centre[0] + width * (points[geometry.MOUTH, 0] - centre[0])
    points[[55, 56, 57, 58, 59, 65, 66, 67], 1] += gape
    points[geometry.JAW, 1] += JAW_FOLLOWS * gape
    for eye in (geometry.RIGHT_EYE, geometry.LEFT_EYE):
        middle = points[eye, 1].mean()
        points[eye, 1] = middle + eyes * (points[eye, 1] - middle)
    cos, sin = np.cos(tilt), np.sin(tilt)
    points[geometry.MOUTH] = (points[geometry.MOUTH] - centre) @ [[cos, sin], [-sin, cos]] + centre
    return points


def person(points, canonical):
    """As ``animate.look_at`` measures one, without a picture."""
    return Person(
        pose=np.array([[40.0, 6.0, 64.0], [-6.0, 40.0, 50.0]]),
        still=points,
        neutral=close_lips(points, canonical),
        canonical=canonical,
        transform=np.array([[1.0, 0, 0], [0, 1.0, 0]]),
        points=points,
        crop=np.zeros((SIZE, SIZE, 3), np.uint8),
    )


def level(person, points):
    return geometry.apply(geometry.invert(person.pose), points)


@settings(max_examples=60, deadline=None)
@given(
    width=st.floats(0.6, 1.8),
    gape=st.floats(0, 0.4),
    eyes=st.floats(0.3, 1.6),
    tilt=st.floats(-0.3, 0.3),
    seed=st.integers(0, 1000),
)
def test_lips_and_lids_of_odd_faces_never_cross(stores, width, gape, eyes, tilt, seed):
    canonical = geometry.normalise(stores.face())
    one = person(odd(canonical, width=width, gape=gape, eyes=eyes, tilt=tilt), canonical)
    moved = 0.15 * np.random.default_rng(seed).standard_normal((20, 68, 2))
    points = level(one, one.landmarks(moved))
    assert np.isfinite(points).all()
    for pairs in (plausible.INNER_LIP_PAIRS, plausible.LID_PAIRS, plausible.LIP_EDGES):
        assert (points[:, pairs[:, 0], 1] <= points[:, pairs[:, 1], 1] + 1e-9).all()
    assert (plausible.signed_area(points[:, geometry.INNER_LIPS]) >= -1e-9).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_what_does_not_cross_stays_as_it_is(stores, seed):
    face = geometry.normalise(stores.face())
    moved = 0.002 * np.random.default_rng(seed).standard_normal((5, 68, 2))
    assert np.array_equal(plausible.part(face + moved), face + moved)


def test_crossed_lips_meet_halfway(stores):
    face = stores.face()
    face[62, 1], face[66, 1] = 1.22, 1.18
    parted = plausible.part(face)
    assert parted[62] == pytest.approx([face[62, 0], 1.20]) and parted[66, 1] == parted[62, 1]
    face[[61, 62, 63], 1] += 0.2  # above the outer lower lip now
    parted = plausible.part(face)
    assert (parted[[58, 57, 56], 1] >= parted[[67, 66, 65], 1]).all()


def test_corners_cannot_turn_the_mouth_inside_out(stores):
    face = stores.face()
    face[[61, 62, 63, 65, 66, 67], 1] = 1.2
    face[[61, 67], 0] += [0.3, -0.2]
    face[[60, 64], 1] = 1.4
    assert plausible.signed_area(face[60:68]) < 0
    assert plausible.signed_area(plausible.part(face)[60:68]) >= -1e-12


@pytest.mark.parametrize("eyes", [0.3, 1.0, 1.5])
def test_a_blink_shuts_any_eyes_and_no_more(stores, eyes):
    canonical = geometry.normalise(stores.face())
    one = person(odd(canonical, eyes=eyes), canonical)
    moved = stores.displacement(np.zeros(3), np.zeros(3), np.array([0.0, 0.5, 1.0]))
    ears = geometry.eye_aspect_ratio(one.landmarks(moved)).mean(axis=1)
    assert ears / ears[0] == pytest.approx([1, 0.5, 0], abs=1e-6)


def test_lids_fit_back(stores):
    canonical = geometry.normalise(stores.face())
    neutral = odd(canonical, eyes=0.5) * [1.0, 1.1]
    moved = np.random.default_rng(0).standard_normal((4, 68, 2))
    there = plausible.fit_lids(moved, neutral=neutral, canonical=canonical)
    back = plausible.fit_lids(there, neutral=canonical, canonical=neutral)
    lids = np.unique(plausible.LID_PAIRS)
    assert back == pytest.approx(moved)
    assert np.array_equal(np.delete(there, lids, axis=1), np.delete(moved, lids, axis=1))
    shut = neutral.copy()
    shut[geometry.EYES, 1] = 0.0  # nothing to shut
    assert np.array_equal(plausible.fit_lids(moved, neutral=shut, canonical=canonical), moved)


@pytest.mark.parametrize("gape", [0.0, 0.1, 0.4])
def test_an_open_mouth_is_closed_and_the_chin_follows(stores, gape):
    canonical = geometry.normalise(stores.face())
    closed = close_lips(odd(canonical, gape=gape), canonical)
    assert closed[[65, 66, 67], 1] - closed[[63, 62, 61], 1] == pytest.approx(
        canonical[[65, 66, 67], 1] - canonical[[63, 62, 61], 1]
    )
    assert (closed[[57, 66], 1] < canonical[[57, 66], 1] + gape + 1e-9).all()
    low = JAW_FOLLOWS * min(gape, SMILE)  # a smile leaves the jaw where it is
    assert closed[geometry.JAW, 1] == pytest.approx(canonical[geometry.JAW, 1] + low)
    assert np.array_equal(closed[:48][17:], canonical[17:48])
    assert (closed[57, 1] < closed[8, 1]) and np.diff(closed[4:9, 1]).min() > 0


def test_the_first_frame_has_the_lips_of_the_picture_and_later_ones_those_that_speak(stores):
    canonical = geometry.normalise(stores.face())
    one = person(odd(canonical, gape=0.1), canonical)
    moved = stores.displacement(np.full(30, 0.2), np.zeros(30), np.zeros(30))
    shares = share_of_picture(0, 30, fps=25.0)
    assert shares[0] == 1 and (np.diff(shares[:14]) < 0).all()
    assert (shares[13:] == 0).all()  # half a second
    parts = np.concatenate([share_of_picture(0, 7, fps=25.0), share_of_picture(7, 23, fps=25.0)])
    assert np.array_equal(parts, shares)
    still = shares[:, None, None]
    faces = one.landmarks((1 - still) * moved + still * one.displacement)
    assert level(one, faces[:1]) == pytest.approx(one.still[None])
    assert np.array_equal(faces[13:], one.landmarks(moved)[13:])


def test_a_head_that_moves_takes_the_face_along(stores):
    canonical = geometry.normalise(stores.face())
    poses = stores.head_pose("a", 30)
    head = geometry.head_motion(geometry.apply(poses, canonical))
    assert head[0] == pytest.approx(np.array([[1, 0, 0], [0, 1, 0]]), abs=1e-9)
    pose = np.array([[40.0, 0, 120], [0, 40.0, 100]])
    carry = Carry(pose, (240, 260))
    corner = np.array([side.start for side in carry.region[::-1]])
    for one in head[::5]:
        there = geometry.compose(pose, geometry.compose(one, geometry.invert(pose)))
        at = np.rint(geometry.apply(there, geometry.apply(pose, canonical[17:])))
        x, y = (at - corner).astype(int).T
        back = geometry.apply(geometry.invert(there), at)  # where the picture shows that place
        assert carry(one)[y, x] + corner == pytest.approx(back, abs=0.01)
    assert np.ptp(head[:, :, 2], axis=0).max() * 40 > 1


def test_a_face_is_on_its_head_if_its_mouth_is_above_its_eyes(stores):
    face = stores.face()
    turned = -face
    assert plausible.on_its_head(np.stack([face, turned])).tolist() == [False, True]
    turned[geometry.JAW] = 0  # jaw, brows and nose do not count
    turned[17:36] = 100
    assert plausible.on_its_head(turned)


def test_the_area_of_a_polygon_is_signed_by_the_way_round():
    square = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [0.0, 2.0]])
    assert plausible.signed_area(np.stack([square, square[::-1]])).tolist() == [6.0, -6.0]
