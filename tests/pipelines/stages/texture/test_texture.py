"""Texture stage: generator, discriminator, losses, batches, training."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tkit.errors import ConfigError
from tkit.face import crops, drawing, geometry
from tkit.pipelines.stages import texture
from tkit.pipelines.stages.texture import data, regions, terms, work
from tkit.pipelines.stages.texture.renderer import Renderer
from tkit.pipelines.training import config as configs
from tkit.pipelines.training import loop
from tkit.seeds import generator
from tkit.store import Store
from tkit.zoo.layers import flow as flow_module
from tkit.zoo.nets import patchgan
from tkit.zoo.nets import texture as net
from tkit.zoo.released import weights as released_weights

TINY = net.Config(width=4, blocks=1, landmark_width=2)
LITE = replace(TINY, fold=2, carried=True, skips=True, norm=False)
PLAIN = {"colour_jitter": 0.0, "shift": 0.0, "scale": 0.0, "turn_deg": 0.0, "mirror": False}


@pytest.fixture(autouse=True)
def _seeded():
    """One seed for every test, and one thread: on a busy machine more are slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)


@pytest.fixture
def store(tiny_store_crops):
    with Store(tiny_store_crops) as opened:
        yield opened


def config(**values) -> texture.Config:
    small = {"width": 4, "blocks": 1, "landmark_width": 2, "patch_width": 4, "batch_size": 1}
    small["hold_out"] = 0  # the store is small
    return configs.make(texture.Config, small | values)


# --- the networks ----------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [TINY, LITE], ids=["paper", "lite"])
@pytest.mark.parametrize("size", [128, 256])
def test_generator_gives_an_image_and_maps_of_the_input_size(size, sizes):
    module = net.NET.build(replace(sizes, size=size))
    lines, identity = torch.rand(2, 1, size, size), torch.rand(1, 3, size, size) * 2 - 1
    image, attention, colour, flow = module(lines, lines[:1], identity)
    assert image.shape == colour.shape == (2, 3, size, size)
    assert attention.shape == (2, 1, size, size)
    assert float(attention.detach().min()) > 0 and float(attention.detach().max()) < 1
    assert float(colour.detach().abs().max()) < 1
    assert (flow is None) != sizes.carried
    carried = identity if flow is None else flow_module.warp(identity, flow)
    torch.testing.assert_close(image, (1 - attention) * colour + attention * carried)


def test_before_training_the_landmarks_alone_carry():
    module = net.NET.build(LITE)
    lines, identity = torch.rand(1, 1, 64, 64), torch.rand(1, 3, 64, 64)
    prior = torch.rand(1, 4, 16, 16)
    flow = module(lines, lines, identity, prior).flow
    wanted = torch.nn.functional.interpolate(prior[:, :2], (32, 32), mode="bilinear")
    torch.testing.assert_close(flow, wanted)


def test_attention_starts_half_open():
    module = net.NET.build(net.Config(width=16, blocks=2))
    lines = torch.rand(1, 1, 128, 128)
    with torch.no_grad():
        attention = module(lines, 0 * lines, torch.rand(1, 3, 128, 128)).attention
    assert 0.4 < float(attention.mean()) < 0.6


def test_attention_of_one_keeps_the_identity_exactly():
    identity, colour = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    assert torch.equal(net.compose(torch.ones(1, 1, 8, 8), colour, identity), identity)
    assert torch.equal(net.compose(torch.zeros(1, 1, 8, 8), colour, identity), colour)


def test_only_the_difference_of_the_landmarks_is_seen():
    module = net.NET.build(TINY)
    one, other = torch.rand(2, 1, 1, 128, 128)
    identity = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        same = module(one, one, identity)[0], module(other, other, identity)[0]
        moved = module(one, other, identity)[0]
    torch.testing.assert_close(*same)
    assert float((moved - same[0]).abs().max()) > 1e-3


