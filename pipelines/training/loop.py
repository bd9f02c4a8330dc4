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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from tkit.errors import ConfigError, TkitError, WeightsError, one_line
from tkit.files import atomic_path, claimed, sha256_of
from tkit.parsing import from_json, seal, unsealed
from tkit.pipelines.training import ahead, results, runs
from tkit.pipelines.training import config as configs
from tkit.pipelines.training.recording import Recorded
from tkit.pipelines.training.shares import share_of
from tkit.pipelines.training.stage import STAGES, Stage
from tkit.progress import bar, note
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

    Raises
    ------
    TkitError
        If a process that draws batches dies.
    """
    accelerator = accelerator_for(config)
    main = accelerator.is_main_process
    run = runs.open_run(out, resume=resume, force=force)
    with ExitStack() as held:
        if main:
            held.enter_context(claimed(run.folder, folder=True))
        held.enter_context(_settings(config))
        terms = results.inherited(stage, store, config)
        trainer = Trainer(stage, config, store, accelerator)
        if resume:
            trainer.restore(run.checkpoint)
        shown = progress and main
        if trainer.is_done:
            note(f"{stage.name}: {trainer.why_done}", show=shown)
        else:
            note(f"{stage.name}: trains on {_clips(store, config.train_split)}", show=shown)
        accelerator.wait_for_everyone()  # all have looked at the folder before it changes
        if main:
            if force:
                run.clear()
            with atomic_path(run.config) as temporary:
                temporary.write_text(configs.to_toml(config), encoding="utf-8")
        with ahead.dead_are_told():
            trainer.train(run, progress=progress)
        if main:
            if results.has(store, config.val_split):
                note(f"{stage.name}: measures {_clips(store, config.val_split)}", show=shown)
            results.export(
                stage, trainer.results(), store, config, run, steps=trainer.step, terms=terms
            )
        accelerator.wait_for_everyone()
    return run.weights


def _clips(store: Store, split: str) -> str:
    return f"clips of {split}: {results.counted(store.counts(split))}"


def accelerator_for(config: Any) -> Accelerator:
    """Make what knows the device, the precision and the other processes of a training."""
    mixed = "no" if config.precision == "fp64" else config.precision
    return Accelerator(cpu=config.device == "cpu", mixed_precision=mixed)


def finish(name: str, config: Any, store: Store, out: str | Path) -> runs.Trained:
    """Train a stage by name, or go on with it, or only load it where it is finished.

    Shows its progress.

    Raises
    ------
    ConfigError
        If what is finished was trained with other settings; threads and workers do not count.
    """
    run = runs.Run(Path(out))
    if not run.weights.is_file():
        going_on = run.checkpoint.is_file()
        fit(STAGES.get(name), config, store, run.folder, resume=going_on, progress=True)
    trained = runs.load(name, run.folder)
    if configs.bare(trained.config) != configs.bare(config):
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
        self.waited_s = 0.0  # for batches, since this trainer was made
        processes = accelerator.num_processes
        self.share = share_of(
            config.batch_size, process=accelerator.process_index, processes=processes
        )
        self._seed("init")
        nets: dict[str, nn.Module] = stage.nets(store, config)
        if config.init:
            nets[stage.released] = warm_start(stage, config.init, nets[stage.released], store)
        # Nets are made in single precision, so that double starts from the same numbers.
        dtype = torch.float64 if config.precision == "fp64" else None
        self.nets = {name: net.to(accelerator.device, dtype) for name, net in nets.items()}
        self.parameters = {
            player: [p for p in self.nets[player].parameters() if p.requires_grad]
            for player in stage.players
        }
        self.average = copy.deepcopy(self.nets[stage.released]) if config.ema else None
        on_gpu = accelerator.device.type == "cuda"
        # One kernel for all parameters, and a rate that a recorded step reads anew.
        fast = {"fused": True, "capturable": True} if on_gpu else {}
        rate = torch.tensor(config.lr, device=accelerator.device) if on_gpu else config.lr
        self.optimisers = {
            player: torch.optim.Adam(parameters, rate, (config.beta1, config.beta2), **fast)
            for player, parameters in self.parameters.items()
        }
        record = config.record and on_gpu and stage.steady and processes == 1
        self._move = Recorded(self._move_players) if record else self._move_players

    def _seed(self, *names: str) -> None:
        torch.manual_seed(stable_seed(self.config.seed, self.stage.name, *names))

    def train(self, run: runs.Run, *, progress: bool = False) -> None:
        """Train to the last step or to the end of the time budget, logging and saving."""
        config, main = self.config, self.accelerator.is_main_process
        for net in self.nets.values():
            net.train()
        batches = self.batches()
        before, start = self.seconds, time.monotonic()
        with ExitStack() as stack:
            shown = stack.enter_context(
                bar(config.steps, initial=self.step, desc=self.stage.name, unit="step",
                    timed=not config.minutes, show=progress and main)
            )  # fmt: skip
            log = stack.enter_context(runs.Log(run, done=self.step)) if main else None
            pressed = stack.enter_context(_step_finishes_first())
            while not self.is_done:
                batch = next(batches)
                losses = self.advance(batch)
                self.seconds = before + time.monotonic() - start
                shown.update()
                if self.step % config.log_every == 0 or self.step == config.steps:
                    values = self._checked(losses)
                    if log:
                        log.add(self.step, values)
                    shown.set_postfix(**self._shown(values))
                if pressed or self.step % config.checkpoint_every == 0:
                    self._checked(losses)
                    if log:
                        log.show(self.step, self._pictures(batch))
                        self.save(run.checkpoint)
                if pressed:
                    raise KeyboardInterrupt
            if main:
                self.save(run.checkpoint)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to train."""
        return self.step >= self.config.steps or self._time_is_up()

    @property
    def why_done(self) -> str:
        """The same in words, with what makes it go on."""
        if self.step >= self.config.steps:
            return f"nothing is left to train: {self.step} steps are done; give more by --steps"
        spent, limit = f"{self.seconds / 60:.1f}", f"{self.config.minutes:g}"
        return (
            f"nothing is left to train: {spent} minutes are spent, --minutes is {limit} and counts "
            "those before --resume"
        )

    def _time_is_up(self) -> bool:
        """Whether the budget is spent; of several processes the first decides, now and then."""
        spent = self.seconds
        if self.config.minutes and self.accelerator.num_processes > 1:
            if self.step % self.config.log_every:
                return False
            decided = torch.tensor([spent], device=self.accelerator.device)
            torch.distributed.broadcast(decided, src=0)
            spent = decided.item()
        return 0 < 60 * self.config.minutes <= spent

    def batches(self) -> Iterator[Mapping[str, Tensor]]:
        """Yield this process's share of the batches of the steps that are left."""
        config, device = self.config, self.accelerator.device.type
        processes, steps = self.accelerator.num_processes, range(self.step, self.config.steps)
        draw = self.stage.batches(self.store, config, config.train_split)
        draws = ahead.Draws(draw, self.share if processes > 1 else None)
        workers = ahead.workers_for(config.workers, device=device, processes=processes)
        batches = ahead.drawn(draws, steps, workers=workers, pin=device == "cuda")
        for _ in steps:
            start = time.monotonic()
            batch = next(batches)
            self.waited_s += time.monotonic() - start
            yield batch

    def advance(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Go one step further: :meth:`one_step`, counted and averaged."""
        losses = self.one_step(batch)
        self.step += 1
        self._average_weights()
        return losses

    def one_step(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Train every player by one step, all on what they were before it.

        Parameters
        ----------
        batch : dict of str to Tensor
            This process's share, anywhere.

        Returns
        -------
        dict of str to Tensor
            What the stage's losses were, until the next step; of several players as
            ``PLAYER/NAME``.
        """
        self._seed("step", str(self.step), str(self.accelerator.process_index))
        rate = learning_rate(self.config, self.step)
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate
        return self._move(self._placed(batch))

    def _placed(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A batch on the device, in the precision of the nets; nobody waits for its copy."""
        device, double = self.accelerator.device, self.config.precision == "fp64"
        return {
            name: tensor.to(
                device,
                torch.float64 if double and tensor.is_floating_point() else None,
                non_blocking=True,
            )
            for name, tensor in batch.items()
        }

    def _move_players(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Take the gradients of all players, then move them."""
        with self.accelerator.autocast():
            losses = self.stage.losses(self.nets, batch, self.config)
        for player, parameters in self.parameters.items():
            self._take_gradients(losses[player]["loss"], parameters)
        for optimiser in self.optimisers.values():
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
        found: Sequence[Tensor | None] = torch.autograd.grad(
            loss, parameters, retain_graph=shared, allow_unused=True
        )
        if self.accelerator.num_processes > 1:
            found = self._averaged(found)
        for parameter, gradient in zip(parameters, found, strict=True):
            parameter.grad = gradient

    def _averaged(self, found: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Gradients averaged over the processes, at once; None is None everywhere."""
        there = [gradient for gradient in found if gradient is not None]
        if not there:
            return list(found)
        flat = self.accelerator.reduce(torch.cat([x.flatten() for x in there]), reduction="mean")
        parts = iter(flat.split([x.numel() for x in there]))
        return [None if x is None else next(parts).view(x.shape) for x in found]

    @torch.no_grad()
    def _average_weights(self) -> None:
        """Move the average towards the weights, which until ``ema`` decays faster count by step."""
        if self.average is None:
            return
        decay = min(self.config.ema, (self.step - 1) / (self.step + 1))
        now = self.nets[self.stage.released].parameters()
        move = get_ema_multi_avg_fn(decay)  # all of them at once
        move(list(self.average.parameters()), list(now), None)

    def results(self) -> dict[str, nn.Module]:
        """The nets as they are released and measured: with averaged weights, if there are any."""
        return self.nets | ({self.stage.released: self.average} if self.average else {})

    def _checked(self, losses: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the losses of the whole batch as numbers; the stage looks at them.

        :class:`TkitError` if one is not finite.
        """
        found = torch.stack([value.double() for value in losses.values()])
        if self.accelerator.num_processes > 1:
            found = self.accelerator.reduce(found, reduction="mean")
        values = dict(zip(losses, found.tolist(), strict=True))
        for name, value in values.items():
            if not math.isfinite(value):
                raise TkitError(
                    f"{self.stage.name}: {name} is {value} at step {self.step}; the last "
                    "checkpoint is from before, try again with a smaller --lr"
                )
        if self.stage.watch:
            own = f"{self.stage.released}/" if len(self.stage.players) > 1 else ""
            self.stage.watch(
                {name.removeprefix(own): x for name, x in values.items() if name.startswith(own)}
            )
        return values

    def _shown(self, values: Mapping[str, float]) -> dict[str, str]:
        """What the progress shows: the loss, and the time where there is a budget."""
        first, minutes = self.stage.players[0], self.config.minutes
        loss = values[f"{first}/loss" if len(self.stage.players) > 1 else "loss"]
        spent = {"minutes": f"{self.seconds / 60:.1f}/{minutes:g}"} if minutes else {}
        return {"loss": f"{loss:.4g}", **spent}

    def _pictures(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Pictures of a batch as the nets are released, if the stage makes any."""
        if self.stage.pictures is None:
            return {}
        with self.accelerator.autocast():
            return self.stage.pictures(self.results(), self._placed(batch), self.config)

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
            saved = state["optimisers"][name]
            for group, own in zip(saved["param_groups"], optimiser.param_groups, strict=True):
                # How Adam goes about it is a matter of the device.
                group |= {key: value for key, value in own.items() if key != "params"}
            optimiser.load_state_dict(saved)
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
        reason = one_line(str(error))
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
