"""Trained stages: found by name or path, and called on arrays."""

import numpy as np
import pytest

from tkit.errors import UsageError, WeightsError
from tkit.pipelines import training
from tkit.pipelines.stages import motion
from tkit.pipelines.stages.motion import work
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import results, runs
from tkit.store import Store
from tkit.zoo.released import cards

QUICK = {"steps": 1, "device": "cpu", "threads": 1}


@pytest.fixture(scope="module")
def run(tiny_store, tmp_path_factory):
    """A run folder of the motion stage."""
    folder = tmp_path_factory.mktemp("runs") / "motion"
    values = motion.STAGE.tiny | QUICK
    return training.train("motion", tiny_store, folder, **values).weights.path.parent


def test_a_stage_is_found_by_path_by_released_name_and_by_its_own_name(run, tmp_path, monkeypatch):
    for path in (run, run / "weights.safetensors", str(run)):
        found = runs.find(path)
        assert found.stage is motion.STAGE and found.weights.path == run / "weights.safetensors"
    assert found.config == configs.make(motion.Config, {**motion.STAGE.tiny, **QUICK})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "motion").mkdir()  # holds no weights, so it is not meant
    for name, stage, file in (
        ("motion", "motion", "motion"),
        ("texture", "texture", "texture-lite"),
        ("texture-lite", "texture", "texture-lite"),
    ):
        found = runs.find(name)
        assert (found.stage.name, found.weights.path.stem) == (stage, file)


def test_what_is_no_stage_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no such weight file or released name"):
        runs.find("moton")
    with pytest.raises(WeightsError, match="of no stage of tkit but of a chars29"):
        runs.find("chars29")
    (tmp_path / "x.safetensors").write_bytes(b"junk")
    with pytest.raises(WeightsError, match="not a weight file"):
        runs.find(tmp_path / "x.safetensors")


def test_its_card_is_the_released_one_or_the_draft_beside_it(run, tmp_path):
    assert runs.find("texture").card == cards.read_card(cards.card_path("texture-lite"))
    draft = runs.find(run).card
    assert draft is not None and draft.name == "motion" and draft.licence == ""
    bare = tmp_path / "bare.safetensors"
    bare.write_bytes((run / "weights.safetensors").read_bytes())
    assert runs.find(bare).card is None


def test_a_training_says_again_what_was_said_and_takes_up_the_rest(run, tiny_store, tmp_path):
    trained = training.train("motion", tiny_store, tmp_path, **motion.STAGE.tiny, **QUICK)
    assert trained.stage is motion.STAGE and trained.config.steps == 1
    longer = training.train("motion", tiny_store, tmp_path, resume=True, steps=2)
    assert longer.config == configs.make(motion.Config, {**motion.STAGE.tiny, **QUICK, "steps": 2})
    assert longer.weights.record["steps"] == 2
    found = training.evaluate("motion", tiny_store, weights=tmp_path)
    with Store(tiny_store) as store:
        assert found == results.measure(longer, store, "val")
    assert training.evaluate("motion", tiny_store, split="all", weights=tmp_path)["n_clips"] == 6


# --- called on arrays ------------------------------------------------------------------------


def test_motion_makes_displacement_of_features(run, tiny_store):
    trained = runs.find(run)
    with Store(tiny_store) as store:
        row = store.select("val")[0]
        features, picture = store["speech"][row.rows], store["displacement"][row.frame_start]
        assert trained.encoder == store.info.encoder
        wanted = work.predict(
            trained.weights.module, features, row.n_frames,
            fps=25.0, encoder=store.info.encoder, picture=picture,
        )  # fmt: skip
    moved = trained(features, picture=picture)
    assert moved.shape == (75, 68, 2) and moved.dtype == np.float32
    assert np.array_equal(moved, wanted) and moved.any()
    assert trained(features, n_frames=7).shape == (7, 68, 2)
    assert trained(features, fps=50.0).shape == (150, 68, 2)
    with pytest.raises(UsageError, match=r"features of shape \(150, 5\).*\(N, 8\).*--speech drawn"):
        trained(features[:, :5])
    for wrong in (features[:0], features[0], None, [[1.0], [2.0, 3.0]]):
        with pytest.raises(UsageError, match=r"^features.*takes those of --speech drawn$"):
            trained(wrong)
    for wrong in ({"picture": picture[:10]}, {"n_frames": -1}, {"n_frames": 2.5}, {"fps": -25.0}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            trained(features, **wrong)


def test_a_trained_stage_is_one_line_and_says_what_it_takes(run):
    trained = runs.find(run)
    path, sha8 = trained.weights.path, trained.weights.sha256[:8]
    assert repr(trained) == f"Trained('motion', '{path}', sha256 {sha8})"
    said = r"motion takes features, n_frames, fps, picture: .*"
    with pytest.raises(UsageError, match=said + "missing.*'features'"):
        trained()
    with pytest.raises(UsageError, match=said + "unexpected.*'frames'"):
        trained(np.zeros((5, 8)), frames=5)


def test_blink_makes_eyes_that_follow_from_the_seed():
    trained = runs.find("blink")
    moved = trained(50)
    assert moved.shape == (50, 68, 2) and moved[:, 36:48].any() and not moved[:, 48:].any()
    assert np.array_equal(moved, trained(50)) and not np.array_equal(moved, trained(50, seed=1))
    assert trained(0).shape == (0, 68, 2)
    for wrong in (-1, 2.5, "50", moved):
        with pytest.raises(UsageError, match=r"n_frames is .*, not a whole number of frames"):
            trained(wrong)


def test_texture_makes_frames_of_an_image_and_points(stores):
    from tkit.face import crops, geometry

    trained = runs.find("texture-lite")
    still = geometry.apply(crops.canonical_to_crop(), geometry.normalise(stores.face()))
    image = stores.draw(still, size=128, skin=190)
    points = np.repeat(still[None], 3, axis=0)
    points[2, 48:68, 1] += 2.0
    frames = trained(image, still, points)
    assert frames.shape == (3, 128, 128, 3) and frames.dtype == np.uint8
    assert np.array_equal(frames[0], frames[1]) and not np.array_equal(frames[1], frames[2])
    assert np.abs(frames[0].astype(int) - image).mean() < 8  # nothing moved: the picture
    with pytest.raises(UsageError, match=r"shape \(128, 96, 3\).*multiple of 8"):
        trained(image[:, :96], still, points)
    for what, given in (
        ("the identity image", (image[..., 0], still, points)),
        ("the identity image has float64", (image / 255, still, points)),
        ("still", (image, still[:10], points)),
        ("points", (image, still, points[:0])),
        ("points", (image, still, still)),
        ("ground", (image, still, points, np.zeros((2, 2, 3)))),
    ):
        ground = {"ground": given[3]} if what == "ground" else {}
        with pytest.raises(UsageError, match=what):
            trained(*given[:3], **ground)