def test_the_papers_generator_has_its_layers():
    module = net.NET.build(net.Config())
    convolutions = [layer[0] for layer in module.down]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in convolutions] == [
        (64, 7, 1), (128, 4, 2), (256, 4, 2),
    ]  # fmt: skip
    ups = [layer[0] for layer in module.up]
    assert [(up.out_channels, up.kernel_size[0], up.stride[0]) for up in ups] == [
        (128, 4, 2), (64, 4, 2),
    ]  # fmt: skip
    assert sum(isinstance(m, net.Residual) for m in module.middle) == 6
    assert module.heads.out_channels == 1 + 3 and module.heads.bias is None
    norms = [m for m in module.modules() if isinstance(m, torch.nn.InstanceNorm2d)]
    assert len(norms) == 3 + 12 + 2 and all(norm.affine for norm in norms)


def test_instance_norm_is_the_same_with_and_without_gradients():
    norm = net.InstanceNorm(6)
    torch.nn.init.normal_(norm.weight)
    x = torch.randn(2, 6, 9, 7).to(memory_format=torch.channels_last)
    with torch.no_grad():
        fast = norm(x)
    torch.testing.assert_close(fast, norm(x))


def test_sizes_that_cannot_be_halved_twice_are_refused():
    with pytest.raises(ConfigError, match="multiple of 4"):
        net.Config(size=130)
    with pytest.raises(ConfigError, match="multiple of 8"):
        net.Config(size=132, fold=2)


# --- carrying --------------------------------------------------------------------------------


def grid_of(size: int) -> torch.Tensor:
    """Where each of the (size / 4) ** 2 cells has its centre, pixels, (1, 2, h, w)."""
    steps = torch.arange(size // 4) * 4 + 1.5
    rows, columns = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([columns, rows])[None]


STILL = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])


def test_landmarks_that_rest_carry_nothing():
    points = torch.rand(1, 68, 2) * 128
    flow = flow_module.landmark_flow(points, points, STILL, size=128)
    assert flow.shape == (1, 4, 32, 32) and not flow.any()


def test_the_flow_is_the_landmarks_near_them_and_the_grounds_far_away():
    rows, columns = np.mgrid[44:84:5j, 24:104:14j][:, :5]
    points = torch.tensor(np.stack([columns, rows], axis=-1).reshape(-1, 2)[:68])[None]
    ground = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 6.0]]])
    moved = points + torch.tensor([3.0, 0.0])
    flow = flow_module.landmark_flow(moved, points, ground, size=128) * 64  # pixels
    inside = flow[0, :2, 15:17, 15:17].flatten(1).mean(dim=1)
    np.testing.assert_allclose(inside, [-3.0, 0.0], atol=0.4)
    np.testing.assert_allclose(flow[0, :2, -1, -1], [0.0, 6.0], atol=0.3)
    np.testing.assert_allclose(flow[0, 2:, 15, 15], [0.0, 6.0], atol=1e-4)


def test_carrying_samples_the_image_where_the_flow_says():
    ramp = grid_of(512)[..., :64, :64] / 128  # (1, 2, 64, 64), known at every place
    image = torch.cat([ramp, ramp[:, :1]], dim=1)
    flow = torch.full((2, 2, 8, 8), 0.0)
    flow[1, 0] = 5 * 2 / 64
    carried = flow_module.warp(image, flow)
    torch.testing.assert_close(carried[:1], image, atol=1e-3, rtol=0)
    torch.testing.assert_close(carried[1:, :, :, :58], image[..., 5:63], atol=1e-3, rtol=0)
    torch.testing.assert_close(carried[1, :, :, -1], image[0, :, :, -1], atol=1e-3, rtol=0)


# --- rendering -------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [TINY, LITE], ids=["paper", "lite"])
def test_rendering_is_the_forward_pass_on_arrays(sizes):
    module = net.NET.build(sizes).eval()
    rng = np.random.default_rng(0)
    points = rng.uniform(10, 50, (5, 68, 2))
    identity = rng.integers(0, 256, (64, 64, 3), np.uint8)
    rendered = Renderer(module, identity, points[0], at_once=2)(points)
    assert rendered.attention.shape == (5, 64, 64, 1)
    assert rendered.colour.shape == rendered.images.shape == (5, 64, 64, 3)
    lines = net.drawing_tensor(drawing.draw(points, size=64))
    where = torch.tensor(points)
    prior = flow_module.landmark_flow(
        where, where[:1].expand(5, -1, -1), STILL.expand(5, -1, -1), size=64
    )
    with torch.no_grad():
        made = module(lines, lines[:1], net.image_tensor(identity[None]), prior)
    wanted = ((made.image.permute(0, 2, 3, 1).numpy() + 1) * 127.5).clip(0, 255)
    np.testing.assert_allclose(rendered.images, wanted, atol=0.55)
    np.testing.assert_allclose(rendered.attention[..., 0], made.attention[:, 0], atol=1e-5)
    if sizes.carried:
        assert np.abs(rendered.flow).max() > 1
    else:
        assert not rendered.flow.any()


