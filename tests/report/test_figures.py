"""Figures for papers: what a report holds, in three formats, equal for equal reports."""

import numpy as np
import pytest
from PIL import Image

from tkit.report import Cell, ClipScore, Report, SpeakerScore, figures
from tkit.report.series import ClipSeries, Curves


@pytest.fixture
def report():
    """Two methods; names that TeX would compute."""
    names = ("$x^2$", "theirs", "static", "gt")
    methods = {
        name: {"psnr": Cell(30.0 + i, 29.0, 32.0 + i, 3, "dB", "higher", "psnr")}
        for i, name in enumerate(names)
    }
    values = [np.linspace(0.1, 0.4, 50, dtype=np.float32) for _ in range(3)]
    rows = {"gt": Curves(*values, (1.0,), (0.16,)), "$x^2$": Curves(*values, (), ())}
    return Report(
        "tkit", methods,
        clips=[ClipScore("$x^2$", "s1/$a_$", "psnr", 30.0, 50)],
        speakers=[SpeakerScore(name, "s1", "psnr", 30.0, 1) for name in names],
        series={"s1/$a_$": ClipSeries("s1/$a_$", 25.0, "% IOD", rows)},
    )  # fmt: skip


def test_every_figure_is_written_in_every_format(report, tmp_path):
    written = figures.write(report, tmp_path / "f")
    assert sorted(path.name for path in written) == sorted(
        f"{name}.{kind}" for name in ("scores", "speakers", "blinks", "worst")
        for kind in ("png", "svg", "pdf")
    )  # fmt: skip
    assert sorted((tmp_path / "f").iterdir()) == sorted(written)
    for path in written:
        head = path.read_bytes()[:200]
        assert {"png": b"\x89PNG", "svg": b"<svg", "pdf": b"%PDF"}[path.suffix[1:]] in head or (
            path.suffix == ".svg" and b"<svg" in path.read_bytes()
        )
    with Image.open(tmp_path / "f" / "worst.png") as picture:
        assert picture.width == 1300  # 6.5 inches


def test_equal_reports_give_equal_files(report, tmp_path):
    for folder in ("a", "b"):
        figures.write(report, tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_what_a_report_does_not_hold_is_left_out(report, tmp_path):
    bare = Report("tkit", report.methods)
    assert {path.stem for path in figures.write(bare, tmp_path)} == {"scores"}
