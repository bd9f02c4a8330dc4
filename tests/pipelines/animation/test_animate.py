"""Animation with tiny untrained networks: what it does with pictures, sound and places."""

import os
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import h5py
import mediafiles
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import tkit
from tkit import media
from tkit.cli import main
from tkit.errors import NoFaceError, UsageError, WeightsError
from tkit.face import crops, geometry
from tkit.files import sha256_of
from tkit.landmarks import LANDMARKERS
from tkit.pipelines.animation import head, jobs, moves, render
from tkit.pipelines.animation.carry import Carry
from tkit.pipelines.animation.mark import mark
from tkit.pipelines.animation.paste import Paste
from tkit.pipelines.animation.speech import Speech
from tkit.pipelines.animation.studio import Studio
from tkit.pipelines.stages import blink, motion, texture
from tkit.pipelines.stages.texture import regions
from tkit.pipelines.training import runs as runs_module
from tkit.seeds import generator
from tkit.speech import ENCODERS
from tkit.zoo.nets import blink as blink_net
from tkit.zoo.nets import motion as motion_net
from tkit.zoo.nets import texture as texture_net
from tkit.zoo.released import weights as released_weights

data = pytest.importorskip("skimage.data")


def write_weights(folder, canonical):
    """Untrained weights of the three stages in ``folder/STAGE``, as runs leave them."""
    encoder = asdict(ENCODERS.get("logmel").load().info)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        painter = texture_net.Generator(texture_net.Config(width=4, blocks=1, landmark_width=2))
        painter.canonical.copy_(torch.from_numpy(canonical))
        speaker = motion_net.Motion(motion_net.Config(dim=encoder["dim"], components=2))
        speaker.canonical.copy_(torch.from_numpy(canonical))
        modules = {
            "motion": speaker,
            "blink": blink_net.Blink(blink_net.Config(components=2, hidden=4)),
            "texture": painter,
        }
        for name in ("motion", "blink"):  # as small as real movements, in inter-ocular distances
            for parameter in modules[name].basis.parameters():
                torch.nn.init.normal_(parameter, 0, 0.03)
    for stage in (motion.STAGE, blink.STAGE, texture.STAGE):
        record = {
            "stage": stage.name, "config": asdict(stage.config()), "encoder": encoder, "fps": 25.0,
        }  # fmt: skip
        path = folder / stage.name / "weights.safetensors"
        module = modules[stage.name]
        released_weights.save(
            path, net=stage.name, config=module.config, module=module, record=record
        )


@pytest.fixture(scope="module")
def canonical(stores) -> np.ndarray:
    return geometry.normalise(stores.face())


@pytest.fixture(scope="module")
def runs(tmp_path_factory, canonical):
    """A folder ``runs`` with untrained weights."""
    folder = tmp_path_factory.mktemp("trained") / "runs"
    write_weights(folder, canonical)
    return folder


@pytest.fixture(scope="module")
def stages(runs):
    return {name: runs_module.load(name, runs / name) for name in ("motion", "blink", "texture")}


@pytest.fixture(scope="module")
def landmarker():
    return LANDMARKERS.get("dlib68").load()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return data.astronaut()


@pytest.fixture(scope="module")
def face(astronaut, landmarker) -> np.ndarray:
    """The astronaut's points (68, 2) in pixels."""
    return landmarker(astronaut[None])[0].astype(np.float64)


def babble(seconds: float, sample_rate: int = 16000) -> np.ndarray:
    """Noise that comes and goes four times a second, like syllables."""
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    noise = generator(0, "babble").standard_normal(len(time_s))
    return (0.1 * noise * np.sin(2 * np.pi * 2 * time_s) ** 2).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Tiny networks gain nothing from threads and lose much on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# --- the person ------------------------------------------------------------------------------


def test_a_shut_mouth_stays_as_it_is(canonical):
    np.testing.assert_array_equal(render.close_lips(canonical, canonical), canonical)


