"""Make the released networks of ``lipseg`` from larger ones: smaller, and nearer to what is seen.

    python -m tkit.pipelines.makers.lipseg.distil --root grid --teachers lipseg2 --out lipseg3

The teacher, trained on contours of a mesh, looks at a picture and, a mouth's, at its mirror image.
Then picture and segments are bent together and the picture is recoloured and spoilt: of lips that
are thicker, paler or worse to see than any of the few people's, the student is told the truth. A
graphics card is used if there is one (six minutes a network on an H100).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
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

WIDTHS = {"mouth": (12, 24, 48), "eye": (6, 12, 24)}
BENDS, BEND = 5, 0.03  # bends of a picture, and their standard deviation in inter-ocular distances
THICKNESS = 0.25  # standard deviation of a lip's change of thickness


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights, but the pictures."""

    clips: int = 16
    puppets: int = 16
    puppet_share: float = 0.07
    plain: float = 0.35
    steps: int = 20000
    batch: int = 256
    learning_rate: float = 4e-3
    seed: int = 0


def collect(part: str, root: Path, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N, h, w, 3) with a margin of GRID's training speakers and puppets, and of whom."""
    found: list[np.ndarray] = []
    people: list[str] = []
    for clip in data.training_clips(root, settings.clips):
        found += (some := list(_cut(part, media.read_clip(clip.video).frames)))
        people += [clip.speaker] * len(some)
    clips = data.puppet_clips(settings.puppets, seed=settings.seed)
    for number, (frames, _) in enumerate(clips):
        found += (some := list(_cut(part, frames[::2])))
        people += [f"puppet {number}"] * len(some)
    return np.stack(found), np.array(people)


def _cut(part: str, frames: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the mouth, or both eyes, of every frame in which a face is tracked."""
    points = dlib68.track(frames).astype(np.float64)
    size = np.array(vary.SIZES[part])
    wide = int(data.MARGIN * size[0]), int(data.MARGIN * size[1])
    for index in np.flatnonzero(~np.isnan(points).any(axis=(1, 2))):
        face = points[index : index + 1]
        places = (
            pictures.mouth_transforms(face) if part == "mouth" else pictures.eye_transforms(face)[0]
        )
        places[..., 2] += (np.array(wide) - size) / 2
        yield from (pictures.sample(frames[index], place, wide) for place in places)


class Bends:
    """Pictures with a margin to what the networks see of them, straight and bent."""

    def __init__(self, part: str, device: torch.device) -> None:
        self.part, self.device = part, device
        self.width, self.height = vary.SIZES[part]
        self.iod = vary.SCALES[part]
        rows = torch.arange(self.height, device=device) - (self.height - 1) / 2
        columns = torch.arange(self.width, device=device) - (self.width - 1) / 2
        self.y, self.x = torch.meshgrid(rows, columns, indexing="ij")

    def __call__(self, stored: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Straight and bent pictures (B, 3, h, w), and where (B, h, w, 2) of the straight ones."""
        count = len(stored)
        move = self._moves(count)
        x, y = self.x.expand(count, -1, -1), self.y.expand(count, -1, -1)
        bent = self._bent(x, y)
        return _at(stored, move, x, y), _at(stored, move, *bent), torch.stack(bent, dim=-1)

    def segments(self, maps: Tensor, where: Tensor) -> Tensor:
        """Segments (B, K, h / 2, w / 2) of the straight pictures as the bent ones have them."""
        cells = where.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).mean(dim=(2, 4))
        half = torch.tensor([self.width / 2, self.height / 2], device=self.device)
        return F.grid_sample(maps, cells / half, padding_mode="border", align_corners=False)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, 1, 1, device=self.device)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, 1, 1, device=self.device)

    def _moves(self, count: int) -> Tensor:
        """Transforms (B, 2, 3) from the middle of a picture to that of its source.

        Mouths are mirrored half of the time.
        """
        mouth = self.part == "mouth"
        angle, scale, *stretch = torch.randn(4, count, device=self.device) * 0.12
        cos, sin = torch.cos(angle) / scale.exp(), torch.sin(angle) / scale.exp()
        wide, high = (torch.exp(0.5 * change) for change in stretch)
        if mouth:
            wide = torch.where(torch.rand(count, device=self.device) < 0.5, -wide, wide)
        shift = self.iod * (0.05 if mouth else 0.03) * torch.randn(2, count, device=self.device)
        rows = [cos * wide, -sin * high, shift[0]], [sin * wide, cos * high, shift[1]]
        return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=1)

    def _bent(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Where bent pictures take their pixels from; a quarter of them stays straight."""
        count = len(x)
        on = (self._uniform(count) < 0.75).float()
        to_x, to_y = x, y
        for _ in range(BENDS):
            at_x, at_y = ((self._uniform(count) - 0.5) * side for side in (self.width, self.height))
            reach = self.iod * (0.12 + 0.35 * self._uniform(count))
            near = on * torch.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * reach**2))
            to_x = to_x + near * BEND * self.iod * self._normal(count)
            to_y = to_y + near * BEND * self.iod * self._normal(count)
        if self.part == "mouth":  # each lip thicker or thinner about a line near the middle
            line = 0.05 * self.iod * self._normal(count)
            reach = self.iod * (0.15 + 0.2 * self._uniform(count))
            for side in (-1, 1):
                change = (THICKNESS * on * self._normal(count)).clamp(-0.45, 0.6)
                away = to_y - line
                lip = (torch.sign(away) == side).float()
                to_y = to_y + lip * change * away * torch.exp(-((away / reach) ** 2))
        return to_x, to_y


def _at(stored: Tensor, move: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Pictures sampled where similarities take places (B, h, w) from the middle."""
    height, width = stored.shape[2:]
    half = torch.tensor([(width - 1) / 2, (height - 1) / 2], device=stored.device)
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    to = torch.einsum("bhwk,bck->bhwc", places, move)
    return F.grid_sample(stored, to / half, padding_mode="border", align_corners=True)


def spoilt(
    part: str, picture: Tensor, segments: Tensor, rng: np.random.Generator, plain: float
) -> Tensor:
    """Pictures (B, 3, h, w) in other colours, lights and qualities, as the teacher had them."""
    rows = [
        vary.spoil(part, *pair, rng, plain=plain)
        for pair in zip(
            picture.permute(0, 2, 3, 1).cpu().numpy(), segments.cpu().numpy(), strict=True
        )
    ]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).to(picture.device)


