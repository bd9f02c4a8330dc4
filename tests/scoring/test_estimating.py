"""What a run will cost is said first: measured on clips whose time is known."""

import sys
import time

import numpy as np
import pytest

from tkit import landmarks, scoring
from tkit.scoring import estimating

CLIP_S, N_CLIPS = 0.1, 16
SLEEPER = f"""
import time
import numpy as np
from tkit.landmarks import Landmarker
FACE = np.random.default_rng(0).uniform(0, 60, (68, 2))
FACE[36:42], FACE[42:48] = (20, 20), (60, 20)
def track(frames):
    time.sleep({CLIP_S} * frames[0].max() / 128)
    return np.repeat(FACE[None], len(frames), axis=0)
LANDMARKER = Landmarker(
    name="sleeper", title="sleeper", open=lambda: track, signature="sleeper-1", licence="none"
)
"""


@pytest.fixture
def clips(tmp_path):
    """Sixteen clips of a landmark back-end that takes as much time as they are bright."""
    (tmp_path / "entries").mkdir()
    (tmp_path / "entries" / "sleeper.py").write_text(SLEEPER)
    landmarks.__path__.append(str(tmp_path / "entries"))
    for index in range(N_CLIPS):
        path = tmp_path / "pred" / f"s1/{index:02d}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        level = np.uint8(64 if index % 2 else 192)  # half of them take three times as long
        np.save(path, np.full((4 + index % 2, 16, 16, 3), level))
    yield tmp_path
    landmarks.__path__.remove(str(tmp_path / "entries"))
    sys.modules.pop("tkit.landmarks.sleeper", None)


def test_time_is_told_within_a_factor_of_two(clips):
    asked = {"metrics": ["jitter"], "landmarks": "sleeper"}
    found = estimating.estimate(clips / "pred", **asked)
    start = time.monotonic()
    scoring.score(clips / "pred", **asked)
    took_s = time.monotonic() - start
    assert took_s / 2 < found.seconds < 2 * took_s
    assert (found.n_clips, found.n_processes) == (N_CLIPS, 1)
    assert found.n_measured < N_CLIPS / 2
    assert found.bytes is None or 1e7 < found.bytes < 1e10


def test_what_is_measured_for_an_estimate_is_kept_and_what_is_kept_is_not_counted(clips):
    asked = {"metrics": ["jitter"], "landmarks": "sleeper", "resume": clips / "kept"}
    first = estimating.estimate(clips / "pred", **asked)
    again = estimating.estimate(clips / "pred", **asked)
    assert again.n_clips == N_CLIPS - first.n_measured
    scoring.score(clips / "pred", **asked)
    last = estimating.estimate(clips / "pred", **asked)
    assert last.n_clips == 0 and str(last).startswith("nothing is to be measured")


def test_the_command_says_it_and_stops(clips, run):
    asked = ("--pred", clips / "pred", "--metrics", "jitter", "--landmarks", "sleeper")
    code, shown, _ = run("score", *asked, "--estimate", "--json", clips / "r.json")
    assert code == 0 and shown.startswith(f"{N_CLIPS} clips in one process: about ")
    assert shown.count("\n") == 1 and not (clips / "r.json").exists()


def test_distances_of_sets_are_said_to_be_left_out():
    plan = scoring.plan_of(scoring.Protocol("p", {"fid": {}, "psnr": {}}))
    cost = estimating.Estimate(10, 4, 2, 5400.0, 3.0, 2.5e9, estimating.note_of(plan))
    text = str(cost)
    assert text.startswith("10 clips in 2 processes: about 1.5 h, 2.5 GB of memory (3 s a clip;")
    assert text.endswith("without the distances of whole sets (fid): minutes for each row")
