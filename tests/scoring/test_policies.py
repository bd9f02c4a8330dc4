"""Policies, inputs of every kind, hostile files, resuming; what each must and must not change."""

import json

import numpy as np
import pytest

from tkit import media, scoring
from tkit.errors import ConfigError, UnknownNameError, UsageError
from tkit.report import CONTROL_ROWS, Unscored, formats, leaderboard, tables
from tkit.scoring import cache, measuring, protocols, recoding
from tkit.scoring.pairing import read_map
from tkit.tracking.pieces import CONTEXT, PIECE, Tracker

PICTURES = scoring.Protocol("p", {"psnr": {}, "ssim": {}})


def texture(n_frames, *, seed=0, size=(32, 48)):
    rng = np.random.default_rng(seed)
    still = rng.integers(40, 200, (1, *size, 3), dtype=np.uint8)
    return np.concatenate([np.roll(still, 3 * t, axis=2) for t in range(n_frames)])


@pytest.fixture
def folders(tmp_path):
    for index, clip in enumerate(["s1/a", "s1/b", "s2/a", "s3/c"]):
        frames = texture(6, seed=index)
        for kind, shift in (("gt", 0), ("pred", 1)):
            path = tmp_path / kind / f"{clip}.mp4"
            media.write_video(path, np.roll(frames, shift, axis=1), crf=1)
    return tmp_path


def score(folders, protocol=PICTURES, **options):
    return scoring.score({"ours": folders / "pred"}, folders / "gt", protocol=protocol, **options)


def value(report, method="ours", metric="psnr"):
    return report.methods[method][metric].value


def changed(**policies):
    return scoring.Protocol("custom", {"psnr": {}, "ssim": {}}, **policies)


def test_lagged_row_is_the_ground_truth_three_frames_late(folders):
    report = score(folders)
    gt = np.stack(list(media.iter_frames(folders / "gt/s1/a.mp4")))
    late = np.concatenate([gt[:1], gt[:1], gt[:1], gt])[: len(gt)]
    from tkit.metrics import METRICS

    metric = METRICS.get("ssim")
    expected = metric.finish(metric.measure(pred=late, gt=gt))
    found = [
        c.value for c in report.clips if (c.method, c.clip, c.metric) == ("gt-lag3", "s1/a", "ssim")
    ]
    assert found == [pytest.approx(expected, abs=1e-12)]


def test_speakers_intervals_and_comparisons(folders):
    report = scoring.score(
        {"ours": folders / "pred", "exact": folders / "gt"}, folders / "gt", protocol=PICTURES
    )
    cell = report.methods["ours"]["ssim"]
    assert cell.low <= cell.value <= cell.high and "|ci:speaker-t|" in cell.signature
    speakers = {s.speaker: s.n for s in report.speakers if (s.method, s.metric) == ("ours", "ssim")}
    assert speakers == {"s1": 2, "s2": 1, "s3": 1}
    pairs = {(c.first, c.second): c for c in report.comparisons if c.metric == "ssim"}
    assert pairs.keys() == {("ours", "exact"), ("ours", "static"), ("exact", "static")}
    against = pairs["ours", "exact"]
    assert against.win_rate == 0 and against.difference < 0 and against.unit == "speaker"
    assert against.p is None and against.p_holm is None and against.least_p == 2 / 2**3
    assert against.no_p == (
        "3 speakers are too few to test: flipping their signs reaches no p below 0.25"
    )
    again = scoring.score(
        {"ours": folders / "pred", "exact": folders / "gt"}, folders / "gt", protocol=PICTURES
    )
    assert tables.as_json(report) == tables.as_json(again)


def test_length_policy(folders):
    media.write_video(folders / "pred/s1/a.mp4", texture(4), crf=1)
    assert [r.reason for r in score(folders).rejects] == ["4 frames, ground truth has 6"]
    report = score(folders, changed(length="cut"))
    assert report.rejects == [] and "|length:cut|" in report.methods["ours"]["psnr"].signature
    frames = {c.clip: c.frames for c in report.clips if (c.method, c.metric) == ("ours", "psnr")}
    assert frames == {"s1/a": 4, "s1/b": 6, "s2/a": 6, "s3/c": 6}


