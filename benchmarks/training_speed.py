"""How fast the stages train, and what a step spends its time on.

    python benchmarks/training_speed.py --store grid.h5 --config paper-texture --precision bf16

The store has face crops. For each config (a stage, or an experiment by name):

* *draws*: frames a second that one core draws, of which a batch has so many; with crops read for
  the first time by this process.
* *steps/s* of the training loop as ``tkit train`` runs it, after a warm-up; *waiting*: share of
  the time in which it waits for a batch; *step alone*: steps/s of batches drawn before.
* *busy*: milliseconds of work a step: of a GPU by its profile, of a CPU in all threads of this
  process.
* *waits*: calls by which the CPU waits for the GPU, a step, by the same profile; of a CPU, where
  nobody waits, what would be one (a value looked at, places counted) in losses and gradients.

Last, single crops at random from all clips: frames a second of one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import cv2
import torch
from torch.profiler import ProfilerActivity, profile

from tkit.pipelines import STAGES
from tkit.pipelines.stages.texture.data import CropReader
from tkit.pipelines.training import ahead, loop
from tkit.pipelines.training import config as configs
from tkit.seeds import generator
from tkit.store import Store

FRAMES = {"motion": "displacement", "blink": "real", "texture": "frames"}  # of a batch, by stage
DRAWN, READ = 40, 3000  # batches and crops that are timed
WAITS = {"cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy"}
BOTH = [ProfilerActivity.CPU, ProfilerActivity.CUDA]
LOOKS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--config", action="append", help="stages and experiments; all stages")
    parser.add_argument("--steps", type=int, default=50, help="that are timed")
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--workers", type=int, default=-1)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--precision", default="no")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--no-record", dest="record", action="store_false", help="no CUDA graph")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    place = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    print(f"{'CPU' if args.device == 'cpu' else place}, torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads")  # fmt: skip
    print(f"{'':16}{'batch':>6}{'workers':>8}{'draws/s':>9}{'steps/s':>9}{'waiting':>9}"
          f"{'alone':>8}{'busy ms':>9}{'waits':>7}")  # fmt: skip
    with Store(args.store) as store:
        for name in args.config or STAGES.names():
            measure(name, store, args)
        print(f"random crops, read for the first time: {crops(store):.0f} a second and core")


def measure(name: str, store: Store, args: argparse.Namespace) -> None:
    """Print the line of one config."""
    stage, config = settings(name, args)
    draws = drawing(stage, config, store)
    trainer = loop.Trainer(stage, config, store, loop.accelerator_for(config))
    for net in trainer.nets.values():
        net.train()
    device = trainer.accelerator.device.type
    batches = trainer.batches()
    advance(trainer, batches, args.warm_up)
    trainer.waited_s = 0.0
    spent = advance(trainer, batches, args.steps)
    waiting = trainer.waited_s / spent
    kept = [next(batches)] * args.steps
    alone = args.steps / advance(trainer, iter(kept), args.steps)
    busy_ms, waits = work(trainer, kept[:5])
    workers = ahead.workers_for(config.workers, device=device, processes=1)
    print(f"{name:16}{config.batch_size:6}{workers:8}{draws:9.0f}{args.steps / spent:9.2f}"
          f"{waiting:9.1%}{alone:8.2f}{busy_ms:9.1f}{waits:7.1f}", flush=True)  # fmt: skip


def settings(name: str, args: argparse.Namespace) -> tuple[Any, Any]:
    """A stage and its config, of a stage's name or an experiment's."""
    experiment = None if name in STAGES.names() else name
    given = {
        "precision": args.precision, "workers": args.workers, "device": args.device,
        "threads": args.threads, "record": args.record,
        "steps": args.warm_up + args.steps + 1,
    }  # fmt: skip
    if args.batch_size:
        given["batch_size"] = args.batch_size
    taken = [] if experiment is None else [configs.read_values(experiment)]
    for one in [name] if experiment is None else STAGES.names():
        stage = STAGES.get(one)
        if all(key.replace("-", "_") in configs.fields(stage.config) for key in dict(*taken)):
            return stage, configs.merge(stage.config, [experiment], given)
    raise SystemExit(f"{name}: no stage takes it")


def drawing(stage: Any, config: Any, store: Store) -> float:
    """Frames a second that one thread draws."""
    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    draw = stage.batches(store, config, config.train_split)
    draw(0)
    start, count = process_time(), 0
    for step in range(1, 1 + DRAWN):
        shape = draw(step)[FRAMES[stage.name]].shape
        # A pair of crops has an identity crop beside it.
        count += shape[0] * (shape[1] + (stage.name == "texture"))
    rate = count / (process_time() - start)
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])
    return rate


def advance(trainer: loop.Trainer, batches: Iterator[dict[str, torch.Tensor]], steps: int) -> float:
    """Train some steps; seconds until the device has done them."""
    finish()
    start = perf_counter()
    for _ in range(steps):
        trainer.advance(next(batches))
    finish()
    return perf_counter() - start


def finish() -> None:
    """Let the GPU finish what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def work(trainer: loop.Trainer, batches: list[dict[str, torch.Tensor]]) -> tuple[float, float]:
    """Milliseconds of work, and waits, of a step."""
    if trainer.accelerator.device.type != "cuda":
        start = process_time()
        advance(trainer, iter(batches), len(batches))
        spent = process_time() - start
        with profile(activities=BOTH[:1], acc_events=True) as seen:
            for batch in batches:
                found = trainer.stage.losses(trainer.nets, batch, trainer.config)
                for player, parameters in trainer.parameters.items():
                    torch.autograd.grad(
                        found[player]["loss"], parameters, retain_graph=True, allow_unused=True
                    )
        looked = sum(row.count for row in seen.key_averages() if row.key in LOOKS)
        return 1e3 * spent / len(batches), looked / len(batches)
    finish()
    with profile(activities=BOTH, acc_events=True) as seen:
        for batch in batches:
            trainer.advance(batch)
    rows = seen.key_averages()
    busy_us = sum(row.self_device_time_total for row in rows)
    waited = sum(row.count for row in rows if row.key in WAITS)
    return busy_us / 1e3 / len(batches), waited / len(batches)


def crops(store: Store) -> float:
    """Single crops a second, each of another place of the store."""
    rng, rows, n = generator(0, "crops"), store.clips, 0
    start = process_time()
    with Store(store.path) as fresh:
        reader = CropReader(fresh)
        while n < READ:
            row = rows[rng.integers(len(rows))]
            reader.read([(row, int(rng.integers(row.n_frames)))])
            n += 1
    return n / (process_time() - start)


if __name__ == "__main__":
    main()
