"""The demo: the whole chain on the embedded corpus, from nothing to a scored talking face.

Every step is the function behind the command a user would call; the demo only strings them
together on generated speakers, briefly trained, and lays the results side by side on one page.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from tkit import media, prep, scoring, tracking
from tkit.corpora import puppet
from tkit.errors import OutputExistsError
from tkit.pipelines import STAGES
from tkit.pipelines.animation.moves import sample_rate
from tkit.pipelines.animation.render import talk
from tkit.pipelines.animation.studio import Studio
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import loop, runs
from tkit.report import Report, formats, pages, plots
from tkit.seeds import generator
from tkit.store import Store

# Brief trainings: enough to see the mouth follow the voice, far from the best the stages can do.
# Motion learns the puppets' mouths from nothing; blinks and texture, which take hours, go on from
# the released weights.
SETTINGS: dict[str, dict[str, Any]] = {
    "motion": {"steps": 1500},
    "blink": {"steps": 100, "init": "blink", "lr": 3e-4},
    "texture": {"steps": 100_000, "init": "texture-lite", "lr": 1e-4, "batch_size": 4},
}
FPS = 25  # of the videos
SHARE = {"motion": 0.25, "blink": 0.1, "texture": 0.65}  # of the training time, at most
OWN = ("corpus", "gt", "preds", "runs", "plots", "puppet.h5", "talking.mp4", "talking.png",
       "scores.json", "scores.csv", "scores.md", "index.html")  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """Where the demo's files are and how much it does.

    Parameters
    ----------
    out : Path
    speakers, clips : int
        Size of the generated corpus.
    minutes : float
        Training time of the three stages together.
    jobs : int
        Processes for what can be done side by side.
    say : callable
        Takes one line of progress.
    """

    out: Path
    speakers: int = 4
    clips: int = 6
    minutes: float = 6.0
    jobs: int = 2
    seed: int = 0
    say: Callable[[str], None] = field(default=lambda line: print(line, file=sys.stderr))


def run(demo: Demo, *, force: bool = False) -> Path:
    """Run the demo and return its page.

    Raises
    ------
    OutputExistsError
        If an earlier demo is there and ``force`` is not given.
    """
    make_room(demo.out, force=force)
    with _timed(demo, "corpus: generating speakers"):
        puppet.generate(
            demo.out / "corpus",
            speakers=demo.speakers, clips=demo.clips, seed=demo.seed, jobs=demo.jobs,
            progress=True,
        )  # fmt: skip
    path = demo.out / "puppet.h5"
    with _timed(demo, "prep: landmarks, speech features, crops"):
        settings = prep.Settings(crops=True)
        prep.prepare("puppet", demo.out / "corpus", path, settings=settings, jobs=demo.jobs)
    with Store(path) as store:
        trained = {name: _train(demo, name, store) for name in SETTINGS}
        quality = _evaluate(trained, store)
        held_out = [row.id for row in store.select("val")]
    with _timed(
        demo, f"animate: {len(held_out)} clips of a speaker nobody trained on, and a photo"
    ):
        _animate_clips(demo, held_out, trained)
        _animate_photo(demo, held_out[0], trained)
    with _timed(demo, "score: predictions against the clips"):
        report = scoring.score({"tkit": demo.out / "preds"}, demo.out / "gt", jobs=demo.jobs)
        for kind, name in (
            ("json", "scores.json"),
            ("csv", "scores.csv"),
            ("markdown", "scores.md"),
        ):
            formats.write(report, kind, demo.out / name)
    return _write_page(demo, held_out, report, quality)


def make_room(out: Path, *, force: bool) -> None:
    """Make the folder, and room in it; only what a demo writes is ever removed.

    Raises
    ------
    OutputExistsError
        If an earlier demo is there and ``force`` is not given.
    """
    there = [out / name for name in OWN if (out / name).exists()]
    if there and not force:
        raise OutputExistsError(f"{out} holds an earlier demo; pass --force to replace it")
    for path in there:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    out.mkdir(parents=True, exist_ok=True)


@contextmanager
def _timed(demo: Demo, what: str) -> Iterator[None]:
    start = monotonic()
    demo.say(what)
    yield
    demo.say(f"  {monotonic() - start:.0f} s")


def _train(demo: Demo, name: str, store: Store) -> runs.Trained:
    stage, minutes = STAGES.get(name), demo.minutes * SHARE[name]
    values = SETTINGS[name] | {"seed": demo.seed, "minutes": minutes, "log_every": 10}
    with _timed(demo, f"train {name}: at most {minutes:.1f} minutes"):
        config = configs.make(stage.config, values)
        folder = demo.out / "runs" / name
        loop.fit(stage, config, store, folder, progress=True)
    return runs.load(name, folder)


def _evaluate(trained: dict[str, Any], store: Store) -> dict[str, dict[str, float]]:
    rows = store.select("val")
    return {
        name: one.stage.evaluate(one.nets, store, rows, one.config) for name, one in trained.items()
    }


def _animate_clips(demo: Demo, held_out: list[str], trained: dict[str, Any]) -> None:
    """Animate the first frame of each held-out clip with its own sound, for the scores."""
    studio = Studio(**trained, landmarker=tracking.FrontEnds().refined(), seed=demo.seed)
    for id_ in held_out:
        source = demo.out / "corpus" / f"{id_}.mp4"
        truth = demo.out / "gt" / f"{id_}.mp4"
        truth.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, truth)
        clip = media.read_clip(source, sample_rate=sample_rate(trained["motion"]))
        frames = talk(clip.frames[0], clip.wave, studio)
        # As many frames as the truth: the sound of a video file ends a little after its picture.
        taken = (frame for frame, _ in zip(frames, clip.frames, strict=False))
        media.write_video(demo.out / "preds" / f"{id_}.mp4", taken, wave=clip.wave)


def _animate_photo(demo: Demo, id_: str, trained: dict[str, Any]) -> None:
    """Let the photo that the puppets were made from speak in its own, full-size picture."""
    from skimage import data

    photo, rate_hz = data.astronaut(), sample_rate(trained["motion"])
    wave = media.read_audio(demo.out / "gt" / f"{id_}.mp4", sample_rate=rate_hz)
    track = tracking.FrontEnds().refined()
    drawn = talk(photo, wave, Studio(**trained, landmarker=track, seed=demo.seed))
    frames = np.stack(list(drawn))
    media.write_video(demo.out / "talking.mp4", frames, wave=wave)
    plots.strip(demo.out / "talking.png", photo, frames, track(frames), wave, fps=FPS)


def _write_page(
    demo: Demo, held_out: list[str], report: Report, quality: dict[str, dict[str, float]]
) -> Path:
    curves = []
    for name in SETTINGS:
        path = demo.out / "plots" / f"{name}.svg"
        plots.losses(path, runs.read_losses(runs.Run(demo.out / "runs" / name)), title=name)
        curves.append(path.relative_to(demo.out).as_posix())
    shown = generator(demo.seed, "page").permutation(held_out)[:3]
    pairs = [(id_, f"gt/{id_}.mp4", f"preds/{id_}.mp4") for id_ in sorted(map(str, shown))]
    content = pages.render(
        "demo.html",
        title="tkit demo: a generated speaker whom no stage has seen",
        strip="talking.png",
        photo="talking.mp4",
        pairs=pairs,
        table=report.table(),
        quality=quality,
        curves=curves,
    )
    page = demo.out / "index.html"
    formats.save(content, page)
    return page
