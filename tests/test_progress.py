"""Progress on stderr: a bar on a terminal, elsewhere a line now and then, nothing unless wanted."""

import io
import re
import sys
from pathlib import Path

import pytest

from tkit import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass only when the test says so."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_terminal_gets_a_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress.track("abc", 3, desc="letters", unit="letter")) == ["a", "b", "c"]
    text = sys.stderr.getvalue()
    assert "\r" in text and "letters: 100%|" in text and "3/3" in text


def test_elsewhere_a_line_tells_what_is_done_of_what_and_how_fast(capsys, clock):
    with progress.bar(200, desc="prep", unit="clip") as shown:
        for _ in range(80):
            clock[0] += 1.0
            shown.update()
            shown.set_postfix(rejected=2)
    err = capsys.readouterr().err
    assert "\r" not in err
    assert err.splitlines() == [
        "prep: 30 of 200 [00:30<02:50,  1.00clip/s, rejected=2]",
        "prep: 60 of 200 [01:00<02:20,  1.00clip/s, rejected=2]",
        "prep: 80 of 200 [01:20<02:00,  1.00clip/s, rejected=2]",
    ]


def test_a_log_of_a_day_stays_short(capsys, clock):
    with progress.bar(86400, desc="motion", unit="step") as shown:
        for _ in range(86400):
            clock[0] += 1.0
            shown.update()
    assert 20 < len(capsys.readouterr().err.splitlines()) < 150


def test_what_was_done_before_counts_but_is_no_speed(capsys, clock):
    with progress.bar(10, initial=6, desc="motion", unit="step") as shown:
        clock[0] += 2.0
        shown.update(4)
    assert capsys.readouterr().err == "motion: 10 of 10 [00:02<00:00,  2.00step/s]\n"


def test_work_that_fails_tells_how_far_it_came(capsys):
    with pytest.raises(ValueError, match="no"), progress.bar(9, desc="prep", unit="clip") as shown:
        shown.update(5)
        raise ValueError("no")
    assert re.fullmatch(r"prep: 5 of 9 \[.*clip/s\]\n", capsys.readouterr().err)


def test_bytes_of_an_unknown_number_are_scaled(capsys, clock):
    with progress.bar(None, desc="s1", unit="B", unit_scale=True) as shown:
        clock[0] += 2.0
        shown.update(3_000_000)
    assert capsys.readouterr().err == "s1: 3.00M [00:02, 1.50MB/s]\n"


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_nothing_is_written_unless_it_is_wanted(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream())
    with progress.bar(3, desc="prep", unit="clip", show=False) as shown:
        shown.set_postfix(rejected=1)
        shown.update(3)
    assert sys.stderr.getvalue() == ""


def test_work_that_ends_with_time_says_nothing_of_the_rest(capsys, clock):
    with progress.bar(100000, desc="motion", unit="step", timed=False) as shown:
        clock[0] += 30.0
        shown.set_postfix(loss=2, minutes="0.5/10")
        shown.update(60)
    assert capsys.readouterr().err == (
        "motion: 60 of 100000 [00:30,  2.00step/s, loss=2, minutes=0.5/10]\n"
    )


def test_a_bar_of_work_that_ends_with_time_says_nothing_of_the_rest(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.bar(100000, desc="motion", unit="step", timed=False) as shown:
        shown.update(60)
    assert "60 of 100000 [00:00, " in sys.stderr.getvalue() and "<" not in sys.stderr.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_quiet_block_shows_nothing(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream())
    with progress.quiet():
        with progress.bar(3, desc="prep", unit="clip") as shown:
            shown.update(3)
        progress.note("prep: reads")
        assert list(progress.track("abc", 3, desc="letters", unit="letter")) == ["a", "b", "c"]
    assert sys.stderr.getvalue() == ""
    progress.note("prep: reads")
    assert sys.stderr.getvalue() == "prep: reads\n"


def test_nothing_done_is_no_line(capsys):
    with progress.bar(3, initial=3, desc="motion", unit="step"):
        pass
    assert capsys.readouterr().err == ""


def test_there_is_one_way_to_show_progress():
    root = Path(__file__).parents[1]
    folders = ("tkit", "zoo", "pipelines", "benchmarks")
    users = [
        path.relative_to(root).as_posix()
        for folder in folders
        for path in (root / folder).rglob("*.py")
        if "tqdm" in path.read_text(encoding="utf-8")
    ]
    assert users == ["tkit/progress.py"]
