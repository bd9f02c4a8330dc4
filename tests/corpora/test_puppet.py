"""The puppet corpus: its truth is true, in the files and in the pictures."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import mediafiles
import numpy as np
import pytest

from tkit import media
from tkit.clips import Clip
from tkit.corpora import CORPORA, grid, puppet
from tkit.corpora.puppet import bend
from tkit.corpora.puppet import face as faces
from tkit.corpora.puppet import motion as motions
from tkit.corpora.puppet import render as rendering
from tkit.corpora.puppet import voice as voices
from tkit.corpora.puppet.look import draw_look
from tkit.errors import CorpusError, OutputExistsError, TkitError, UsageError
from tkit.face import geometry
from tkit.seeds import generator
from tkit.speech import espeak

FRAME_S = 1 / puppet.FPS
TIMES_S = (np.arange(puppet.N_FRAMES) + 0.5) * FRAME_S


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("puppet")
    puppet.generate(folder, speakers=1, clips=1, seed=3)
    return folder


@pytest.fixture(scope="module")
def clips(root: Path) -> list[Clip]:
    return list(puppet.CORPUS.scan(root))


@pytest.fixture(scope="module")
def face() -> faces.Face:
    return puppet.face_of(1, 0)


def truth(root: Path, clip: Clip) -> dict[str, np.ndarray]:
    with np.load(root / "truth" / f"{clip.id}.npz") as file:
        return dict(file)


def pose(face: faces.Face, *, lids: float = 0.0, **mouth: float) -> motions.Motion:
    """One frame of a turned and shifted head with a given expression."""
    angle = np.deg2rad(2.0)
    turn = 1.01 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre, shift = face.points.mean(axis=0), np.array([3.0, -2.0])
    head = np.concatenate([turn, (centre + shift - turn @ centre)[:, None]], axis=1)
    shapes = {name: np.full(1, mouth.get(name, 0.0)) for name in motions.SHAPES}
    return motions.Motion(shapes, np.full(1, lids), np.full(1, 0.01), head[None], np.zeros((0, 3)))


# ---- files -----------------------------------------------------------------------------------


def test_it_is_a_corpus_that_is_read_as_grid(clips):
    assert "puppet" in CORPORA.names()
    assert [clip.speaker for clip in clips] == ["s1"]
    for clip in clips:
        assert isinstance(clip, Clip)
        assert clip.text == grid.sentence(Path(clip.video).stem)
        assert " ".join(word.text for word in clip.words) == clip.text
        info = mediafiles.probe(clip.video)
        assert (info.width, info.height, info.fps) == (360, 288, 25.0)
        assert info.has_audio


def test_alignments_are_whole_frames_of_silence_words_silence(root):
    paths = sorted(root.glob("alignments/s*/*.align"))
    assert len(paths) == 1
    for path in paths:
        rows = [line.split() for line in path.read_text().splitlines()]
        assert [rows[0][2], rows[-1][2]] == ["sil", "sil"]
        assert rows[0][0] == "0" and rows[-1][1] == "74500"
        edges = [(int(start), int(end)) for start, end, _ in rows]
        assert all(start < end for start, end in edges)
        assert all(a[1] == b[0] for a, b in pairwise(edges))
        assert 0.3 <= edges[0][1] / grid.UNITS_PER_S <= 0.55


def test_truth_has_the_documented_shapes(root, clips):
    for clip in clips:
        known = truth(root, clip)
        assert known["points"].shape == (75, 68, 2) and known["points"].dtype == np.float32
        assert (known["points"] > 0).all() and (known["points"] < (360, 288)).all()
        assert known["blinks"].shape[1:] == (3,)
        assert known["audio_lag_s"] == 0
        opening = geometry.mouth_opening(known["points"])
        np.testing.assert_allclose(known["mouth_opening"], opening, atol=1e-3)
        phonemes = known["phonemes"]
        assert (phonemes["start_s"][1:] >= phonemes["end_s"][:-1] - 1e-9).all()
        assert phonemes["start_s"][0] == pytest.approx(clip.words[0].start_s, abs=0.006)
        assert phonemes["end_s"][-1] == pytest.approx(clip.words[-1].end_s, abs=0.006)


def test_the_sound_starts_and_ends_where_the_phonemes_say(root, clips):
    for clip in clips:
        decoded = media.read_clip(clip.video)
        assert decoded.frames.shape == (75, 288, 360, 3) and not decoded.held.any()
        power = np.convolve(decoded.wave**2, np.ones(160) / 160, mode="same")
        loud_s = np.flatnonzero(power > 1e-3 * power.max()) / decoded.sample_rate
        phonemes = truth(root, clip)["phonemes"]
        assert loud_s[0] == pytest.approx(phonemes["start_s"][0], abs=0.04)
        assert loud_s[-1] == pytest.approx(phonemes["end_s"][-1], abs=0.06)


def test_the_mouth_opens_with_the_sound(root, clips):
    for clip in clips:
        decoded = media.read_clip(clip.video)
        loudness = np.abs(decoded.wave[: 75 * 640]).reshape(75, 640).mean(axis=1)
        opening = truth(root, clip)["mouth_opening"]
        assert np.corrcoef(loudness, opening)[0, 1] > 0.5


def test_dlib_finds_one_face_where_the_truth_says(root, clips):
    import dlib
    import face_recognition_models

    detect = dlib.get_frontal_face_detector()
    place = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())
    for clip in clips:
        frames, known = media.read_clip(clip.video).frames, truth(root, clip)
        shut = int(geometry.eye_aspect_ratio(known["points"]).mean(axis=1).argmin())
        for index in {0, shut, int(known["mouth_opening"].argmax())}:
            boxes = detect(frames[index], 0)
            assert len(boxes) == 1
            found = place(frames[index], boxes[0])
            found = np.array([(part.x, part.y) for part in found.parts()])
            off = np.linalg.norm(found - known["points"][index], axis=1).mean()
            assert off < 0.08 * geometry.inter_ocular(known["points"][index])


@pytest.mark.slow
def test_the_jobs_change_nothing(tmp_path):
    for jobs in (1, 2):
        puppet.generate(tmp_path / str(jobs), speakers=2, clips=1, seed=5, jobs=jobs)
    one, two = tmp_path / "1", tmp_path / "2"
    names = sorted(path.relative_to(one) for path in one.rglob("*.*"))
    assert names == sorted(path.relative_to(two) for path in two.rglob("*.*"))
    assert len(names) == 6
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def test_the_same_performance_is_drawn_the_same(face):
    motion = pose(face, opening=0.4)
    frames = [next(rendering.render(face, motion, generator(0, "same"))) for _ in range(2)]
    assert np.array_equal(*frames)


@pytest.mark.slow
def test_a_lagging_corpus_moves_its_lips_as_before_and_sounds_later(root, clips, tmp_path):
    puppet.generate(tmp_path, speakers=1, clips=1, seed=3, lag_s=0.12)
    (late,) = puppet.CORPUS.scan(tmp_path)
    assert late.id == clips[0].id
    known, before = truth(tmp_path, late), truth(root, clips[0])
    assert known["audio_lag_s"] == 0.12
    np.testing.assert_array_equal(known["points"], before["points"])
    shift_s = known["phonemes"]["start_s"] - before["phonemes"]["start_s"]
    np.testing.assert_allclose(shift_s, 0.12, atol=1e-4)
    wave, plain = media.read_clip(late.video).wave, media.read_clip(clips[0].video).wave
    correlation = np.correlate(wave, plain[: 2 * 16000], mode="valid")
    assert correlation.argmax() / 16000 == pytest.approx(0.12, abs=0.002)


def test_generate_refuses_what_it_cannot_do(root, tmp_path):
    with pytest.raises(UsageError, match="1 to 34 speakers"):
        puppet.generate(tmp_path, speakers=35)
    with pytest.raises(UsageError, match="lag"):
        puppet.generate(tmp_path, lag_s=2.0)
    with pytest.raises(OutputExistsError, match="another corpus"):
        puppet.generate(root, speakers=1, clips=1, seed=4)
    assert not list(tmp_path.iterdir())


def test_every_fourth_speaker_is_for_validation():
    splits = puppet.CORPUS.split_schemes["puppet"]
    assert splits["val"] == {f"s{number}" for number in range(4, 35, 4)}
    assert len(splits["train"] | splits["val"]) == 34 and not splits["train"] & splits["val"]


# ---- voice -----------------------------------------------------------------------------------


def test_sentences_are_different_and_cover_the_grammar():
    names = voices.choose_sentences(200, generator(0, "x"))
    assert len(set(names)) == 200
    assert all(grid.sentence(name) for name in names)
    for slot, letters in enumerate(grid.GRAMMAR):
        assert {name[slot] for name in names[:25]} == set(letters)


def test_every_sound_of_every_voice_has_a_mouth_shape():
    words = " ".join(word for slot in grid.GRAMMAR for word in slot.values() if word != "a")
    for voice, pitch, _ in voices.VOICES:
        spoken = espeak.speak(f"[[eI]] {words}", voice=voice, rate_wpm=400, pitch=pitch)
        symbols = {symbol.lstrip(voices.STRESS) for _, symbol in spoken.phonemes}
        assert {symbol for symbol in symbols if symbol[0] != "_"} <= set(motions.VISEMES)


def test_a_lag_moves_the_sound_and_what_is_heard_by_as_much():
    def speak(lag_s: float) -> voices.Utterance:
        rng = generator(0, "lag")
        return voices.utter(
            "set red by e one now", voices.VOICES[1], duration_s=3.0, lag_s=lag_s, rng=rng
        )

    plain, late = speak(0.0), speak(0.12)
    samples = round(0.12 * plain.sample_rate)
    np.testing.assert_allclose(late.wave[samples:], plain.wave[:-samples], atol=1e-6)
    for a, b in zip(plain.phonemes, late.phonemes, strict=True):
        assert b[0] - a[0] == pytest.approx(0.12, abs=1e-4) and a[2] == b[2]


def test_long_sentences_are_spoken_faster_until_they_fit():
    slow = ("en-us", 50, 80)
    spoken = voices.utter(
        "place white with x seven please",
        slow,
        duration_s=3.0,
        lag_s=0.0,
        rng=generator(0, "x"),
    )
    assert spoken.words[-1].end_s <= 3.0 - voices.TAIL_S
    assert len(spoken.wave) == 3 * spoken.sample_rate


def test_breathy_voices_repeat_whatever_the_clock_says():
    first = espeak.speak("bin blue", voice="en-us+f3", rate_wpm=200)
    time.sleep(1.1)  # left alone, espeak-ng seeds its noise with the second
    second = espeak.speak("bin blue", voice="en-us+f3", rate_wpm=200)
    np.testing.assert_array_equal(first.wave, second.wave)


def test_an_unknown_voice_is_one_clear_line():
    with pytest.raises(TkitError, match="no voice 'nobody'"):
        espeak.speak("bin", voice="nobody", rate_wpm=150)


# ---- motion ----------------------------------------------------------------------------------


def test_blinks_shut_the_eyes_at_their_times(face):
    eyes_open = geometry.eye_aspect_ratio(face.points).mean()
    assert eyes_open > 0.22
    seen = 0
    for seed in range(20):
        motion = motions.perform(
            (), n_frames=75, fps=25, pivot=np.array([180.0, 150.0]), rng=generator(seed, "b")
        )
        ear = geometry.eye_aspect_ratio(rendering.points_of(face, motion)).mean(axis=-1)
        away = np.ones(75, bool)
        for onset_s, apex_s, offset_s in motion.blinks:
            assert onset_s < apex_s < offset_s
            during = (onset_s <= TIMES_S) & (offset_s >= TIMES_S)
            shut = np.flatnonzero(during)[ear[during] <= ear[during].min() + 1e-6]
            assert ear[shut].max() < 0.07
            assert np.abs(TIMES_S[shut].mean() - apex_s) <= FRAME_S
            away &= ~during
            seen += 1
        np.testing.assert_allclose(ear[away], eyes_open, rtol=0.02)
    assert seen > 10


def test_lips_meet_in_p_b_and_m_and_open_in_vowels(face):
    def opening(phonemes: tuple[tuple[float, float, str], ...]) -> np.ndarray:
        motion = motions.perform(
            phonemes, n_frames=75, fps=25, pivot=np.zeros(2), rng=generator(0, "m")
        )
        return geometry.mouth_opening(rendering.points_of(face, motion)) / face.iod_px

    for symbol in motions.BILABIALS:
        for shift_s in np.linspace(0, FRAME_S, 5):  # wherever the frames fall
            start_s = 1.0 + shift_s
            closed = opening(
                (
                    (start_s - 0.15, start_s, "A:"),
                    (start_s, start_s + 0.04, symbol),
                    (start_s + 0.04, start_s + 0.2, "A:"),
                )
            )
            middle = int(np.argmin(np.abs(TIMES_S - start_s - 0.02)))
            assert closed[middle] < 0.01
            assert closed[middle - 3] > 0.15 and closed[middle + 3] > 0.15
    assert opening(((1.0, 1.3, "a"),)).max() > 2 * opening(((1.0, 1.3, "s"),)).max()
    assert opening(()).max() < 0.01


def test_an_unknown_phoneme_is_an_error_not_a_closed_mouth():
    with pytest.raises(CorpusError, match="'Q'"):
        motions.mouth_curves(((0.1, 0.2, "Q"),), TIMES_S)


# ---- pictures --------------------------------------------------------------------------------


def test_fields_meet_their_points_exactly(face):
    points = rendering.points_of(face, pose(face, lids=0.7, opening=0.8, round=0.4))[0]
    skin = bend.skin_field(
        face.points, points, rendering.SLITS, anchors=np.zeros((0, 2)), reach_px=60
    )
    divided = [i for slit in rendering.SLITS for i in (*slit.upper_side, *slit.lower_side)]
    rest = np.setdiff1d(np.arange(68), divided)
    np.testing.assert_allclose(points[rest] + skin(points[rest]), face.points[rest], atol=0.01)
    for slit in rendering.SLITS:
        for upper in (True, False):
            side = bend.side_field(slit, face.points, points, skin, upper=upper, iod_px=48)
            own = [*slit.upper, *slit.upper_side] if upper else [*slit.lower, *slit.lower_side]
            back = points[own] + skin(points[own]) + side(points[own])
            np.testing.assert_allclose(back, face.points[own], atol=0.02)


@pytest.mark.parametrize(
    "expression", [{}, {"opening": 0.9}, {"opening": 0.3, "round": 0.9}, {"lids": 1.0}]
)
def test_the_picture_shows_every_point_where_the_truth_has_it(face, expression):
    # A plate whose colours are its own coordinates tells where every pixel was taken from.
    place = faces.plate_pixels()
    plate = np.concatenate([place, np.zeros_like(place)], axis=-1)
    plate[..., 3] = 255
    marked = replace(face, plate=plate.astype(np.float32))
    motion = pose(face, **expression)
    inside = rendering.Inside(0.0, 0.0, 0.0)
    points = motions.resting_points(face.points, motion)[0]
    chin_y = points[geometry.JAW, 1].max() + 6
    picture = rendering.draw_frame(marked, points, geometry.invert(motion.head[0]), chin_y, inside)
    shown = rendering.points_of(face, motion)[0]
    # Lids and inner lips border on other layers, so a pixel beside them is a mixture.
    sides = [37, 38, 40, 41, 43, 44, 46, 47, *range(60, 68), 36, 39, 42, 45]
    whole = np.setdiff1d(np.arange(68), sides)
    found = bend.sample(picture[..., :2], shown[None, whole])[0]
    np.testing.assert_allclose(found, face.points[whole], atol=0.25)


def test_frames_of_a_still_puppet_differ_by_the_sensor_noise_alone(face):
    still = pose(face)
    frames = [next(rendering.render(face, still, generator(0, str(k)))) for k in range(2)]
    difference = frames[0].astype(float) - frames[1]
    assert 0.7 * rendering.NOISE < difference.std() / np.sqrt(2) < 1.3 * rendering.NOISE


def test_open_mouths_are_dark_with_teeth_and_shut_eyes_are_skin(face):
    def frame(**expression: float) -> tuple[np.ndarray, np.ndarray]:
        motion = pose(face, **expression)
        picture = next(rendering.render(face, motion, generator(0, "p"))).astype(float)
        return picture.mean(axis=-1), rendering.points_of(face, motion)[0]

    grey, points = frame(opening=0.95)
    x, top, bottom = points[62, 0], points[62, 1], points[66, 1]
    column = grey[int(top) + 1 : int(bottom), round(x) - 1 : round(x) + 2].mean(axis=1)
    assert column.min() < 50 and column.max() > 130

    open_eye, points = frame()
    shut_eye, _ = frame(lids=1.0)
    x, y = np.rint(points[37:39].mean(axis=0)).astype(int)
    patch = slice(y + 1, y + 4), slice(x - 2, x + 3)
    assert shut_eye[patch].mean() > open_eye[patch].mean() + 20  # lid, not iris


def test_speakers_differ_and_seeds_differ():
    shapes = []
    for seed, number in ((0, 1), (0, 2), (0, 3), (1, 1)):
        rng = generator(seed, f"s{number}")
        look = draw_look(number, rng)
        shapes.append(geometry.normalise(faces.build(look, rng).points))
    for i in range(4):
        for j in range(i):
            assert np.linalg.norm(shapes[i] - shapes[j], axis=1).mean() > 0.03


def test_puppets_at_rest_are_neutral(face):
    assert geometry.mouth_opening(face.points) < 0.01
    assert abs(geometry.normalise(face.points)[geometry.EYES, 1].mean()) < 0.01
