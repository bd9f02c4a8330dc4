"""The one training loop, its settings, run folders and results; and the calls that use them.

:func:`train`, :func:`evaluate` and :func:`load` are what ``tkit train`` and ``tkit eval`` do, from
Python; they are exported as ``tkit.train`` and so on. Nothing is loaded before they are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tkit.files import require_path

if TYPE_CHECKING:
    from tkit.pipelines.training.runs import Trained

__all__ = ["evaluate", "load", "train"]


def train(
    stage: str,
    data: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    config: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    progress: bool = False,
    **settings: Any,
) -> Trained:
    """Train one stage on a store.

    Parameters
    ----------
    stage : str
        ``motion``, ``blink`` or ``texture``.
    data : path, or sequence of path
        A store, made by :func:`tkit.prepare`; or several, which are read as one
        (:class:`tkit.store.Joined`).
    out : path, optional
        Run folder; ``runs/STAGE`` by default.
    config : path or str, optional
        Settings from a TOML file, or of a shipped experiment by its name.
    resume : bool
        Continue the run in the folder, with its own settings.
    force : bool
        Replace the run in the folder.
    progress : bool
        Show it on stderr: a bar on a terminal, elsewhere a line now and then.
    **settings
        Fields of the stage's Config (``tkit train STAGE --help`` lists them) that differ.

    Returns
    -------
    Trained
        The result, as :func:`load` gives it.

    Raises
    ------
    UsageError
        If there is no such stage, store or setting, or a run is in the way.
    StoreError
        If the store is damaged, or lacks what the stage needs.

    Examples
    --------
    >>> import tempfile, tkit
    >>> from tkit.corpora import puppet
    >>> folder = tempfile.mkdtemp()
    >>> puppet.generate(f"{folder}/puppet", speakers=1, clips=2)
    >>> _ = tkit.prepare("puppet", f"{folder}/puppet", f"{folder}/p.h5", speech="logmel")
    >>> motion = tkit.train("motion", f"{folder}/p.h5", f"{folder}/run", steps=2, device="cpu")
    >>> motion.config.steps, motion.encoder.name
    (2, 'logmel')
    """
    _require_store(data)
    from tkit.pipelines.training import config as configs
    from tkit.pipelines.training import runs
    from tkit.pipelines.training.stage import STAGES

    entry = STAGES.get(stage)
    run = runs.Run(Path(out or Path("runs", entry.name)))
    before = run.config if resume and run.config.is_file() else None
    chosen = configs.merge(entry.config, [before, config], settings)
    from tkit.pipelines.training.loop import fit  # torch, when nothing is left to be wrong
    from tkit.store import open_store

    with open_store(data) as store:
        fit(entry, chosen, store, run.folder, resume=resume, force=force, progress=progress)
    return runs.load(entry.name, run.folder)


def evaluate(
    stage: str | Trained,
    data: str | Path | Sequence[str | Path],
    *,
    split: str = "val",
    weights: str | Path | None = None,
) -> dict[str, Any]:
    """Measure a trained stage on a store, beside the static rows.

    Parameters
    ----------
    stage : str or Trained
        Its name, or what :func:`load` or :func:`train` gave.
    data : path, or sequence of path
        A store, made by :func:`tkit.prepare`, with the speech features of the training; or several.
    split : str
        Which of its clips, or ``all``.
    weights : path or str, optional
        Weight file, run folder or name in the zoo; by default ``runs/STAGE``, if it is there, else
        the released ones.

    Returns
    -------
    dict
        ``stage``, ``split``, ``n_clips``, the stage's numbers by name, what was measured with
        what, and ``intervals``: the keys of ``tkit eval STAGE --json``.

    Raises
    ------
    UsageError
        If there is no such stage, store or split.
    WeightsError
        If the stage hears and the store has the features of another encoder.

    Examples
    --------
    >>> import tempfile, tkit
    >>> from tkit.corpora import puppet
    >>> folder = tempfile.mkdtemp()
    >>> puppet.generate(f"{folder}/puppet", speakers=1, clips=1)
    >>> _ = tkit.prepare("puppet", f"{folder}/puppet", f"{folder}/p.h5")
    >>> found = tkit.evaluate("motion", f"{folder}/p.h5", split="all")
    >>> found["n_clips"], found["lmd"] < found["lmd_static"]
    (1, True)
    """
    _require_store(data)
    from tkit.pipelines.training import results, runs
    from tkit.store import open_store

    trained = runs.load(stage, weights) if isinstance(stage, str) else stage
    with open_store(data) as store:
        return results.measure(trained, store, split)


def load(name_or_path: str | Path) -> Trained:
    """Load a trained stage, which can be called on arrays.

    Parameters
    ----------
    name_or_path : str or path
        A stage's name for its released weights, a name in the zoo (``tkit zoo list``), a weight
        file, or a run folder.

    Returns
    -------
    Trained
        With ``.config``, the settings of the training, and ``.card``, where the weights come from.
        Called, it does the stage's work: motion makes displacement (T, 68, 2) of speech features
        (N, D), blink of a number of frames, texture renders frames from a picture and points.

    Raises
    ------
    UsageError
        If there is nothing of the name.
    WeightsError
        If the file is damaged or holds no stage.

    Examples
    --------
    >>> import tkit
    >>> blink = tkit.load("blink")
    >>> blink(75, seed=1).shape
    (75, 68, 2)
    >>> blink.card.licence
    '...'
    """
    from tkit.pipelines.training import runs

    return runs.find(name_or_path)


def _require_store(data: str | Path | Sequence[str | Path]) -> None:
    """Answer a wrong path before torch is loaded, with the words of the store itself."""
    for path in [data] if isinstance(data, str | Path) else data:
        require_path(path, "store; make one with tkit prep")
