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
from tkit.pipelines.animation.mark import mark
from tkit.pipelines.animation.moves import sample_rate
from tkit.pipelines.animation.render import talk
from tkit.pipelines.animation.studio import Studio
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import loop, runs
from tkit.pipelines.training.stage import Meaning
from tkit.report import Report, formats, page, pages, plots, series
from tkit.report.tables import ARROWS
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
METRICS = ("psnr", "ssim", "cpbd", "lmd", "mouth-opening", "blink-rate", "blink-duration")
SHARE = {"motion": 0.25, "blink": 0.1, "texture": 0.65}  # of the training time, at most
OWN = (
    "corpus", "gt", "preds", "runs", "puppet.h5", "talking.mp4", "talking.png", "scores.json",
    "scores.series.npz", "scores.csv", "scores.md", "index_videos", "index.html",
    "plots",  # of older versions
)  # fmt: skip


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
        report = scoring.score(
            {"tkit": demo.out / "preds"}, demo.out / "gt", metrics=METRICS, jobs=demo.jobs
        )
        for kind, name in (
            ("json", "scores.json"),
            ("csv", "scores.csv"),
            ("markdown", "scores.md"),
        ):
            formats.write(report, kind, demo.out / name)
        series.put(series.beside(demo.out / "scores.json"), report.series)
    with _timed(demo, "page: the clips side by side"):
        return _write_page(demo, report, quality)


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
    studio = Studio(**trained, landmarker=track, seed=demo.seed)
    frames = np.stack(list(talk(photo, wave, studio)))
    comment = mark(studio.facts())
    media.write_video(demo.out / "talking.mp4", frames, wave=wave, comment=comment)
    plots.strip(demo.out / "talking.png", photo, frames, track(frames), wave, fps=FPS)


def _write_page(demo: Demo, report: Report, quality: dict[str, dict[str, float]]) -> Path:
    index = demo.out / "index.html"
    shots = page.film(report, index)
    training = [
        {"stage": name, "about": _about(name), "curves": curves_of(demo.out / "runs" / name, name)}
        for name in SETTINGS
    ]
    content = page.content(report, shots, training=training) | {
        "title": "tkit demo: a generated speaker whom no stage has seen",
        "strip": "talking.png",
        "photo": "talking.mp4",
        "measured": list(measured(quality)),
        "rest": [
            (stage, name, f"{value:.4g}")
            for stage, numbers in quality.items()
            for name, value in numbers.items()
            if name not in STAGES.get(stage).shown
        ],
    }
    formats.save(pages.render("demo.html", **content), index)
    return index


def _about(name: str) -> str:
    init = SETTINGS[name].get("init")
    return f"goes on from the released weights {init}" if init else "learns from nothing"


def curves_of(run: Path, name: str) -> list[dict[str, Any]]:
    """What a run logged as charts of its page: title, unit, direction, a line, steps and values."""
    series: dict[str, list[tuple[int, float]]] = {}
    for step, logged, value in runs.read_losses(runs.Run(run)):
        series.setdefault(logged, []).append((step, value))
    found = []
    for logged, pairs in series.items():
        meaning = STAGES.get(name).logged.get(logged, Meaning(logged, "", better=""))
        values = [float(f"{value:.5g}") if np.isfinite(value) else None for _, value in pairs]
        about = {"title": meaning.title, "unit": meaning.unit, "text": meaning.text}
        arrow = ARROWS.get(meaning.better, "")
        found.append(about | {"arrow": arrow, "steps": [s for s, _ in pairs], "values": values})
    return found


def measured(quality: dict[str, dict[str, float]]) -> Iterator[tuple[str, ...]]:
    """Rows of the page's table of stages, from what their evaluations returned."""
    for stage, numbers in quality.items():
        for name, meaning in STAGES.get(stage).shown.items():
            if name not in numbers:
                continue
            other, _, what = meaning.beside.partition(": ")
            beside = f"{numbers[other]:.3g}" if other in numbers else ""
            arrow = ARROWS.get(meaning.better, "")
            yield (stage, meaning.title, meaning.unit, arrow, f"{numbers[name]:.3g}", beside, what,
                   meaning.text)  # fmt: skip