def test_size_and_rate_policies(folders):
    media.write_video(folders / "pred/s1/a.mp4", texture(6, size=(64, 96)), crf=1)
    media.write_video(folders / "pred/s1/b.mp4", texture(12), fps=50, crf=1)
    reasons = {r.clip: r.reason for r in score(folders).rejects}
    assert reasons == {
        "s1/a": "pictures of 96 x 64, ground truth has 48 x 32",
        "s1/b": "50 frames a second, ground truth has 25; --fps nearest takes what is shown at its "
        "times",
    }
    report = score(folders, changed(size="resize", fps="nearest"))
    assert report.rejects == []
    assert "|size:resize|fps:nearest|" in report.methods["ours"]["psnr"].signature


def test_one_pixel_more_is_named_with_the_option_that_takes_it_off(folders):
    for index, frame in enumerate(media.iter_frames(folders / "gt/s1/a.mp4")):
        media.write_image(folders / f"gt/s1/x/{index}.png", np.pad(frame, ((0, 1), (0, 1), (0, 0))))
    (folders / "gt/s1/a.mp4").rename(folders / "pred/s1/x.mp4")
    (folders / "pred/s1/a.mp4").unlink()
    reasons = {r.clip: r.reason for r in score(folders).rejects}
    assert reasons == {
        "s1/x": "pictures of 48 x 32, ground truth has 49 x 33; --size cut compares the pixels "
        "that both have"
    }
    report = score(folders, changed(size="cut"))
    assert report.rejects == [] and "|size:cut|" in report.methods["ours"]["psnr"].signature
    exact = [c.value for c in report.clips if (c.method, c.clip) == ("ours", "s1/x")]
    assert exact[0] == np.inf
    media.write_video(folders / "pred/s1/x.mp4", texture(6, size=(34, 52)))
    assert [r.clip for r in score(folders, changed(size="cut")).rejects] == ["s1/x"]


def test_missing_predictions_can_count_as_stills(folders):
    (folders / "pred/s1/a.mp4").unlink()
    assert [r.reason for r in score(folders).rejects] == ["no prediction of this name"]
    report = score(folders, changed(missing="static"))
    assert report.rejects == [] and report.methods["ours"]["psnr"].n == 4
    one = {c.method: c.value for c in report.clips if (c.clip, c.metric) == ("s1/a", "psnr")}
    assert one["ours"] == one["static"]
    with pytest.raises(ConfigError, match="missing: 'guess' is none of reject, static"):
        changed(missing="guess")


def test_folders_of_pictures_and_arrays_are_videos(folders):
    from tkit import media as m

    frames = np.stack(list(m.iter_frames(folders / "gt/s1/a.mp4")))
    (folders / "gt/s1/a.mp4").unlink()
    np.save(folders / "gt/s1/a.npy", frames)
    (folders / "pred/s1/a.mp4").unlink()
    for index, frame in enumerate(frames):  # numbers, not letters, give the order
        m.write_image(folders / f"pred/s1/a/frame{index + 7}.png", frame)
    report = score(folders)
    assert report.rejects == []
    exact = [
        c.value for c in report.clips if (c.method, c.clip, c.metric) == ("ours", "s1/a", "psnr")
    ]
    assert exact == [np.inf]


def test_odd_names_through_a_map(folders):
    (folders / "pred/s1/a.mp4").rename(folders / "pred/out_0001.mp4")
    table = folders / "map.tsv"
    table.write_text("# prediction, clip\nout_0001\ts1/a\n")
    report = score(folders, renamed=read_map(table))
    assert report.rejects == [] and report.methods["ours"]["psnr"].n == 4
    table.write_text("out_0001\n")
    with pytest.raises(UsageError, match="line 1: give two columns"):
        read_map(table)
    table.write_text("a,b\na,c\n")
    with pytest.raises(UsageError, match="a is named twice"):
        read_map(table)