def test_an_open_mouth_is_shut_and_nothing_but_mouth_and_jaw_moves(canonical):
    opened = canonical.copy()
    opened[[61, 62, 63, 50, 51, 52], 1] -= 0.04
    opened[[65, 66, 67, 56, 57, 58], 1] += 0.16
    shut = render.close_lips(opened, canonical)
    assert lip_gaps(shut) == pytest.approx(lip_gaps(canonical))
    moved = np.flatnonzero(np.abs(shut - opened).max(axis=1) > 0)
    assert set(range(49, 60)) < set(moved) <= set(range(17)) | set(range(48, 68))


@pytest.mark.parametrize("gap", [0.05, 0.12])
def test_a_mouth_that_opened_as_people_do_comes_back_as_it_was(canonical, gap):
    opened = canonical.copy()
    opened[geometry.MOUTH] += gap * render.MOUTH_FOLLOWS
    shut = render.close_lips(opened, canonical)
    # The three pairs of the table part by 1.0 on average, by its two digits.
    np.testing.assert_allclose(shut, canonical, atol=0.03 * gap)


def lip_gaps(face):
    return face[render.LOWER_INNER, 1] - face[render.UPPER_INNER, 1]


def test_no_displacement_gives_the_face_of_the_picture_with_closed_lips(astronaut, face, canonical):
    person = render.look_at(astronaut, face, canonical=canonical, size=128)
    still = person.landmarks(np.zeros((2, 68, 2)))
    others = np.r_[17:48]
    np.testing.assert_allclose(still[0, others], person.points[others], atol=1e-6)
    # A smile parts the lips, hardly more: the jaw stays but for a trifle.
    assert np.abs(still[0, :17] - person.points[:17]).max() < 0.05 * geometry.inter_ocular(still[0])
    assert geometry.mouth_opening(still[0]) < geometry.mouth_opening(person.points)
    assert person.crop.shape == (128, 128, 3)
    eyes = person.points[geometry.EYES].mean(axis=0)
    np.testing.assert_allclose(eyes, crops.CROP_ORIGIN, atol=4)


def test_a_tilted_picture_gives_the_same_face(astronaut, face, canonical):
    upright = render.look_at(astronaut, face, canonical=canonical, size=128)
    angle = np.deg2rad(20)
    turn = 1.7 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    transform = np.column_stack([turn, [40.0, -30.0]])
    tilted = render.look_at(
        astronaut, geometry.apply(transform, face), canonical=canonical, size=128
    )
    np.testing.assert_allclose(tilted.points, upright.points, atol=1e-6)
    np.testing.assert_allclose(tilted.neutral, upright.neutral, atol=1e-9)


# --- pasting ---------------------------------------------------------------------------------


STILL = np.zeros((128, 128, 2), np.float32)
PAGE = os.sysconf("SC_PAGE_SIZE")
REST = np.zeros((1, 4))


def paste_of(image, points, canonical) -> tuple[render.Person, Paste]:
    person = render.look_at(image, points, canonical=canonical, size=128)
    return person, Paste(image, person.points, person.transform, size=128)


def test_a_shut_attention_map_returns_the_picture(astronaut, face, canonical):
    _, paste = paste_of(astronaut, face, canonical)
    noise = generator(0, "noise").uniform(0, 255, (128, 128, 3)).astype(np.float32)
    same = paste(np.ones((128, 128, 1), np.float32), noise, STILL)
    np.testing.assert_array_equal(same, astronaut)
    assert same is not astronaut


