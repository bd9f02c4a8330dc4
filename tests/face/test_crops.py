import numpy as np

from tkit.face import crops, geometry


def test_reference_points_land_where_the_crop_says():
    pose = np.array([[55.0, -8.0, 170.0], [8.0, 55.0, 130.0]])
    points = np.zeros((6, 68, 2))
    points[:, geometry.RIGID_INDEX] = geometry.apply(pose, crops.REFERENCE_RIGID)
    transform = crops.crop_pose(points)
    landed = geometry.apply(transform, points)[:, geometry.RIGID_INDEX]
    wanted = crops.REFERENCE_RIGID * crops.CROP_IOD + crops.CROP_ORIGIN
    np.testing.assert_allclose(landed, np.broadcast_to(wanted, landed.shape), atol=1e-9)
    half = geometry.apply(crops.crop_pose(points, size=64), points)[:, geometry.RIGID_INDEX]
    np.testing.assert_allclose(half, landed / 2, atol=1e-9)


def test_smoothing_removes_jitter_but_not_the_place():
    rng = np.random.default_rng(0)
    points = np.zeros((80, 68, 2))
    rigid = crops.REFERENCE_RIGID * 60 + 150
    points[:, geometry.RIGID_INDEX] = rigid + rng.normal(scale=0.5, size=(80, 13, 2))
    raw, steady = (crops.crop_pose(points, sigma_frames=s)[:, 0, 2] for s in (0.0, 3.0))
    assert np.diff(steady).std() < 0.2 * np.diff(raw).std()
    assert abs(steady.mean() - raw.mean()) < 0.1


def test_cut_takes_the_right_pixels():
    frame = np.zeros((200, 300, 3), np.uint8)
    frame[40:80, 100:140] = [200, 100, 50]
    transform = np.array([[1.0, 0.0, -90.0], [0.0, 1.0, -30.0]])
    crop = crops.cut(frame, transform, size=60)
    assert (crop[10:50, 10:50] == [200, 100, 50]).all() and crop[:9].max() == 0


def test_strong_reduction_does_not_alias():
    frame = np.indices((512, 512)).sum(0) % 2 * 255  # finest checkerboard: its mean is grey
    frame = np.repeat(frame[..., None], 3, axis=2).astype(np.uint8)
    crop = crops.cut(frame, np.array([[0.25, 0, 0.3], [0, 0.25, 0.3]]), size=128)
    assert np.abs(crop[8:-8, 8:-8].astype(int) - 127).max() < 12
