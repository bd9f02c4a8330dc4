"""Fixtures that several test files share."""

import importlib.util
from pathlib import Path

import pytest

# --import-mode=importlib puts no folder on the path, so the helper is loaded by its file.
_SPEC = importlib.util.spec_from_file_location("stores", Path(__file__).with_name("stores.py"))
stores_module = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(stores_module)


@pytest.fixture(scope="session")
def stores():
    """The module ``tests/stores.py``: drawn faces with known motion, blinks and sound."""
    return stores_module


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory):
    """A store of 6 drawn clips of 3 s: speakers a, b (train) and c (val); no crops."""
    return stores_module.write_store(tmp_path_factory.mktemp("store") / "tiny.h5")


@pytest.fixture(scope="session")
def tiny_store_crops(tmp_path_factory):
    """As ``tiny_store`` with drawn 128-pixel face crops, 20 frames a clip."""
    path = tmp_path_factory.mktemp("store") / "crops.h5"
    return stores_module.write_store(path, n_frames=20, crop_size=128)


@pytest.fixture(scope="session")
def write_clip():
    """Write a real face (scikit-image's astronaut) with a humming sound as a video."""
    import numpy as np
    from skimage import data

    from tkit import media

    face = data.astronaut()[0:240, 100:340]

    def write(path, *, n_frames=25, sound_s=1.0, frames=None, sound=None):
        if frames is None:  # the head sways by up to 4 px
            shift = np.round(4 * np.sin(np.arange(n_frames) / 5)).astype(int)
            frames = [np.roll(face, step, axis=1) for step in shift]
        if sound is None:
            time_s = np.arange(round(sound_s * 16000)) / 16000
            sound = 0.3 * np.sin(2 * np.pi * 150 * time_s) * (np.sin(9 * time_s) > 0)
        media.write_video(path, frames, wave=sound)
        return path

    return write
