"""The back-ends beside dlib68: mesh, openface, face-alignment."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from tkit import media, prep
from tkit.clips import Clip
from tkit.errors import MediaError, UsageError, WeightsError
from tkit.face import geometry
from tkit.landmarks import LANDMARKERS, openface
from tkit.prep import parts
from tkit.tracking import FrontEnds

SHARED = Path(__file__).parents[2].parent / "shared"
TASK = SHARED / "models" / "face_landmarker.task"
needs_task = pytest.mark.skipif(not TASK.exists(), reason="no face_landmarker.task")
FACE = data.astronaut()[0:240, 100:340]


def sway(n_frames: int = 12) -> tuple[np.ndarray, np.ndarray]:
    shifts = np.round(6 * np.sin(np.arange(n_frames) / 3)).astype(int)
    return np.stack([np.roll(FACE, shift, axis=1) for shift in shifts]), shifts


# -- mesh -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mesh():
    return LANDMARKERS.get("mesh").load(str(TASK))


@needs_task
def test_mesh_lies_where_dlib_does_and_follows_without_lag(mesh):
    frames, shifts = sway(24)
    points = mesh(frames)
    assert points.shape == (24, 68, 2) and points.dtype == np.float32
    other = LANDMARKERS.get("dlib68").load()(frames)
    iod = geometry.inter_ocular(other)[:, None]
    error = np.linalg.norm(points - other, axis=-1) / iod
    assert error[:, geometry.MOUTH].mean() < 0.06 and error[:, geometry.EYES].mean() < 0.05
    assert error[:, geometry.JAW].mean() < 0.2
    assert np.ptp(points.mean(axis=1)[:, 0] - shifts) < 0.03 * iod.mean()


@needs_task
@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "grid").exists(), reason="no GRID clips")
def test_mesh_agrees_with_dlib_on_real_speakers(mesh):
    dlib = LANDMARKERS.get("dlib68").load()
    errors = []
    # Over the 15 speakers at hand the means are 0.032 and 0.025; on one of them (s26) it is dlib
    # that loses the open mouth, so the speakers are named here.
    for name in ("s1/bbaf2n", "s10/bbab8n", "s23/lrwp9a", "s5/lbax4n"):
        path = SHARED / "grid" / f"{name}.mpg"
        frames = media.read_clip(path).frames[::3]
        points = dlib(frames)
        error = np.linalg.norm(mesh(frames) - points, axis=-1)
        errors.append((error / geometry.inter_ocular(points)[:, None]).mean(axis=0))
    mean = np.mean(errors, axis=0)
    assert mean[geometry.MOUTH].mean() < 0.035
    assert mean[geometry.EYES].mean() < 0.03


@needs_task
def test_mesh_is_the_same_on_opencv_and_on_litert():
    pytest.importorskip("ai_edge_litert")
    import zipfile

    from tkit.landmarks import task_models as models

    archive = zipfile.ZipFile(TASK)
    box = models.detect(models.by_litert(archive.read(models.DETECTOR)), FACE)
    other = models.detect(models.by_opencv(archive.read(models.DETECTOR)), FACE)
    np.testing.assert_allclose(other[0][0], box[0][0], atol=0.1)
    where = box[0][0] * (1, 1, models.MARGIN), box[0][1]
    points, score = models.fit_mesh(models.by_litert(archive.read(models.MESH)), FACE, *where)
    again, other_score = models.fit_mesh(models.by_opencv(archive.read(models.MESH)), FACE, *where)
    np.testing.assert_allclose(again, points, atol=0.1)
    assert score > 0.9 and other_score > 0.9


@needs_task
def test_mesh_finds_no_face_where_there_is_none(mesh):
    grey = np.full((12, 240, 240, 3), 99, np.uint8)
    assert np.isnan(mesh(grey)).all()
    frames = np.repeat(FACE[None], 24, axis=0)
    frames[12:] = 99
    seen = ~np.isnan(mesh(frames)).any(axis=(1, 2))
    assert seen[:12].all() and not seen[12:].any()


@needs_task
def test_a_store_says_which_mesh_made_it(tmp_path, write_clip):
    from tkit.store import Store

    write_clip(tmp_path / "c" / "a" / "x.mp4")
    settings = prep.Settings(FrontEnds("mesh", str(TASK)))
    prep.prepare("folder", tmp_path / "c", tmp_path / "x.h5", settings=settings)
    with Store(tmp_path / "x.h5") as store:
        assert store.info.landmarks == LANDMARKERS.get("mesh").signature_with(TASK)
        assert len(store.info.landmarks) == len("mesh-") + 8


def test_mesh_map_is_symmetric():
    """A vertex of the right half is paired with one of the left half exactly where iBUG's is."""
    from tkit.landmarks.mesh import TO_IBUG68

    assert len(set(TO_IBUG68)) == 68 and TO_IBUG68.min() >= 0 and TO_IBUG68.max() < 468
    middle = [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    others = np.setdiff1d(np.arange(68), middle)
    # The mesh numbers the person's right half first, the left half after 248.
    assert all(
        (TO_IBUG68[index] < 248) != (TO_IBUG68[geometry.MIRROR[index]] < 248) for index in others
    )


def test_mesh_without_its_model_says_how_to_give_it(monkeypatch, tmp_path):
    monkeypatch.delenv("TKIT_MESH_MODEL", raising=False)
    with pytest.raises(UsageError, match="--landmarks-model"):
        LANDMARKERS.get("mesh").load()
    (tmp_path / "x.task").write_text("no zip")
    with pytest.raises(WeightsError, match="not a face landmarker"):
        LANDMARKERS.get("mesh").load(str(tmp_path / "x.task"))
    with pytest.raises(UsageError, match="no such model file"):
        LANDMARKERS.get("mesh").load(str(tmp_path / "nowhere.task"))
    settings = prep.Settings(FrontEnds(landmarks_model=str(tmp_path / "x.task")))
    with pytest.raises(UsageError, match="takes no model file"):
        prep.prepare("folder", tmp_path, tmp_path / "x.h5", settings=settings)


def test_parts_change_with_the_model_and_the_sidecar(tmp_path):
    (tmp_path / "x.mp4").write_text("video")
    clip = Clip("a", "a", str(tmp_path / "x.mp4"))
    models = set()
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        settings = prep.Settings(FrontEnds("mesh", str(tmp_path / name)))
        models.add(parts.part_name(clip, settings, "logmel-1"))
    assert len(models) == 2
    before = parts.part_name(clip, prep.Settings(FrontEnds("openface")), "logmel-1")
    (tmp_path / "x.csv").write_text("table")
    assert parts.part_name(clip, prep.Settings(FrontEnds("openface")), "logmel-1") != before


# -- openface ---------------------------------------------------------------------------------


def table(path: Path, points: np.ndarray, *, fps: float = 25.0, lost=(), faces=None) -> None:
    """Write points as OpenFace does: names with a space before them, time stamps in ms."""
    head = ["frame", "face_id", "timestamp", "confidence", "success", *openface.COLUMNS]
    lines = [", ".join(head)]
    for index, face in enumerate(points):
        who = 0 if faces is None else faces[index]
        success = int(index not in lost)
        cells = [index + 1, who, f"{index / fps:.3f}", 0.98, success]
        cells += [f"{value:.1f}" for value in face.T.ravel()]
        lines.append(", ".join(map(str, cells)))
    path.write_text("\n".join(lines) + "\n")


def drawn(count: int) -> np.ndarray:
    return 100 + np.arange(count)[:, None, None] + np.arange(136).reshape(1, 68, 2)


def test_openface_points_are_read_as_they_are(tmp_path):
    table(tmp_path / "x.csv", drawn(10), lost=(3,))
    points = openface.track(np.zeros((10, 8, 8, 3), np.uint8), video=str(tmp_path / "x.mp4"))
    seen = np.delete(np.arange(10), 3)
    np.testing.assert_allclose(points[seen], drawn(10)[seen])
    assert np.isnan(points[3]).all()


def test_openface_rows_are_put_on_the_grid_by_time(tmp_path):
    """30 frames a second in the table, 25 in the store: the rule of the frames themselves."""
    media.write_video(tmp_path / "x.mp4", np.zeros((30, 32, 32, 3), np.uint8), fps=30)
    table(tmp_path / "x.csv", drawn(30), fps=30)
    frames = media.read_clip(tmp_path / "x.mp4").frames
    points = openface.track(frames, video=str(tmp_path / "x.mp4"), fps=25.0)
    source = points[:, 0, 0] - 100
    assert np.abs(source / 30 - np.arange(len(frames)) / 25).max() <= 0.5 / 25 + 1e-3


def test_openface_through_prep(tmp_path, write_clip):
    path = write_clip(tmp_path / "x.mp4", n_frames=12, sound_s=0.5)
    table(tmp_path / "x.csv", drawn(12), lost=(5, 6))
    arrays = parts.prepare_clip(Clip("a", "a", str(path)), prep.Settings(FrontEnds("openface")))
    np.testing.assert_allclose(arrays["points"], drawn(12))  # linear motion is filled exactly
    assert list(np.flatnonzero(~arrays["valid"])) == [5, 6]


def test_openface_with_two_faces_follows_the_longer_one(tmp_path):
    points = np.concatenate([drawn(10), drawn(10)])
    faces = np.repeat([0, 1], 10)
    points[10:] += 300
    table(tmp_path / "x.csv", points, lost=(1, 2), faces=faces)
    text = (tmp_path / "x.csv").read_text().splitlines()
    for row in range(11, 21):  # the second face's time stamps start again
        cells = text[row].split(", ")
        cells[2] = f"{(row - 11) / 25:.3f}"
        text[row] = ", ".join(cells)
    (tmp_path / "x.csv").write_text("\n".join(text))
    notes = []
    found = openface.track(
        np.zeros((10, 8, 8, 3), np.uint8), video=str(tmp_path / "x.mp4"), note=notes.append
    )
    np.testing.assert_allclose(found, drawn(10) + 300)
    assert notes == ["2 faces: the points follow the one that is there longest"]


def test_openface_says_what_is_wrong_with_its_table(tmp_path):
    frames, video = np.zeros((10, 8, 8, 3), np.uint8), str(tmp_path / "x.mp4")
    with pytest.raises(UsageError, match="cannot track pictures alone"):
        openface.track(frames)
    with pytest.raises(MediaError, match="no table of OpenFace beside"):
        openface.track(frames, video=video)
    table(tmp_path / "x.csv", drawn(20))
    with pytest.raises(MediaError, match="covers 20 frames, the clip 10"):
        openface.track(frames, video=video)
    (tmp_path / "x.csv").write_text("frame,timestamp\n1,0\n")
    with pytest.raises(MediaError, match="success is missing"):
        openface.track(frames, video=video)
    (tmp_path / "x.csv").write_text("frame,timestamp\n1,zero\n")
    with pytest.raises(MediaError, match="not a table of OpenFace"):
        openface.track(frames, video=video)


# -- face-alignment ---------------------------------------------------------------------------


def test_face_alignment_without_its_package_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(UsageError, match=r"pip install 'talking-face-toolkit\[face-alignment\]'"):
        LANDMARKERS.get("face-alignment").load()


@pytest.mark.parametrize("name", ["TWO_D", "_2D"])
def test_face_alignment_is_called_as_both_its_generations_want(monkeypatch, name):
    """The package is not installed here; this is its published interface."""
    made = []

    class FaceAlignment:
        def __init__(self, kind, *, device, flip_input):
            made.append((kind, device))

        def get_landmarks_from_image(self, image):
            if image.max() == 0:
                return None
            return [drawn(1)[0] + 400, drawn(1)[0]] if image[0, 0, 0] == 1 else [drawn(1)[0]]

    module = types.ModuleType("face_alignment")
    module.FaceAlignment = FaceAlignment
    module.LandmarksType = types.SimpleNamespace(**{name: "2d"})
    monkeypatch.setitem(sys.modules, "face_alignment", module)
    track = LANDMARKERS.get("face-alignment").load()
    frames = np.full((6, 48, 64, 3), 9, np.uint8)
    frames[2], frames[4] = 0, 1
    notes = []
    points = track(frames, note=notes.append)
    assert made == [("2d", "cpu")] and len(notes) == 1
    assert np.isnan(points[2]).all()
    np.testing.assert_allclose(np.delete(points, 2, axis=0), np.repeat(drawn(1), 5, axis=0))
