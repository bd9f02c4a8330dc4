"""Raters in a real browser: a whole study by two at once, through a crash of its server."""

import csv
import subprocess
import sys

import browsers
import pytest
import servers
import studies

pytest.importorskip("starlette", reason="the extra app is not installed")

SCORES = {"ours~zq": 9, "theirs~zq": 6, "third~zq": 3, "check": 1}


def begin(browser, address):
    browser.open(address)
    browser.driver.find_element("name", "consent").click()
    browser.run("document.querySelector('form').requestSubmit()")
    browser.wait("return document.querySelector('video')")


def play(browser):
    """Play all videos to their ends, one after the other."""
    for place in range(browser.run("return document.querySelectorAll('.play').length")):
        browser.run("document.querySelectorAll('.play')[arguments[0]].click()", place)
        browser.wait("return document.querySelectorAll('video')[arguments[0]].ended", place)
    browser.wait("return !document.querySelector('fieldset').disabled")


def rate(browser, study):
    """Answer one trial by what its video shows."""
    play(browser)
    source = browser.run("return document.querySelector('video').src")
    method = studies.shade(study / "videos" / source.rpartition("/")[2])
    token = browser.run("return document.querySelector('[name=trial]').value")
    browser.run(
        "document.querySelector(`input[value='${arguments[0]}'][type=radio]`).click();"
        "document.querySelector('form').requestSubmit()", SCORES[method],
    )  # fmt: skip
    browser.wait(
        "const field = document.querySelector('[name=trial]');"
        "return document.readyState === 'complete' && (!field || field.value !== arguments[0])",
        token,
    )


def is_done(browser):
    return browser.run("return document.body.textContent.includes('Thank you')")


@pytest.mark.slow
def test_two_raters_run_a_whole_study_through_a_crash_and_the_report_has_the_right_table(tmp_path):
    study = studies.write_study(tmp_path, clips=2, n_clips=1, n_checks=1).folder
    with browsers.browser() as first, browsers.browser() as second:
        with servers.serving("study", "serve", str(study), "--no-browser", "--port", "0") as server:
            assert server.line.startswith("study: http://127.0.0.1:")
            for browser in (first, second):
                begin(browser, server.address)
                rate(browser, study)
            rate(first, study)
            server.kill()  # as kill -9
        again = ("study", "serve", str(study), "--no-browser", "--port", str(server.port))
        with servers.serving(*again) as server:
            for browser in (first, second):
                browser.open(server.address)
                browser.wait("return document.querySelector('video')")
            assert first.run("return document.querySelector('.bar .soft').textContent") == "3 of 4"
            assert second.run("return document.querySelector('.bar .soft').textContent") == "2 of 4"
            while not (is_done(first) and is_done(second)):
                for browser in (second, first):
                    if not is_done(browser):
                        rate(browser, study)
            assert [line for line in first.complaints if "ERR_CONNECTION" not in line] == []
            code, out, err = server.stop()
            assert (code, out, err) == (0, "", "")
    told = subprocess.run(
        [sys.executable, "-m", "tkit", "study", "report", str(study), "--csv", "ratings.csv"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = told.stdout.splitlines()
    assert lines[0].split() == ["method", "ratings", "realism", "↑"]
    assert [line.split() for line in lines[1:4]] == [
        ["ours~zq", "2", "9.00"], ["theirs~zq", "2", "6.00"], ["third~zq", "2", "3.00"],
    ]  # fmt: skip
    assert "left out" not in told.stdout and "not finished" not in told.stdout
    rows = list(csv.DictReader((tmp_path / "ratings.csv").read_text().splitlines()))
    assert list(rows[0]) == ["method", "clip", "rater", "question", "score"]
    assert {(row["rater"], row["method"]): float(row["score"]) for row in rows} == {
        (rater, method): score for rater in ("r001", "r002") for method, score in SCORES.items()
        if method != "check"
    }  # fmt: skip


@pytest.fixture(scope="module", params=[False, True], ids=["rating", "pairwise"])
def opened(request, tmp_path_factory):
    """A browser that has begun a study, and its address."""
    study = studies.write_study(
        tmp_path_factory.mktemp("study"), clips=1, n_checks=0, pairwise=request.param
    ).folder
    with (
        servers.serving("study", "serve", str(study), "--no-browser", "--port", "0") as server,
        browsers.browser() as browser,
    ):
        begin(browser, server.address)
        yield browser, f"{server.address}rate"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [browsers.WIDE, browsers.NARROW], ids=["wide", "narrow"])
def test_pages_are_read_at_any_width_in_the_dark_and_in_the_light(opened, size, scheme):
    browser, address = opened
    browser.open(address, size=size, scheme=scheme)
    assert browser.run("return document.querySelector('fieldset').disabled")
    assert browser.overflow <= 0 and browser.faint == []
    play(browser)
    assert browser.overflow <= 0 and browser.faint == [] and browser.complaints == []


def test_nobody_answers_before_the_end_nor_skips_to_it(opened):
    browser, address = opened
    browser.open(address)
    browser.wait("return document.querySelector('video').readyState >= 2")
    browser.run("document.querySelector('video').currentTime = 10")
    browser.wait("return document.querySelector('video').currentTime < .1")
    assert browser.run("return document.querySelector('fieldset').disabled")


def test_keys_alone_play_and_answer(opened):
    from selenium.webdriver.common.keys import Keys

    browser, address = opened
    browser.open(address)
    browser.wait("return document.querySelector('video').readyState >= 2")
    for place in range(browser.run("return document.querySelectorAll('.play').length")):
        if place == 0:
            browser.press(" ")
        else:
            browser.run("document.querySelectorAll('.play')[arguments[0]].focus()", place)
            browser.press(Keys.ENTER)
        browser.wait("return document.querySelectorAll('video')[arguments[0]].ended", place)
    browser.wait("return document.activeElement.type === 'radio'")
    browser.press(Keys.ARROW_RIGHT)
    assert browser.run("return document.querySelectorAll('input:checked').length") == 1
