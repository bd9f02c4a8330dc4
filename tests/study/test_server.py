"""The protocol of a study: blinded, balanced, watched to the end, nobody answers for another."""

from collections import Counter
from types import SimpleNamespace

import pytest
import studies

pytest.importorskip("starlette", reason="the extra app is not installed")

from starlette.testclient import TestClient

from tkit.errors import OutputExistsError, UsageError
from tkit.study import book as books
from tkit.study import material, results, server

HERE = "http://127.0.0.1:8200"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return studies.write_study(tmp_path_factory.mktemp("study"), n_clips=2, n_checks=1)


@pytest.fixture
def patient(monkeypatch):
    """A clock in which any video has been played between two looks at it."""
    now = [1e9]

    def time():
        now[0] += 10
        return now[0]

    monkeypatch.setattr(books, "time", SimpleNamespace(time=time))


def client_of(folder, **settings):
    return TestClient(
        server.app(folder, **settings), base_url=HERE, headers={"origin": HERE},
        follow_redirects=True,
    )  # fmt: skip


def begin(client):
    page = client.get("/").text
    return client.post("/begin", data={"consent": "yes", "csrf": studies.field(page, "csrf")}).text


def answer(client, page, score, *, watch=True):
    for address in studies.videos(page) if watch else ():
        assert client.get(address).status_code == 200
    data = {"trial": studies.field(page, "trial"), "csrf": studies.field(page, "csrf")}
    names = {line.split('"')[0] for line in page.split('name="score-')[1:]}
    return client.post("/answer", data=data | {f"score-{name}": score for name in names})


def whole_study(client, folder, score_of):
    """Answer all that is asked, by what the videos show; return what was seen, and every text."""
    page, seen = begin(client), []
    while "Thank you" not in page:
        shown = [studies.shade(folder / "videos" / a.rpartition("/")[2])
                 for a in studies.videos(page)]  # fmt: skip
        seen.append(tuple(shown))
        page = answer(client, page, score_of(shown)).text
    return seen


def test_twelve_raters_see_every_method_equally_often_and_the_table_is_what_they_said(
    tmp_path, patient
):
    made = studies.write_study(tmp_path, clips=2, n_clips=1, n_checks=1)
    scores = {"ours~zq": "8", "theirs~zq": "5", "third~zq": "2", "check": "1"}
    every = []
    for _ in range(12):
        with client_of(made.folder) as client:
            every.append(whole_study(client, made.folder, lambda shown: scores[shown[0]]))
    for seen in every:
        counts = Counter(seen)
        assert counts.pop(("check",)) == 1 and set(counts.values()) == {1} and len(counts) == 3
        assert seen[0] != ("check",)
    firsts = Counter(seen[0] for seen in every)
    assert set(firsts.values()) == {4}
    found = results.results(made)
    means = {method: row["realism"].value for method, row in found.table.items()}
    assert means == {"ours~zq": 8, "theirs~zq": 5, "third~zq": 2}
    assert found.n_raters == 12 and not found.inattentive and not found.unfinished
    clips = Counter((r.method, r.clip) for r in found.ratings)
    assert set(clips.values()) == {6}  # 12 raters, one of two clips each
    assert found.alpha == {"realism": 1.0}
    lines = results.as_csv(found).splitlines()
    assert lines[0] == "method,clip,rater,question,score" and len(lines) == 1 + 12 * 3


def test_no_page_address_or_header_tells_a_method_or_a_clip(made, patient):
    said = []

    def hear(response):
        response.read()
        said.append(f"{response.url}{response.headers}")
        said.append(response.content.decode("latin-1"))

    with client_of(made.folder) as client:
        client.event_hooks["response"].append(hear)
        whole_study(client, made.folder, lambda shown: "1")
        for path in (
            "/nowhere",
            "/videos/x.mp4",
            "/come-back/x",
            "/style.css",
            "/study.js",
            "/begin",
        ):
            client.get(path)
    names = [*studies.METHODS, "~zq", "clip0", "clip1", str(made.folder)]
    whole = "\n".join(said)
    assert len(said) > 40 and not [name for name in names if name in whole]


def test_videos_are_alike_and_without_dates_names_or_metadata(made):
    import av

    sizes = set()
    for path in (made.folder / "videos").iterdir():
        assert path.stat().st_mtime == 0 and len(path.stem) == 24
        with av.open(str(path)) as video:
            assert set(video.metadata) <= {"major_brand", "minor_version", "compatible_brands",
                                           "encoder"}  # fmt: skip
            picture, sound = video.streams.video[0], video.streams.audio[0]
            sizes.add((picture.width, picture.height, picture.average_rate, sound.rate))
    assert len(sizes) == 1
    assert len(list((made.folder / "videos").iterdir())) == 3 * 4 + 1


