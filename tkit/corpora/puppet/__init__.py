"""The embedded corpus: generated puppets that say GRID sentences, with the truth beside each clip.

``ROOT/sN/NAME.mp4`` (360 x 288, 25 fps, 3 s, H.264 + AAC) and ``ROOT/alignments/sN/NAME.align`` are
what GRID's recipe reads. ``ROOT/truth/sN/NAME.npz`` holds what no recording can tell:

``points`` (75, 68, 2) float32
    Exact iBUG-68 points in pixels of every frame.
``blinks`` (B, 3) float64
    Onset, apex and offset in seconds.
``phonemes`` (P,) with fields ``start_s``, ``end_s``, ``symbol``
    As they are heard, in espeak-ng's notation.
``audio_lag_s`` float64
    How much later than the lips the sound is.
``mouth_opening`` (75,) float32
    Inner-lip opening in pixels.

Frame ``t`` shows the middle of its exposure: the state at ``(t + 0.5) / 25`` seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tkit import jobs as parallel
from tkit.clips import Clip, Reject
from tkit.corpora import Corpus, Splits, grid
from tkit.corpora.puppet import motion as motions
from tkit.corpora.puppet.voice import MAX_LAG_S, VOICES, Utterance, choose_sentences, utter
from tkit.errors import OutputExistsError, UsageError
from tkit.face import geometry
from tkit.files import atomic_path
from tkit.progress import track
from tkit.seeds import generator

if TYPE_CHECKING:
    from tkit.corpora.puppet.face import Face

FPS, N_FRAMES = 25, 75
DURATION_S = N_FRAMES / FPS
MAX_SPEAKERS, MAX_CLIPS = 34, 1000  # as GRID; more would not be read as GRID
_ALIGNED_S = 2.98  # where GRID's alignment files end
_PHONEME = np.dtype([("start_s", "f8"), ("end_s", "f8"), ("symbol", "U8")])


def scan(root: str | Path) -> Iterator[Clip | Reject]:
    """Yield the clips below ``root`` in order of their ids, read as GRID."""
    for item in grid.scan(root):  # but nobody stands behind their numbers
        yield replace(item, columns=()) if isinstance(item, Clip) else item


def generate(
    root: str | Path,
    *,
    speakers: int = 4,
    clips: int = 6,
    seed: int = 0,
    jobs: int = 1,
    lag_s: float = 0.0,
    progress: bool = False,
) -> None:
    """Write the corpus below ``root``; the same arguments give the same files, whatever ``jobs``.

    Parameters
    ----------
    speakers, clips : int
        Number of speakers (``s1``, ``s2``, ...) and of clips of each.
    seed : int
    jobs : int
        Processes that work side by side.
    lag_s : float
        Delay of the sound against the lips; the alignment tells what is heard.
    progress : bool
        Show it on stderr: a bar on a terminal, elsewhere a line now and then.

    Raises
    ------
    UsageError
        If there is no room for so many speakers or clips, or for the lag.
    OutputExistsError
        If ``root`` holds clips that this call would not write; its own are replaced.
    """
    root = Path(root)
    if not 1 <= speakers <= MAX_SPEAKERS or not 1 <= clips <= MAX_CLIPS:
        raise UsageError(
            f"puppet corpora have 1 to {MAX_SPEAKERS} speakers and 1 to {MAX_CLIPS} clips each, "
            f"not {speakers} and {clips}"
        )
    if abs(lag_s) > MAX_LAG_S:
        raise UsageError(f"a lag of {lag_s} s leaves no room for speech; at most {MAX_LAG_S} s")
    # A sentence is said once in the corpus, as in GRID: alignments are found by its name.
    names = choose_sentences(speakers * clips, generator(seed, "sentences"))
    work = [(index // clips + 1, name) for index, name in enumerate(names)]
    _refuse_others(root, {f"s{number}/{name}" for number, name in work})
    calls = [(root, number, name, seed, lag_s) for number, name in work]
    done = parallel.run(_generate_clip, calls, jobs=jobs)
    for _ in track(done, len(work), desc="puppets", unit="clip", show=progress):
        pass


def _refuse_others(root: Path, ids: set[str]) -> None:
    """Stop before two different corpora are mixed in one folder."""
    for path in sorted(root.glob("s*/*.mp4")):
        if f"{path.parent.name}/{path.stem}" not in ids:
            raise OutputExistsError(
                f"{root} already holds another corpus (e.g. {path.parent.name}/{path.name}); "
                "choose an empty folder or remove it"
            )


def _generate_clip(root: Path, number: int, name: str, seed: int, lag_s: float) -> None:
    """Write one clip; the video comes last, so that a clip that is there is complete."""
    import cv2

    from tkit import media
    from tkit.corpora.puppet import render

    speaker = f"s{number}"
    rng = generator(seed, speaker, name)
    utterance = utter(
        grid.sentence(name) or name,
        VOICES[(number - 1) % len(VOICES)],
        duration_s=DURATION_S,
        lag_s=lag_s,
        rng=rng,
    )
    seen = tuple((start - lag_s, end - lag_s, symbol) for start, end, symbol in utterance.phonemes)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the processes work side by side, not the threads
    try:
        face = face_of(number, seed)
        pivot = face.points[geometry.JAW].mean(axis=0)
        motion = motions.perform(seen, n_frames=N_FRAMES, fps=FPS, pivot=pivot, rng=rng)
        points = render.points_of(face, motion)
        _write_alignment(root / "alignments" / speaker / f"{name}.align", utterance)
        _write_truth(root / "truth" / speaker / f"{name}.npz", points, motion, utterance, lag_s)
        media.write_video(
            root / speaker / f"{name}.mp4",
            render.render(face, motion, rng),
            fps=FPS,
            wave=utterance.wave,
            sample_rate=utterance.sample_rate,
        )
    finally:
        cv2.setNumThreads(threads)


@lru_cache(maxsize=2)
def face_of(number: int, seed: int) -> Face:
    """Make the face of speaker ``number``; the last two are kept."""
    from tkit.corpora.puppet import face as faces
    from tkit.corpora.puppet import look

    rng = generator(seed, f"s{number}")
    return faces.build(look.draw_look(number, rng), rng)


def _write_alignment(path: Path, utterance: Utterance) -> None:
    """Write GRID's alignment: start, end and word in 25,000ths of a second, silence around."""

    def units(time_s: float) -> int:
        return 250 * round(time_s * 100)  # GRID's times are whole hundredths of a second

    words = utterance.words
    lines = [(0, units(words[0].start_s), "sil")]
    lines += [(units(word.start_s), units(word.end_s), word.text) for word in words]
    lines.append((units(words[-1].end_s), units(_ALIGNED_S), "sil"))
    text = "".join(f"{start} {end} {word}\n" for start, end, word in lines)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _write_truth(
    path: Path, points: np.ndarray, motion: motions.Motion, utterance: Utterance, lag_s: float
) -> None:
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            points=points.astype(np.float32),
            blinks=motion.blinks,
            phonemes=np.array(list(utterance.phonemes), _PHONEME),
            audio_lag_s=np.float64(lag_s),
            mouth_opening=geometry.mouth_opening(points).astype(np.float32),
        )


def _split_schemes() -> dict[str, Splits]:
    everyone = [f"s{number}" for number in range(1, MAX_SPEAKERS + 1)]
    val = frozenset(everyone[3::4])  # every fourth speaker, whatever their number
    return {"puppet": {"train": frozenset(everyone) - val, "val": val}}


def _example(root: Path) -> None:
    generate(root, speakers=1, clips=1)


CORPUS = Corpus(
    title="Puppets: generated talking faces with known truth",
    url="https://scikit-image.org/docs/stable/api/skimage.data.html#skimage.data.astronaut",
    licence="photo: public domain (NASA); voices: espeak-ng",
    citation="tkit, the embedded corpus; sentences after Cooke, Barker, Cunningham, Shao 2006.",
    scan=scan,
    split_schemes=_split_schemes(),
    generate=generate,
    example=_example,
)
