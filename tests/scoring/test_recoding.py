"""Re-encodings of predictions: the spread is that of scores of videos written by hand."""

import json

import numpy as np
import pytest

from tkit import media, scoring
from tkit.report import Report
from tkit.scoring import recoding


@pytest.fixture
def folders(tmp_path):
    """Two clips of blocks of noise, and predictions that are a little off."""
    rng = np.random.default_rng(0)
    for name in "ab":
        gt = (
            rng.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8).repeat(6, axis=1).repeat(6, axis=2)
        )
        pred = np.clip(gt + rng.normal(0, 5, gt.shape), 0, 255).astype(np.uint8)
        for folder, frames in (("gt", gt), ("ours", pred)):
            (tmp_path / folder).mkdir(exist_ok=True)
            np.save(tmp_path / folder / f"{name}.npy", frames)
    return tmp_path


def test_qualities_are_evenly_apart():
    assert [recoding.factors(n) for n in (0, 1, 2, 3)] == [(), (23,), (18, 28), (18, 23, 28)]
    assert len(set(recoding.factors(recoding.MOST))) == recoding.MOST == 11


def test_the_spread_is_that_of_videos_written_by_hand(folders, tmp_path):
    given = {"metrics": ["psnr", "ssim"], "rows": ("gt",)}
    plain = scoring.score({"ours": folders / "ours"}, folders / "gt", **given)
    report = scoring.score({"ours": folders / "ours"}, folders / "gt", recode=3, **given)
    assert report.methods == plain.methods and report.clips == plain.clips
    by_hand = []
    for crf in (18, 23, 28):
        for name in "ab":
            frames = np.load(folders / "ours" / f"{name}.npy")
            media.write_video(tmp_path / str(crf) / f"{name}.mp4", frames, crf=crf)
        again = scoring.score({"ours": tmp_path / str(crf)}, folders / "gt", **given)
        by_hand.append(again.methods["ours"]["psnr"].value)
    psnr, ssim = report.recoded
    assert (psnr.method, psnr.metric, psnr.unit, psnr.n) == ("ours", "psnr", "dB", 2)
    assert psnr.encoder == "x264 at crf 18, 23, 28" and ssim.metric == "ssim"
    assert (psnr.low, psnr.high) == (min(by_hand), max(by_hand)) and psnr.high > psnr.low + 1
    line = f"ours, re-encoded by {psnr.encoder}, moves by: psnr {psnr.high - psnr.low:.3f} dB"
    assert line in " ".join(report.table().split()) and plain.recoded == []
    assert Report.from_json(report.to_json()).recoded == report.recoded
    assert "recoded" not in json.loads(plain.to_json())


def test_what_is_kept_is_of_the_same_encodings(folders, tmp_path):
    given = {"metrics": "psnr", "rows": (), "resume": tmp_path / "kept"}
    first = scoring.score({"ours": folders / "ours"}, folders / "gt", recode=2, **given)
    assert scoring.score({"ours": folders / "ours"}, folders / "gt", recode=2, **given) == first
    assert scoring.score({"ours": folders / "ours"}, folders / "gt", **given).recoded == []


def test_a_prediction_that_is_left_out_has_no_spread_and_costs_nothing(folders):
    np.save(folders / "ours" / "b.npy", np.zeros((3, 96, 96, 3), np.uint8))
    report = scoring.score(
        {"ours": folders / "ours"}, folders / "gt", recode=1, metrics="psnr", rows=()
    )
    assert [(one.n, one.low == one.high) for one in report.recoded] == [(1, True)]
    assert {reject.method for reject in report.rejects} == {"ours"}


def test_without_ground_truth_the_sound_is_written_too(tmp_path):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (10, 64, 64, 3), dtype=np.uint8)
    wave = rng.normal(0, 0.1, 6400).astype(np.float32)
    media.write_video(tmp_path / "ours" / "a.mp4", frames, wave=wave)
    report = scoring.score({"ours": tmp_path / "ours"}, metrics="ti", recode=2)
    (ti,) = report.recoded
    assert ti.low < ti.high and ti.high == pytest.approx(
        report.methods["ours"]["ti"].value, rel=0.1
    )