def test_hostile_files_give_one_line_each_and_the_others_are_scored(folders):
    bad = folders / "pred" / "s1"
    (bad / "a.mp4").write_text("this is a text file\n" * 100)
    (bad / "b.mp4").unlink()
    np.save(bad / "b.npy", np.zeros((0, 32, 48, 3), np.uint8))
    (folders / "pred/s2/a.mp4").unlink()
    np.save(folders / "pred/s2/a.npy", np.full((6, 32, 48, 3), np.nan))
    report = score(folders)
    reasons = {r.clip: r.reason for r in report.rejects}
    assert "cannot be read" in reasons["s1/a"]
    assert reasons["s1/b"] == "no frames (shape (0, 32, 48, 3))"
    assert reasons["s2/a"] == "float64 values; frames are uint8 in 0..255"
    assert len(report.rejects) == 3 and report.methods["ours"]["psnr"].n == 1


def test_one_pixel_and_gray_arrays(tmp_path):
    for kind in ("gt", "pred"):
        (tmp_path / kind).mkdir()
        np.save(tmp_path / kind / "dot.npy", np.full((3, 1, 1, 3), 9, np.uint8))
        np.save(tmp_path / kind / "gray.npy", texture(3)[..., 0])
        np.save(tmp_path / kind / "mixed.npy", texture(3))
    np.save(tmp_path / "pred" / "mixed.npy", texture(3)[..., 0])
    report = score(tmp_path, scoring.Protocol("p", {"psnr": {}, "ssim": {}, "cpbd": {}}))
    reasons = {r.reason for r in report.rejects}
    assert reasons == {
        "ssim: pictures of 1 x 1 are smaller than the window, 7 pixels",
        "cpbd: a picture of 1 x 1 has no whole block of 64 x 64 pixels, in which CPBD counts edges",
        "cpbd: a picture of 48 x 32 has no whole block of 64 x 64 pixels, in which CPBD counts "
        "edges",
        "frames of 1 channels, ground truth has 3",
    }
    assert report.methods["ours"]["psnr"].n == 2


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_report(folders):
    distributed = pytest.importorskip("dask.distributed")
    local = {"n_workers": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(threads_per_worker=1, **local) as cluster:
        report = score(folders, cluster=cluster.scheduler_address)
    assert tables.as_json(report) == tables.as_json(score(folders))
    with (
        distributed.LocalCluster(threads_per_worker=2, **local) as cluster,
        pytest.raises(UsageError, match="--nthreads 1"),
    ):
        score(folders, cluster=cluster.scheduler_address)


def test_resuming_measures_only_what_changed(folders, monkeypatch):
    calls = []
    real = measuring.measure_clip
    monkeypatch.setattr(recoding, "measure_clip", lambda f, p: calls.append(f.clip) or real(f, p))
    first = score(folders, resume=folders / "kept")
    assert len(calls) == 4
    assert tables.as_json(score(folders, resume=folders / "kept")) == tables.as_json(first)
    assert len(calls) == 4
    media.write_video(folders / "pred/s2/a.mp4", texture(6, seed=9), crf=1)
    score(folders, resume=folders / "kept")
    assert calls[4:] == ["s2/a"]
    score(folders, changed(length="cut"), resume=folders / "kept")
    assert len(calls) == 9
    for path in (folders / "kept").iterdir():
        path.write_text("{")
    assert tables.as_json(score(folders)) == tables.as_json(score(folders, resume=folders / "kept"))


def test_scores_of_a_family_are_kept_once():
    blink = {"frames": 4, "openings": np.arange(4.0)}
    kept = measuring.Measured(
        "s1/a",
        {
            "ours": {"psnr": {"frames": 4, "db": 80.5}, "blink-rate": blink, "blink-depth": blink},
            "theirs": {"blink-rate": blink},
        },
        [Unscored("theirs", "s1/a", "psnr: no such frames")],
    )
    text = cache.to_json(kept)
    assert text.count("openings") == 1
    read = cache.from_json(text)
    np.testing.assert_equal(read.stats, kept.stats)
    assert (read.clip, read.rejects) == (kept.clip, kept.rejects)
    assert read.stats["ours"]["blink-rate"] is read.stats["theirs"]["blink-rate"]


def test_rows_can_be_chosen(folders):
    assert list(score(folders, rows=["gt"]).methods) == ["ours", "gt"]
    assert list(score(folders).methods) == ["ours", *CONTROL_ROWS[:-1]]
    with pytest.raises(UsageError, match="unknown control row 'best'"):
        score(folders, rows=["best"])


def test_pieces_are_tracked_with_their_neighbours():
    frames = np.arange(2 * PIECE + 33, dtype=np.uint16)[:, None, None, None].repeat(3, 3)

    held = []

    def track(seen):  # looks 20 frames to either side
        held.append(len(seen))
        level = np.pad(seen[:, 0, 0, 0].astype(float), 20, mode="edge")
        mean = np.convolve(level, np.ones(41) / 41, "valid")
        return np.broadcast_to(mean[:, None, None], (len(seen), 68, 2))

    tracker = Tracker(track)
    for start in range(0, len(frames), 17):
        tracker.push(frames[start : start + 17])
    np.testing.assert_allclose(tracker.finish(), track(frames))
    assert max(held[:-1]) <= PIECE + 2 * CONTEXT + 17


@pytest.mark.parametrize("name", protocols.names())
def test_every_protocol_is_complete(name):
    protocol = protocols.load(name)
    plan = scoring.plan_of(protocol)
    assert protocol.title and plan.metrics and "crop" in protocol.sources
    for metric, given in protocol.metrics.items():
        for param in given:
            sources = protocol.sources.keys()
            assert {metric, f"{metric}.{param}"} & sources, f"{metric}.{param} has no source"


def test_unknown_protocol():
    with pytest.raises(UnknownNameError, match="did you mean vougioukas-fae"):
        protocols.load("vougioukas-fea")


def test_wrapping_psnr_is_the_released_one():
    from tkit.metrics import METRICS

    rng = np.random.default_rng(0)
    gt, pred = rng.integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    metric = METRICS.get("psnr")
    stats = metric.measure(pred=pred, gt=gt, arithmetic="uint8", pool="frame", cap=100)
    mse = ((gt - pred) ** 2).reshape(3, -1).mean(axis=1)  # uint8 throughout
    assert metric.finish(stats) == pytest.approx(np.mean(10 * np.log10(255**2 / mse)))
    assert metric.finish(stats) > 24.06


def test_only_equal_signatures_are_ranked_together(folders):
    paths = []
    for name, protocol in (("one", PICTURES), ("two", changed(length="cut"))):
        path = folders / f"{name}.json"
        formats.write(score(folders, protocol), "json", path)
        paths.append(path)
    (folders / "three.json").write_text(paths[0].read_text().replace('"ours"', '"theirs"'))
    rankings = leaderboard.merge([*paths, folders / "three.json"])
    by_signature = {r.signature: [e.method for e in r.entries] for r in rankings}
    psnr = {s: m for s, m in by_signature.items() if s.startswith("psnr") and "|n:4|" in s}
    assert len(psnr) == 2
    for signature, methods in psnr.items():
        assert ("theirs" in methods) != ("length:cut" in signature)
        assert methods[0] == "gt" and methods.count("gt") == 1
    for form in leaderboard.FORMATS.values():
        assert "theirs" in form(rankings)
    content = json.loads(paths[0].read_text())
    del content["methods"]["ours"]["psnr"]["signature"]
    paths[0].write_text(json.dumps(content))
    with pytest.raises(Exception, match="not a JSON report of tkit score"):
        leaderboard.merge(paths)
