"""What is to be animated: listed, looked at before anything slow, and refused in time."""

import subprocess
import sys
from pathlib import Path

import mediafiles
import numpy as np
import pytest

from tkit import media
from tkit.cli import main
from tkit.errors import NoFaceError, NoSoundError, UsageError
from tkit.media.pictures import fit
from tkit.pipelines.animation import jobs
from tkit.pipelines.animation.head import head_moves
from tkit.tracking import FrontEnds

data = pytest.importorskip("skimage.data")


def paths(*names: str) -> list[Path]:
    return [Path(name) for name in names]


def test_one_picture_and_one_sound_make_the_file_that_was_asked_for():
    (job,) = jobs.of_files(paths("a/face.png"), paths("b/speech.wav"), Path("out.mp4"))
    assert (job.out, job.name, job.n_frames) == (Path("out.mp4"), "", 0)


def test_every_picture_speaks_every_sound():
    made = jobs.of_files(paths("a.png", "b.png"), paths("x.wav", "y.v2.wav"), Path("out"))
    assert [job.name for job in made] == ["a_x", "a_y.v2", "b_x", "b_y.v2"]
    assert [job.out for job in made] == [Path("out", f"{job.name}.mp4") for job in made]
    assert (made[1].image, made[1].audio) == (Path("a.png"), Path("y.v2.wav"))


def test_a_folder_stands_for_its_pictures(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt"):
        (tmp_path / name).touch()
    made = jobs.of_files([tmp_path, *paths("c.png")], paths("x.wav"), Path("out"))
    assert [job.name for job in made] == ["a_x", "b_x", "c_x"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty: no pictures in this folder"):
        jobs.of_files([tmp_path / "empty"], paths("x.wav"), Path("out"))


def test_a_pattern_that_the_shell_left_alone_gives_its_files(tmp_path):
    for name in ("b.png", "a.png", "c[1].png", "x.wav", "y.WAV", "notes.txt"):
        (tmp_path / name).touch()
    made = jobs.of_files([tmp_path / "?.png"], [tmp_path], Path("out"))
    assert [job.name for job in made] == ["a_x", "a_y", "b_x", "b_y"]
    (made,) = jobs.of_files([tmp_path / "c[1].png"], [tmp_path / "*.wav"], Path("out.mp4"))
    assert (made.image.name, made.audio.name) == ("c[1].png", "x.wav")
    with pytest.raises(UsageError, match="no picture is named so"):
        jobs.of_files([tmp_path / "z*.png"], [tmp_path / "x.wav"], Path("out"))


def test_a_pattern_of_the_shell_gives_all_its_files(monkeypatch):
    given = {}

    def of_files(images, audios, out):
        given.update(i=images, a=audios)
        raise UsageError("enough")

    monkeypatch.setattr(jobs, "of_files", of_files)
    command = "animate --image a.png b.JPG --audio x.wav y.mp4 --out out".split()
    with pytest.raises(SystemExit):
        main(command)
    assert given == {"i": tuple(paths("a.png", "b.JPG")), "a": tuple(paths("x.wav", "y.mp4"))}


def test_files_without_an_option_are_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["animate", "a.png", "--out", "x.mp4"])
    assert stop.value.code == 2
    assert "a.png: give pictures by --image and sounds by --audio" in capsys.readouterr().err


def test_two_sounds_of_one_name_are_refused():
    with pytest.raises(UsageError, match="same name"):
        jobs.of_files(paths("a.png"), paths("p/x.wav", "q/x.wav"), Path("out"))


def test_inputs_are_looked_at_before_torch_is_loaded(tmp_path):
    media.write_image(tmp_path / "face.png", data.astronaut()[:300])
    mediafiles.write_sound(tmp_path / "x.wav", np.sin(np.arange(8000.0)))
    code = """if True:
        import sys
        from pathlib import Path
        from tkit.pipelines.animation import jobs
        from tkit.tracking import FrontEnds
        todo = jobs.of_files([Path("face.png")], [Path("x.wav")], Path("out.mp4"))
        print(jobs.look_at_inputs(todo, FrontEnds()), "torch" in sys.modules)"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "[] False\n", done.stderr


def test_a_picture_without_a_face_and_a_silent_sound_are_refused(tmp_path):
    media.write_image(tmp_path / "coins.png", data.coins()[..., None].repeat(3, axis=-1))
    media.write_image(tmp_path / "face.png", data.astronaut()[:300])
    mediafiles.write_sound(tmp_path / "silent.wav", np.zeros(8000))
    for image, error in (("coins.png", NoFaceError), ("face.png", NoSoundError)):
        job = jobs.Job(tmp_path / image, tmp_path / "silent.wav", tmp_path / "out.mp4")
        with pytest.raises(error, match=r"coins\.png: no face" if "coins" in image else "silent"):
            jobs.look_at_inputs([job], FrontEnds())


def test_a_large_photo_is_made_smaller_and_a_corpus_is_not(tmp_path):
    media.write_image(tmp_path / "face.png", data.astronaut()[:, 100:433])
    mediafiles.write_sound(tmp_path / "x.wav", np.sin(np.arange(8000.0)))
    job = jobs.Job(tmp_path / "face.png", tmp_path / "x.wav", tmp_path / "out.mp4")
    photo = job.picture()
    assert fit(photo, 0) is fit(photo, 512) is photo
    small = fit(photo, 256)
    assert small.shape == (256, 166, 3)
    assert abs(small.mean() - photo.mean()) < 1
    (remark,) = jobs.look_at_inputs([job], FrontEnds(), 256)
    assert "333 x 512 pixels, made 166 x 256 first (--max-side 0 keeps them)" in remark
    assert jobs.look_at_inputs([job], FrontEnds(), 512) == []


def test_a_head_moves_as_its_points_do(tmp_path):
    rng = np.random.default_rng(0)
    points = rng.normal(size=(68, 2)) * 40 + np.linspace(0, 9, 30)[:, None, None]
    np.save(tmp_path / "head.npy", points)
    read = jobs.read_head(tmp_path / "head.npy", landmarker=None)
    np.testing.assert_array_equal(read, head_moves(points))
    points[3, 0] = np.nan
    np.save(tmp_path / "lost.npy", points)
    with pytest.raises(UsageError, match="not points"):
        jobs.read_head(tmp_path / "lost.npy", landmarker=None)
    with pytest.raises(UsageError, match="no such"):
        jobs.read_head(tmp_path / "nowhere.npy", landmarker=None)