# --- the discriminator -----------------------------------------------------------------------


@pytest.mark.parametrize(("layers", "patch", "decisions"), [(3, 70, 14), (2, 34, 30)])
def test_the_discriminator_looks_at_patches(layers, patch, decisions):
    judge = patchgan.PatchGAN(patchgan.Config(width=4, layers=layers))
    assert judge(torch.rand(1, 3, 128, 128)).shape == (1, 1, decisions, decisions)
    for index, layer in enumerate(judge.body):  # the norm alone sees the whole image
        if isinstance(layer, net.InstanceNorm):
            judge.body[index] = torch.nn.Identity()
    image = torch.rand(1, 3, 128, 128, requires_grad=True)
    judge(image)[0, 0, decisions // 2, decisions // 2].backward()
    seen = image.grad[0].abs().sum(0) > 0
    assert int(seen.any(0).sum()) == int(seen.any(1).sum()) == patch


# --- the losses ------------------------------------------------------------------------------


def test_least_squares_losses_have_their_known_values():
    one, zero = torch.ones(2, 1, 4, 4), torch.zeros(2, 1, 4, 4)
    assert float(terms.discriminator(one, zero)) == 0
    assert float(terms.discriminator(zero, one)) == 1
    assert float(terms.adversarial(one)) == 0
    assert float(terms.adversarial(zero)) == 0.5


def test_decisions_count_where_the_mouth_is():
    real = torch.tensor([[1.0, 0.0]])
    made = torch.tensor([[0.0, 1.0]])
    left, right = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    assert float(terms.discriminator(real, made, left)) == 0
    assert float(terms.discriminator(real, made, right)) == 1
    assert float(terms.adversarial(made, right)) == 0
    assert float(terms.adversarial(made, left)) == 0.5


def test_edges_cost_where_they_are_weak_strong_or_elsewhere():
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.uniform(-1, 1, (2, 3, 24, 24)).astype(np.float32))
    inside = torch.zeros(2, 1, 24, 24, dtype=torch.bool)
    inside[..., 6:18, 6:18] = True
    grey = torch.zeros_like(truth)
    for gain in (0.5, 1.0, 2.0):  # 2 g / (1 + g^2) of gradients g times as strong
        loss = float(terms.edges(gain * truth, truth, inside))
        assert loss == pytest.approx(1 - 2 * gain / (1 + gain**2), abs=2e-3)
    assert float(terms.edges(truth + 0.3, truth, inside)) == pytest.approx(0, abs=1e-6)
    assert float(terms.edges(grey, truth, inside)) == pytest.approx(1, abs=0.02)
    assert float(terms.edges(-truth, truth, inside)) == pytest.approx(2, abs=0.02)
    far = truth.clone()
    far[..., :5, :] = 1  # outside, two pixels away: nobody looks
    assert float(terms.edges(far, truth, inside)) == pytest.approx(0, abs=1e-6)


def test_attention_loss_pulls_towards_keeping_the_identity():
    att = torch.full((3, 1, 8, 8), 0.4, requires_grad=True)
    loss = terms.attention(att)
    assert float(loss.detach()) == pytest.approx(0.6, abs=1e-4)
    loss.backward()
    assert (att.grad < 0).all()  # descent raises the attention
    assert float(terms.attention(torch.ones(3, 1, 8, 8))) < 1e-3
    half = torch.ones(8)
    half[4:] = 0.5
    open_right = torch.ones(1, 1, 8, 8)
    open_right[..., 4:] = 0.4
    whole, cheap = terms.attention(open_right), terms.attention(open_right, half)
    assert float(cheap) == pytest.approx(0.5 * float(whole), abs=1e-4)


