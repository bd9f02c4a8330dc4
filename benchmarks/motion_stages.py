"""The released motion and blink stages on clips they never saw, for long, and while speech comes.

    python benchmarks/motion_stages.py --store grid.h5 --grid /data/grid --split val --split test

* Each clip: mouth distance beside that of the neutral, of the mean mouth and of the mouth of the
  first frame, correlation of opening and width and their spread over the real one, lag in frames,
  share of p, b and m at which the lips close, jitter beside the real one.
* Means by picture: *its first frame*, as above and for ``tkit animate``; the first frame of
  *another clip* of the speaker, where there is one; *shut lips*. *streamed*: its first frame, and
  the sound in pieces of 40 ms.
* Ten minutes of speech, one minute ten times: how far the mouth of the ninth minute is from that of
  the second, in percent of the inter-ocular distance (the tenth hears its end); frames a second of
  motion and blinks together, from speech features, in CPU time on one thread; frames in which lids
  or lips would cross.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import numpy as np
import torch

from tkit import media
from tkit.clips import Clip
from tkit.corpora import CORPORA
from tkit.face import plausible
from tkit.pipelines.animation.stream import SpeechStream
from tkit.pipelines.stages.motion import evaluation, work
from tkit.pipelines.training import runs
from tkit.seeds import generator
from tkit.speech import ENCODERS
from tkit.store import Row, Store
from tkit.zoo.nets.blink import generate

PIECE_S = 0.04
MINUTES = 10
COLUMNS = ("lmd", "lmd_static", "lmd_mean_pose", "lmd_picture", "opening_corr",
           "opening_spread", "width_corr", "width_spread", "lag_frames", "closed", "jitter",
           "jitter_real")  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--grid", type=Path, required=True, help="the corpus, for its sound")
    parser.add_argument("--split", action="append")
    parser.add_argument("--motion", default="motion")
    parser.add_argument("--blink", default="blink")
    args = parser.parse_args()
    torch.set_num_threads(1)
    trained, eyes = runs.load("motion", args.motion), runs.load("blink", args.blink)
    with Store(args.store) as store:
        trained.require_encoder(store.info.encoder, where="the store")
        sounds = {
            clip.id: clip.video
            for clip in CORPORA.get("grid").scan(args.grid)
            if isinstance(clip, Clip)
        }
        for split in args.split or ["val"]:
            clips(trained, store, store.select(split), sounds, split)
        long(trained, eyes, store, [sounds[row.id] for row in store.select("val")])


def clips(
    trained: runs.Trained, store: Store, rows: list[Row], sounds: dict[str, Path], split: str
) -> None:
    """Print a line a clip, and means for each picture and for the stream."""
    words, ways = store.words(), {}
    print(f"{split:14}" + "".join(f"{name:>15}" for name in COLUMNS))
    for row in rows:
        found = work.measure_clip(trained.weights.module, store, row, words.get(row.id, []))
        values = {name: float(np.mean(found[name])) for name in COLUMNS}
        print(f"{row.id:14}" + "".join(f"{value:15.3f}" for value in values.values()))
        gt = store["points"][row.frames].astype(np.float64)
        for name, moved in predictions(trained, store, row, sounds[row.id]):
            pred = work.on_clip(trained.weights.module, store, row, moved)
            correlation = evaluation.correlation(evaluation.opening(pred), evaluation.opening(gt))
            lmd = evaluation.distance(pred=pred, gt=gt).mean()
            beside = values["lmd_static"], values["lmd_mean_pose"]
            ways.setdefault(name, []).append((lmd, *beside, correlation))
    for name, table in ways.items():
        lmd, static, mean_pose, correlation = np.mean(table, axis=0)
        print(
            f"{split}, {name}: {lmd / static:.3f} of static, {lmd / mean_pose:.3f} of the mean "
            f"mouth, correlation {correlation:.3f} ({len(table)} clips)"
        )


def predictions(
    trained: runs.Trained, store: Store, row: Row, video: Path
) -> Iterator[tuple[str, np.ndarray]]:
    """Predict one clip by each picture there is, and from sound that comes in pieces."""
    own = work.first_frame(store, row)
    pictures = {"its first frame": own, "shut lips": np.zeros_like(own)}
    for other in store.clips:
        if other.speaker == row.speaker and other.id != row.id:
            pictures["another clip"] = work.first_frame(store, other)
            break
    module, info = trained.weights.module, store.info.encoder
    for name, picture in pictures.items():
        yield name, work.predict(
            module, store["speech"][row.rows], row.n_frames,
            fps=row.fps, encoder=info, picture=picture,
        )  # fmt: skip
    stream, rate = open_stream(trained, row.fps, own), ENCODERS.get(info.name).sample_rate
    wave, piece = media.read_audio(video, sample_rate=rate), round(PIECE_S * rate)
    moved = [stream.push(wave[start : start + piece]) for start in range(0, len(wave), piece)]
    yield "streamed", np.concatenate([*moved, stream.finish(row.n_frames)])[: row.n_frames]


def open_stream(
    trained: runs.Trained, fps: float, picture: np.ndarray | None = None
) -> SpeechStream:
    """Open a stream into a trained motion stage."""
    name = trained.weights.record["encoder"]["name"]
    rate = ENCODERS.get(name).sample_rate
    return SpeechStream(
        trained.weights.module,
        ENCODERS.get(name).load(),
        sample_rate=rate,
        fps=fps,
        picture=picture,
    )


def long(trained: runs.Trained, eyes: runs.Trained, store: Store, videos: list[Path]) -> None:
    """Print what happens in ten minutes."""
    fps, info, module = 25.0, store.info.encoder, trained.weights.module
    rate = ENCODERS.get(info.name).sample_rate
    wave = np.concatenate([media.read_audio(video, sample_rate=rate) for video in videos])
    minute = np.resize(wave, 60 * rate)
    rows = np.tile(ENCODERS.get(info.name).load()(minute)[: round(60 * info.rate_hz)], (MINUTES, 1))
    n_frames = round(MINUTES * 60 * fps)
    start = process_time()
    moved = work.predict(module, rows, n_frames, fps=fps, encoder=info)
    blinking, _ = generate(eyes.weights.module, n_frames, rng=generator(0, "benchmark"))
    spent = process_time() - start
    each = moved.reshape(MINUTES, -1, *moved.shape[1:])
    drift = 100 * np.linalg.norm(each[-2] - each[1], axis=-1).max()
    canonical = module.canonical.numpy().astype(np.float64)
    faces = canonical + moved + blinking
    parted = plausible.part(faces)
    for name, pairs in (("lids", plausible.LID_PAIRS), ("lips", plausible.INNER_LIP_PAIRS)):
        upper, lower = pairs.T
        crossed = [
            int((face[:, lower, 1] < face[:, upper, 1] - 1e-9).any(axis=1).sum())
            for face in (faces, parted)
        ]
        print(f"{name} cross in {crossed[0]} of {n_frames} frames, {crossed[1]} as animated")
    print(f"minute {MINUTES - 1} beside minute 2: at most {drift:.4f} % of the IOD")
    print(f"motion and blinks: {n_frames / spent:,.0f} frames a second, one thread")
    stream = open_stream(trained, fps)
    print(f"streaming looks {1000 * stream.look_ahead_s:.0f} ms ahead")


if __name__ == "__main__":
    main()