def test_an_open_attention_map_puts_the_crop_where_it_came_from(astronaut, face, canonical):
    person, paste = paste_of(astronaut, face, canonical)
    frame = paste(np.zeros((128, 128, 1), np.float32), person.crop.astype(np.float32), STILL)
    difference = np.abs(frame.astype(float) - astronaut)
    assert 0 < difference.mean() < 0.2  # the enlarged crop is a little softer
    assert np.quantile(difference[difference > 0], 0.99) < 30
    red = np.full((128, 128, 3), (255, 0, 0), np.float32)
    frame = paste(np.zeros((128, 128, 1), np.float32), red, STILL)
    x, y = np.rint(face[30]).astype(int)  # the tip of the nose
    np.testing.assert_array_equal(frame[y, x], [255, 0, 0])
    changed = (frame != astronaut).any(axis=-1)
    away = np.linalg.norm(np.argwhere(changed)[:, ::-1] - face.mean(axis=0), axis=1)
    assert away.max() < 3 * geometry.inter_ocular(face)


def test_a_flow_carries_the_pixels_of_the_picture(astronaut, face, canonical):
    person, paste = paste_of(astronaut, face, canonical)
    scale = np.linalg.norm(person.transform[0, :2])  # crop pixels a picture pixel
    flow = STILL + np.array([0, 2 * scale], np.float32)  # from two picture pixels below
    frame = paste(np.ones((128, 128, 1), np.float32), 0 * STILL[..., [0, 0, 0]], flow)
    x, y = np.rint(face[27:48].mean(axis=0)).astype(int)  # between eyes and nose: the mask is one
    around = slice(y - 5, y + 6), slice(x - 5, x + 6)
    source = slice(y - 3, y + 8), around[1]
    assert np.abs(frame[around].astype(float) - astronaut[source]).max() <= 12
    assert np.abs(frame[around].astype(float) - astronaut[around]).mean() > 2
    away = np.ones(astronaut.shape[:2], bool)
    away[paste.region] = False
    np.testing.assert_array_equal(frame[away], astronaut[away])


def test_there_is_no_seam(face, canonical):
    """On a plain picture with plain colours, the change fades in without a step."""
    plain = np.full((512, 512, 3), 100, np.uint8)
    _, paste = paste_of(plain, face, canonical)
    bright = np.full((128, 128, 3), 160, np.float32)
    frame = paste(np.zeros((128, 128, 1), np.float32), bright, STILL)[..., 0].astype(float)
    assert frame.max() == 160 and (frame == 100).mean() > 0.5
    for axis in (0, 1):  # at least six pixels from the picture to what was put in
        assert np.abs(np.diff(frame, axis=axis)).max() <= 60 / 6


@pytest.mark.parametrize("shift", [(-190, -80), (250, 330)])
def test_a_face_at_the_picture_border_is_pasted(astronaut, face, canonical, shift):
    x, y = shift
    cut = astronaut[max(-y, 0) : 512 - max(y, 0), max(-x, 0) : 512 - max(x, 0)]
    moved = face + np.minimum(shift, 0)
    person, paste = paste_of(cut, moved, canonical)
    frame = paste(np.zeros((128, 128, 1), np.float32), person.crop.astype(np.float32), STILL)
    assert frame.shape == cut.shape
    assert np.abs(frame.astype(float) - cut).mean() < 0.01 * 255


def test_the_face_mask_covers_an_opened_mouth_and_fades_out(face, astronaut, canonical):
    points = render.look_at(astronaut, face, canonical=canonical, size=128).points
    mask = regions.face_mask(points, 128)
    x, y = np.rint(points).astype(int).T
    assert mask[y[17:], x[17:]].min() > 0.9
    assert mask[[0, -1]].max() == mask[:, [0, -1]].max() == 0
    assert np.abs(np.diff(mask, axis=0)).max() < 0.2


# --- the whole -------------------------------------------------------------------------------


def test_frames_come_one_by_one_and_change_the_face_alone(astronaut, face, stages, landmarker):
    frames = render.talk(astronaut, babble(0.6), Studio(**stages, landmarker=landmarker))
    first = next(frames)
    rest = list(frames)
    assert len(rest) == 14 and first.shape == astronaut.shape and first.dtype == np.uint8
    person_box = face.min(axis=0) - 40, face.max(axis=0) + 40
    (left, top), (right, bottom) = np.rint(person_box).astype(int)
    for frame in (first, *rest):
        changed = np.argwhere((frame != astronaut).any(axis=-1))
        assert len(changed) > 100
        assert (changed.min(axis=0) > [top, left]).all()
        assert (changed.max(axis=0) < [bottom, right]).all()
    assert (first != rest[5]).any()