def test_temporal_loss_is_zero_for_a_still_face_and_finite_in_its_gradient():
    att = torch.rand(2, 1, 1, 8, 8).expand(2, 3, 1, 8, 8).clone().requires_grad_()
    colour = torch.zeros(2, 3, 3, 8, 8)
    still = terms.temporal(att, colour)
    assert float(still.detach()) < 1e-3
    still.backward()
    assert torch.isfinite(att.grad).all()
    colour[:, 1] = 0.5  # up and down again: two changes of one half
    assert float(terms.temporal(att.detach(), colour)) == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("size", [8, 32])
def test_losses_do_not_depend_on_the_image_size(size):
    att = torch.zeros(1, 2, 1, size, size)
    att[..., : size // 2, :] = 1
    att[:, 1] = 1
    colour = torch.zeros(1, 2, 3, size, size)
    assert float(terms.attention(att[:, 0])) == pytest.approx(0.5**0.5, abs=1e-4)
    assert float(terms.temporal(att, colour)) == pytest.approx(0.5**0.5, abs=1e-3)
    assert float(terms.pixel(att[:, 0], att[:, 1], torch.ones(1))) == pytest.approx(0.5)


def test_pixel_loss_is_weighted():
    image, target = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    target[..., 1, :] = 0
    weight = torch.tensor([[1.5, 1.5], [0.5, 0.5]])
    assert float(terms.pixel(image, target, weight)) == pytest.approx(0.75)


def test_attention_statistics_tell_the_mouth_from_the_rest():
    att, mouth = torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    mouth[..., 2:, :] = 1
    att[..., 2:, :] = 0.2
    found = terms.attention_statistics(att, mouth)
    wanted = {"att_mean": 0.6, "att_saturated": 0.5, "att_mouth": 0.2, "att_elsewhere": 1.0}
    assert {name: float(value) for name, value in found.items()} == pytest.approx(wanted)


# --- regions and batches ---------------------------------------------------------------------


def test_the_mouth_box_holds_a_wide_open_mouth(stores):
    canonical = geometry.normalise(stores.face())
    moved = canonical + stores.displacement(np.ones(1), np.ones(1), np.zeros(1))[0]
    points = geometry.apply(crops.canonical_to_crop(), moved)[geometry.MOUTH]
    rows, columns = regions.mouth_box(canonical, 128)
    assert (points[:, 0] > columns.start).all() and (points[:, 0] < columns.stop).all()
    assert (points[:, 1] > rows.start).all() and (points[:, 1] < rows.stop).all()
    assert (rows.stop - rows.start) * (columns.stop - columns.start) < 0.2 * 128**2


@pytest.mark.parametrize("size", [128, 256])
def test_the_focus_lies_on_mouth_and_eyes(stores, size):
    canonical = geometry.normalise(stores.face())
    mask = regions.focus_mask(canonical, size, focus=5.0)
    assert mask.mean() == pytest.approx(1.0, rel=1e-5)
    ground = mask[0, 0]
    points = geometry.apply(crops.canonical_to_crop(size), canonical)
    for part in (geometry.MOUTH, geometry.LEFT_EYE, geometry.RIGHT_EYE):
        x, y = np.rint(points[part].mean(axis=0)).astype(int)
        assert mask[y, x] / ground == pytest.approx(5.0, rel=0.01)
    for index in (4, 12, 19, 24):  # cheeks and brows
        x, y = np.rint(points[index]).astype(int)
        assert mask[y, x] / ground < 1.5
    np.testing.assert_array_equal(regions.focus_mask(canonical, size, focus=1.0), 1.0)


def test_the_inside_of_lips_is_found_with_a_margin():
    points = np.zeros((2, 68, 2))
    points[:, geometry.INNER_LIPS] = [[10, 20], [13, 17], [16, 17], [19, 17], [22, 20], [19, 23],
                                      [16, 23], [13, 23]]  # fmt: skip
    points[1] += 5
    bare = regions.inside_lips(points, size=48, margin_px=0)
    wide = regions.inside_lips(points, size=48, margin_px=3)
    np.testing.assert_array_equal(np.roll(bare[0], (5, 5), (0, 1)), bare[1])
    assert bare[0, 20, 10:23].all() and bare[0, 17:24, 16].all() and not bare[0, 17, 10]
    assert wide[0, 20, 7:26].all() and not wide[0, 20, :7].any()
    assert wide[0, 14:27, 16].all() and not wide[0, :14].any()


def test_batches_follow_from_seed_and_step(store):
    draw = work.batches(store, config(batch_size=3), "train")
    again = work.batches(store, config(batch_size=3), "train")
    other = work.batches(store, config(batch_size=3, seed=1), "train")
    first = draw(7)
    assert first["frames"].shape == (3, 2, 3, 128, 128)
    assert first["landmarks"].shape == (3, 2, 1, 128, 128)
    assert first["identity"].shape == (3, 3, 128, 128)
    assert first["identity_landmarks"].shape == first["weight"].shape == (3, 1, 128, 128)
    assert first["open"].shape == (3, 2, 1, 128, 128) and first["open"].dtype == torch.bool
    for name, tensor in again(7).items():
        assert torch.equal(first[name], tensor), name
    assert not torch.equal(first["frames"], draw(8)["frames"])
    assert not torch.equal(first["frames"], other(7)["frames"])


def test_samples_are_consecutive_frames_with_an_identity_of_the_speaker(store):
    batch = work.batches(store, config(batch_size=6, **PLAIN), "train")(0)
    frames = net.image_tensor(store["crops"][:])
    speaker = np.repeat([row.speaker for row in store.clips], [r.n_frames for r in store.clips])

    def find(image: torch.Tensor) -> int:
        return int((frames - image).abs().mean(dim=(1, 2, 3)).argmin())

    for pair, identity, lines in zip(
        batch["frames"], batch["identity"], batch["landmarks"], strict=True
    ):
        first, second, still = find(pair[0]), find(pair[1]), find(identity)
        assert second == first + 1
        assert still not in (first, second) and speaker[still] == speaker[first]
        points = geometry.apply(store["crop_pose"][first], store["points"][first])
        assert torch.equal(lines[0], net.drawing_tensor(drawing.draw(points[None]))[0])


@pytest.mark.parametrize("same_clip", [0.0, 1.0])
def test_identity_frames_come_from_the_clips_asked_for(store, same_clip):
    target = store.select("train")[0]
    own = [row for row in store.select("train") if row.speaker == target.speaker]
    rows = [target] if same_clip else own
    for seed in range(20):
        row, frame = data.identity_frame(rows, target, 4, 2, generator(seed))
        assert (row is target) == bool(same_clip) and 0 <= frame < row.n_frames
        assert row is not target or frame not in (4, 5)


def pictures_of(images: np.ndarray, points: np.ndarray) -> data.Pictures:
    return data.Pictures(images, points, np.repeat(STILL.numpy(), len(images), axis=0))


def test_augmentation_moves_points_and_pictures_together(store):
    points = geometry.apply(store["crop_pose"][:3], store["points"][:3])
    images = np.repeat(drawing.draw(points)[..., None], 3, axis=-1)
    settings = config(colour_jitter=0.0, shift=0.05, scale=0.1, turn_deg=10.0)
    for seed in range(8):
        moved = data.augment(pictures_of(images, points), settings, generator(seed))
        # Left stays left: a mirrored face's points are renumbered.
        assert moved.points[0, 0, 0] < moved.points[0, 16, 0]
        wanted = drawing.draw(moved.points)
        assert np.corrcoef(moved.images[..., 0].ravel(), wanted.ravel())[0, 1] > 0.8


def test_augmentation_keeps_edges_as_sharp_as_they_are(store):
    pictures = data.CropReader(store).read([(store.clips[0], 0)])
    rng = np.random.default_rng(0)
    fine = np.repeat(rng.integers(0, 256, (1, 32, 32, 3)), 4, axis=1).repeat(4, axis=2)
    pictures = replace(pictures, images=fine.astype(np.uint8))
    turned = config(mirror=False, colour_jitter=0.0, shift=0.03, scale=0.0, turn_deg=5.0)

    def energy(images):
        down, across = np.gradient(images.astype(float)[0, 30:-30, 30:-30], axis=(0, 1))
        return (down**2 + across**2).sum()

    after = [energy(data.augment(pictures, turned, generator(k, "turn")).images) for k in range(4)]
    assert np.mean(after) > 0.93 * energy(pictures.images)  # bilinear: .84


def test_augmentation_stretches_faces_without_growing_them(store):
    pictures = data.CropReader(store).read([(store.clips[0], 0)])
    plain = {"mirror": False, "colour_jitter": 0.0, "shift": 0.0, "scale": 0.0, "turn_deg": 0.0}
    changed = data.augment(pictures, config(**plain, stretch=0.2), generator(1, "stretch"))
    before, after = np.ptp(pictures.points[0], axis=0), np.ptp(changed.points[0], axis=0)
    assert abs(after[0] / before[0] - 1) > 0.01
    assert np.prod(after) == pytest.approx(np.prod(before))


def test_augmentation_moves_the_ground_along():
    rng = np.random.default_rng(0)
    points = rng.uniform(30, 90, (2, 68, 2))
    ground = np.array([[[1.0, 0, 0], [0, 1, 0]], [[0.9, 0.1, 5.0], [-0.1, 0.9, 2.0]]])
    points[0] = geometry.apply(ground[1], points[1])  # what is drawn rests in the scene
    images = np.zeros((2, 128, 128, 3), np.uint8)
    for seed in range(6):
        pictures = data.Pictures(images, points, ground)
        moved = data.augment(pictures, config(), generator(seed))
        there = geometry.apply(moved.ground[1], moved.points[1])
        np.testing.assert_allclose(there, moved.points[0], atol=1e-9)


def test_augmentation_can_be_switched_off(store):
    points = geometry.apply(store["crop_pose"][:2], store["points"][:2])
    images = store["crops"][:2]
    same = data.augment(pictures_of(images, points), config(**PLAIN), generator(0))
    np.testing.assert_array_equal(same.images, images)
    np.testing.assert_allclose(same.points, points)


def test_augmentation_colours_all_pictures_alike():
    images = np.full((2, 8, 8, 3), 100, np.uint8)
    settings = config(**PLAIN | {"colour_jitter": 0.3})
    found = {}
    for seed in range(5):
        plain = pictures_of(images, np.zeros((2, 68, 2)))
        found[seed] = data.augment(plain, settings, generator(seed)).images
    assert len({tuple(moved[0, 0, 0]) for moved in found.values()}) == 5
    assert (found[0] == found[0][0, 0, 0]).all()


def test_pictures_of_a_clip_know_where_the_ground_was(store):
    row = store.select("train")[0]
    other = store.select("train")[1]
    pictures = data.CropReader(store).read([(row, 2), (row, 9), (other, 1)])
    np.testing.assert_array_equal(pictures.images[1], store["crops"][row.frame_start + 9])
    poses = store["crop_pose"][row.frames].astype(float)
    place = np.array([[70.0, 40.0]])  # of the video
    crops_of = [geometry.apply(poses[index], place) for index in (2, 9)]
    np.testing.assert_allclose(geometry.apply(pictures.ground[1], crops_of[1]), crops_of[0])
    np.testing.assert_array_equal(pictures.ground[2], STILL[0])


def test_held_out_clips_are_never_drawn(store):
    rows = store.select("train")
    kept = data.held_out(rows, 2)
    per_speaker = {name: len(own) // 2 for name, own in data.by_speaker(rows).items()}
    assert {row.speaker for row in kept} == {name for name, count in per_speaker.items() if count}
    assert len(kept) == sum(per_speaker.values()) > 0
    assert data.held_out(rows, 0) == []
    with_them = work.batches(store, config(batch_size=6, **PLAIN), "train")(0)
    without = work.batches(store, config(batch_size=6, hold_out=2, **PLAIN), "train")(0)
    frames = torch.cat([net.image_tensor(store["crops"][row.frames]) for row in kept])

    def seen(batch: dict[str, torch.Tensor]) -> bool:
        drawn = torch.cat([batch["frames"].flatten(0, 1), batch["identity"]])
        return any(bool((frames == image).flatten(1).all(dim=1).any()) for image in drawn)

    assert seen(with_them) and not seen(without)


def test_shut_eyes_are_found_and_drawn(store, monkeypatch):
    def ear(points):
        shutting = np.full((len(points), 2), 0.3)
        shutting[4:6] = 0.1
        return shutting

    monkeypatch.setattr(data.geometry, "eye_aspect_ratio", ear)
    rows = store.select("train")
    found = data.blinks(store, rows, 2)
    assert len(found) == len({row.speaker for row in rows})
    assert {first for stretches in found for _, first in stretches} == {4, 5}
    last = [(row, first) for each in found for row, first in each if first + 2 > row.n_frames]
    assert last == []
    batch = work.batches(store, config(batch_size=4, blink_share=1.0, **PLAIN), "train")(0)
    shut = [net.image_tensor(store["crops"][row.frame_start + 4 :][:2]) for row in rows]
    for frames in batch["frames"]:
        assert any((frames[0] == image).all() for one in shut for image in one)
    none = work.batches(store, config(batch_size=4, blink_share=0.0, **PLAIN), "train")(0)
    assert not torch.equal(none["frames"], batch["frames"])


def test_people_who_never_shut_their_eyes_are_left_out(store):
    assert data.blinks(store, store.select("train"), 10_000) == []


# --- training --------------------------------------------------------------------------------


PAPER = configs.read_values("paper-texture")
PAPER = {key: PAPER[key] for key in PAPER.keys() - {"width", "patch_width", "batch_size", "lr"}}


@pytest.mark.parametrize("sizes", [PAPER, {}], ids=["paper", "lite"])
def test_one_batch_is_overfitted(store, sizes):
    settings = config(width=8, landmark_width=4, same_clip=1.0, **sizes, **PLAIN)
    nets = work.nets(store, settings)
    draw = work.batches(store, settings, "train")
    drawn = [draw(step) for step in range(8)]  # the sample that has moved most
    batch = max(drawn, key=lambda one: (one["frames"] - one["identity"][:, None]).abs().mean())
    prior = batch.pop("prior")[..., 16:28, 10:22]
    batch = {name: maps[..., 64:112, 40:88] for name, maps in batch.items()}  # the lower face
    batch["prior"] = prior * (128 / 48)  # in half sizes of what was cut out
    mouth = batch["mouth"].bool().expand(-1, 3, -1, -1)
    still = (batch["frames"] - batch["identity"][:, None]).abs()[:, :, mouth[0]].mean()
    players = {
        name: torch.optim.Adam(module.parameters(), 2e-3, (0.5, 0.999))
        for name, module in nets.items()
    }
    logged = []
    for _ in range(60):
        found = work.losses(nets, batch, settings)
        for name, optimiser in players.items():
            own = list(nets[name].parameters())
            gradients = torch.autograd.grad(
                found[name]["loss"], own, retain_graph=True, allow_unused=True
            )
            for parameter, gradient in zip(own, gradients, strict=True):
                parameter.grad = gradient
            optimiser.step()
        logged.append({key: float(value.detach()) for key, value in found["texture"].items()})
    assert logged[-1]["pixel"] < 0.25 * logged[0]["pixel"]
    with torch.no_grad():
        image = nets["texture"](
            batch["landmarks"][0], batch["identity_landmarks"], batch["identity"], batch["prior"][0]
        ).image
    made = (image[None] - batch["frames"]).abs()[:, :, mouth[0]].mean()
    assert float(made) < 0.5 * float(still)
    if not settings.carried:
        assert logged[-1]["att_mouth"] < logged[-1]["att_elsewhere"]


def test_the_discriminator_judges_the_frames_that_were_made_and_leaves_their_maker_alone(store):
    settings = config(adversarial_weight=0.5)
    nets = work.nets(store, settings)
    batch = work.batches(store, settings, "train")(0)
    before = set(batch)
    found = work.losses(nets, batch, settings)
    assert set(batch) == before  # nothing talks through the batch
    own, others = (list(nets[name].parameters()) for name in ("patchgan", "texture"))
    judged = found["patchgan"]["loss"]
    assert all(g is not None for g in torch.autograd.grad(judged, own, retain_graph=True))
    alone = torch.autograd.grad(judged, others, retain_graph=True, allow_unused=True)
    assert all(gradient is None for gradient in alone)
    wanted = torch.autograd.grad(found["texture"]["loss"], others, retain_graph=True)
    idle = work.losses(nets, batch, replace(settings, adversarial_weight=0.0))
    other = torch.autograd.grad(idle["texture"]["loss"], others)
    assert any(not torch.equal(*pair) for pair in zip(wanted, other, strict=True))
    nobody = torch.autograd.grad(idle["patchgan"]["loss"], own, allow_unused=True)
    assert all(gradient is None for gradient in nobody)


def test_a_frozen_mouth_is_warned_of(store):
    settings = config()
    nets = work.nets(store, settings)
    batch = work.batches(store, settings, "train")(0)

    def frozen(landmarks, identity_landmarks, identity, prior, mode):
        attention = torch.ones(len(landmarks), 1, 128, 128)
        return net.Maps(identity, attention, torch.zeros_like(identity), None)

    found = work.losses(nets | {"texture": frozen}, batch, settings)["texture"]
    with pytest.warns(UserWarning, match="attention map is saturated"):
        work.watch({name: float(value.detach()) for name, value in found.items()})
    found = work.losses(nets, batch, settings)["texture"]
    work.watch({name: float(value.detach()) for name, value in found.items()})  # an error if warned


def test_both_players_train_and_a_resumed_run_is_an_uninterrupted_one(store, tmp_path):
    settings = config(steps=4, device="cpu", threads=1, eval_frames=2)
    whole = loop.fit(texture.STAGE, settings, store, tmp_path / "whole")
    loop.fit(texture.STAGE, replace(settings, steps=2), store, tmp_path / "parts")
    parts = loop.fit(texture.STAGE, settings, store, tmp_path / "parts", resume=True)
    one, two = released_weights.load(whole), released_weights.load(parts)
    assert one.net == "texture" and one.config == replace(LITE, size=128)
    for name, tensor in one.module.state_dict().items():
        assert torch.equal(tensor, two.module.state_dict()[name]), name
    np.testing.assert_allclose(one.module.canonical.numpy(), store.canonical, atol=1e-6)


def test_evaluation_stands_beside_the_static_row(store):
    nets = work.nets(store, config())
    rows = store.select("val")
    found = work.evaluate(nets, store, rows, config(eval_frames=5))
    assert set(found) == {
        "psnr", "psnr_static", "psnr_mouth", "psnr_mouth_static",
        "att_mean", "att_saturated", "att_mouth", "att_elsewhere",
    }  # fmt: skip
    assert all(np.isfinite(value) for value in found.values())
    picked = [0, 5, 10, 14, 19]
    gt = np.stack([store["crops"][row.frame_start + i] for row in rows for i in picked])
    gt = gt.reshape(len(rows), 5, 128, 128, 3).astype(float)
    error = ((gt - gt[:, :1]) ** 2).mean(axis=(1, 2, 3, 4))
    assert found["psnr_static"] == pytest.approx(np.mean(10 * np.log10(255**2 / error)))


def test_a_generator_that_copies_scores_as_the_static_row(store, monkeypatch):
    module = net.NET.build(TINY)

    def copy(moved, identity, prior):
        attention = torch.ones(len(moved), 1, 128, 128)
        image = identity.expand(len(moved), -1, -1, -1)
        return net.Maps(image, attention, torch.zeros_like(image), None)

    monkeypatch.setattr(module, "paint", copy)
    rows = store.select("val")
    found = work.evaluate({"texture": module}, store, rows, config())
    assert found["psnr"] == found["psnr_static"]
    assert found["psnr_mouth"] == found["psnr_mouth_static"]
    assert found["att_mean"] == found["att_saturated"] == found["att_mouth"] == 1.0


def test_psnr_has_its_known_values():
    gt = np.zeros((2, 4, 4, 3), np.uint8)
    assert work.psnr(pred=gt + 255, gt=gt) == 0.0
    assert work.psnr(pred=gt + 1, gt=gt) == pytest.approx(48.1308, abs=1e-4)
    assert work.psnr(pred=gt, gt=gt) == pytest.approx(98.13, abs=0.01)


def test_the_papers_settings_are_shipped():
    values = configs.read_values("paper-texture")
    paper = configs.make(texture.Config, values)
    assert (paper.width, paper.blocks, paper.lr) == (64, 6, 1e-4)
    assert (paper.beta1, paper.beta2, 2 * paper.batch_size) == (0.5, 0.999, 16)
    weights = paper.pixel_weight, paper.adversarial_weight, paper.regular_weight
    assert weights == (100.0, 0.5, 0.2) and paper.square_weight == 0
    assert (paper.fold, paper.carried, paper.skips, paper.norm) == (1, False, False, True)
