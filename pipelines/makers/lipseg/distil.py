"""Make the released networks of ``lipseg`` from their teachers: sure after one look, and nearer.

    python -m tkit.pipelines.makers.lipseg.distil --root grid --teachers lipseg2 lipseg3 --out
    lipseg4

The teachers look at a picture and, a mouth's, at its mirror image; what they see is averaged. Of a
generated person the true contours are known and told instead. Then picture and segments are bent
together and the picture is recoloured and spoilt: of lips that are thicker, wider open, paler or
worse to see than any of the few people's, the student is told the truth. It begins as the first
teacher, so two CPU cores are enough.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tkit import media
from tkit.landmarks import dlib68
from tkit.lips import lipseg as seen_by
from tkit.lips import pictures
from tkit.pipelines.makers import lipseg as maker
from tkit.pipelines.makers.lipseg import data, vary
from tkit.zoo.nets import lipseg
from tkit.zoo.released import weights as released_weights

BENDS, BEND = 5, 0.03  # bends of a picture, and their standard deviation in inter-ocular distances
THICKNESS = 0.25  # standard deviation of a lip's change of thickness
OPENING = 0.35  # standard deviation of a mouth's change of opening
AT_ONCE = 64  # pictures that a teacher looks at


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights, but the teachers and the pictures.

    Parameters
    ----------
    clips : int
        At most so many clips of a speaker.
    puppets : int
        Generated people.
    views : int
        Placements of each picture.
    puppet_share, plain : float
        Shares of the examples that are generated, and that keep their colours.
    steps, batch : int
    learning_rate : float
        At its peak; it rises for a thirtieth of the steps and falls along a cosine.
    """

    clips: int = 16
    puppets: int = 28
    views: int = 4
    puppet_share: float = 0.12
    plain: float = 0.35
    steps: int = 1500
    batch: int = 64
    learning_rate: float = 1e-3
    seed: int = 0


@dataclass(frozen=True)
class Examples:
    """Pictures, where the networks see them, and what is there.

    Parameters
    ----------
    pictures : ndarray (N, H, W, 3), uint8 RGB
        With a margin.
    people : ndarray (N,), str
    moves : Tensor (N, V, 2, 3)
        From the middle of what is seen to that of the picture, in pixels.
    truths : Tensor (N, V, K, h / 2, w / 2), float16
        Segments.
    """

    pictures: np.ndarray
    people: np.ndarray
    moves: Tensor
    truths: Tensor


def collect(part: str, root: Path, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, H, W, 3) with a margin of GRID's training speakers, and of whom they are."""
    found: list[np.ndarray] = []
    people: list[str] = []
    size = np.array(vary.SIZES[part])
    wide = int(data.MARGIN * size[0]), int(data.MARGIN * size[1])
    for clip in data.training_clips(root, settings.clips):
        frames = media.read_clip(clip.video).frames
        points = dlib68.track(frames).astype(np.float64)
        for index in np.flatnonzero(~np.isnan(points).any(axis=(1, 2))):
            face = points[index : index + 1]
            mouth = part == "mouth"
            places = pictures.mouth_transforms(face) if mouth else pictures.eye_transforms(face)[0]
            places[..., 2] += (np.array(wide) - size) / 2
            found += [pictures.sample(frames[index], place, wide) for place in places]
            people += [clip.speaker] * len(places)
    return np.stack(found), np.array(people)


