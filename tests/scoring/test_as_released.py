"""Protocols that are named for an evaluator give its numbers: its arithmetic, written out here."""

import dataclasses
import json
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from skimage import data
from skimage.metrics import structural_similarity

from tkit import scoring
from tkit.face import crops
from tkit.landmarks import LANDMARKERS
from tkit.scoring import protocols


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A real face that moves, at 256 pixels, beside itself blurred and a frame late, as PNG."""
    return written(tmp_path_factory.mktemp("clips"), 256)


def written(root, side):
    wide = cv2.resize(data.astronaut()[0:240, 90:330], (side + 8, side + 8))
    gt = np.stack([wide[t : t + side, 2 * t : 2 * t + side] for t in range(4)])
    late = gt[[0, 0, 1, 2]]
    pred = np.stack([cv2.GaussianBlur(frame, (0, 0), 1.2) for frame in late])
    save(root, pred, gt)
    return root, pred, gt


def save(root, pred, gt):
    for name, frames in (("gt", gt), ("pred", pred)):
        for index, frame in enumerate(frames):
            path = root / name / "s1" / "clip" / f"{index:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), frame[..., ::-1])


def score(root, protocol, **options):
    report = scoring.score({"ours": root / "pred"}, root / "gt", protocol=protocol, **options)
    return {metric: cell.value for metric, cell in report.methods["ours"].items()}, report


def gray(frames):
    return [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]


@cache
def dlib_models():
    import dlib
    import face_recognition_models

    path = face_recognition_models.pose_predictor_model_location()
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(path)


def dlib_points(picture):
    """What dlib's own example does, on a picture in colour or gray."""
    detect, fit = dlib_models()
    box = detect(picture, 1)[0]
    return np.array([(part.x, part.y) for part in fit(picture, box).parts()])


def mouths(pictures):
    return np.stack([dlib_points(picture)[48:68] for picture in pictures])


def test_atvgnet_resizes_for_psnr_and_ssim_alone(tmp_path):
    root, pred, gt = written(tmp_path, 128)
    found, _ = score(root, "chen2019-asreleased", rows=())
    psnr, ssim = [], []
    for pair in zip(pred, gt, strict=True):
        x, y = (cv2.resize(p, (256, 256), interpolation=cv2.INTER_AREA) for p in pair)
        ssim.append(structural_similarity(x, y, channel_axis=-1))
        x, y = gray([x, y])
        psnr.append(20 * np.log10(255 / np.sqrt(np.mean((x - y) ** 2))))  # in eight bits
    assert found["psnr"] == pytest.approx(np.mean(psnr), abs=1e-9)
    assert found["ssim"] == pytest.approx(np.mean(ssim), abs=1e-9)
    sides = [mouths(gray(frames)) for frames in (pred, gt)]
    x, y = (side - side.mean(axis=1, keepdims=True) for side in sides)
    expected = np.linalg.norm(x - y, axis=2).sum(axis=1).mean()
    assert found["lmd"] == pytest.approx(expected, rel=1e-6)
    from tkit.metrics.cpbd import edge_counts
    from tkit.metrics.pictures import to_gray

    counts = [edge_counts(picture, mode="atvgnet") for picture in to_gray(pred)]
    assert found["cpbd"] == pytest.approx(np.mean([a / b for a, b in counts]), abs=1e-9)


def test_radnerf_takes_points_as_dlib_gives_them(clips):
    root, pred, gt = clips
    found, report = score(root, "radnerf", rows=())
    x, y = (side - side.mean(axis=1, keepdims=True) for side in (mouths(pred), mouths(gt)))
    assert found["lmd"] == pytest.approx(np.linalg.norm(x - y, axis=2).mean(), rel=1e-6)
    errors = np.square((pred.astype(np.float64) - gt) / 255).mean(axis=(1, 2, 3))
    assert found["psnr"] == pytest.approx(np.mean(-10 * np.log10(errors)), abs=1e-9)
    assert "radnerf: LPIPS (AlexNet): its network is not part of tkit" in report.table()
    assert type(report).from_json(report.to_json()).lacks == report.lacks != ()


def test_vico_adds_and_averages_as_piq_does(tmp_path):
    root, pred, gt = written(tmp_path, 400)
    found, _ = score(root, "vico", metrics=["psnr", "ssim"], rows=())
    errors = np.square((pred.astype(np.float64) - gt) / 255).mean(axis=(1, 2, 3))
    assert found["psnr"] == pytest.approx(np.mean(-10 * np.log10(errors + 1e-8)), abs=1e-9)
    blocks = [
        f.astype(np.float64).reshape(4, 200, 2, 200, 2, 3).mean(axis=(2, 4)) for f in (pred, gt)
    ]
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        structural_similarity(x, y, channel_axis=-1, data_range=255, **wang)
        for x, y in zip(*blocks, strict=True)
    ]
    assert found["ssim"] == pytest.approx(np.mean(expected), abs=1e-9)


