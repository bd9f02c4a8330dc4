import csv
import json
import re
from functools import partial

import numpy as np
import pytest

from tkit import media
from tkit.report import CONTROL_ROWS


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Three clips of ground truth, and predictions that are a little darker."""
    rng = np.random.default_rng(0)
    for clip in ("s1/a", "s2/b", "s3/c"):
        frames = rng.integers(60, 200, (4, 32, 48, 3), dtype=np.uint8)
        media.write_video(tmp_path / "gt" / f"{clip}.mp4", frames, crf=1)
        media.write_video(tmp_path / "ours" / f"{clip}.mp4", frames - 20, crf=1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(run):
    """Run ``tkit score``."""
    return partial(run, "score")


PICTURES = "--metrics", "psnr,ssim"


def test_table_and_files(folders, run):
    outputs = "--json", "out/r.json", "--csv", "r.csv", "--markdown", "r.md"
    code, out, err = run("--pred", "ours", "--gt", "gt", *PICTURES, *outputs)
    assert code == 0 and re.fullmatch(r"score: 3 of 3 \[.*clip.*\]\n", err)
    lines = out.splitlines()
    assert lines[0].split() == ["method", "clips", "PSNR", "↑", "dB", "SSIM", "↑"]
    assert [line.split()[0] for line in lines[1:6]] == ["ours", *CONTROL_ROWS[:-1]]
    assert lines[3].split() == ["gt", "3", "inf", "1.000", "[1.000,", "1.000]"]
    assert lines[7].startswith("psnr|crop:none|gray:pil|pool:clip|")

    report = json.loads((folders / "out/r.json").read_text())
    assert report["protocol"] == "tkit" and report["rejects"] == []
    assert list(report["methods"]) == ["ours", *CONTROL_ROWS[:-1]]
    # 20 levels darker: 22.1 dB, but for what the codec adds.
    assert report["methods"]["ours"]["psnr"]["value"] == pytest.approx(22.1, abs=0.3)

    rows = list(csv.DictReader((folders / "r.csv").read_text().splitlines()))
    assert len(rows) == 4 * 2 * 3  # detector-noise has no score without points
    assert rows[0].keys() == {"method", "clip", "metric", "value", "frames"}
    by_clip = [c for c in report["clips"] if (c["method"], c["metric"]) == ("ours", "ssim")]
    in_csv = [r for r in rows if (r["method"], r["metric"]) == ("ours", "ssim")]
    assert [float(row["value"]) for row in in_csv] == [clip["value"] for clip in by_clip]
    assert {row["value"] for row in rows if (row["method"], row["metric"]) == ("gt", "psnr")} == {
        "inf"
    }

    markdown = (folders / "r.md").read_text()
    assert "| method | clips | PSNR ↑ dB | SSIM ↑ |" in markdown
    assert (
        "| gt | 3 | inf | 1.000 [1.000, 1.000] |" in markdown and "- `ssim|crop:none|" in markdown
    )


def test_json_to_stdout_is_json_alone(folders, run):
    code, out, _ = run("--pred", "ours", "--gt", "gt", *PICTURES, "--json", "-")
    assert code == 0 and json.loads(out)["methods"].keys() == {"ours", *CONTROL_ROWS[:-1]}


def test_several_methods_in_the_given_order(folders, run):
    code, out, _ = run("--pred", "theirs=gt", "--pred", "ours", "--gt", "gt", *PICTURES)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["theirs", "ours", "static"]


def test_a_folder_called_like_a_control_row_is_called_pred(folders, run):
    code, out, _ = run("--pred", "gt", "--gt", "gt", *PICTURES)
    assert code == 0 and out.splitlines()[1].split() == [
        "pred",
        "3",
        "inf",
        "1.000",
        "[1.000,",
        "1.000]",
    ]


def test_rejects_are_named_and_counted_on_stderr(folders, run):
    (folders / "ours/s1/a.mp4").write_text("not a video")
    (folders / "ours/s2/b.mp4").unlink()
    code, out, err = run("--pred", "ours", "--gt", "gt", *PICTURES)
    assert code == 0 and out.splitlines()[1].split()[:2] == ["ours", "1"]
    done, *lines = err.splitlines()
    assert done.startswith("score: 2 of 2 [")
    assert lines[0] == "clips left out, wholly or in one metric: ours 2"
    assert lines[1].startswith("  ours: s1/a: cannot be read")
    assert lines[2] == "  ours: s2/b: no prediction of this name"
    code, out, err = run("--pred", "ours", "--gt", "gt", *PICTURES, "--strict", "--md", "-")
    assert code == 1 and err.splitlines()[-1].startswith("tkit: --strict: 2")
    assert "Left out:" in out


def test_nothing_scored_fails_but_leaves_the_report(folders, run):
    for path in (folders / "ours").rglob("*.mp4"):
        path.write_text("not a video")
    code, _, err = run("--pred", "ours", "--gt", "gt", *PICTURES, "--json", "r.json")
    assert code == 1
    assert err.splitlines()[-1].startswith("tkit: ours: no clip could be scored; s1/a: ")
    report = json.loads((folders / "r.json").read_text())
    assert len(report["rejects"]) == 3
    assert report["methods"]["ours"]["psnr"]["n"] == 0 and report["methods"]["ours"]["psnr"]["note"]


def test_changed_definitions_change_protocol_and_signature(folders, run):
    code, out, _ = run(
        "--pred", "ours", "--gt", "gt", *PICTURES, "--set", "ssim.window=gauss11", "--json", "-"
    )
    report = json.loads(out)
    assert code == 0 and report["protocol"] == "custom"
    assert "|win:gauss11|" in report["methods"]["ours"]["ssim"]["signature"]


def test_jobs_give_the_same_report(folders, run):
    results = [
        run("--pred", "ours", "--gt", "gt", *PICTURES, "--json", "-", "--jobs", jobs)
        for jobs in ("1", "2")
    ]
    assert results[0][:2] == results[1][:2] and results[0][0] == 0


def test_outputs_are_not_replaced_without_force(folders, run):
    (folders / "r.json").write_text("mine")
    arguments = "--pred", "ours", "--gt", "gt", *PICTURES, "--json", "r.json"
    code, _, err = run(*arguments)
    assert code == 2 and "pass --force" in err and (folders / "r.json").read_text() == "mine"
    code, _, _ = run(*arguments, "--force")
    assert code == 0 and json.loads((folders / "r.json").read_text())["methods"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--pred", "nowhere", "--gt", "gt"), 2, "tkit: nowhere: no such folder of predictions"),
        (("--pred", "ours", "--gt", "nowhere"), 2, "tkit: nowhere: no such folder of ground truth"),
        (
            ("--pred", "ours", "--pred", "ours", "--gt", "gt"),
            2,
            "two predictions are called 'ours'",
        ),
        (
            ("--pred", "static=ours", "--gt", "gt"),
            2,
            "is the name of a row that is always computed",
        ),
        (("--pred", "=ours", "--gt", "gt"), 2, "give NAME=DIR or DIR"),
        (("--pred", "ours/s1", "--gt", "gt"), 1, "predictions are called a, ground truth s1/a"),
        (("--pred", "ours", "--gt", "gt", "--metrics", "psmr"), 2, "did you mean psnr?"),
        (("--pred", "ours", "--gt", "gt", "--metrics", ","), 2, "names nothing"),
        (("--pred", "ours", "--gt", "gt", "--set", "ssim.windw=x"), 2, "did you mean window?"),
        (("--pred", "ours", "--gt", "gt", "--set", "ssim"), 2, "give METRIC.PARAM=VALUE"),
        (("--pred", "ours", "--gt", "gt", "--set", "fid.a=b"), 2, "is none of the metrics"),
        (("--pred", "ours", "--gt", "gt", "--set", "psnr.cap=high"), 2, "is not a number"),
        (("--pred", "ours", "--gt", "gt", "--landmarks", "dlib86"), 2, "did you mean dlib68?"),
        (("--gt", "gt"), 2, "Missing option '--pred'"),
    ],
)
def test_wrong_usage_is_one_clear_line(folders, run, arguments, code, message):
    got, out, err = run(*arguments)
    assert (got, out) == (code, "") and message in err and "Traceback" not in err
    if err.startswith("tkit:"):
        assert len(err.splitlines()) == 1


def test_help_has_an_example(run):
    code, out, _ = run("--help")
    assert code == 0 and "tkit score --pred predictions/ --gt grid/" in out
