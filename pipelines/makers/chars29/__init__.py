"""Train the head of ``chars29`` with CTC on synthetic speech, and write its weights and card.

    python -m tkit.pipelines.makers.chars29 --jobs 2 --cache chars29.npz --out chars29.safetensors

The acoustic model stays as it is; its hidden states of all utterances are computed once and kept in
the cache, in half precision. That takes about 10 minutes of one core, the training after it 10 more
on one thread. Tests of the result on real speech: ``benchmarks/speech.py``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
import torch.nn.functional as F

from tkit import jobs as parallel
from tkit.files import atomic_path
from tkit.pipelines.makers.chars29 import data as speech
from tkit.progress import track
from tkit.seeds import generator
from tkit.speech import acoustic
from tkit.speech.symbols import edits, greedy
from tkit.zoo.nets import chars29, hama
from tkit.zoo.released import weights as released_weights

COLUMN = {symbol: index for index, symbol in enumerate(chars29.SYMBOLS)}
BLANK = len(chars29.SYMBOLS) - 1
_PART = 50  # utterances that a process takes at a time


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights.

    Parameters
    ----------
    utterances, held_out : int
        Sentences to synthesise, and how many of them to keep for the error on the log.
    epochs, batch : int
    learning_rate : float
        At its peak; it rises for a tenth of the steps and falls along a cosine.
    noise : float
        Standard deviation of what is added to the hidden states, in those of each column.
    masked_rows : int
        Longest run of rows that is blanked out in an utterance.
    """

    utterances: int = 3600
    held_out: int = 100
    epochs: int = 8
    batch: int = 16
    learning_rate: float = 3e-3
    noise: float = 0.3
    masked_rows: int = 12
    seed: int = 0


@dataclass(frozen=True)
class Heard:
    """Utterances as the acoustic model hears them: states of all, end to end, and their texts."""

    states: np.ndarray  # (N, 4 blocks * 144) float16
    starts: np.ndarray  # (U + 1,) first row of each utterance
    texts: list[str]

    def rows(self, index: int) -> np.ndarray:
        """States (n, 576) of one utterance."""
        return self.states[self.starts[index] : self.starts[index + 1]]


def hear(settings: Settings, cache: Path, *, jobs: int = 1) -> Heard:
    """Synthesise all utterances and compute their states, or read them from ``cache``."""
    if not cache.is_file():
        numbers = range(settings.utterances)
        calls = [(numbers[at : at + _PART], settings.seed) for at in numbers[::_PART]]
        heard = parallel.run(_hear_part, calls, jobs=jobs, ordered=True)
        parts = list(track(heard, len(calls), desc="utterances", unit="part"))
        pieces = [piece for part, _ in parts for piece in part]
        texts = [text for _, part in parts for text in part]
        starts = np.cumsum([0, *(len(piece) for piece in pieces)])
        with atomic_path(cache.with_suffix(".npz")) as temporary:
            np.savez(temporary, states=np.concatenate(pieces), starts=starts, texts=texts)
    with np.load(cache) as arrays:
        return Heard(arrays["states"], arrays["starts"], arrays["texts"].tolist())


def _hear_part(numbers: range, seed: int) -> tuple[list[np.ndarray], list[str]]:
    """States and texts of a few utterances, in a process of its own."""
    torch.set_num_threads(1)
    model = acoustic.model()
    spoken = [speech.utter(number, seed=seed) for number in numbers]
    pieces = [states_of(model, utterance.wave).astype(np.float16) for utterance in spoken]
    return pieces, [utterance.text for utterance in spoken]


def states_of(model: hama.Hama, wave: np.ndarray) -> np.ndarray:
    """Hidden states (N, 576) of all blocks of the acoustic model."""
    with torch.inference_mode():
        return torch.cat(model.hidden(torch.from_numpy(wave)[None]), dim=-1)[0].numpy()