def test_the_seed_decides(astronaut, stages, landmarker):
    def run(seed: int) -> np.ndarray:
        frames = render.talk(
            astronaut, babble(0.2), Studio(**stages, landmarker=landmarker, seed=seed, crop=True)
        )
        return np.stack(list(frames))

    one = run(1)
    assert one.shape == (5, 128, 128, 3)
    np.testing.assert_array_equal(one, run(1))
    assert (one != run(2)).any()


def test_other_frame_rates_last_as_long(astronaut, stages, landmarker):
    frames = render.talk(
        astronaut, babble(0.4), Studio(**stages, landmarker=landmarker, fps=30.0, crop=True)
    )
    assert len(list(frames)) == 12


@pytest.mark.parametrize("window_rate", ["native", "video"])
def test_long_speech_moves_the_mouth_as_its_features_do_together(runs, window_rate):
    """The level that the features are measured by is that of the whole, as in tkit speech."""
    trained = runs_module.load("motion", runs / "motion")
    trained.weights.record["encoder"]["window_rate"] = window_rate
    wave = babble(100.0) * np.linspace(0.1, 1, 1_600_000, dtype=np.float32)
    features = ENCODERS.get("logmel").load()(wave)
    whole = trained(features, n_frames=2490)
    speech = Speech(np.array_split(wave, 321), rate_hz=16000, fps=25.0, n_frames=2490)
    parts = list(moves.Voice(trained, picture=np.zeros((68, 2))).parts(speech))
    assert [start for start, _ in parts[:4]] == [0, 8, 16, 24]
    joined = np.concatenate([moved for _, moved in parts])
    assert joined.shape == (2490, 68, 2)
    np.testing.assert_allclose(joined[:, 17:], whole[:, 17:], atol=1e-6)


def test_memory_does_not_grow_with_the_speech(astronaut, stages, landmarker):
    """Only a few frames are ahead of the one that was taken."""
    made = []
    studio = Studio(**stages, landmarker=landmarker)
    frames = render.talk(
        astronaut, babble(2.0), studio, watch=lambda points, _: made.append(len(points))
    )
    for count, _ in enumerate(frames, start=1):
        assert sum(made) - count < moves.AT_ONCE
    assert sum(made) == count == 50


def test_a_face_goes_where_its_head_goes(astronaut, face, canonical):
    """Noise in the place of the face is moved as the picture is, and leaves no trace behind."""
    person = render.look_at(astronaut, face, canonical=canonical, size=128)
    paste = Paste(astronaut, person.points, person.transform, size=128, pose=person.pose)
    noise = generator(0, "noise").uniform(0, 255, (16, 16, 3)).repeat(8, 0).repeat(8, 1)
    noise = gaussian_filter(noise, (3, 3, 0)).astype(np.float32)
    shut, opened = (np.full((128, 128, 1), value, np.float32) for value in (1, 0))
    np.testing.assert_array_equal(paste(shut, noise, STILL, head.similarities(REST)[0]), astronaut)
    nod = head.similarities(np.array([[0.1, 0.2, 0.02, 0.05]]))[0]
    carried = Carry(person.pose, astronaut.shape).carried(astronaut, nod)
    np.testing.assert_array_equal(paste(shut, noise, STILL, nod), carried)
    still = paste(opened, noise, STILL)
    moved = paste(opened, noise, STILL, nod).astype(float)
    there = Carry(person.pose, astronaut.shape).carried(still, nod)  # both ways of the same
    columns, rows = (slice(*side) for side in np.rint([face.min(0), face.max(0)]).astype(int).T)
    assert np.abs(moved - there)[rows, columns].mean() < 4
    assert np.abs(moved - still)[rows, columns].mean() > 15


