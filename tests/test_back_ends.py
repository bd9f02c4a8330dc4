"""What every back-end must keep: landmarkers, lip segmenters, speech encoders."""

import os
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from tkit.errors import UsageError
from tkit.landmarks import LANDMARKERS
from tkit.lips import SEGMENTERS, Region
from tkit.registry import BackEnd, ModelFile
from tkit.speech import ENCODERS

MODELS = Path(__file__).parents[2] / "shared" / "models"
REGISTRIES = {"landmarks": LANDMARKERS, "lips": SEGMENTERS, "speech": ENCODERS}
EVERY = [(kind, name) for kind, registry in REGISTRIES.items() for name in registry.names()]
FACE = data.astronaut()[0:240, 100:340]


def prepared(entry: BackEnd, folder: Path) -> Path | None:
    """Return the file that a back-end needs, its own example's or one that is here; else skip."""
    try:
        made = entry.example(folder) if entry.example else None
    except UsageError as error:
        pytest.skip(str(error))
    if made is None and entry.model and entry.model.required:
        here = [
            MODELS / entry.model.what.split()[-1],
            Path(os.environ.get(entry.model.variable, "")),
        ]
        made = next((path for path in here if path.is_file()), None)
        if made is None:
            pytest.skip(f"{entry.name} needs {entry.model.what}")
    return made


@pytest.fixture(params=EVERY, ids="-".join)
def entry(request):
    kind, name = request.param
    return REGISTRIES[kind].get(name)


def loaded(entry: BackEnd, folder: Path):
    """The opened back-end, and the file that it was opened with or reads."""
    path = prepared(entry, folder)
    try:
        return entry.load(path if entry.model else ""), path
    except UsageError as error:  # a package that is not installed
        if "pip install" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_it_says_what_it_is(kind, name):
    entry = REGISTRIES[kind].get(name)
    assert entry.name == name and entry.title and entry.licence
    assert entry.signature.startswith(name)


def test_a_file_is_part_of_the_signature_or_refused(entry, tmp_path):
    if entry.model is None:
        with pytest.raises(UsageError, match=f"{entry.name} takes no model file"):
            entry.load(tmp_path / "x.bin")
        assert entry.signature_with().startswith(entry.name)
        return
    if not entry.model.required:
        assert entry.signature_with().startswith(entry.name)
        return
    for call in (entry.load, entry.signature_with):
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv(entry.model.variable or "NONE", raising=False)
            with pytest.raises(UsageError, match=f"{entry.name} needs .*{entry.option}"):
                call()
    path = prepared(entry, tmp_path)
    assert entry.signature_with(path).startswith(f"{entry.name}-")
    if entry.model.variable:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(entry.model.variable, str(path))
            assert entry.signature_with() == entry.signature_with(path)


@pytest.mark.parametrize("name", LANDMARKERS.names())
def test_a_landmarker_gives_points_or_nan(name, tmp_path):
    entry = LANDMARKERS.get(name)
    track, path = loaded(entry, tmp_path)
    frames = np.repeat(FACE[None], 4, axis=0)
    points = track(frames, video=str(path) if entry.sidecar else "")
    assert entry.scheme == "ibug68"
    assert points.shape == (4, 68, 2) and points.dtype == np.float32
    assert np.isfinite(points).all()
    if not entry.sidecar:
        assert np.isnan(track(np.zeros_like(frames))).all()


@pytest.mark.parametrize("name", SEGMENTERS.names())
def test_a_segmenter_gives_regions_with_transforms(name, tmp_path):
    segment, _ = loaded(SEGMENTERS.get(name), tmp_path)
    points = LANDMARKERS.get("dlib68").load()(FACE[None])
    for region in segment([FACE], points):
        assert isinstance(region, Region) and set(region.index) <= set(range(36, 68))
        assert region.inside.ndim == 3 and len(region.inside) == 1
        assert region.inside.min() > -1e-6 and region.inside.max() < 1 + 1e-6  # sums of shares
        assert region.transforms.shape == (1, 2, 3)


@pytest.mark.parametrize("name", ENCODERS.names())
def test_an_encoder_gives_the_rows_that_it_declares(name, tmp_path):
    entry = ENCODERS.get(name)
    encode, _ = loaded(entry, tmp_path)
    time_s = np.arange(entry.sample_rate) / entry.sample_rate
    rows = encode(np.sin(300 * time_s).astype(np.float32))
    assert rows.dtype == np.float32 and np.isfinite(rows).all()
    assert rows.shape[1] == encode.info.dim and entry.dim in (0, encode.info.dim)
    assert abs(len(rows) - encode.info.rate_hz) <= 2
    assert encode.info.name == name and encode.info.signature.startswith(name)
    assert (entry.rate_hz, encode.info.rate_hz) == (50.0, 50.0)


def test_a_model_of_the_same_name_with_other_bytes_has_another_signature(tmp_path):
    entry = BackEnd(
        name="toy", title="toy", open=lambda model: model, signature="toy-1", licence="none",
        model=ModelFile("its toy.bin"),
    )  # fmt: skip
    path = tmp_path / "toy.bin"
    path.write_bytes(b"one")
    first = entry.signature_with(path)
    path.write_bytes(b"another")
    assert first.startswith("toy-1-") and entry.signature_with(path) != first
    assert entry.load(path) == str(path)