def test_an_answer_before_the_end_is_refused_and_nothing_kept(made, monkeypatch):
    monkeypatch.setattr(books, "time", SimpleNamespace(time=lambda: 1e9))  # no time goes by
    with client_of(made.folder) as client:
        page = begin(client)
        before = len(made.answers())
        unseen = answer(client, page, "3", watch=False)
        early = answer(client, page, "3")
        assert unseen.status_code == early.status_code == 409
        assert "Please watch to the end" in early.text
        assert len(made.answers()) == before


def test_an_answer_is_taken_once_and_of_the_trial_now(made, patient):
    with client_of(made.folder) as client:
        page = begin(client)
        before = len(made.answers())
        answer(client, page, "3")
        answer(client, page, "9", watch=False)  # the browser's back button
        assert [a.score for a in made.answers()[before:]] == [3]
        later = client.get("/rate").text
        other = answer(client, later.replace(studies.field(later, "trial"), "made-up"), "4")
        assert other.status_code == 200 and len(made.answers()) == before + 1


@pytest.mark.parametrize("score", ["11", "-1", "nan", "3.5", "", "realism"])
def test_scores_that_were_not_offered_are_refused(made, patient, score):
    with client_of(made.folder) as client:
        page = begin(client)
        before = len(made.answers())
        assert answer(client, page, score).status_code == 400
        assert len(made.answers()) == before


def test_a_rater_sees_only_the_videos_of_the_trial_now(made):
    with client_of(made.folder) as client, client_of(made.folder) as stranger:
        (now,) = studies.videos(begin(client))
        assert client.get(now).status_code == 200
        assert stranger.get(now).status_code == 404
        for path in (made.folder / "videos").iterdir():
            expected = 200 if now.endswith(path.name) else 404
            assert client.get(f"/videos/{path.name}").status_code == expected
        for path in ("/videos/..%2fstudy.sqlite", "/videos/%2e%2e/consent.txt", "/study.sqlite"):
            assert client.get(path).status_code == 404


def test_a_video_is_sent_in_the_parts_that_a_player_asks_for(made):
    with client_of(made.folder) as client:
        (now,) = studies.videos(begin(client))
        part = client.get(now, headers={"range": "bytes=10-19"})
        assert part.status_code == 206 and len(part.content) == 10


def test_a_link_goes_on_in_another_browser(made, patient):
    with client_of(made.folder) as first, client_of(made.folder) as second:
        page = answer(first, begin(first), "6").text
        link = page.split("<code>")[1].split("</code>")[0]
        assert link.startswith(HERE)
        assert studies.field(second.get(link).text, "trial") == studies.field(page, "trial")
        assert second.get("/come-back/somebody").status_code == 404


def test_two_raters_at_once_answer_for_themselves(made, patient):
    with client_of(made.folder) as first, client_of(made.folder) as second:
        pages = [begin(first), begin(second)]
        assert studies.field(pages[0], "trial") != studies.field(pages[1], "trial")
        before = len(made.answers())
        mixed = pages[0].replace(studies.field(pages[0], "csrf"), studies.field(pages[1], "csrf"))
        answer(second, mixed, "7", watch=False)  # another's trial is not one's own
        assert len(made.answers()) == before
        answer(first, pages[0], "1")
        answer(second, pages[1], "2")
        assert [a.score for a in made.answers()[before:]] == [1, 2]
        assert len({a.rater for a in made.answers()[before:]}) == 2


def test_nothing_is_taken_without_the_token_of_the_own_page(made, patient):
    with client_of(made.folder) as client:
        page = begin(client)
        before = len(made.answers())
        for token in ("", "0" * 64, "é"):
            forged = page.replace(studies.field(page, "csrf"), token)
            assert answer(client, forged, "3").status_code == 403
        for origin in ("http://evil.example", "null", "http://127.0.0.1:9999", ""):
            client.headers["origin"] = origin
            assert answer(client, page, "3").status_code == 403
        assert len(made.answers()) == before


def test_without_consent_nothing_begins(made):
    with client_of(made.folder) as client:
        page = client.get("/").text
        again = client.post("/begin", data={"csrf": studies.field(page, "csrf")})
        assert "want to take part" in again.text
        assert "want to take part" in client.get("/rate").text


def test_the_consent_is_the_file_and_its_signs_mean_nothing(tmp_path):
    made = studies.write_study(tmp_path, clips=1, n_checks=0, title="<b>Faces</b>")
    (made.folder / "consent.txt").write_text("<script>one</script>\n\nTwo.", encoding="utf-8")
    with client_of(made.folder) as client:
        page = client.get("/").text
    assert "&lt;script&gt;one" in page and "<p>Two.</p>" in page and "<b>" not in page