def teach(net: lipseg.LipSeg, picture: Tensor) -> Tensor:
    """What a teacher sees; in a mouth, the mean of two views that are each other's mirror image."""
    with torch.no_grad():
        seen: Tensor = net(picture)
        if net.part == "mouth":
            seen = (seen + net(picture.flip(3))[:, seen_by.MIRRORED].flip(3)) / 2
    return seen


def train(
    teacher: lipseg.LipSeg, stored: np.ndarray, people: np.ndarray, settings: Settings
) -> lipseg.LipSeg:
    """Train a student on pictures (N, h, w, 3) with a margin; all people are seen as often."""
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    part = teacher.part
    bends, teacher = Bends(part, device), teacher.to(device).eval()
    net = lipseg.NET.build(lipseg.Config(part=part, widths=WIDTHS[part])).to(device).train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=settings.steps, pct_start=0.03
    )
    generated = np.char.startswith(people, "puppet")
    groups = [np.flatnonzero(people == who) for who in np.unique(people[~generated])]
    for step in range(1, settings.steps + 1):
        chosen = [
            rng.choice(np.flatnonzero(generated))
            if rng.random() < settings.puppet_share
            else rng.choice(groups[rng.integers(len(groups))])
            for _ in range(settings.batch)
        ]
        batch = torch.from_numpy(stored[chosen]).to(device).permute(0, 3, 1, 2).float() / 255
        straight, bent, where = bends(batch)
        truth = bends.segments(teach(teacher, straight), where)
        divisions = net.logits(spoilt(part, bent, truth, rng, settings.plain))
        loss = sum(map(F.cross_entropy, divisions, truth.split(net.sizes, dim=1)), torch.zeros(()))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 500 == 0:
            print(f"{part}: step {step}, loss {loss.item():.4f}", file=sys.stderr, flush=True)
    return net.cpu().eval()


def main() -> None:
    """Collect, train, write."""
    parser = argparse.ArgumentParser(prog="python -m tkit.pipelines.makers.lipseg.distil")
    parser.add_argument("--root", type=Path, required=True, help="a GRID folder")
    parser.add_argument("--teachers", type=Path, required=True, help="folder of their safetensors")
    parser.add_argument("--out", type=Path, default=Path("lipseg"), help="folder")
    parser.add_argument("--part", choices=[*lipseg.DIVISIONS], action="append")
    for name, value in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    values = vars(parser.parse_args())
    root, teachers, out, parts = (values.pop(key) for key in ("root", "teachers", "out", "part"))
    settings = Settings(**values)
    for part in parts or lipseg.DIVISIONS:
        teacher = released_weights.load(teachers / f"lipseg-{part}.safetensors").module
        net = train(teacher, *collect(part, root, settings), settings)
        maker.save(out, net, settings)


if __name__ == "__main__":
    main()