def test_a_minute_takes_no_more_memory_than_twenty_seconds(work, astronaut, stages, landmarker):
    """Sound from a file, a moving head and the written video among them."""
    mediafiles.write_sound("minute.wav", babble(60.0))
    studio = Studio(**stages, landmarker=landmarker, fps=2.0, sway=1.0)
    used = {}

    def watched(frames):
        for number, frame in enumerate(frames):
            used[number] = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
            yield frame

    speech = Speech(media.SoundPieces("minute.wav", 16000), rate_hz=16000, fps=2.0)
    frames = watched(render.talk(astronaut[:256, 96:352], speech, studio))
    ear = iter(media.SoundPieces("minute.wav", 48000))
    assert media.write_video("minute.mp4", frames, fps=2.0, wave=ear, sample_rate=48000) == 120
    assert used[119] - used[40] < 5e6


def test_blinks_take_the_same_time_at_any_frame_rate(stages):
    slow = moves.Eyes(stages["blink"], fps=25.0, seed=3).take(0, 50, 50)
    fast = moves.Eyes(stages["blink"], fps=50.0, seed=3).take(0, 100, 100)
    assert slow.shape == (50, 68, 2) and fast.shape == (100, 68, 2)
    np.testing.assert_allclose((fast[::2] + fast[1::2])[1:-1] / 2, slow[1:-1], atol=0.02)
    outside = np.setdiff1d(np.arange(68), geometry.EYE_REGION_INDEX)
    assert not slow[:, outside].any() and slow[:, geometry.EYES].any()


def test_a_picture_without_a_face_is_refused_at_once(stages, landmarker):
    coins = np.repeat(data.coins()[..., None], 3, axis=-1)
    with pytest.raises(NoFaceError):
        render.talk(coins, babble(0.2), Studio(**stages, landmarker=landmarker))


def test_another_version_of_the_encoder_is_refused_at_once(astronaut, stages, landmarker, runs):
    other = runs_module.load("motion", runs / "motion")
    other.weights.record["encoder"]["version"] = "0"
    with pytest.raises(WeightsError, match="logmel-0"):
        render.talk(
            astronaut, babble(0.2), Studio(**stages | {"motion": other}, landmarker=landmarker)
        )


# --- the command -----------------------------------------------------------------------------


@pytest.fixture
def work(tmp_path, monkeypatch, runs, astronaut):
    """A current folder with trained runs, a picture (of odd size) and sound."""
    (tmp_path / "runs").symlink_to(runs)
    media.write_image(tmp_path / "face.png", astronaut[:301, 50:451])
    mediafiles.write_sound(tmp_path / "speech.wav", babble(0.6, 22050), sample_rate=22050)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(capsys, *options: str, image="face.png", audio="speech.wav") -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        main(["animate", "--image", image, "--audio", audio, "--out", "out.mp4", *options])
    return int(stop.value.code or 0), capsys.readouterr().err


def test_the_video_has_sound_25_fps_and_the_size_of_the_picture(work, capsys):
    code, err = call(capsys)
    assert code == 0, err
    for name in ("motion", "blink", "texture"):
        assert f"{name}: runs/{name}/weights.safetensors" in err
    info = mediafiles.probe("out.mp4")
    assert (info.width, info.height, info.fps) == (400, 300, 25.0)
    assert info.has_audio
    video = media.read_clip("out.mp4")
    assert len(video.frames) == 15
    sound = babble(0.6)
    count = min(len(sound), len(video.wave))
    loud = [np.abs(w[:count]).reshape(-1, 100).mean(axis=1) for w in (sound, video.wave)]
    assert np.corrcoef(*loud)[0, 1] > 0.9
    code, err = call(capsys)
    assert code == 2 and "--force" in err


def test_a_bare_crop_is_written(work, capsys):
    code, _ = call(capsys, "--crop", "--seed", "3")
    assert code == 0
    info = mediafiles.probe("out.mp4")
    assert (info.width, info.height) == (128, 128)


