"""BiSeNet: a checkpoint of the published keys, and what becomes of its classes."""

import shutil
from functools import partial

import numpy as np
import pytest
import torch

from tkit.errors import UsageError, WeightsError
from tkit.face import geometry
from tkit.lips import bisenet
from tkit.tracking.refine import refine
from tkit.zoo.nets.bisenet import BiSeNet, Config, load_checkpoint

# Of 79999_iter.pth: 36 convolutions without bias and 31 batch norms of five tensors each.
N_TENSORS = 36 + 31 * 5
SHAPES = {
    "cp.resnet.conv1.weight": (64, 3, 7, 7),
    "cp.resnet.bn1.running_mean": (64,),
    "cp.resnet.layer1.0.conv1.weight": (64, 64, 3, 3),
    "cp.resnet.layer1.1.bn2.num_batches_tracked": (),
    "cp.resnet.layer2.0.conv1.weight": (128, 64, 3, 3),
    "cp.resnet.layer2.0.downsample.0.weight": (128, 64, 1, 1),
    "cp.resnet.layer2.0.downsample.1.running_var": (128,),
    "cp.resnet.layer3.0.downsample.0.weight": (256, 128, 1, 1),
    "cp.resnet.layer4.1.conv2.weight": (512, 512, 3, 3),
    "cp.arm16.conv.conv.weight": (128, 256, 3, 3),
    "cp.arm16.conv_atten.weight": (128, 128, 1, 1),
    "cp.arm32.conv.bn.bias": (128,),
    "cp.arm32.bn_atten.weight": (128,),
    "cp.conv_head32.conv.weight": (128, 128, 3, 3),
    "cp.conv_head16.bn.weight": (128,),
    "cp.conv_avg.conv.weight": (128, 512, 1, 1),
    "ffm.convblk.conv.weight": (256, 256, 1, 1),
    "ffm.convblk.bn.running_mean": (256,),
    "ffm.conv1.weight": (64, 256, 1, 1),
    "ffm.conv2.weight": (256, 64, 1, 1),
    "conv_out.conv.conv.weight": (256, 256, 3, 3),
    "conv_out.conv_out.weight": (19, 256, 1, 1),
    "conv_out16.conv.conv.weight": (64, 128, 3, 3),
    "conv_out16.conv_out.weight": (19, 64, 1, 1),
    "conv_out32.conv.bn.weight": (64,),
    "conv_out32.conv_out.weight": (19, 64, 1, 1),
}
SKIN, LIPS, DARK = (200, 150, 120), (190, 60, 70), (30, 5, 5)
CENTRE, OUTER, INNER = np.array([180.0, 190.0]), (26.0, 13.0), (19.0, 6.0)  # px


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A file as the published one: a bare state dict in torch's old format."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("bisenet") / "79999_iter.pth"
    state = BiSeNet(Config()).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def test_keys_and_shapes_are_the_published_ones(checkpoint):
    state = torch.load(checkpoint, weights_only=True)
    assert len(state) == N_TENSORS
    assert {name: tuple(state[name].shape) for name in SHAPES} == SHAPES
    assert not any(name.startswith(("sp.", "cp.resnet.fc")) for name in state)
    assert checkpoint.stat().st_size == pytest.approx(53.3e6, rel=0.002)  # the published file's


def test_the_loaded_network_gives_one_logit_a_pixel_and_class(checkpoint):
    net = load_checkpoint(checkpoint)
    assert not net.training
    with torch.inference_mode():
        eighth, context = net.cp(torch.zeros(1, 3, 64, 96))
        assert eighth.shape == context.shape == (1, 128, 8, 12)
        assert net(torch.zeros(1, 3, 64, 96)).shape == (1, 19, 64, 96)