def test_many_new_raters_at_once_have_to_wait(tmp_path):
    made = studies.write_study(tmp_path, clips=1, n_checks=0)
    app = server.app(made.folder)
    found = Counter()
    for _ in range(40):
        client = TestClient(app, base_url=HERE, headers={"origin": HERE}, follow_redirects=False)
        page = client.get("/").text
        if "csrf" not in page:
            continue
        data = {"consent": "yes", "csrf": studies.field(page, "csrf")}
        found[client.post("/begin", data=data).status_code] += 1
    assert found[303] <= 31 and found[429] > 0


def test_pairs_are_answered_by_the_one_that_looks_more_real(tmp_path, patient):
    made = studies.write_study(tmp_path, clips=2, n_clips=1, n_checks=1, pairwise=True)
    order = list(studies.METHODS)
    for _ in range(6):
        with client_of(made.folder) as client:
            page, seen = begin(client), []
            while "Thank you" not in page:
                files = [address.rpartition("/")[2] for address in studies.videos(page)]
                shown = [studies.shade(made.folder / "videos" / file) for file in files]
                due = due_by_file(made)[files[0]]
                if due is None:
                    seen.append(tuple(sorted(shown)))
                    due = float(order.index(shown[0]) > order.index(shown[1]))
                page = answer(client, page, f"{due:g}").text
        counts = Counter(seen)
        assert set(counts.values()) == {1} and len(counts) == 3
    found = results.results(made)
    means = {method: row["average"].value for method, row in found.table.items()}
    assert means == {"ours~zq": 1, "theirs~zq": 0.5, "third~zq": 0}
    assert found.table["theirs~zq"]["preferred to ours~zq"].value == 0
    assert not found.inattentive and set(found.alpha) == {"preference"}


def test_who_does_not_look_does_not_count(tmp_path, patient):
    made = studies.write_study(tmp_path, clips=2, n_clips=2, n_checks=2)
    for careless in (False, True):
        with client_of(made.folder) as client:
            page = begin(client)
            while "Thank you" not in page:
                (address,) = studies.videos(page)
                name = address.rpartition("/")[2]
                due = due_by_file(made)[name]
                score = "10" if due is None or careless else f"{due:g}"
                page = answer(client, page, score).text
    found = results.results(made)
    assert found.inattentive == ["r002"] and found.n_raters == 1
    assert results.results(made, max_failed=2).n_raters == 2


def due_by_file(made):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(made.folder / "study.sqlite")) as file:
        return dict(file.execute("SELECT file, due FROM videos"))


def test_a_study_is_never_replaced(made):
    with pytest.raises(OutputExistsError, match="never replaced"):
        material.new({}, made.folder, settings=made.settings)


def test_what_is_no_study_is_said_in_a_sentence(tmp_path):
    with pytest.raises(UsageError, match="no study is there"):
        books.Book(tmp_path)
    (tmp_path / "study.sqlite").write_bytes(b"something else" * 100)
    with pytest.raises(UsageError, match="not a study that can be read"):
        books.Book(tmp_path)


def test_one_method_alone_is_refused(tmp_path):
    folders = studies.write_methods(tmp_path, clips=1)
    with pytest.raises(UsageError, match="one method alone"):
        material.new({"a": folders["ours~zq"]}, tmp_path / "study", settings=material.settings_of())
    assert not (tmp_path / "study").exists()


def test_silent_methods_need_a_ground_truth_which_is_rated_and_heard(tmp_path):
    import numpy as np

    from tkit import media

    for method, shade in (("a", 60), ("b", 90)):
        (tmp_path / method).mkdir()
        frames = np.full((10, 64, 64, 3), shade, np.uint8)
        np.save(tmp_path / method / "one.npy", frames)
    silent = {name: tmp_path / name for name in "ab"}
    settings = material.settings_of(n_checks=0)
    with pytest.raises(UsageError, match="give --gt"):
        material.new(silent, tmp_path / "study", settings=settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    studies.write_methods(tmp_path / "gt", clips=1)
    (tmp_path / "truth").mkdir()
    (tmp_path / "gt" / "ours~zq" / "tcd~zq" / "clip0.mp4").rename(tmp_path / "truth" / "one.mp4")
    made = material.new(silent, tmp_path / "study", gt=tmp_path / "truth", settings=settings)
    files = list((made.folder / "videos").iterdir())
    assert len(files) == 3
    for path in files:
        media.require_audible(path)
