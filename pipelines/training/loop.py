"""The one training loop: any stage, any device, resumable to the bit.

What a run computes depends on its config and its store alone: the nets start from the seed, a batch
depends on the seed and the step, and torch's generators are set anew from the seed before every
step. So a checkpoint needs no state of a generator, and a resumed run gives the weights of an
uninterrupted one.
"""

from __future__ import annotations

import copy
import io
import json
import math
import signal
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tkit.errors import ConfigError, TkitError, WeightsError
from tkit.files import atomic_path, claimed, sha256_of
from tkit.parsing import from_json, seal, unsealed
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import results, runs
from tkit.pipelines.training.stage import STAGES, Stage
from tkit.progress import bar
from tkit.seeds import stable_seed
from tkit.store import Store

# What torch.load raises on a file that is no checkpoint, or is only the beginning of one.
DAMAGED = RuntimeError, EOFError, UnpicklingError, struct.error


def fit(
    stage: Stage,
    config: Any,
    store: Store,
    out: str | Path,
    *,
    resume: bool = False,
    force: bool = False,
    progress: bool = False,
) -> Path:
    """Train a stage and write its weights.

    Parameters
    ----------
    stage : Stage
    config : stage.config
    store : Store
    out : path
        Run folder; see :mod:`tkit.pipelines.training.runs` for what it will hold.
    resume : bool
        Continue from the folder's checkpoint; ``config`` may differ in
        :data:`~tkit.pipelines.training.config.FREE_FIELDS` only.
    force : bool
        Replace a run that is already there.
    progress : bool
        Show it on stderr: a bar on a terminal, elsewhere a line now and then.

    Returns
    -------
    Path
        The weight file.
    """
    accelerator = Accelerator(cpu=config.device == "cpu", mixed_precision=config.precision)
    if config.batch_size % accelerator.num_processes:
        raise ConfigError(
            f"batch_size {config.batch_size} cannot be shared equally by "
            f"{accelerator.num_processes} processes"
        )
    main = accelerator.is_main_process
    run = runs.open_run(out, resume=resume, force=force)
    with ExitStack() as held:
        if main:
            held.enter_context(claimed(run.folder, folder=True))
        held.enter_context(_settings(config))
        trainer = Trainer(stage, config, store, accelerator)
        if resume:
            trainer.restore(run.checkpoint)
        accelerator.wait_for_everyone()  # all have looked at the folder before it changes
        if main:
            if force:
                run.clear()
            with atomic_path(run.config) as temporary:
                temporary.write_text(configs.to_toml(config), encoding="utf-8")
        trainer.train(run, progress=progress)
        if main:
            results.export(stage, trainer.results(), store, config, run, steps=trainer.step)
        accelerator.wait_for_everyone()
    return run.weights


def finish(name: str, config: Any, store: Store, out: str | Path) -> runs.Trained:
    """Train a stage by name, or go on with it, or only load it where it is finished.

    Shows its progress.

    Raises
    ------
    ConfigError
        If what is finished was trained with other settings; threads do not count.
    """
    run = runs.Run(Path(out))
    if not run.weights.is_file():
        going_on = run.checkpoint.is_file()
        fit(STAGES.get(name), config, store, run.folder, resume=going_on, progress=True)
    trained = runs.load(name, run.folder)
    if replace(trained.config, threads=0) != replace(config, threads=0):
        raise ConfigError(f"{run.folder} was trained with other settings; use another folder")
    return trained


