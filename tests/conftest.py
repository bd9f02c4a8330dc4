"""Fixtures that several test files share."""

import pytest
import stores as drawn_stores  # tests/helpers is on the path, see setup.cfg


@pytest.fixture(scope="session")
def stores():
    """The module ``tests/helpers/stores.py``: drawn faces with known motion, blinks and sound."""
    return drawn_stores


@pytest.fixture(scope="session")
def tiny_store(tmp_path_factory):
    """A store of 6 drawn clips of 3 s: speakers a, b (train) and c (val); no crops."""
    return drawn_stores.write_store(tmp_path_factory.mktemp("store") / "tiny.h5")


@pytest.fixture(scope="session")
def tiny_store_crops(tmp_path_factory):
    """As ``tiny_store`` with drawn 128-pixel face crops, 20 frames a clip."""
    path = tmp_path_factory.mktemp("store") / "crops.h5"
    return drawn_stores.write_store(path, n_frames=20, crop_size=128)


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


@pytest.fixture
def run(capsys):
    """Run ``tkit`` in this process and return exit code, stdout, stderr."""
    from tkit.cli import main

    def call(*args: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return stop.value.code or 0, out, err

    return call