def test_wrong_files_are_named(checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=True)

    def refused(content: object, reason: str) -> None:
        path = tmp_path / "wrong.pth"
        torch.save(content, path)
        with pytest.raises(WeightsError, match=reason) as caught:
            load_checkpoint(path)
        assert "wrong.pth" in str(caught.value) and "79999_iter.pth" in str(caught.value)

    fewer = {name: value for name, value in state.items() if not name.startswith("ffm")}
    refused(fewer, "8 tensors missing, first ffm.conv1.weight")
    refused({f"module.{name}": value for name, value in state.items()}, "191 tensors unknown")
    other = {**state, "conv_out.conv_out.weight": torch.zeros(11, 256, 1, 1)}
    refused(other, "1 tensors of another shape, first conv_out.conv_out.weight")
    refused([1, 2], "it holds no state dict")
    refused({"state_dict": state}, "it holds no state dict")
    refused(shutil.rmtree, "not a checkpoint")  # a pickle that names a function is not obeyed


@pytest.mark.parametrize("content", [b"", b"<html>Google Drive can't scan this file</html>"])
def test_files_that_are_no_checkpoint(content, tmp_path):
    path = tmp_path / "79999_iter.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a checkpoint"):
        load_checkpoint(path)


def test_half_a_download(checkpoint, tmp_path):
    path = tmp_path / "half.pth"
    path.write_bytes(checkpoint.read_bytes()[:1_000_000])
    with pytest.raises(WeightsError, match="not a checkpoint"):
        load_checkpoint(path)


def test_without_a_checkpoint_the_error_says_what_to_pass(monkeypatch):
    monkeypatch.delenv("TKIT_BISENET_MODEL", raising=False)
    with pytest.raises(UsageError, match=r"79999_iter\.pth: pass --lips-model FILE"):
        bisenet.SEGMENTER.load()
    with pytest.raises(UsageError, match="no such checkpoint"):
        bisenet.SEGMENTER.load("nowhere.pth")


def test_the_signature_is_that_of_the_file(checkpoint, tmp_path):
    other = tmp_path / "other.pth"
    other.write_bytes(b"another file")
    names = {bisenet.SEGMENTER.signature_with(path) for path in (checkpoint, other)}
    assert len(names) == 2 and all(name.startswith("bisenet-") for name in names)


def ellipse(axes: tuple[float, float], count: int) -> np.ndarray:
    angle = np.pi + 2 * np.pi * np.arange(count) / count
    return CENTRE + np.stack([axes[0] * np.cos(angle), axes[1] * np.sin(angle)], axis=1)


def face() -> np.ndarray:
    """Points (68, 2) of a face seen straight: eyes 60 px apart, the mouth 70 px below them."""
    points = np.tile(CENTRE, (68, 1))
    points[geometry.RIGHT_EYE] = CENTRE - (30, 70)
    points[geometry.LEFT_EYE] = CENTRE - (-30, 70)
    points[geometry.OUTER_LIPS], points[geometry.INNER_LIPS] = ellipse(OUTER, 12), ellipse(INNER, 8)
    return points


def picture() -> np.ndarray:
    """Draw the lips of :func:`face`, edges one pixel soft and half covered on the contour."""
    y, x = np.mgrid[:288, :360]
    frame = np.full((288, 360, 3), SKIN, np.float64)
    for axes, colour in ((OUTER, LIPS), (INNER, DARK)):
        cover = np.clip(0.5 - beyond(np.stack([x, y], -1).reshape(-1, 2), axes), 0, 1)
        frame += cover.reshape(288, 360, 1) * (colour - frame)
    return np.round(frame).astype(np.uint8)


def beyond(points: np.ndarray, axes: tuple[float, float]) -> np.ndarray:
    """How far points (N, 2) lie outside an ellipse, in pixels, to first order."""
    scaled = (points - CENTRE) / axes
    level = np.linalg.norm(scaled, axis=1)
    return (level - 1) * level / np.maximum(np.linalg.norm(scaled / axes, axis=1), 1e-9)


def turn(degrees: float) -> np.ndarray:
    """Transform (2, 3) that turns a picture about its middle."""
    import cv2

    return cv2.getRotationMatrix2D((180, 144), degrees, 1.0)


