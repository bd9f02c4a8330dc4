"""CPBD: truth by hand on drawn edges, scikit-image's own Canny, identities."""

import numpy as np
import pytest

from tkit.errors import ScoreError
from tkit.metrics import METRICS, cpbd
from tkit.metrics.cpbd import edge_counts

RNG = np.random.default_rng(0)


def ramps(width: int) -> np.ndarray:
    """Vertical edges ``width`` pixels wide, up and down, with a thin centre that has a maximum."""
    ramp = np.cumsum([0] * 10 + [10] * (width // 2) + [30, 30] + [10] * (width // 2) + [0] * 10)
    row = np.concatenate([40 + ramp, 40 + ramp[::-1]])
    return np.tile(np.resize(row, 128).astype(np.uint8), (128, 1))


def test_sharp_edges_count_and_wide_ones_do_not():
    for mode in ("port", "matlab"):
        sharp, edges = edge_counts(ramps(0), mode=mode)
        assert edges > 0 and sharp == edges
        sharp, edges = edge_counts(ramps(6), mode=mode)
        assert edges > 0 and sharp == 0


def test_both_directions_and_a_flipped_picture_count_alike():
    image = RNG.integers(0, 256, (128, 128), dtype=np.uint8)
    assert edge_counts(255 - image) == pytest.approx(edge_counts(image), rel=0.02)


def test_counts_of_drawn_pictures_stay():
    """Golden, of 0.4.0: noise, smooth noise, and stripes of ever stronger noise, in each mode."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (134, 204), dtype=np.uint8)
    blocks = np.lib.stride_tricks.sliding_window_view(noise, (5, 5))
    soft = (blocks.sum(axis=(2, 3)) // 5 % 256).astype(np.uint8)
    faint = (128 + rng.integers(-1, 2, (130, 200)) * (np.arange(200) // 40)).astype(np.uint8)
    found = {mode: [edge_counts(image, mode=mode) for image in (noise, soft, faint)]
             for mode in cpbd.MODES}  # fmt: skip
    assert found == {
        "port": [(3265, 3618), (2892, 3929), (823, 823)],
        "matlab": [(3189, 3520), (2888, 3936), (232, 232)],
        "atvgnet": [(3254, 5920), (2420, 6444), (235, 241)],
    }


def test_undecided_blocks_ask_the_whole_canny_map(monkeypatch):
    """The compiled shortcut and scikit-image's map accept the same blocks."""
    from tkit.metrics.cpbd import canny, port

    images = [
        RNG.integers(0, 256, (130, 150), dtype=np.uint8),
        (128 + np.rint(RNG.normal(0, 0.3, (100, 129)))).astype(np.uint8),
        # From blocks without an edge to those that are full of them: some are on the verge.
        (128 + np.rint(RNG.normal(0, np.linspace(0.1, 2, 1024), (192, 1024)))).astype(np.uint8),
        np.where(RNG.random((128, 128)) < 0.0005, 90, 100).astype(np.uint8),
        np.tile(np.arange(128, dtype=np.uint8) // 9 * 20, (128, 1)).T.copy(),
    ]
    lazy = [edge_counts(image) for image in images]

    def undecided(image, bleed, taps, edges, state):
        state[edges > 0] = canny.UNDECIDED
        return True

    monkeypatch.setattr(port, "decide", undecided)
    assert [edge_counts(image) for image in images] == lazy


def test_a_picture_without_edges():
    flat = np.full((2, 128, 128), 90, np.uint8)
    metric = METRICS.get("cpbd")
    assert metric.finish(metric.measure(pred=flat, gt=flat)) == 0.0
    with pytest.raises(ScoreError, match="frame 0 has no edge in whole blocks"):
        metric.measure(pred=flat, gt=flat, empty="error")


def test_a_picture_that_brightens_to_the_right_alone_has_no_edge():
    """As in the package, which measures nothing where all angles of gradients are zero."""
    step = np.tile(np.repeat([0, 30, 60], [28, 1, 35]), (64, 1)).astype(np.uint8)
    ramp = np.arange(64, dtype=np.uint8)
    for picture in (step, step + ramp, step.T.copy()):
        assert edge_counts(picture) == (0, 0)
    assert edge_counts(step[:, ::-1].copy()) == (62, 62)
    assert edge_counts(step + ramp + ramp[:, None]) == (0, 62)  # as wide as its slope is


@pytest.mark.parametrize("mode", cpbd.MODES)
def test_a_picture_without_a_whole_block_is_refused(mode):
    """Where all edges are outside of blocks none is sharp, and none is not."""
    for height, width in ((63, 200), (200, 63), (1, 9)):
        picture = RNG.integers(0, 256, (1, height, width), dtype=np.uint8)
        with pytest.raises(ScoreError, match=f"{width} x {height} has no whole block of 64 x 64"):
            METRICS.get("cpbd")(pred=picture, gt=picture, mode=mode)
    assert edge_counts(RNG.integers(0, 256, (64, 64), dtype=np.uint8), mode=mode)[1] > 0


def test_a_still_is_looked_at_once(monkeypatch):
    calls = []
    monkeypatch.setitem(cpbd.MODES, "port", lambda image: calls.append(1) or (1, 2))
    still = np.broadcast_to(RNG.integers(0, 256, (1, 64, 64), dtype=np.uint8), (9, 64, 64))
    measure = METRICS.get("cpbd").measure
    assert measure(pred=still, gt=still) == {"frames": 9, "cpbd": 4.5}
    assert len(calls) == 1
    moving = still.copy()
    measure(pred=moving, gt=moving)
    assert len(calls) == 1 + 9
