"""Each metric tells from the ground truth the control rows that it declares, and no others.

Of a clip of a puppet: a row is apart if it is worse than the ground truth, or further from it, by a
twentieth at least of what the rows differ by. Networks of a user's file are drawn at random.
"""

import numpy as np
import pytest
import syncnets

from tkit import media
from tkit.corpora import puppet
from tkit.errors import ScoreError, UsageError
from tkit.media.frames import Reader
from tkit.metrics import CONTROLS, METRICS
from tkit.metrics.pictures import to_gray

N_PICTURES = 30
TAUGHT = 18  # frames for SyncNet, which takes its time
NOISE = {"points": 0.7, "pictures": 6}


def rows_of(truth: np.ndarray, kind: str) -> dict[str, np.ndarray]:
    late = np.maximum(np.arange(len(truth)) - 3, 0)
    noisy = truth + np.random.default_rng(0).normal(0, NOISE[kind], truth.shape)
    if kind == "pictures":
        noisy = np.clip(noisy, 0, 255).astype(np.uint8)
    return {"gt": truth, "static": truth[:1].repeat(len(truth), axis=0), "gt-lag3": truth[late],
            "noise": noisy, "other-sound": truth}  # fmt: skip


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Points and pictures of a puppet in every row, its sound and that of another clip."""
    root = tmp_path_factory.mktemp("puppet")
    puppet.generate(root, speakers=1, clips=2)
    video, other = sorted(root.glob("s1/*.mp4"))
    points = np.load(next((root / "truth").rglob(f"{video.stem}.npz")))["points"].astype(float)
    pictures = np.ascontiguousarray(Reader(video).read(N_PICTURES)[:, 70:290, 40:260])
    wave = media.read_audio(video)
    return {
        "points": rows_of(points, "points"),
        "pictures": rows_of(pictures, "pictures"),
        "wave": wave,
        "other-sound": np.resize(media.read_audio(other), len(wave)),
    }


def values(family, clip, folder):
    """Every score of a family in every row; None where there is none."""
    sides = clip["points" if family.needs.of_points else "pictures"]
    if family.needs.view.endswith("gray"):
        sides = {row: to_gray(frames) for row, frames in sides.items()}
    changed = {}
    if family.example:
        given = family.example(folder)
        changed = {key: value for key, value in given.items() if key in family.params}
        sides = {row: frames[::15, ::2, ::2] for row, frames in sides.items()}
    if "least_frames" in family.params:  # SyncNet, taught what of this clip belongs together
        sides = {row: frames[:TAUGHT] for row, frames in clip["pictures"].items()}
        path = folder / "syncnet_v2.model"
        changed = {"weights": syncnets.write_taught(path, sides["gt"], clip["wave"])}
    changed |= {key: 1 for key in ("step", "band") if key in family.params and family.example}
    some = METRICS.get(next(iter(family.scores)))
    found = {name: {} for name in family.scores}
    for row in ("gt", *CONTROLS):
        if row == "other-sound" and "wave" not in family.inputs:
            continue
        wave = clip["other-sound" if row == "other-sound" else "wave"]
        given = {"pred": sides[row], "gt": sides["gt"], "fps": 25.0, "wave": wave}
        given["source"] = sides["gt"]
        stats = some.measure(**{key: given[key] for key in family.inputs}, **changed)
        for name, score in family.scores.items():
            try:
                found[name][row] = min(score.finish(stats), score.ceiling or np.inf)
            except ScoreError:
                found[name][row] = None
    return found


def distances(score, found):
    """How much worse than the ground truth, or further from it, each row is."""
    gt, away = found["gt"], {}
    for row, value in found.items():
        if value is None or gt is None:
            away[row] = np.inf
        elif score.better == "closer":
            away[row] = abs(value - gt)
        else:
            away[row] = gt - value if score.better == "higher" else value - gt
    return away


@pytest.mark.parametrize("name", METRICS.names())
def test_what_is_declared_is_told_apart_or_not(name):
    score = METRICS.get(name)
    apart, alike = set(score.score.apart), set(score.score.alike)
    assert apart | alike <= set(CONTROLS) and not apart & alike
    if "wave" not in score.family.inputs:
        assert "other-sound" not in apart | alike, "it does not listen"


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", METRICS.families())
def test_metrics_tell_the_rows_that_they_must(name, clip, tmp_path):
    family = METRICS.families()[name]
    if not any(score.apart or score.alike for score in family.scores.values()):
        pytest.skip("it promises nothing")
    try:
        found = values(family, clip, tmp_path)
    except (ImportError, UsageError) as error:
        pytest.skip(str(error))
    for key, row_values in found.items():
        score, gt = family.scores[key], row_values["gt"]
        away = distances(score, row_values)
        finite = [abs(distance) for distance in away.values() if np.isfinite(distance)]
        span = max([*finite, abs(gt or 0) if score.better == "closer" else 0])
        for row in score.apart:
            assert away[row] >= span / 20, (key, row, row_values)
        for row in score.alike:
            assert away[row] < span / 20, (key, row, row_values)