def test_several_pictures_and_sounds_make_a_folder(work, capsys, astronaut):
    media.write_image("other.png", astronaut[:300, 60:460])
    again = "--image", "other.png", "--fps", "10", "--blink-rate", "0", "--debug", "maps"
    code, err = call(capsys, *again)
    assert code == 0, err
    names = ["face_speech", "other_speech"]
    assert sorted(path.name for path in (work / "out.mp4").iterdir()) == [
        f"{name}.mp4" for name in names
    ]
    assert mediafiles.probe("out.mp4/other_speech.mp4").fps == 10.0
    assert sum(1 for _ in media.iter_frames("out.mp4/face_speech.mp4")) == 6
    for name in names:
        pictures = sorted((work / "maps" / name).iterdir())
        assert len(pictures) == 6
        assert media.read_image(pictures[0]).shape == (128, 4 * 128, 3)


def test_the_head_moves_as_in_another_video(work, capsys, face):
    sway = np.sin(np.linspace(0, 6, 40))[:, None, None] * np.array([12.0, 0.0])
    np.save("head.npy", (face + sway).astype(np.float32))
    assert call(capsys, "--crop")[0] == 0
    still = media.read_clip("out.mp4").frames.astype(float)
    assert call(capsys, "--crop", "--pose", "head.npy", "--force")[0] == 0
    moved = media.read_clip("out.mp4").frames.astype(float)
    # A generator that has hardly learned moves little, but without a head nothing differs at all.
    assert np.abs(moved - still).mean() > 0.1
    assert call(capsys, "--crop", "--force")[0] == 0
    assert np.array_equal(media.read_clip("out.mp4").frames, still)
    np.save("wrong.npy", np.zeros((3, 5)))
    code, err = call(capsys, "--pose", "wrong.npy", "--force")
    assert code == 2 and "not points (T, 68, 2)" in err


def test_the_mouth_opens_as_far_as_in_a_video_of_the_person(work, capsys, monkeypatch, astronaut):
    assert call(capsys, "--style", "none.mp4")[0] == 2
    assert call(capsys, "--crop")[0] == 0
    before = media.read_clip("out.mp4").frames.astype(float)
    still = np.repeat(astronaut[None], 20, axis=0)
    media.write_video("style.mp4", still, fps=25.0, wave=babble(0.8), sample_rate=16000)
    code, err = call(capsys, "--style", "style.mp4", "--force")
    assert code == 2 and "0.8 s are too few to tell a habit" in err
    monkeypatch.setattr(jobs, "read_style", lambda video, studio: 2.0)
    assert call(capsys, "--crop", "--style", "style.mp4", "--force")[0] == 0
    wider = media.read_clip("out.mp4").frames.astype(float)
    assert call(capsys, "--crop", "--expression", "2", "--force")[0] == 0
    np.testing.assert_array_equal(media.read_clip("out.mp4").frames, wider)
    assert (wider != before).any()


@pytest.mark.slow
def test_any_number_of_processes_makes_the_same_videos(work, capsys, astronaut):
    media.write_image("other.png", astronaut[:300, 60:460])
    asked = ["animate", "--image", "face.png", "other.png", "--audio", "speech.wav", "--fps", "10"]
    made = []
    for where in ([], ["--jobs", "2"], ["--cluster", "local"]):
        out = Path(f"out{len(made)}")
        with pytest.raises(SystemExit) as stop:
            main([*asked, "--out", str(out), *where])
        said = capsys.readouterr()
        assert not stop.value.code, said.err
        assert said.out.count(": 6 frames, 0.60 s") == 2
        made.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert made[0].keys() == {"face_speech.mp4", "other_speech.mp4"}
    assert made[0] == made[1] == made[2]


