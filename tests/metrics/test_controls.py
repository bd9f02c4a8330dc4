"""Which control rows each metric must tell from the ground truth, on a clip of a puppet.

``+``: the row is worse than the ground truth, or further from it, by a twentieth at least of what
the rows differ by; ``-``: it is not; ``.``: nothing is promised. The rows are *static*, *gt-lag3*
and noise (0.7 pixels on points, 6 levels on pictures).
"""

from pathlib import Path

import numpy as np
import pytest

from tkit import media
from tkit.corpora import puppet
from tkit.errors import ScoreError, UsageError
from tkit.media.frames import Reader
from tkit.metrics import METRICS
from tkit.metrics.pictures import to_gray

ROWS = "static", "gt-lag3", "noise"
TABLE = {
    "acd": "...",
    "av-corr": "+-.",
    "av-lag": "++-",
    "blink-completeness": "+-.",
    "blink-depth": "+-.",
    "blink-duration": "+-.",
    "blink-interval": "...",  # of one blink there is none
    "blink-ks": "...",  # of one blink the steps are whole
    "blink-rate": "+--",
    "blink-wasserstein": "+..",
    "cpbd": ".-+",
    "expression-distance": "+++",
    "eyebrow-distance": "+++",
    "eyebrow-dynamics": "+.+",
    "head-dynamics": "+-+",
    "head-speed": "+-+",
    "identity": "...",  # the same person in every row
    "identity-dtw": "...",
    "identity-source": "...",
    "jitter": "+-+",
    "lip-dynamics": "+-+",
    "lip-loudness": "++-",
    "lmd": "+++",
    "lmd-dtw": "+-+",
    "lmd-softdtw": "+-+",
    "mouth-opening": "+++",
    "mouth-opening-dtw": "+-+",
    "mouth-opening-softdtw": "+-+",
    "msssim": "+++",
    "pose-distance": "+.+",
    "psnr": "+++",
    "si": ".-.",
    "silent-lip-stability": "..+",
    "ssim": "+++",
    "theval-eyebrow-dynamics": "+-+",
    "theval-lip-dynamics": "+-+",
    "theval-lip-loudness": "++-",
    "theval-silent-lip-stability": "..+",
    "ti": "+-+",
    "velocity": "+++",
    "velocity-dtw": "+-+",
    "velocity-softdtw": "+-+",
    "vif": "+++",
    "vmaf": "+++",
    "vmaf-neg": "+++",
    "xpsnr": "+++",
}
# What they tell apart is up to the file that they look through.
OF_A_FILE = {
    "brisque",
    "csim",
    "csim-source",
    "dists",
    "fid",
    "fvd",
    "kid",
    "kvd",
    "lpips",
    "lse-c",
    "lse-d",
    "niqe",
}
N_PICTURES = 30
STEP = {"identity": 1, "identity-dtw": 1}


def rows_of(truth: np.ndarray, noise: np.ndarray) -> dict[str, np.ndarray]:
    late = np.maximum(np.arange(len(truth)) - 3, 0)
    return {"gt": truth, "static": truth[:1].repeat(len(truth), axis=0), "gt-lag3": truth[late],
            "noise": noise}  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Points, pictures and sound of a puppet, with the rows."""
    root = tmp_path_factory.mktemp("puppet")
    puppet.generate(root, speakers=1, clips=1)
    video = next(root.glob("s1/*.mp4"))
    points = np.load(next((root / "truth").rglob("*.npz")))["points"].astype(float)
    pictures = np.ascontiguousarray(Reader(video).read(N_PICTURES)[:, 70:290, 40:260])
    rng = np.random.default_rng(0)
    noisy = np.clip(pictures + rng.normal(0, 6, pictures.shape), 0, 255).astype(np.uint8)
    return {
        "points": rows_of(points, points + rng.normal(0, 0.7, points.shape)),
        "pictures": rows_of(pictures, noisy),
        "wave": media.read_audio(video),
    }


def values(family, clip):
    """Every score of a family in every row; None where there is none."""
    sides = clip["points" if family.needs.of_points else "pictures"]
    if family.needs.view.endswith("gray"):
        sides = {row: to_gray(frames) for row, frames in sides.items()}
    if "step" in family.params:
        sides = {row: frames[::5] for row, frames in sides.items()}
    changed = {"step": 1} if "step" in family.params else {}
    changed |= {"band": 1} if {"step", "band"} <= set(family.params) else {}
    some = METRICS.get(next(iter(family.scores)))
    found = {name: {} for name in family.scores}
    for row, pred in sides.items():
        given = {"pred": pred, "gt": sides["gt"], "fps": 25.0, "wave": clip["wave"]}
        given["source"] = sides["gt"][:1]
        stats = some.measure(**{key: given[key] for key in family.inputs}, **changed)
        for name, score in family.scores.items():
            try:
                found[name][row] = min(score.finish(stats), score.ceiling or np.inf)
            except ScoreError:
                found[name][row] = None
    return found


def test_the_table_is_of_all_metrics():
    assert set(TABLE) | OF_A_FILE == set(METRICS.names())


def test_the_page_shows_the_table():
    page = (Path(__file__).parents[2] / "docs" / "checks.md").read_text(encoding="utf-8")
    for name, expected in TABLE.items():
        assert f"| `{name}` | {' | '.join(f'`{mark}`' for mark in expected)} |" in page


@pytest.mark.parametrize("name", METRICS.families())
def test_metrics_tell_the_rows_that_they_must(name, clip):
    family = METRICS.families()[name]
    if set(family.scores) <= OF_A_FILE:
        pytest.skip("depends on the user's file")
    try:
        found = values(family, clip)
    except UsageError as error:
        pytest.skip(str(error))
    for score, row_values in found.items():
        gt, better = row_values["gt"], family.scores[score].better
        away = {}
        for row in ROWS:
            value = row_values[row]
            if value is None or gt is None:
                away[row] = np.inf
            else:
                away[row] = abs(value - gt) if better == "closer" else (
                    gt - value if better == "higher" else value - gt)  # fmt: skip
        finite = [abs(distance) for distance in away.values() if np.isfinite(distance)]
        span = max([*finite, abs(gt or 0) if better == "closer" else 0])
        for row, expected in zip(ROWS, TABLE[score], strict=True):
            if expected != ".":
                assert (away[row] >= span / 20) == (expected == "+"), (score, row, row_values)