@contextmanager
def _settings(config: Any) -> Iterator[None]:
    """Give the caller's generators and thread count back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        try:
            if config.threads:
                torch.set_num_threads(config.threads)
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def _step_finishes_first() -> Iterator[list[int]]:
    """Let Ctrl-C wait for the end of the step, so that it can be saved; pressed again, it does not.

    Yields a list that is empty until Ctrl-C is pressed.
    """
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed  # signals reach the main thread alone
        return

    def note(number: int, _frame: Any) -> None:
        pressed.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def warm_start(stage: Stage, init: str, fresh: nn.Module, store: Store) -> nn.Module:
    """Return trained weights to go on from, of their own sizes, with what ``store`` says of itself.

    A net's parameters are what was learned and are taken over; its buffers describe the store it is
    trained on (feature statistics, canonical face, ranges) and are those of ``fresh``.
    """
    trained = runs.load(stage.name, init)
    trained.require_encoder(store.info.encoder, where=str(store.path))
    module = trained.weights.module
    described = dict(fresh.named_buffers())
    for name, buffer in module.named_buffers():
        if buffer.shape != described[name].shape:
            raise WeightsError(
                f"{trained.weights.path}: {name} has the shape {tuple(buffer.shape)}, here it is "
                f"{tuple(described[name].shape)}; these weights are for another kind of data"
            )
        buffer.copy_(described[name])
    return module.requires_grad_()


def learning_rate(config: Any, step: int) -> float:
    """Learning rate of a step: half a cosine from ``lr`` to ``lr * lr_end`` over all steps."""
    done = min(step / max(config.steps, 1), 1.0)
    fall = 0.5 * (1 + math.cos(math.pi * done))
    return config.lr * (config.lr_end + (1 - config.lr_end) * fall)


class Trainer:
    """The nets of a stage on their way from the first step to the last."""

    def __init__(self, stage: Stage, config: Any, store: Store, accelerator: Accelerator) -> None:
        self.stage, self.config, self.store, self.accelerator = stage, config, store, accelerator
        self.step, self.seconds = 0, 0.0
        self._seed("init")
        nets: dict[str, nn.Module] = stage.nets(store, config)
        if config.init:
            nets[stage.released] = warm_start(stage, config.init, nets[stage.released], store)
        self.nets = {name: net.to(accelerator.device) for name, net in nets.items()}
        self.parameters = {
            player: [p for p in self.nets[player].parameters() if p.requires_grad]
            for player in stage.players
        }
        self.average = copy.deepcopy(self.nets[stage.released]) if config.ema else None
        self.optimisers = {
            player: torch.optim.Adam(parameters, config.lr, (config.beta1, config.beta2))
            for player, parameters in self.parameters.items()
        }

    def _seed(self, *names: str) -> None:
        torch.manual_seed(stable_seed(self.config.seed, self.stage.name, *names))

    def train(self, run: runs.Run, *, progress: bool = False) -> None:
        """Train to the last step or to the end of the time budget, logging and saving."""
        config, main = self.config, self.accelerator.is_main_process
        draw = self.stage.batches(self.store, config, config.train_split)
        for net in self.nets.values():
            net.train()
        before, start = self.seconds, time.monotonic()
        with ExitStack() as stack:
            shown = stack.enter_context(
                bar(config.steps, initial=self.step, desc=self.stage.name, unit="step",
                    show=progress and main)
            )  # fmt: skip
            log = stack.enter_context(runs.Log(run, done=self.step)) if main else None
            pressed = stack.enter_context(_step_finishes_first())
            while self.step < config.steps and not self._time_is_up():
                losses = self.one_step(draw(self.step))
                self.step += 1
                self._average_weights()
                self.seconds = before + time.monotonic() - start
                shown.update()
                if log and (self.step % config.log_every == 0 or self.step == config.steps):
                    values = self._checked(losses)
                    log.add(self.step, values)
                    shown.set_postfix(**{name: f"{value:.4g}" for name, value in values.items()})
                if main and (pressed or self.step % config.checkpoint_every == 0):
                    self._checked(losses)
                    self.save(run.checkpoint)
                if pressed:
                    raise KeyboardInterrupt
            if main:
                self.save(run.checkpoint)

    def _time_is_up(self) -> bool:
        """Whether the budget is spent; the first process decides for all."""
        if not self.config.minutes:
            return False
        spent = torch.tensor([self.seconds], device=self.accelerator.device)
        if self.accelerator.num_processes > 1:
            torch.distributed.broadcast(spent, src=0)
        return spent.item() >= 60 * self.config.minutes

    def one_step(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train every player by one step, all on what they were before it.

        Returns
        -------
        dict of str to Tensor
            What the stage's losses were; of several players as ``PLAYER/NAME``.
        """
        processes, index = self.accelerator.num_processes, self.accelerator.process_index
        self._seed("step", str(self.step), str(index))
        device = self.accelerator.device
        batch = {name: tensor[index::processes].to(device) for name, tensor in batch.items()}
        with self.accelerator.autocast():
            losses = self.stage.losses(self.nets, batch, self.config)
        rate = learning_rate(self.config, self.step)
        for player, parameters in self.parameters.items():
            self._take_gradients(losses[player]["loss"], parameters)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
        several = len(self.stage.players) > 1
        return {
            f"{player}/{name}" if several else name: value.detach()
            for player in self.stage.players
            for name, value in losses[player].items()
        }

    def _take_gradients(self, loss: Tensor, parameters: list[nn.Parameter]) -> None:
        """Set the gradients of one player's parameters, averaged over the processes.

        Wrapped modules would not suit stages of several players. What is not asked for, such as a
        generator's gradients of the discriminator that judges it, is not computed.
        """
        # The others may have to go through the same graph.
        shared = len(self.parameters) > 1
        found = torch.autograd.grad(loss, parameters, retain_graph=shared, allow_unused=True)
        for parameter, gradient in zip(parameters, found, strict=True):
            if gradient is not None and self.accelerator.num_processes > 1:
                gradient = self.accelerator.reduce(gradient, reduction="mean")
            parameter.grad = gradient

    @torch.no_grad()
    def _average_weights(self) -> None:
        """Move the average towards the weights; at first fast, or it would keep the first ones."""
        if self.average is None:
            return
        part = 1 - min(self.config.ema, (1 + self.step) / (10 + self.step))
        now = self.nets[self.stage.released].parameters()
        for mean, weight in zip(self.average.parameters(), now, strict=True):
            mean.lerp_(weight.to(mean), part)

    def results(self) -> dict[str, nn.Module]:
        """The nets as they are released and measured: with averaged weights, if there are any."""
        return self.nets | ({self.stage.released: self.average} if self.average else {})

    def _checked(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the losses as numbers; :class:`TkitError` if one is not finite."""
        values = {name: float(value) for name, value in losses.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                raise TkitError(
                    f"{self.stage.name}: {name} is {value} at step {self.step}; the last "
                    "checkpoint is from before, try again with a smaller --lr"
                )
        return values

    def save(self, path: Path) -> None:
        """Write a checkpoint, replacing the one before only when complete."""
        state = {
            "record": json.dumps(self._record()),
            "step": self.step,
            "seconds": self.seconds,
            "nets": {name: net.state_dict() for name, net in self.nets.items()},
            "optimisers": {name: one.state_dict() for name, one in self.optimisers.items()},
            "average": self.average.state_dict() if self.average else {},
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)
            with temporary.open("ab") as file:  # behind the archive, where nothing reads it
                file.write(seal(sha256_of(temporary)))

    def _record(self) -> dict[str, Any]:
        return results.record(self.stage, self.config, self.store, steps=self.step)

    def restore(self, path: Path) -> None:
        """Take over a checkpoint of the same stage, config and data."""
        state = read_checkpoint(path, device=self.accelerator.device)
        there = state["record"]
        here = json.loads(json.dumps(self._record()))  # as it was written: tuples became lists
        config = here.pop("config"), there.pop("config")
        differ = _differences(*config, ignore=configs.FREE_FIELDS)
        differ += _differences(here, there, ignore=frozenset({"steps"}))
        if differ:
            raise ConfigError(f"{path} cannot be resumed: {'; '.join(differ)}")
        for name, net in self.nets.items():
            net.load_state_dict(state["nets"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.step, self.seconds = state["step"], state["seconds"]


def read_checkpoint(path: Path, *, device: Any) -> dict[str, Any]:
    """Read what :meth:`Trainer.save` wrote, its record as a dictionary.

    Raises
    ------
    WeightsError
        If it is no checkpoint, or is not as it was written.
    """
    try:
        content = io.BytesIO(unsealed(path.read_bytes()))
        state: dict[str, Any] = torch.load(content, map_location=device, weights_only=True)
        state["record"] = from_json(state["record"])
    except (*DAMAGED, KeyError, TypeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(f"{path}: not a checkpoint of tkit ({reason})") from error
    return state


def _differences(
    here: Mapping[str, Any], there: Mapping[str, Any], *, ignore: frozenset[str]
) -> list[str]:
    return [
        f"{key} was {there.get(key)!r} and is {here.get(key)!r}"
        for key in sorted(here.keys() | there.keys())
        if key not in ignore and here.get(key) != there.get(key)
    ]