class Bends:
    """Pictures with a margin to what the networks see of them, straight and bent."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.width, self.height = vary.SIZES[part]
        self.iod = vary.SCALES[part]
        rows = torch.arange(self.height) - (self.height - 1) / 2
        columns = torch.arange(self.width) - (self.width - 1) / 2
        self.y, self.x = torch.meshgrid(rows, columns, indexing="ij")

    def straight(self, stored: Tensor, moves: Tensor) -> Tensor:
        """What is seen of pictures (B, 3, H, W) after moves (B, 2, 3); (B, 3, h, w)."""
        return _at(stored, moves, *self._places(len(stored)))

    def bent(self, stored: Tensor, moves: Tensor, truths: Tensor) -> tuple[Tensor, Tensor]:
        """Bent pictures (B, 3, h, w), and their segments from those of the straight ones."""
        where = self.where(truths)
        return _at(stored, moves, *where.unbind(dim=-1)), self.segments(truths, where)

    def segments(self, maps: Tensor, where: Tensor) -> Tensor:
        """Segments (B, K, h / 2, w / 2) of the straight pictures as the bent ones have them."""
        cells = where.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).mean(dim=(2, 4))
        half = torch.tensor([self.width / 2, self.height / 2])
        return F.grid_sample(maps, cells / half, padding_mode="border", align_corners=False)

    def moves(self, count: int) -> Tensor:
        """Transforms (count, 2, 3) from the middle of a picture to that of its source.

        Mouths are mirrored half of the time.
        """
        mouth = self.part == "mouth"
        angle, scale, *stretch = torch.randn(4, count) * 0.12
        cos, sin = torch.cos(angle) / scale.exp(), torch.sin(angle) / scale.exp()
        wide, high = (torch.exp(0.5 * change) for change in stretch)
        if mouth:
            wide = torch.where(torch.rand(count) < 0.5, -wide, wide)
        shift = self.iod * (0.05 if mouth else 0.03) * torch.randn(2, count)
        rows = [cos * wide, -sin * high, shift[0]], [sin * wide, cos * high, shift[1]]
        return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=1)

    def where(self, truths: Tensor) -> Tensor:
        """Where (B, h, w, 2) bent pictures take their pixels from; a quarter stays straight."""
        count = len(truths)
        x, y = self._places(count)
        on = (_uniform(count) < 0.75).float()
        to_x, to_y = x, y
        for _ in range(BENDS):
            at_x, at_y = ((_uniform(count) - 0.5) * side for side in (self.width, self.height))
            reach = self.iod * (0.12 + 0.35 * _uniform(count))
            near = on * torch.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * reach**2))
            to_x = to_x + near * BEND * self.iod * _normal(count)
            to_y = to_y + near * BEND * self.iod * _normal(count)
        if self.part == "mouth":
            to_y = to_y + on * self._opened(truths[:, 3:4]) + self._thickened(to_y, on)
        return torch.stack([to_x, to_y], dim=-1)

    def _opened(self, mouth: Tensor) -> Tensor:
        """Shift (B, h, w) by which a mouth (B, 1, h / 2, w / 2) opens or closes, lips unchanged."""
        open_px = F.interpolate(mouth, scale_factor=2.0, mode="bilinear")[:, 0]
        above = open_px.cumsum(dim=1) - open_px / 2
        change = (OPENING * _normal(len(mouth))).clamp(-0.6, 0.6)
        return change * (above - open_px.sum(dim=1, keepdim=True) / 2)

    def _thickened(self, y: Tensor, on: Tensor) -> Tensor:
        """Shift (B, h, w) that makes each lip thicker or thinner about a line near the middle."""
        count = len(y)
        away = y - 0.05 * self.iod * _normal(count)
        reach = self.iod * (0.15 + 0.2 * _uniform(count))
        shift = torch.zeros_like(y)
        for side in (-1, 1):
            change = (THICKNESS * on * _normal(count)).clamp(-0.45, 0.6)
            lip = (torch.sign(away) == side).float()
            shift = shift + lip * change * away * torch.exp(-((away / reach) ** 2))
        return shift

    def _places(self, count: int) -> tuple[Tensor, Tensor]:
        return self.x.expand(count, -1, -1), self.y.expand(count, -1, -1)


def _normal(count: int) -> Tensor:
    return torch.randn(count, 1, 1)


def _uniform(count: int) -> Tensor:
    return torch.rand(count, 1, 1)


def _at(stored: Tensor, moves: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Pictures sampled where transforms take places (B, h, w) from the middle."""
    height, width = stored.shape[2:]
    half = torch.tensor([(width - 1) / 2, (height - 1) / 2])
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    to = torch.einsum("bhwk,bck->bhwc", places, moves)
    return F.grid_sample(stored, to / half, padding_mode="border", align_corners=True)


def as_tensor(shown: np.ndarray) -> Tensor:
    """Pictures (B, h, w, 3) uint8 as a network takes them; (B, 3, h, w) from 0 to 1."""
    return torch.from_numpy(shown).permute(0, 3, 1, 2).float() / 255


def seen(teachers: Sequence[lipseg.LipSeg], picture: Tensor) -> Tensor:
    """Mean of what teachers see, in a mouth of two views that are each other's mirror image."""
    views = []
    with torch.no_grad():
        for net in teachers:
            views.append(net(picture))
            if net.part == "mouth":
                views.append(net(picture.flip(3))[:, seen_by.MIRRORED].flip(3))
    return torch.stack(views).mean(dim=0)


def drawn(part: str, contours: np.ndarray, move: np.ndarray, source: tuple[int, int]) -> np.ndarray:
    """Segments (K, h / 2, w / 2) of what is seen after a move (2, 3) of a picture.

    The picture is ``source`` pixels wide and high, and has contours (A, P, 2).
    """
    middle, of_source = ((np.array(size) - 1) / 2 for size in (vary.SIZES[part], source))
    placed = (contours - of_source - move[:, 2]) @ np.linalg.inv(move[:, :2]).T + middle
    if np.linalg.det(move[:, :2]) < 0:  # mirrored: arcs still run from left to right
        placed = placed[:, ::-1]
    return vary.fill(part, placed)


