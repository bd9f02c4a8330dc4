"""``tkit check --html``: one page that shows what is in a store."""

import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from tkit.cli import main
from tkit.face import geometry
from tkit.report import corpus_page
from tkit.store import Store


class Page(HTMLParser):
    """Collects tags, checks that they are closed, and what would be fetched from elsewhere."""

    VOID = frozenset({"meta", "path", "image", "rect", "circle", "polyline"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def all(self, tag: str, class_: str = "") -> list[dict]:
        return [a for name, a in self.found
                if name == tag and class_ in [*(a.get("class") or "").split(), ""]]  # fmt: skip


@pytest.fixture
def page(tmp_path, capsys):
    def make(store) -> tuple[str, Page]:
        out = tmp_path / "page.html"
        with pytest.raises(SystemExit) as stop:
            main(["check", str(store), "--html", str(out), "--force"])
        assert not stop.value.code, capsys.readouterr().err
        text = out.read_text(encoding="utf-8")
        return text, Page(text)

    return make


def test_the_page_stands_alone_and_shows_every_speaker(page, tiny_store_crops):
    text, found = page(tiny_store_crops)
    assert not re.search(r'(src|href)="(?!data:)', text) and "http" not in text
    assert len(found.all("section", "speaker")) == 3
    assert len(found.all("svg", "face")) == 9 and len(found.all("svg", "curves")) == 3
    assert "no face in any frame" in text and "a/999" in text
    for fact in ("drawn68", "6 of 3 speakers", "train · 2 clips, 40 frames, 0 filled"):
        assert fact in text


def test_thumbnails_are_the_frames_and_their_points(page, tiny_store_crops):
    _, found = page(tiny_store_crops)
    image, dots = found.all("image")[1], found.all("path", "points")[1]  # mouth open, first speaker
    data = base64.b64decode(image["href"].removeprefix("data:image/jpeg;base64,"))
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    points = np.array([[float(v) for v in pair] for pair in
                       re.findall(r"M([-\d.]+) ([-\d.]+)h0", dots["d"])])  # fmt: skip
    with Store(tiny_store_crops) as store:
        seen = corpus_page.look(store, store.clips[:2])
        at = seen.row.frame_start + seen.frames["mouth open"]
        truth = geometry.apply(store["crop_pose"][at], store["points"][at].astype(float))
        assert np.abs(shown.astype(int) - store["crops"][at]).mean() < 4  # JPEG
    assert np.abs(points - truth).max() <= 0.051


def test_the_chosen_frames_are_the_extremes_of_the_widest_clip(tiny_store):
    with Store(tiny_store) as store:
        rows = store.clips[:2]
        seen = corpus_page.look(store, rows)
        every = {row.id: corpus_page.openings(store["points"][row.frames]) for row in rows}
    assert every[seen.row.id][:, 0].max() == max(values[:, 0].max() for values in every.values())
    mouth, eyes = every[seen.row.id].T
    assert seen.frames == {
        "mouth closed": mouth.argmin(),
        "mouth open": mouth.argmax(),
        "eyes narrowest": eyes.argmin(),
    }


def test_curves_have_one_point_a_frame_and_filled_frames_are_marked(tiny_store):
    with Store(tiny_store) as store:
        seen = corpus_page.look(store, store.clips[:2])
    seen.valid[[3, 4]] = False
    drawn = Page(corpus_page.curves(seen))
    for line in drawn.all("polyline"):
        assert len(line["points"].split()) == 75
    assert len(drawn.all("rect", "gap")) == 2 and len(drawn.all("circle")) == 3
    mouth = [float(p.split(",")[1]) for p in drawn.all("polyline", "mouth")[0]["points"].split()]
    assert int(np.argmin(mouth)) == seen.frames["mouth open"]  # up is open


def test_a_store_without_crops_shows_the_points_alone(page, tiny_store):
    text, found = page(tiny_store)
    assert len(found.all("svg", "face")) == 9 and not found.all("image")
    assert "no crops" in text


def test_reasons_that_differ_in_numbers_are_one_row():
    found = corpus_page.group([
        ("s1/a", "prep", "no face for 12 frames in a row"),
        ("s1/b", "prep", "no sound in this file"),
        ("s2/c", "prep", "no face for 7 frames in a row"),
    ])  # fmt: skip
    assert found == [
        (2, "prep", "no face for 12 frames in a row", ["s1/a", "s2/c"]),
        (1, "prep", "no sound in this file", ["s1/b"]),
    ]


def test_speakers_are_in_the_order_people_count():
    assert sorted(["s10", "s2", "anna", "s1"], key=corpus_page.natural) == [
        "anna", "s1", "s2", "s10",
    ]  # fmt: skip


def test_names_are_escaped(page, stores, tmp_path):
    path = stores.write_store(tmp_path / "x.h5", splits={"<b>x": "train"}, clips_per_speaker=1)
    text, _ = page(path)
    assert "<b>x" not in text and "&lt;b&gt;x" in text


def test_a_page_is_not_overwritten_unasked(tiny_store, tmp_path, capsys):
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        main(["check", str(tiny_store), "--html", str(tmp_path / "page.html")])
    assert stop.value.code == 2 and "--force" in capsys.readouterr().err
    assert (tmp_path / "page.html").read_text() == "mine"