def test_equal_pictures_are_as_good_as_the_evaluators_say(clips):
    root, _, _ = clips
    for protocol, most in (("vico", 80.0), ("chen2019-asreleased", 100.0)):
        cells = scoring.score(
            {"ours": root / "pred"}, root / "gt", protocol=protocol, metrics=["psnr"]
        ).methods
        assert cells["gt"]["psnr"].value == pytest.approx(most)


def test_points_of_a_crop_are_found_in_the_crop(tmp_path):
    root, pred, gt = written(tmp_path, 320)
    protocol = scoring.Protocol(
        "p",
        {"lmd": {"scale": "px"}},
        crop="face128",
        landmarks="dlib68-plain",
        points_in="crop",
    )
    found, report = score(root, protocol, rows=())
    track, sides = LANDMARKERS.get("dlib68-plain").load(), []
    for frames in (pred, gt):
        transforms = crops.align(track(frames), "face128")
        cut = mouths(crops.cut_named(frames, transforms, "face128"))
        sides.append(cut - cut.mean(axis=1, keepdims=True))
    expected = np.linalg.norm(sides[0] - sides[1], axis=2).mean()
    assert found["lmd"] == pytest.approx(expected, rel=1e-6)
    assert "|found:crop|" in report.methods["ours"]["lmd"].signature
    moved = score(root, dataclasses.replace(protocol, points_in="file"), rows=())[0]
    assert moved["lmd"] != pytest.approx(expected, rel=0.01)


def test_plain_points_are_whole_and_each_frame_is_for_itself():
    face = cv2.resize(data.astronaut()[0:240, 90:330], (256, 256))
    frames = np.stack([face, np.zeros_like(face), face])
    for name, picture in (("dlib68-plain", face), ("dlib68-plain-gray", gray([face])[0])):
        seen = []
        points = LANDMARKERS.get(name).load()(frames, raw=seen.append)
        np.testing.assert_array_equal(points[0], dlib_points(picture))
        np.testing.assert_array_equal(points[0], points[2])
        assert np.isnan(points[1]).all() and np.array_equal(seen[0], points, equal_nan=True)


@pytest.mark.parametrize("name", ["chen2019-asreleased", "vougioukas-fae", "radnerf", "vico"])
def test_a_protocol_says_what_it_lacks_unless_it_is_changed(name):
    protocol = protocols.load(name)
    assert protocol.lacks and protocols.change(protocol, metrics=["psnr"]).lacks == protocol.lacks
    assert protocols.change(protocol, landmarks="dlib68").lacks == ()


# -- beside the public evaluators, run on the same pictures ---------------------------------------

GRID = Path(__file__).parents[3] / "shared" / "grid"
EVALUATORS = json.loads((Path(__file__).parents[1] / "data" / "evaluators.json").read_text())
# Rows and columns of a GRID clip that a face fills, and what they are reduced to, width by height.
PARTS = {"face": (np.s_[48:256, 76:284], (128, 128)), "narrow": (np.s_[48:256, 102:258], (96, 128))}


def real_pair(kind):
    """Six frames of a GRID clip, blurred and three frames late; whole, or the face.

    As PyAV's own call gives them: so the pictures were made that the evaluators were run on.
    """
    with av.open(str(GRID / EVALUATORS["clip"])) as container:
        gt = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    gt = np.stack(gt[20:26])
    if kind in PARTS:
        where, size = PARTS[kind]
        gt = np.stack([cv2.resize(f[where], size, interpolation=cv2.INTER_AREA) for f in gt])
    late = gt[[0, 0, 0, 0, 1, 2]]
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 1.2) for frame in late]), gt


@pytest.mark.parametrize("protocol", EVALUATORS["values"])
def test_real_pictures_score_as_by_the_public_evaluator(protocol, tmp_path):
    if not GRID.is_dir():
        pytest.skip("needs the GRID clips of ../shared")
    kind, expected = EVALUATORS["values"][protocol]["pictures"], EVALUATORS["values"][protocol]
    save(tmp_path, *real_pair(kind))
    found, _ = score(tmp_path, protocol, rows=())
    assert found["psnr"] == pytest.approx(expected["psnr"], abs=1e-3)
    assert found["lmd"] == pytest.approx(expected["lmd"], rel=0.01)
    for metric, tolerance in (("ssim", 1e-4), ("cpbd", 1e-3)):
        if metric in expected:
            assert found[metric] == pytest.approx(expected[metric], abs=tolerance)
