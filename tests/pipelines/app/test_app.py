"""What the app's server takes, refuses and sends."""

import io
import json
import wave

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra app is not installed")

from PIL import Image
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tkit import media
from tkit.corpora import puppet
from tkit.errors import UsageError
from tkit.pipelines.app import folders, server
from tkit.pipelines.app.booth import Booth, Choices

HERE = "http://127.0.0.1:8100"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A root with puppet clips, a photo of one (PNG) and its first second of speech (WAV)."""
    root = tmp_path_factory.mktemp("root")
    puppet.generate(root / "gt", speakers=1, clips=1)
    (video,) = (root / "gt" / "s1").iterdir()
    photo = io.BytesIO()
    Image.fromarray(next(media.iter_frames(video))).save(photo, "PNG")
    return root, photo.getvalue(), wav_of(media.read_audio(video)[8000:24000])


def wav_of(sound, rate=16000):
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.asarray(sound) * 30000).astype("<i2").tobytes())
    return data.getvalue()


@pytest.fixture(scope="module")
def client(shared):
    booth = Booth({"motion": None, "blink": None, "texture": None})
    with TestClient(
        server.app(booth, shared[0]), base_url=HERE, headers={"origin": HERE}
    ) as client:
        client.booth = booth
        client.headers["x-csrf-token"] = (
            client.get("/").text.partition('name="csrf" content="')[2].partition('"')[0]
        )
        yield client
    assert not booth.folder.exists()


@pytest.fixture(scope="module")
def chosen(client, shared):
    photo = client.post("/photo", content=shared[1]).json()
    sound = client.post("/sound", content=shared[2]).json()
    assert (photo["width"], photo["height"], sound["frames"]) == (360, 288, 25)
    return {"photo": photo["photo"], "sound": sound["sound"]}


def speak(client, asked):
    """All messages of one press: pictures and maps by number, and what is said at the end."""
    found, said = ({}, {}), {}
    headers = {"origin": HERE, "host": "127.0.0.1:8100"}
    with client.websocket_connect("/speak", headers=headers) as socket:
        socket.send_text(json.dumps({"csrf": client.headers["x-csrf-token"], **asked}))
        try:
            while True:
                message = socket.receive()
                if message["type"] == "websocket.close":
                    break
                if message.get("bytes"):
                    kind, number = server.HEAD.unpack(message["bytes"][: server.HEAD.size])
                    found[kind][number] = message["bytes"][server.HEAD.size :]
                else:
                    said = json.loads(message["text"])
        except WebSocketDisconnect:
            pass
    return *found, said


def picture(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32)


def test_every_frame_is_sent_with_its_map_and_the_video_has_the_same(client, chosen, tmp_path):
    pictures, maps, said = speak(client, chosen)
    assert list(pictures) == list(maps) == list(range(25))
    found = client.get(f"/videos/{said['video']}.mp4")
    assert found.headers["content-disposition"] == 'attachment; filename="talking.mp4"'
    (tmp_path / "talking.mp4").write_bytes(found.content)
    clip = media.read_clip(tmp_path / "talking.mp4")
    assert len(clip.frames) == 25 and np.abs(clip.wave).max() > 0.1
    for number in (0, 12, 24):
        assert np.abs(picture(pictures[number]) - clip.frames[number]).mean() < 3
        assert picture(maps[number]).shape == (128, 128, 3)


def test_sliders_do_what_they_say(client, chosen):
    plain, _, _ = speak(client, chosen)
    mute, _, _ = speak(client, chosen | {"expression": 0})
    swaying, _, _ = speak(client, chosen | {"expression": 0, "sway": 1})
    still = picture(plain[0])
    assert np.abs(picture(swaying[24]) - still).mean() > np.abs(picture(mute[24]) - still).mean()

    def moved(frames):  # after the picture's own mouth has faded
        return np.abs(picture(frames[24]) - picture(frames[16])).max()

    assert moved(mute) < moved(plain)


@pytest.mark.parametrize(
    "asked",
    [{"expression": 3}, {"expression": "1"}, {"expression": float("nan")}, {"blink_rate": -1},
     {"sway": None}, {"sway": float("inf")}, {"sway": [1]}, {"csrf": "0"}],
)  # fmt: skip
def test_what_no_slider_gives_is_refused(client, chosen, asked):
    assert speak(client, chosen | asked) == ({}, {}, {})


def test_a_face_that_was_not_chosen_is_said(client, chosen):
    assert speak(client, chosen | {"photo": "x"})[2] == {
        "error": "choose the photo and the sound again"
    }


def test_leaving_ends_the_work(client, chosen):
    headers = {"origin": HERE, "host": "127.0.0.1:8100"}
    before = set(client.booth.videos)
    with client.websocket_connect("/speak", headers=headers) as socket:
        socket.send_text(json.dumps({"csrf": client.headers["x-csrf-token"], **chosen}))
        socket.receive_bytes()
    assert set(client.booth.videos) == before
    assert len(speak(client, chosen)[0]) == 25  # and the next one can speak


def test_the_sound_is_played_as_the_encoder_hears_it(client, chosen, tmp_path):
    found = client.get(f"/sounds/{chosen['sound']}.wav", headers={"range": "bytes=0-3"})
    assert (found.status_code, found.content) == (206, b"RIFF")


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("/photo", b"no picture", "this photo"),
        ("/photo", b"", "this photo"),
        ("/sound", b"no sound", "this sound"),
        ("/sound", wav_of(np.zeros(16000)), "silent"),
        ("/sound", wav_of(np.ones(16000 * 121 // 2) * 0.5, 8000), "longer than 120 s"),
    ],
)
def test_files_that_cannot_be_used_are_said_in_a_sentence(client, path, content, words):
    found = client.post(path, content=content)
    assert found.status_code == 422 and words in found.json()["error"]
    assert str(client.booth.folder) not in found.text
    assert not list(client.booth.folder.glob("*.part"))


def test_a_photo_without_a_face_is_said(client):
    data = io.BytesIO()
    Image.new("RGB", (200, 200), "green").save(data, "PNG")
    found = client.post("/photo", content=data.getvalue())
    assert found.status_code == 422 and "no face" in found.json()["error"]


def test_a_file_that_is_too_large_is_not_kept(client, monkeypatch):
    found = client.post("/sound", content=(bytes(1 << 20) for _ in range(51)))
    assert found.status_code == 413 and not list(client.booth.folder.glob("*.part"))


@pytest.mark.parametrize("path", ["/photo", "/sound", "/listen", "/score"])
def test_nothing_is_done_without_the_token_of_the_page(client, path):
    assert client.post(path, content=b"{}", headers={"x-csrf-token": "0" * 64}).status_code == 403
    assert (
        client.post(path, content=b"{}", headers={"origin": "http://evil.example"}).status_code
        == 403
    )


def test_only_the_newest_photos_are_kept(client, shared):
    names = [client.post("/photo", content=shared[1]).json()["photo"] for _ in range(5)]
    assert names[0] not in client.booth.photos and len(client.booth.photos) == 4


def test_files_of_others_are_not_served(client):
    for path in ("/sounds/..%2f..%2fetc%2fpasswd.wav", "/videos/x.mp4", "/sounds/warm.wav"):
        assert client.get(path).status_code == 404


def test_folders_below_the_root_are_listed_and_scored(client, shared):
    listed = {entry["folder"]: entry["clips"] for entry in client.get("/folders").json()}
    assert listed == {".": 1, "gt": 1, "gt/s1": 1}
    asked = {"pred": "gt/s1", "gt": "gt/s1", "protocol": "chen2018"}
    found = client.post("/score", content=json.dumps(asked))
    said = found.json()
    assert said["table"][0][:2] == ["method", "clips"]
    assert {"s1", "static"} <= {row[0] for row in said["table"]}
    assert json.loads(said["json"])["methods"]["s1"]


@pytest.mark.parametrize("name", ["..", "/etc", "gt/../..", "gt/\0", "nowhere", "gt/s1/x.mp4"])
def test_what_is_not_below_the_root_is_refused(client, name):
    asked = {"pred": name, "gt": "gt", "protocol": "tkit"}
    found = client.post("/score", content=json.dumps(asked))
    assert found.status_code == 422 and "below the root" in found.json()["error"]


def test_a_link_that_leads_out_is_refused_and_one_within_is_not(tmp_path):
    (tmp_path / "outside").mkdir()
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "clip.mp4").write_bytes(b"x")
    (root / "b").symlink_to(root / "a")
    assert folders.inside(root, "b") == (root / "a").resolve()
    (root / "out").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="no such folder below"):
        folders.inside(root, "out")
    (root / "a" / "secret.mp4").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="leads out of the root"):
        folders.inside(root, "a")
    assert dict(folders.listed(root)) == {".": 1, "a": 1}


def test_choices_are_those_of_the_sliders():
    assert Choices.of({}) == Choices()
    assert Choices.of({"expression": 2, "blink_rate": None, "sway": 0.5}).sway == 0.5