def told(
    teachers: Sequence[lipseg.LipSeg], shown: np.ndarray, people: np.ndarray, settings: Settings
) -> Examples:
    """Examples of pictures (N, H, W, 3) by what the teachers see."""
    bends = Bends(teachers[0].part)
    moves = torch.stack([bends.moves(len(shown)) for _ in range(settings.views)], dim=1)
    truths = []
    for start in range(0, len(shown), AT_ONCE):
        some = as_tensor(shown[start : start + AT_ONCE])
        views = [
            seen(teachers, bends.straight(some, at))
            for at in moves[start : start + AT_ONCE].unbind(dim=1)
        ]
        truths.append(torch.stack(views, dim=1).half())
    return Examples(shown, people, moves, torch.cat(truths))


def known(part: str, samples: data.Samples, settings: Settings) -> Examples:
    """Examples of generated people by their true contours."""
    count, (height, width) = len(samples.pictures), samples.pictures.shape[1:3]
    bends = Bends(part)
    moves = torch.stack([bends.moves(count) for _ in range(settings.views)], dim=1)
    truths = np.stack(
        [
            [drawn(part, contours, move, (width, height)) for move in views]
            for contours, views in zip(samples.contours, moves.double().numpy(), strict=True)
        ]
    )
    return Examples(samples.pictures, samples.people, moves, torch.from_numpy(truths).half())


def spoilt(
    part: str, picture: Tensor, segments: Tensor, rng: np.random.Generator, plain: float
) -> Tensor:
    """Pictures (B, 3, h, w) in other colours, lights and qualities."""
    rows = [
        vary.spoil(part, *pair, rng, plain=plain)
        for pair in zip(picture.permute(0, 2, 3, 1).numpy(), segments.numpy(), strict=True)
    ]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2)


def _drawn_of(examples: Examples, count: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Pictures, moves and truths of so many examples; all people are seen as often."""
    groups = [np.flatnonzero(examples.people == who) for who in np.unique(examples.people)]
    chosen = np.array([rng.choice(groups[rng.integers(len(groups))]) for _ in range(count)], int)
    views = rng.integers(examples.moves.shape[1], size=count)
    return (
        as_tensor(examples.pictures[chosen]),
        examples.moves[chosen, views],
        examples.truths[chosen, views].float(),
    )


def train(
    net: lipseg.LipSeg, real: Examples, generated: Examples, settings: Settings
) -> lipseg.LipSeg:
    """Train a student, which begins as ``net``."""
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    net = net.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    bends = Bends(net.part)
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=1 / 30
    )
    losses = []
    for step in range(1, settings.steps + 1):
        count = rng.binomial(settings.batch, settings.puppet_share)
        rows = zip(
            _drawn_of(real, settings.batch - count, rng),
            _drawn_of(generated, count, rng),
            strict=True,
        )
        picture, truth = bends.bent(*(torch.cat(pair) for pair in rows))
        worse = spoilt(net.part, picture, truth, rng, settings.plain)
        divisions = net.logits(worse.contiguous(memory_format=torch.channels_last))
        loss = sum(map(F.cross_entropy, divisions, truth.split(net.sizes, dim=1)), torch.zeros(()))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step % 100 == 0:
            print(f"{net.part}: step {step}, loss {np.mean(losses[-100:]):.4f}", file=sys.stderr)
    return net.eval()


def main() -> None:
    """Collect, train, write."""
    parser = argparse.ArgumentParser(prog="python -m tkit.pipelines.makers.lipseg.distil")
    parser.add_argument("--root", type=Path, required=True, help="a GRID folder")
    parser.add_argument(
        "--teachers",
        type=Path,
        nargs="+",
        required=True,
        metavar="FOLDER",
        help="folders of their safetensors; the student begins as the first",
    )
    parser.add_argument("--out", type=Path, default=Path("lipseg"), help="folder")
    parser.add_argument("--part", choices=[*lipseg.DIVISIONS], action="append")
    for name, value in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    values = vars(parser.parse_args())
    root, folders, out, parts = (values.pop(key) for key in ("root", "teachers", "out", "part"))
    settings = Settings(**values)
    torch.set_num_threads(1)
    for part in parts or lipseg.DIVISIONS:
        torch.manual_seed(settings.seed)
        files = [folder / f"lipseg-{part}.safetensors" for folder in folders]
        teachers = [released_weights.load(file).module.eval() for file in files]
        real = told(teachers, *collect(part, root, settings), settings)
        puppets = data.of_puppets(settings.puppets, seed=settings.seed)[part]
        net = train(teachers[0], real, known(part, puppets, settings), settings)
        maker.save(out, net, settings)


if __name__ == "__main__":
    main()