def test_the_clips_of_a_corpus_are_animated_under_their_names(
    work, capsys, tiny_store_crops, write_clip
):
    shutil.copy(tiny_store_crops, "own.h5")
    with h5py.File("own.h5", "r+") as file:
        file.attrs["corpus"] = "folder"
    for name in ("a/000", "c/000", "c/001"):
        path = work / "folder" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_clip(path, n_frames=20, sound_s=0.75)
    asked = ["animate", "--corpus", "own.h5", "--out", "preds"]
    with pytest.raises(SystemExit) as stop:
        main([*asked, "--root", "folder", "--split", "val"])
    assert not stop.value.code, capsys.readouterr().err
    made = sorted(path.relative_to("preds") for path in Path("preds").rglob("*.mp4"))
    assert [str(path) for path in made] == ["c/000.mp4", "c/001.mp4"]
    frames = list(media.iter_frames("preds/c/000.mp4"))
    assert len(frames) == 20  # as the clip, though its sound is shorter
    first = next(media.iter_frames("folder/c/000.mp4"))
    assert frames[0].shape == first.shape and np.abs(frames[0].astype(float) - first).mean() < 8
    capsys.readouterr()
    for wrong, reason in (
        (["--root", "nowhere"], "nowhere: no such folder"),
        (["--root", "folder", "--split", "test"], "no clip of the split 'test'"),
        (["--root", "folder", "--protocol", "x"], "unknown split scheme 'x'"),
    ):
        with pytest.raises(SystemExit) as stop:
            main([*asked, *wrong])
        assert stop.value.code == 2 and reason in capsys.readouterr().err


def test_an_interrupted_run_goes_on_where_it_stopped(work, capsys, astronaut, monkeypatch):
    media.write_image("other.png", astronaut[:300, 60:460])
    asked = ["--image", "other.png", "--fps", "5"]
    made = []
    make = jobs.make

    def interrupted(job, *args, **more):
        if made:
            raise KeyboardInterrupt
        made.append(job.name)
        return make(job, *args, **more)

    monkeypatch.setattr(jobs, "make", interrupted)
    code, err = call(capsys, *asked)
    assert code == 130 and "run it again with --resume" in err
    monkeypatch.setattr(jobs, "make", make)
    (first,) = Path("out.mp4").iterdir()
    kept = first.read_bytes(), first.stat().st_mtime_ns
    code, err = call(capsys, *asked)
    assert code == 2 and "--force" in err  # as ever
    code, err = call(capsys, *asked, "--resume", "--seed", "1")
    assert code == 2 and err.count("was made with seed 0, not 1") == 1
    code, err = call(capsys, *asked, "--resume", "--force")
    assert code == 2 and "--resume keeps" in err
    code, err = call(capsys, *asked, "--resume")
    assert code == 0 and "1 video is kept" in err
    assert (first.read_bytes(), first.stat().st_mtime_ns) == kept
    assert len(list(Path("out.mp4").iterdir())) == 2
    os.utime("other.png", (2**33, 2**33))  # another picture since
    code, err = call(capsys, *asked, "--resume")
    assert code == 0 and "1 video is kept" in err
    media.write_video(first, np.zeros((3, 64, 64, 3), np.uint8))
    code, err = call(capsys, *asked, "--resume")
    assert code == 2 and "does not say how it was made" in err


def test_a_video_says_what_made_it_until_it_is_encoded_again(work, capsys, runs):
    assert call(capsys, "--crop", "--pose", "still")[0] == 0
    main_quietly(["check", "out.mp4"])
    said = capsys.readouterr().out
    assert said.startswith("out.mp4: 128 x 128, 25 fps, 0.60 s\ngenerated with tkit ")
    for name in ("motion", "blink", "texture"):
        digest = sha256_of(runs / name / "weights.safetensors")
        assert f"  {name:14} {digest[:16]}\n" in said
    assert f"  {'seed':14} 0\n" in said
    media.write_video("again.mp4", media.iter_frames("out.mp4"))
    main_quietly(["check", "again.mp4"])
    assert "no mark of tkit" in capsys.readouterr().out


