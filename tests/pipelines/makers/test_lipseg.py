"""What lipseg is trained on, and that the exported network is the trained one."""

import numpy as np
import pytest
import torch

from tkit.lips import pictures as pictures_module
from tkit.pipelines.makers import lipseg as lipseg_module
from tkit.pipelines.makers.lipseg import data, vary
from tkit.pipelines.makers.lipseg.glasses import glasses
from tkit.zoo.nets import lipseg
from tkit.zoo.released import sessions


def mouth_contours(opening_px: float) -> np.ndarray:
    """Arcs (4, 11, 2) of a mouth 40 px wide around the middle of the picture."""
    width, height = pictures_module.MOUTH_SIZE
    middle, share = np.array([(width - 1) / 2, (height - 1) / 2]), np.linspace(-1, 1, 11)
    bow = 1 - share**2
    heights = (-6 * bow, -opening_px / 2 * bow, opening_px / 2 * bow, 8 * bow)
    reach = (20, 17, 17, 20)
    return np.stack(
        [
            middle + np.stack([wide * share, high], axis=-1)
            for wide, high in zip(reach, heights, strict=True)
        ]
    )


@pytest.mark.parametrize("opening_px", [0.0, 1.0, 10.0])
def test_divisions_cover_each_cell_once_and_have_the_right_areas(opening_px):
    contours = mouth_contours(opening_px)
    shares = vary.fill("mouth", contours)
    segments, columns, rows = np.split(shares, [4, 9])
    for division in (segments, columns, rows):
        np.testing.assert_allclose(division.sum(axis=0), 1, atol=0.02)
    cell = pictures_module.CELL**2
    opening = 2 / 3 * opening_px * 34  # area under a parabola
    assert segments[3].sum() * cell == pytest.approx(opening, rel=0.07, abs=0.5)
    assert segments[1:].sum() * cell == pytest.approx(2 / 3 * 14 * 40, rel=0.03)
    width, height = pictures_module.MOUTH_SIZE
    middle = (width - 1) / 2
    assert columns[0].sum() * cell == pytest.approx((middle - 20 + 0.5) * height, rel=0.02)
    assert rows[1].sum() == pytest.approx(rows[0].sum(), rel=0.02)


def test_a_closed_eye_still_has_a_line():
    arc = np.stack([np.linspace(10, 30, 9), np.full(9, 15.5)], axis=-1)
    above, opening, below = vary.fill("eye", np.stack([arc, arc]))
    assert opening.max() < 0.15
    assert above[:8].min() > 0.9 and below[8:].min() > 0.9


@pytest.mark.parametrize("part", ["mouth", "eye"])
def test_variation_moves_picture_and_contours_together(part):
    """A white shape on black: whatever is done to it, its segment stays on it."""
    rng = np.random.default_rng(3)
    size = vary.SIZES[part]
    wide = tuple(int(data.MARGIN * side) for side in size)
    shift = (np.array(wide) - size) / 2
    if part == "mouth":
        contours = mouth_contours(10.0)
    else:
        share = np.linspace(-1, 1, 9)
        arc = np.stack([19.5 + 10 * share, 15.5 - 6 * (1 - share**2)], axis=-1)
        contours = np.stack([arc, arc * (1, -1) + (0, 31)])
    import cv2

    picture = np.zeros((wide[1], wide[0], 3), np.uint8)
    outline = np.concatenate([contours[0], contours[-1][::-1]]) + shift
    cv2.fillPoly(picture, [np.rint(outline * 16).astype(np.int32)], (230, 230, 230), shift=4)
    agree = []
    for _ in range(20):
        seen, shares = vary.vary(part, picture, contours + shift, rng)
        assert seen.shape == (size[1], size[0], 3) and seen.dtype == np.float32
        assert seen.min() >= 0 and seen.max() <= 1
        shape = shares[1:4].sum(axis=0) if part == "mouth" else shares[1]
        cells = seen.mean(axis=2).reshape(shape.shape[0], 2, shape.shape[1], 2).mean(axis=(1, 3))
        agree.append(np.corrcoef(cells.ravel(), shape.ravel())[0, 1])
    assert np.median(agree) > (0.6 if part == "mouth" else 0.9)  # lips are recoloured, too


