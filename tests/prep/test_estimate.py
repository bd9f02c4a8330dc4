"""What ``tkit prep --estimate`` says before is what the preparation takes, within 1.5 times."""

import resource
import time

import numpy as np
import pytest

from tkit import prep
from tkit.errors import CorpusError
from tkit.prep import parts
from tkit.seeds import generator

CLIPS, N_FRAMES, SLEEP_S = 24, 75, 0.1


@pytest.fixture
def corpus(tmp_path, stores, monkeypatch):
    """Clips of which each takes as long as its file is large, and nothing is decoded."""
    for number in range(CLIPS):
        path = tmp_path / "c" / f"p{number % 4}" / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(100 + 100 * (number % 3)))

    def prepared(clip, settings):
        share = (tmp_path / "c" / f"{clip.id}.mp4").stat().st_size / 200
        time.sleep(SLEEP_S * share)
        n_frames = round(N_FRAMES * share)
        noise = generator(0, clip.id).normal(0, 0.3, (n_frames, 68, 2))
        dim = parts.encoder(settings.speech, settings.speech_weights).info.dim
        return {
            "points": (150 + 60 * stores.face() + noise).astype(np.float32),
            "valid": np.ones(n_frames, bool),
            "placed": np.zeros((n_frames, 68), bool),
            "speech": np.ones((2 * n_frames, dim), np.float32),
            "notes": np.array([], np.str_),
        }

    monkeypatch.setattr(parts, "prepare_clip", prepared)
    return tmp_path / "c"


def test_time_memory_and_disk_are_told_within_one_and_a_half(corpus, tmp_path):
    settings = prep.Settings(speech="logmel")
    said = prep.estimate(prep.Source("folder", corpus), settings)
    assert (said.clips, said.timed, said.jobs) == (CLIPS, 9, 1)
    start = time.perf_counter()
    prep.prepare("folder", corpus, tmp_path / "x.h5", settings=settings)
    took = time.perf_counter() - start
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for found, truth in (
        (said.seconds, took),
        (said.process_bytes, peak),
        (said.store_bytes, (tmp_path / "x.h5").stat().st_size),
    ):
        assert truth / 1.5 <= found <= truth * 1.5
    half = prep.estimate(prep.Source("folder", corpus), settings, jobs=2).seconds
    assert half < said.seconds


def test_the_command_says_it_and_stops(corpus, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(
        "prep", "folder", "--root", corpus, "--speech", "logmel", "--estimate", "--shard", "1/2"
    )
    assert code == 0 and out.startswith(f"{CLIPS // 2} clips, of which 9 were prepared to see\n")
    assert [line.split(":")[0] for line in out.splitlines()[1:]] == ["time", "memory", "disk"]
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_where_none_of_the_few_can_be_used_there_is_nothing_to_say(tmp_path):
    for number in range(3):
        path = tmp_path / "c" / "anna" / f"{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"none")
    with pytest.raises(CorpusError, match="none of 3 clips could be prepared"):
        prep.estimate(prep.Source("folder", tmp_path / "c"), prep.Settings(speech="logmel"))