def test_a_mark_writes_few_numbers_out_and_names_many_by_their_hash():
    said = mark({"habit": np.array([1.25, 0.5]), "head": np.zeros((9, 2, 3)), "none": None})
    habit, moves_of_head = said.split("; ")[1:]
    assert habit == "habit 1.25 0.5"
    assert re.fullmatch("head [0-9a-f]{16}", moves_of_head)


def main_quietly(args):
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert not stop.value.code


def test_a_face_blinks_by_the_names_of_its_files_alone_or_among_others():
    (alone,) = jobs.of_files([Path("p/face.png")], [Path("q/hello.wav")], Path("x.mp4"))
    many = jobs.of_files([Path("face.png"), Path("b.png")], [Path("hello.wav")], Path("out"))
    assert alone.blinks_as == many[0].blinks_as != many[1].blinks_as


def test_inputs_that_contradict_each_other_are_refused(work, capsys):
    code, err = call(capsys, "--corpus", "grid.h5")
    assert code == 2 and "--corpus brings its own" in err
    with pytest.raises(SystemExit):
        main(["animate", "--image", "face.png", "--out", "x.mp4"])
    assert "--audio" in capsys.readouterr().err
    code, err = call(capsys, "--audio", "other/speech.wav")
    assert code == 2 and "same name" in err


def test_of_two_faces_the_largest_speaks(work, capsys, astronaut):
    import cv2

    large = astronaut[:300]
    small = cv2.resize(large, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
    below = ((0, len(large) - len(small)), (0, 0), (0, 0))
    both = np.hstack([np.pad(small, below, mode="edge"), large])
    media.write_image("two.png", both)
    code, err = call(capsys, "--pose", "still", "--expression", "3", image="two.png")
    assert code == 0 and "2 faces" in err
    # Python says it where it was called, before anything is loaded.
    with (
        pytest.warns(UserWarning, match="two.png: 2 faces; the largest speaks") as caught,
        pytest.raises(UsageError, match=r"nowhere\.safetensors"),
    ):
        tkit.animate("two.png", "speech.wav", "again.mp4", motion="nowhere.safetensors")
    assert caught[0].filename == __file__
    frames = media.read_clip("out.mp4").frames.astype(float)
    changed = (np.ptp(frames, axis=0).max(axis=-1) > 20).sum(axis=0)  # not the codec
    assert changed[small.shape[1] :].sum() > 1000 and changed[: small.shape[1]].sum() < 100


def test_what_cannot_be_animated_is_said_in_one_line(work, capsys):
    media.write_image("coins.png", np.repeat(data.coins()[..., None], 3, axis=-1))
    mediafiles.write_sound("silent.wav", np.zeros(16000, np.float32))
    (work / "empty.wav").touch()
    (work / "text.png").write_text("no picture")
    for change, code, reason in (
        ({"image": "coins.png"}, 1, "coins.png: no face found"),
        ({"image": "text.png"}, 1, "text.png: not a picture"),
        ({"image": "missing.png"}, 2, "missing.png: no such picture"),
        ({"audio": "silent.wav"}, 1, "silent.wav: the sound is silent"),
        ({"audio": "empty.wav"}, 1, "empty.wav: the file is empty"),
        ({"audio": "face.png"}, 1, "face.png: no sound"),
        ({"audio": "missing.wav"}, 2, "missing.wav: no such"),
    ):
        found, err = call(capsys, **change)
        assert found == code and reason in err, err
        assert err.count("\n") == 1
        assert not (work / "out.mp4").exists()


def test_missing_and_wrong_weights_are_named(work, capsys):
    code, err = call(capsys, "--motion", "nowhere.safetensors")
    assert code == 2 and "nowhere.safetensors" in err
    code, err = call(capsys, "--motion", "runs/blink")
    assert code == 1 and "'blink'" in err and "'motion'" in err
    (work / "runs").unlink()
    code, err = call(capsys)
    assert code in (0, 2)  # 0 once weights are released with the package
    if code:
        assert "tkit train motion" in err
