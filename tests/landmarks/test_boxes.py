"""Face boxes over time: truth by construction, no detector."""

import numpy as np

from tkit.landmarks.boxes import choose, link, near, shots


def box(x: float, y: float = 100.0, side: float = 80.0) -> np.ndarray:
    return np.array([x, y, side])


def test_boxes_are_linked_to_the_nearest_face():
    seen = {0: [box(100), box(300)], 10: [box(310), box(110)], 20: [box(120)], 30: [box(130)]}
    faces = link(seen)
    assert [sorted(face) for face in faces] == [[0, 10, 20, 30], [0, 10]]
    assert [face[10][0] for face in faces] == [110, 310]


def test_a_box_out_of_reach_is_somebody_else():
    assert near(box(100), box(160)) and not near(box(100), box(200))
    assert not near(box(100, side=40), box(100, side=240))
    assert len(link({0: [box(100)], 10: [box(300)]})) == 2


def test_two_boxes_of_one_frame_are_never_one_face():
    assert len(link({0: [box(100)], 1: [box(95), box(105)]})) == 2


def test_the_face_that_stays_longest_comes_first_then_the_largest():
    short = {0: box(300, side=200), 10: box(300, side=200)}
    long = {0: box(100), 20: box(100)}
    ((first, second),) = choose([[short, long]])
    assert first is long and second is short
    small, large = {0: box(100), 9: box(100)}, {0: box(300, side=99), 9: box(300, side=99)}
    assert choose([[small, large]])[0][0] is large


def test_a_face_at_one_place_counts_over_a_cut():
    stays = [{0: box(100), 9: box(100)}, {10: box(102), 30: box(102)}]
    leaves = {0: box(300, side=200), 9: box(300, side=200)}
    chosen = choose([[leaves, stays[0]], [stays[1]]])
    assert chosen[0][0] is stays[0] and chosen[1][0] is stays[1]
    assert choose([[], [stays[1]]]) == [[], [stays[1]]]


def test_dense_detections_do_not_make_a_face_last_longer():
    """Where one face is missed every frame is searched; the other must not win by that."""
    dense = {index: box(300) for index in range(12)}
    sparse = {0: box(100), 10: box(100), 20: box(100)}
    assert choose([[dense, sparse]])[0][0] is sparse


def test_cuts_are_found_and_motion_is_none():
    rng = np.random.default_rng(0)
    scene, other = (rng.integers(0, 255, (6, 8)).repeat(20, 0).repeat(20, 1) for _ in range(2))
    moving = [np.roll(scene, step, axis=1).astype(np.uint8) for step in range(0, 24, 2)]
    later = [np.roll(other, step, axis=1).astype(np.uint8) for step in range(0, 16, 2)]
    assert shots(moving) == [(0, 12)]
    assert shots([*moving, *later]) == [(0, 12), (12, 20)]
    assert shots(moving[:1]) == [(0, 1)]
    dim = [
        (frame * level).astype(np.uint8)
        for frame, level in zip(moving, np.linspace(1, 0.7, 12), strict=True)
    ]
    assert shots(dim) == [(0, 12)]