def test_glasses_go_around_the_eye_and_follow_from_the_seed():
    width, height = pictures_module.EYE_SIZE
    x, y = np.meshgrid(np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2)
    places = np.stack([x, y], axis=-1) / pictures_module.EYE_SCALE
    face = np.full((height, width, 3), 0.6, np.float32)
    worn = np.stack([glasses(face, places, np.random.default_rng(seed)) for seed in range(200)])
    assert worn.dtype == np.float32 and worn.min() >= 0 and worn.max() <= 1
    np.testing.assert_array_equal(worn[7], glasses(face, places, np.random.default_rng(7)))
    changed = (abs(worn - face).max(axis=-1) > 0.2).mean(axis=0)
    away = np.hypot(*places.transpose(2, 0, 1))
    around = (away > 0.3) & (abs(places[..., 1]) > 0.2)
    assert changed[away < 0.1].mean() < 0.8 * changed[around].mean()
    assert (abs(worn - face).max(axis=(1, 2, 3)) > 0.05).all()


@pytest.fixture(scope="module")
def puppets():
    """Pictures of one generated person, whose contours are known."""
    return data.of_puppets(1, seed=0)


@pytest.mark.parametrize("part", ["mouth", "eye"])
def test_three_steps_on_puppets_change_the_network_and_follow_from_the_seed(puppets, part):
    settings = lipseg_module.Settings(steps=3, batch=4, puppet_share=1.0)
    one, two = (lipseg_module.train(part, puppets[part], settings) for _ in range(2))
    torch.manual_seed(settings.seed)
    fresh = lipseg.NET.build(lipseg.Config(part=part, widths=lipseg_module.WIDTHS[part]))
    assert not one.training
    for new, same in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(new, same) and torch.isfinite(new).all()
    assert any(
        not torch.equal(a, b) for a, b in zip(one.parameters(), fresh.parameters(), strict=True)
    )


def test_a_training_goes_on_from_saved_weights(puppets, tmp_path):
    pytest.importorskip("onnx")
    settings = lipseg_module.Settings(steps=3, batch=4, puppet_share=1.0)
    net = lipseg_module.train("eye", puppets["eye"], settings)
    lipseg_module.save(tmp_path, net, settings)
    assert {path.name for path in tmp_path.iterdir()} == {
        "lipseg-eye.onnx",
        "lipseg-eye.safetensors",
    }
    on = lipseg_module.train("eye", puppets["eye"], settings, init=tmp_path)
    assert any(
        not torch.equal(a, b) for a, b in zip(on.parameters(), net.parameters(), strict=True)
    )


def test_contours_of_puppets_lie_on_the_pictures(puppets):
    for part, samples in puppets.items():
        width, height = (int(data.MARGIN * side) for side in vary.SIZES[part])
        assert samples.pictures.shape[1:] == (height, width, 3)
        inside = (samples.contours > 0) & (samples.contours < (width, height))
        assert inside.mean() > 0.99
        assert set(samples.people) == {"puppet 0"}
        assert (np.diff(samples.contours[..., 0], axis=-1) > 0).mean() > 0.9  # left to right


@pytest.mark.parametrize("part", lipseg.DIVISIONS)
def test_what_is_exported_computes_what_was_trained(part, tmp_path):
    """By classes whose logits are far apart, in any number of pictures."""
    pytest.importorskip("onnx")
    torch.manual_seed(0)
    net = lipseg.NET.build(lipseg.Config(part=part)).eval()
    with torch.no_grad():
        net.classify.weight *= 300
    lipseg_module.export(tmp_path / "net.onnx", net)
    width, height = vary.SIZES[part]
    seen = np.random.default_rng(0).random((3, 3, height, width), np.float32)
    with torch.inference_mode():
        logits = net.logits(torch.from_numpy(seen))
    expected = torch.cat([some.softmax(dim=1) for some in logits], dim=1).numpy()
    assert expected.shape == (3, sum(net.sizes), height // 2, width // 2)
    assert (expected.max(axis=1) > 0.9).mean() > 0.3
    loaded = sessions.session(tmp_path / "net.onnx")
    for count in (1, 3):
        (found,) = loaded.run(None, {"picture": seen[:count]})
        np.testing.assert_allclose(found, expected[:count], atol=1e-5)