def train(heard: Heard, settings: Settings, config: chars29.Config) -> chars29.Chars29:
    """Train a head; the error on held-out utterances goes to stderr after every epoch."""
    torch.manual_seed(settings.seed)  # initial values and dropout
    net = chars29.NET.build(config)
    columns = _columns(config)
    spread = torch.from_numpy(heard.states[::7, columns].astype(np.float32).std(axis=0))
    indices = np.arange(settings.held_out, len(heard.texts))
    steps = settings.epochs * (len(indices) // settings.batch)
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=steps, pct_start=0.1
    )
    start = perf_counter()
    for epoch in range(settings.epochs):
        rng = generator(settings.seed, "chars29-epoch", str(epoch))
        losses = []
        for chosen in _batches(heard, indices, settings.batch, rng):
            states, lengths = _batch(heard, chosen, columns, settings, spread, rng)
            loss = _loss(net(states), lengths, [heard.texts[index] for index in chosen])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        rate = error_rate(net, heard, range(settings.held_out))
        print(
            f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, error rate {rate:.3f} of "
            f"{settings.held_out} held-out utterances, {perf_counter() - start:.0f} s",
            file=sys.stderr,
        )
    return net.eval()


def _batches(
    heard: Heard, indices: np.ndarray, size: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Utterances of nearly one length together, so that little is padded; the rest waits."""
    order = rng.permutation(indices)[: len(indices) // size * size]
    lengths = np.diff(heard.starts)[order]
    order = order[np.argsort(lengths + rng.uniform(0, 25, len(order)))]
    return list(rng.permutation(order.reshape(-1, size)))


def _columns(config: chars29.Config) -> np.ndarray:
    """Columns of all states that the head sees."""
    width = config.state_width
    return np.concatenate([np.arange(width) + width * block for block in config.states])


def _batch(
    heard: Heard,
    chosen: np.ndarray,
    columns: np.ndarray,
    settings: Settings,
    spread: torch.Tensor,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Padded noisy states (B, N, D) of some utterances, and their numbers of rows (B,)."""
    pieces = []
    for index in chosen:
        rows = torch.from_numpy(heard.rows(index)[:, columns].astype(np.float32))
        noise = torch.from_numpy(rng.standard_normal(rows.shape, dtype=np.float32))
        rows = rows + settings.noise * noise * spread
        n_masked = int(rng.integers(settings.masked_rows + 1))
        first = int(rng.integers(max(len(rows) - n_masked, 1)))
        rows[first : first + n_masked] = 0
        pieces.append(rows)
    lengths = torch.tensor([len(rows) for rows in pieces])
    return torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True), lengths


def _loss(logits: torch.Tensor, lengths: torch.Tensor, texts: list[str]) -> torch.Tensor:
    targets = torch.tensor([COLUMN[letter] for text in texts for letter in text])
    sizes = torch.tensor([len(text) for text in texts])
    scores = F.log_softmax(logits, dim=-1).transpose(0, 1)  # (N, B, 29), as CTC takes it
    return F.ctc_loss(scores, targets, lengths, sizes, blank=BLANK, zero_infinity=True)


def error_rate(net: chars29.Chars29, heard: Heard, indices: range) -> float:
    """Character error rate of the greedy transcripts: edits over characters."""
    columns = _columns(net.config)
    net.eval()
    wrong = total = 0
    with torch.inference_mode():
        for index in indices:
            rows = torch.from_numpy(heard.rows(index)[:, columns].astype(np.float32))
            text = greedy(net(rows[None])[0].numpy(), chars29.SYMBOLS)
            wrong += edits(text, heard.texts[index])
            total += len(heard.texts[index])
    net.train()
    return wrong / total


def save(path: Path, net: chars29.Chars29, heard: Heard, settings: Settings) -> None:
    """Write a head in half precision, with how it was made."""
    record = {
        "settings": asdict(settings),
        "acoustic_model": {"package": f"hama {hama.VERSION}", "sha256": hama.SHA256},
        "error_rate_synthetic": round(error_rate(net, heard, range(settings.held_out)), 4),
    }
    released_weights.save(
        path, net="chars29", config=net.config, module=net, record=record, half=True
    )


def main() -> None:
    """Run the whole training."""
    parser = argparse.ArgumentParser(prog="python -m tkit.pipelines.makers.chars29")
    parser.add_argument("--cache", type=Path, default=Path("chars29.npz"))
    parser.add_argument("--out", type=Path, default=Path("chars29.safetensors"))
    parser.add_argument("--jobs", type=int, default=1, help="Processes that synthesise.")
    for name, value in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    values = vars(parser.parse_args())
    cache, out, jobs = values.pop("cache"), values.pop("out"), values.pop("jobs")
    settings = Settings(**values)
    torch.set_num_threads(1)
    heard = hear(settings, cache, jobs=jobs)
    net = train(heard, settings, chars29.Config())
    save(out, net, heard, settings)
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
