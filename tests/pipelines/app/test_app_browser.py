"""The app in a real browser: a photo and a WAV become a video, which follows its sound."""

import time
import urllib.request
import wave

import browsers
import numpy as np
import pytest
import servers

from tkit import media
from tkit.corpora import puppet

pytest.importorskip("starlette", reason="the extra app is not installed")
pytestmark = pytest.mark.slow  # the stages are loaded in a process of their own


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A browser in which a puppet's photo and a hum of 2 s are chosen; the page, and the root."""
    root = tmp_path_factory.mktemp("root")
    puppet.generate(root / "gt", speakers=1, clips=1)
    (video,) = (root / "gt" / "s1").iterdir()
    media.write_image(root / "face.png", next(media.iter_frames(video)))
    time_s = np.arange(32000) / 16000
    hum = np.sin(2 * np.pi * 140 * time_s) * (np.sin(2 * np.pi * 3 * time_s) > 0)
    with wave.open(str(root / "hum.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((9000 * hum).astype("<i2").tobytes())
    command = ("app", "--no-browser", "--port", "0", "--root", str(root))
    (root / ".temporary").mkdir()
    temporary = str(root / ".temporary")
    with servers.serving(*command, TMPDIR=temporary) as server, browsers.browser() as browser:
        assert server.line.startswith("app: http://127.0.0.1:")
        browser.open(server.address)
        for name, file in (("photo", "face.png"), ("sound", "hum.wav")):
            browser.driver.find_element("id", name).send_keys(str(root / file))
        browser.wait("return !document.querySelector('#speak').disabled", seconds=60)
        yield browser, server, root


def speak(browser):
    browser.run("document.querySelector('#speak').click()")
    browser.wait("return document.querySelector('#download').hidden")
    browser.wait("return !document.querySelector('#download').hidden", seconds=120)


def fetched(browser, element, path):
    link = browser.run("const at = document.querySelector(arguments[0]); return at.href || at.src",
                       element)  # fmt: skip
    with urllib.request.urlopen(link) as reply:
        path.write_bytes(reply.read())
    return path


def test_a_photo_and_a_wav_become_a_video(opened, tmp_path):
    browser, *_ = opened
    still = browser.run("return document.querySelector('#picture').toDataURL()")
    speak(browser)
    browser.wait("return document.querySelector('audio').ended", seconds=60)
    assert browser.wait("return document.body.dataset.drawn === '49'")
    assert browser.run("return document.querySelector('#picture').toDataURL()") != still
    assert browser.run("return document.querySelector('#attention').width") == 128
    assert 0 < float(browser.run("return document.body.dataset.firstMs")) < 5000
    clip = media.read_clip(fetched(browser, "#download", tmp_path / "talking.mp4"))
    assert clip.frames.shape == (50, 288, 360, 3) and np.abs(clip.wave).max() > 0.1
    assert browser.complaints == []


def test_the_frame_is_that_of_the_sound_after_a_seek(opened):
    browser, *_ = opened
    speak(browser)
    for time_s in (1.5, 0.3, 1.02):
        browser.run(
            "const audio = document.querySelector('audio');"
            "audio.pause(); audio.currentTime = arguments[0]", time_s,
        )  # fmt: skip
        wanted = str(int(time_s * 25 + 1e-6))
        assert browser.wait("return document.body.dataset.drawn === arguments[0]", wanted)


def test_what_the_microphone_hears_is_spoken(opened, tmp_path):
    browser, *_ = opened
    browser.run("document.querySelector('#record').click()")
    browser.wait("return document.querySelector('#record.on')")
    time.sleep(1.5)  # a beep is heard
    browser.run("document.querySelector('#record').click()")
    told = browser.wait(
        "const told = document.querySelector('#sound-drop .said').textContent;"
        "return told.startsWith('recording') && told"
    )
    seconds = float(told.removeprefix("recording, ").removesuffix(" s"))
    assert 1 <= seconds <= 4
    assert browser.wait("return !document.querySelector('#record.on')")
    heard = media.read_audio(fetched(browser, "audio", tmp_path / "heard.wav"))
    assert abs(len(heard) / 16000 - seconds) <= 0.06 and np.abs(heard).max() > 0.05
    browser.wait("return !document.querySelector('#speak').disabled", seconds=60)
    speak(browser)
    clip = media.read_clip(fetched(browser, "#download", tmp_path / "talking.mp4"))
    assert abs(len(clip.frames) / 25 - seconds) <= 0.1
    assert browser.complaints == []


def test_a_file_that_is_no_photo_is_said_and_the_page_goes_on(opened):
    browser, _, root = opened
    browser.driver.find_element("id", "photo").send_keys(str(root / "hum.wav"))
    assert "this photo" in browser.wait("return document.querySelector('#hint.bad')?.textContent")
    assert browser.run("return document.querySelector('#speak').disabled")
    browser.driver.find_element("id", "photo").send_keys(str(root / "face.png"))
    browser.wait("return !document.querySelector('#speak').disabled", seconds=60)
    assert all("422" in line for line in browser.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [browsers.WIDE, browsers.NARROW], ids=["wide", "narrow"])
def test_the_page_is_read_at_any_width_in_the_dark_and_in_the_light(opened, size, scheme):
    browser, server, _ = opened
    before = browser.run("return document.querySelector('#speak').disabled")
    browser.open(server.address, size=size, scheme=scheme)
    browser.wait("return document.querySelector('select[name=pred]').options.length === 3")
    assert before in (True, False)
    assert browser.overflow <= 0 and browser.faint == [] and browser.complaints == []


def test_a_folder_below_the_root_is_scored(opened):
    browser, server, _ = opened
    browser.open(server.address)
    browser.wait("return document.querySelector('select[name=pred]').options.length === 3")
    browser.run(
        "for (const name of ['pred', 'gt'])"
        "  document.querySelector(`select[name=${name}]`).value = 'gt/s1';"
        "document.querySelector('select[name=protocol]').value = 'chen2018';"
        "document.querySelector('#score').requestSubmit()"
    )
    rows = browser.wait(
        "const rows = [...document.querySelectorAll('.score tr')];"
        "return rows.length && rows.map(row => row.cells[0].textContent)", seconds=120,
    )  # fmt: skip
    assert rows[0] == "method" and {"s1", "static"} <= set(rows)


def test_ctrl_c_ends_it_quietly_and_removes_what_it_kept(opened):
    _, server, root = opened
    assert len(list((root / ".temporary").glob("tkit-app-*"))) == 1
    assert server.stop() == (0, "", "")
    assert not list((root / ".temporary").glob("tkit-app-*"))
