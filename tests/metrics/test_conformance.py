"""What every metric must keep, whichever it is: parametrised over the registry."""

import numpy as np
import pytest

from tkit.errors import ConfigError, UnknownNameError
from tkit.metrics import METRICS, Param, add

RNG = np.random.default_rng(5)
INPUTS = {
    "frames": RNG.integers(0, 256, (6, 24, 32, 3), dtype=np.uint8),
    "gray": np.repeat(np.repeat(RNG.integers(0, 256, (6, 16, 18), dtype=np.uint8), 8, 1), 4, 2),
    "points": RNG.uniform(0, 128, (6, 68, 2)),
}


def worse(array: np.ndarray) -> np.ndarray:
    """The same clip with some noise."""
    noise = np.random.default_rng(6).normal(0, 4, array.shape)
    return np.clip(array + noise, 0, 255).astype(array.dtype)


# Metrics of motion, blinks and whole clips have tests of their own with inputs that mean something.
PLAIN = ["cpbd", "lmd", "mouth-opening", "psnr", "ssim"]


@pytest.fixture(params=METRICS.names())
def name(request):
    return request.param


@pytest.fixture(params=PLAIN)
def plain(request):
    return request.param


def test_declares_itself(name):
    metric = METRICS.get(name)
    assert metric.title and metric.citation
    assert metric.better in ("higher", "lower", "closer")
    assert metric.needs in {*INPUTS, "clip"}
    for key, param in metric.params.items():
        assert param.doc
        assert param.check(key, param.default) == param.default


def test_statistics_of_parts_add_up_to_the_whole(plain):
    metric = METRICS.get(plain)
    gt = INPUTS[metric.needs]
    pred = worse(gt)
    whole = metric.measure(pred=pred, gt=gt)
    parts = [metric.measure(pred=pred[part], gt=gt[part]) for part in (slice(0, 2), slice(2, 6))]
    total = add(add({}, parts[0]), parts[1])
    assert total.keys() == whole.keys() and whole["frames"] == len(gt)
    assert metric.finish(total) == pytest.approx(metric.finish(whole), rel=1e-12)


def test_noise_is_worse_than_nothing(plain):
    metric = METRICS.get(plain)
    gt = INPUTS[metric.needs]
    itself = metric.finish(metric.measure(pred=gt, gt=gt))
    noisy = metric.finish(metric.measure(pred=worse(gt), gt=gt))
    assert {"higher": noisy < itself, "lower": noisy > itself, "closer": noisy != itself}[
        metric.better
    ]


def test_measuring_changes_no_input(plain):
    metric = METRICS.get(plain)
    gt = INPUTS[metric.needs].copy()
    pred = worse(gt)
    before = gt.copy(), pred.copy()
    metric.measure(pred=pred, gt=gt)
    np.testing.assert_array_equal(gt, before[0])
    np.testing.assert_array_equal(pred, before[1])


def test_every_parameter_shows_in_the_signature(name):
    metric = METRICS.get(name)
    plain = metric.settings({})
    for key, param in metric.params.items():
        other = (
            "file"
            if param.text
            else 60.0
            if not param.choices
            else next(c for c in param.choices if c != param.default)
        )
        changed = metric.settings({key: other})
        assert metric.tokens(changed) != metric.tokens(plain)
        assert list(changed) == list(metric.params)
    assert any(token.startswith("pool:") for token in metric.tokens(plain))


def test_unknown_parameter_names_the_nearest(name):
    metric = METRICS.get(name)
    key = next(iter(metric.params))
    with pytest.raises(ConfigError, match=f"unknown parameter {name}.{key}x; did you mean {key}"):
        metric.settings({f"{key}x": 1}, name=name)


def test_value_outside_the_choices_is_an_error(name):
    metric = METRICS.get(name)
    for key, param in metric.params.items():
        if param.choices:
            with pytest.raises(ConfigError, match=f"{key}: 'grey' is none of"):
                metric.settings({key: "grey"})


def test_unknown_metric_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean ssim"):
        METRICS.get("ssmi")


def test_numbers_are_read_from_text():
    cap = Param(None, "a number")
    assert cap.check("cap", "60") == 60.0
    assert cap.check("cap", "none") is None
    assert cap.token("cap", 60.0) == "cap:60" and cap.token("cap", None) == "cap:none"
    for wrong in ("sixty", "nan"):
        with pytest.raises(ConfigError, match="number"):
            cap.check("cap", wrong)
    with pytest.raises(ConfigError, match="needs a number"):
        Param(1.0, "a number").check("k", "none")
