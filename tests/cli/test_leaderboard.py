import json

import numpy as np
import pytest

from tkit import media


@pytest.fixture
def reports(tmp_path, monkeypatch, run):
    """Two reports on the same three clips, of a prediction 20 and one 40 levels darker."""
    rng = np.random.default_rng(0)
    for clip in ("s1/a", "s1/b", "s2/c"):
        frames = rng.integers(80, 200, (4, 32, 48, 3), dtype=np.uint8)
        for kind, darker in (("gt", 0), ("near", 20), ("far", 40)):
            media.write_video(tmp_path / kind / f"{clip}.mp4", frames - darker, crf=1)
    monkeypatch.chdir(tmp_path)
    for name in ("near", "far"):
        code, *_ = run(
            "score", "--pred", name, "--gt", "gt", "--metrics", "psnr", "--json", f"{name}.json"
        )
        assert code == 0
    return tmp_path


def test_ranks_across_reports(reports, run):
    code, out, err = run("leaderboard", "far.json", "near.json")
    assert (code, err) == (0, "")
    rows = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")]
    ranked = [(row[0].strip("| "), row[1]) for row in rows[1:] if row[0].strip("| ")]
    assert ranked == [("1", "near"), ("2", "far")]
    assert out.count("| gt |") == 1 and "`psnr|crop:none|" in out


def test_formats_and_files(reports, run):
    for kind, sign in (
        ("csv", "metric,rank"),
        ("latex", r"\begin{tabular}"),
        ("html", "<!doctype"),
    ):
        code, out, _ = run("leaderboard", "near.json", "--format", kind)
        assert code == 0 and sign in out
    code, out, _ = run("leaderboard", "near.json", "--out", "board.md")
    assert code == 0 and out == "" and "near" in (reports / "board.md").read_text()
    code, _, err = run("leaderboard", "near.json", "--out", "board.md")
    assert code == 2 and "pass --force" in err


def test_what_is_no_report_is_one_line(reports, run):
    (reports / "other.json").write_text(json.dumps({"methods": {"a": 1}}))
    for name, message in (("other.json", "not a JSON report"), ("none.json", "no such report")):
        code, out, err = run("leaderboard", name)
        assert code != 0 and out == "" and message in err and "Traceback" not in err


def test_pages_and_published_rows(reports, run):
    outputs = "--html", "r.html", "--latex", "r.tex", "--md", "r.md", "--json", "r.json"
    code, out, _ = run(
        "score",
        "--pred",
        "near",
        "--gt",
        "gt",
        "--metrics",
        "psnr,ssim",
        "--published",
        "grid",
        *outputs,
    )
    assert code == 0 and "Sinha 2020 " in out and "  (published,\n  foreign protocol)\n" in out
    page = (reports / "r.html").read_text()
    assert "29.305" in page and "psnr|crop:none|" in page and "s2/c" in page
    table = (reports / "r.tex").read_text()
    assert r"PSNR $\uparrow$ dB" in table and table.count(r"\\") == 1 + 5 + 3
    assert "better in" in (reports / "r.md").read_text()
    published = json.loads((reports / "r.json").read_text())["published"]
    assert published["mark"] == "published, foreign protocol"
    assert published["rows"]["Sinha 2020"]["psnr"] == 29.305
    code, out, _ = run("leaderboard", "r.json")
    assert code == 0 and "Sinha" not in out  # never ranked


def test_protocols(run):
    code, out, _ = run("protocols", "list")
    assert code == 0 and out.splitlines()[0].startswith("tkit ") and "wav2lip-lse" in out
    code, out, _ = run("protocols", "show", "vougioukas-fae")
    assert code == 0 and "crop: sda96x128  [face-processor" in out
    assert "window: uniform11  [fae: sewar's default" in out
    code, _, err = run("protocols", "show", "vougiokas-fae")
    assert code == 2 and "did you mean vougioukas-fae?" in err