def turned(frame: np.ndarray, points: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    import cv2

    frame = cv2.warpAffine(frame, turn(degrees), (360, 288), borderMode=cv2.BORDER_REPLICATE)
    return frame, geometry.apply(turn(degrees), points)


@pytest.mark.parametrize("degrees", [0.0, 25.0])
def test_the_face_is_framed_as_in_celeba_hq(degrees):
    """Upright, eyes 4 to a side, and lower than the centre by a tenth of the way to the mouth."""
    _, points = turned(picture(), face(), degrees)
    seen = geometry.apply(bisenet.frame_face(points), points)
    side = max(4 * 60, 3.6 * 70)
    right, left = seen[geometry.RIGHT_EYE].mean(axis=0), seen[geometry.LEFT_EYE].mean(axis=0)
    np.testing.assert_allclose(left - right, (60 * 512 / side, 0), atol=1e-6)
    centre = np.array([255.5, 255.5])
    np.testing.assert_allclose((left + right) / 2, centre - (0, 0.1 * 70 * 512 / side), atol=1e-6)


class ByColour(torch.nn.Module):
    """A parser that knows the drawn colours: stands in for the trained network."""

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        logits = torch.full((len(pictures), 19, *pictures.shape[-2:]), -60.0)
        for name, colour in ((1, SKIN), (bisenet.MOUTH, DARK), (bisenet.LOWER_LIP, LIPS)):
            normal = (np.array(colour) / 255 - bisenet.MEAN) / bisenet.STD
            far = pictures - torch.tensor(normal, dtype=torch.float32)[:, None, None]
            logits[:, name] = -20 * far.square().sum(dim=1)
        rows = logits[0, bisenet.MOUTH].amax(dim=1) > -1  # the mouth's own rows: upper lip above
        half = int(rows.nonzero().float().mean())
        logits[:, bisenet.UPPER_LIP, :half] = logits[:, bisenet.LOWER_LIP, :half]
        logits[:, bisenet.LOWER_LIP, :half] = -60.0
        return logits


@pytest.mark.parametrize("degrees", [0.0, 25.0])
def test_classes_become_boundaries_in_the_frame(degrees, monkeypatch):
    """Points that are off return to the drawn lips, through the crop and back."""
    monkeypatch.setattr(bisenet, "_load", lambda path: ByColour())
    frame, truth = turned(picture(), face(), degrees)
    tracked = truth.copy()
    middle = truth[geometry.MOUTH].mean(axis=0)
    tracked[geometry.MOUTH] = middle + 0.85 * (truth[geometry.MOUTH] - middle)
    segment = bisenet.SEGMENTER.open(model="drawn")
    found = segment(np.stack([frame, frame]), np.stack([tracked, tracked]))
    for region in found:
        assert region.inside.shape == (2, bisenet.MOUTH_PX, bisenet.MOUTH_PX)
        assert region.inside.dtype == np.float32 and region.inside.max() <= 1 + 1e-6
        np.testing.assert_array_equal(region.inside[0], region.inside[1])
    refined = refine(np.stack([tracked, tracked]), found)
    back = refined.points[0]
    assert refined.placed[:, geometry.MOUTH].all()
    upright = partial(geometry.apply, turn(-degrees))
    for part, axes in ((geometry.OUTER_LIPS, OUTER), (geometry.INNER_LIPS, INNER)):
        assert np.abs(beyond(upright(tracked)[part], axes)).mean() > 0.9
        assert np.abs(beyond(upright(back)[part], axes)).max() < 0.4


def test_a_mouth_at_the_edge_keeps_its_window_inside():
    points = face()
    points[geometry.MOUTH] += (90, 60)
    left, top = bisenet.window(points, bisenet.frame_face(points))
    assert 0 <= left <= bisenet.FACE_PX - bisenet.MOUTH_PX
    assert 0 <= top <= bisenet.FACE_PX - bisenet.MOUTH_PX


def test_the_real_network_runs_on_a_frame(checkpoint):
    for region in bisenet.SEGMENTER.open(model=str(checkpoint))(picture()[None], face()[None]):
        assert np.isfinite(region.inside).all()
        assert 0 <= region.inside.min() <= region.inside.max() <= 1 + 1e-6
