"""What every metric must keep, whichever it is: parametrised over the registry.

A family that needs data of its own brings it: its ``example(folder)`` returns what ``measure``
takes beside the clip drawn here, or instead of it.
"""

import doctest
import importlib
import inspect
import re
import sys

import numpy as np
import pytest
import stores

from tkit import metrics
from tkit.errors import ConfigError, ScoreError, UnknownNameError, UsageError
from tkit.face import geometry
from tkit.metrics import INPUTS, METRICS, VIEWS, Metric, Need, Param, Score, Scorer, add
from tkit.metrics.pictures import to_gray

N_FRAMES = 6
N_POINT_FRAMES = 150


def drawn_face(clip: str) -> np.ndarray:
    """Points (T, 68, 2) of a face that speaks, blinks and sways."""
    time_s = (np.arange(N_POINT_FRAMES) + 0.5) / stores.FPS
    opening, width = stores.mouth_signals(clip, time_s).T
    moved = stores.displacement(opening, width, stores.closure(clip, N_POINT_FRAMES))
    return geometry.apply(stores.head_pose(clip, N_POINT_FRAMES), stores.face() + moved)


def voice(clip: str) -> np.ndarray:
    """A hum as loud as the mouth of :func:`drawn_face` is open."""
    time_s = np.arange(int(N_POINT_FRAMES / stores.FPS * 16000)) / 16000
    loudness = stores.mouth_signals(clip, time_s)[:, 0]
    return (loudness * np.sin(2 * np.pi * 200 * time_s)).astype(np.float32)


def drawn_pictures() -> tuple[np.ndarray, np.ndarray]:
    """Blocks of random colours with sharp edges, and the same with noise (T, H, W, 3)."""
    rng = np.random.default_rng(5)
    small = rng.integers(0, 256, (N_FRAMES, 22, 48, 3), dtype=np.uint8)
    gt = small.repeat(8, axis=1).repeat(4, axis=2)
    noisy = gt + rng.normal(0, 4, gt.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), gt


class Case:
    """One family with a pair that it can measure."""

    def __init__(self, family: Metric, example: dict) -> None:
        self.family = family
        needs = family.needs
        if needs.of_points:
            pred, gt = drawn_face("other"), drawn_face("clip")
        else:
            pred, gt = drawn_pictures()
            if needs.view.endswith("gray"):
                pred, gt = to_gray(pred), to_gray(gt)
        given = {"pred": pred, "gt": gt, "fps": stores.FPS, "wave": voice("clip"), **example}
        given.setdefault("source", given["gt"])
        self.pred, self.gt = given["pred"], given["gt"]
        self.inputs = {name: given[name] for name in family.inputs}
        some = Scorer("", family, next(iter(family.scores.values())))
        self.settings = some.settings({k: v for k, v in example.items() if k in family.params})

    def measure(self, **changed):
        taken = {name: value for name, value in changed.items() if name in self.inputs}
        return self.family.measure(**{**self.inputs, **self.settings, **taken})

    def finished(self, stats) -> dict:
        """Every score of the family, or why there is none."""
        found = {}
        for name, score in self.family.scores.items():
            try:
                found[name] = score.finish(stats)
            except ScoreError as error:
                assert str(error), f"{name} refuses without a reason"
                found[name] = str(error)
        return found


def case_of(family: Metric, folder) -> Case:
    """The family with its example; skipped where its package or model is absent."""
    try:
        case = Case(family, family.example(folder) if family.example else {})
        case.measure()
    except (ImportError, UsageError) as error:
        pytest.skip(str(error))
    return case


# -- the checks, each a function, so that they can be checked themselves --------------------------


def check_keywords(family: Metric) -> None:
    """``measure`` takes its inputs and parameters by keyword, and nothing else."""
    taken = inspect.signature(family.measure).parameters.values()
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in taken)
    declared = [*family.inputs, *family.params]
    assert sorted(parameter.name for parameter in taken) == sorted(declared)
    assert {"pred"} <= set(family.inputs) <= set(INPUTS)
    assert family.needs.whole or "wave" not in family.inputs, "a part of a clip has no sound"


def check_sums(case: Case) -> None:
    """Statistics of parts add up over every cut of a clip, those of clips over a set."""
    whole = case.measure()
    expected = case.finished(whole)
    assert 0 < whole["frames"] <= len(case.gt)
    if case.family.needs.whole:
        swapped = case.measure(pred=case.gt, gt=case.pred)
        assert swapped.keys() == whole.keys()
        doubled = case.finished(add(whole, whole))
        for name, score in case.family.scores.items():
            # Distances of distributions know of how many they are: twice the same is another set.
            if score.without is None:
                assert doubled[name] == pytest.approx(expected[name], rel=1e-9, nan_ok=True)
        orders = [case.finished(add(*pair)) for pair in ((whole, swapped), (swapped, whole))]
        assert orders[0] == pytest.approx(orders[1], rel=1e-9, nan_ok=True)
        return
    pred, gt = case.pred, case.gt
    for cut in range(1, len(gt)):
        total = {}
        for part in (slice(0, cut), slice(cut, None)):
            total = add(total, case.measure(pred=pred[part], gt=gt[part]))
        assert total.keys() == whole.keys() and total["frames"] == whole["frames"]
        assert case.finished(total) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def check_truth(case: Case) -> None:
    """The ground truth has every score, and where it is looked at no prediction is better."""
    pred, gt = case.pred, case.gt
    itself = case.finished(case.measure(pred=gt))
    worse, elsewhere = case.finished(case.measure()), case.finished(case.measure(gt=pred))
    for name, score in case.family.scores.items():
        assert isinstance(itself[name], float) and not np.isnan(itself[name]), itself[name]
        if score.better == "closer" or worse[name] == elsewhere[name]:
            continue  # the ground truth is only the value to be near to
        assert (
            itself[name] > worse[name] if score.better == "higher" else (itself[name] < worse[name])
        )


# -- every entry ----------------------------------------------------------------------------------


@pytest.fixture(params=METRICS.names())
def name(request):
    return request.param


@pytest.fixture(params=list(METRICS.families()))
def family(request):
    return METRICS.families()[request.param]


@pytest.fixture
def case(family, tmp_path):
    return case_of(family, tmp_path)


def test_declares_itself(name):
    metric = METRICS.get(name)
    assert metric.title and metric.citation
    assert metric.better in ("higher", "lower", "closer")
    assert metric.needs.view in VIEWS
    assert metric.family.about and metric.family.limits and metric.family.checked
    for key, param in metric.params.items():
        assert param.doc
        assert param.check(key, param.default) == param.default


def test_keywords_are_the_declared_ones(family):
    check_keywords(family)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_statistics_add_up(case):
    check_sums(case)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_nothing_is_better_than_the_ground_truth(case):
    check_truth(case)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_refusal_has_a_reason(case):
    pred, gt = case.pred, case.gt
    hostile = [{"pred": pred[:-1]}, {"pred": pred[:1], "gt": gt[:1]}, {"pred": pred[:0]}]
    refused = 0
    for pair in hostile:
        try:
            refused += any(isinstance(s, str) or np.isnan(s)
                           for s in case.finished(case.measure(**pair)).values())  # fmt: skip
        except ScoreError as error:
            assert str(error)
            refused += 1
    assert refused


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_measuring_changes_no_input(case):
    before = {name: np.copy(value) for name, value in case.inputs.items()}
    case.measure()
    for name, value in case.inputs.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_score_is_called_with_what_was_declared(case):
    for name in case.family.scores:
        value = METRICS.get(name)(**case.inputs, **case.settings)
        assert value == case.finished(case.measure())[name]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("name", METRICS.families())
def test_the_example_of_the_module_is_true(name, tmp_path, monkeypatch):
    """Each in an empty folder; one that needs a package is skipped where it is not there."""
    family = METRICS.families()[name]
    if family.example:
        case_of(family, tmp_path)
    monkeypatch.chdir(tmp_path)
    text = importlib.import_module(f"tkit.metrics.{name.replace('-', '_')}").__doc__
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert "METRICS.get(" in text and test.examples
    report = []
    runner = doctest.DocTestRunner()
    runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


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


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_wrong_input_is_one_line(case):
    for name in case.family.scores:
        metric, needed = METRICS.get(name), METRICS.get(name).required
        with pytest.raises(UsageError, match=f"{name} needs {' and '.join(needed)}; .* nothing$"):
            metric()
        for key in needed:
            rest = {other: value for other, value in case.inputs.items() if other != key}
            with pytest.raises(UsageError, match=f"{name} needs {key}; it was given"):
                metric(**rest, **case.settings)
            for wrong in (None, "clip.mp4", [[1], [2, 3]], {}):
                with pytest.raises(UsageError, match=f"{name}: {key} is no array of numbers but "):
                    metric(**{**rest, key: wrong}, **case.settings)
        with pytest.raises(ConfigError, match=f"unknown parameter {name}.frames"):
            metric(**case.inputs, frames=1)


def test_a_sound_and_a_rate_are_looked_at():
    face, sound, lag = drawn_face("clip"), voice("clip"), METRICS.get("av-lag")
    with pytest.raises(UsageError, match=r"av-lag: wave has shape .*, of one channel"):
        lag(pred=face, gt=face, wave=np.stack([sound, sound]))
    for wrong in (0, -25.0, float("nan"), [25.0, 25.0]):
        with pytest.raises(UsageError, match=r"av-lag: fps is .* one number above zero"):
            lag(pred=face, gt=face, wave=sound, fps=wrong)
    assert lag(pred=face.tolist(), gt=face.tolist(), wave=sound.tolist()) == lag(
        pred=face, gt=face, wave=sound, fps=25
    )
    speed = METRICS.get("head-speed")  # a frame every two seconds is a rate as well
    assert speed(pred=face, fps=0.5) == pytest.approx(speed(pred=face, fps=25.0) / 50)


def test_points_of_another_shape_are_refused_under_every_policy():
    face = drawn_face("clip")
    for family in METRICS.families().values():
        if not family.needs.of_points:
            continue
        metric = METRICS.get(next(iter(family.scores)))
        more = {"wave": voice("clip")} if "wave" in family.inputs else {}
        for policy in ("error", "drop"):
            for wrong in (face[:, :10], face[0], face[..., :1]):
                with pytest.raises(ScoreError, match=r"points of the prediction .*\(T, 68, 2\)"):
                    metric(pred=wrong, gt=face, missing_face=policy, **more)
            if "gt" in family.inputs:
                with pytest.raises(ScoreError, match="predicted frames of points"):
                    metric(pred=face[1:], gt=face, missing_face=policy, **more)
            with pytest.raises(ScoreError, match="no frame"):
                metric(pred=face[:0], gt=face[:0], missing_face=policy, **more)


def test_eyes_that_coincide_are_said_to_be_whose_they_are():
    face = drawn_face("clip")
    metric = METRICS.get("mouth-opening")
    with pytest.raises(ScoreError, match="eyes of the prediction coincide"):
        metric(pred=0 * face, gt=face)
    with pytest.raises(ScoreError, match="eyes of the ground truth coincide"):
        metric(pred=face, gt=0 * face)


def test_unknown_parameter_names_the_nearest(name):
    metric = METRICS.get(name)
    for key in metric.params:
        with pytest.raises(
            ConfigError, match=f"unknown parameter {name}.{key}x; did you mean {key}"
        ):
            metric.settings({f"{key}x": 1})
    there = ", ".join(metric.params) or "none"
    with pytest.raises(
        ConfigError, match=re.escape(f"unknown parameter {name}.qqqq (there are: {there})")
    ):
        metric.settings({"qqqq": 1})


def test_value_outside_the_choices_is_an_error(name):
    metric = METRICS.get(name)
    for key, param in metric.params.items():
        if param.choices:
            with pytest.raises(ConfigError, match=f"{key}: 'grey' is none of"):
                metric.settings({key: "grey"})


def test_unknown_metric_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean ssim"):
        METRICS.get("ssmi")
    with pytest.raises(UnknownNameError, match="did you mean blink-rate"):
        METRICS.get("blink-rat")


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


# -- the checks themselves: what breaks its declaration fails -------------------------------------


def toy(measure, *, view="frames", whole=False, finish=None, better="lower", **more) -> Metric:
    """A family of one score; ``finish`` is the mean over frames by default."""
    finish = finish or (lambda stats: stats["sum"] / stats["frames"])
    score = Score("", better, finish)
    return Metric("toy", "none", Need(view, whole), measure, {"toy": score}, **more)


def error(*, pred, gt):
    """Honest: the sum of the frames' mean absolute error."""
    each = abs(pred - gt.astype(float)).mean(axis=tuple(range(1, gt.ndim)))
    return {"frames": len(gt), "sum": float(each.sum())}


def speed(*, pred, gt):
    """Of whole clips only: a cut loses a step."""
    each = abs(np.diff(pred - gt, axis=0)).mean(axis=(1, 2))
    return {"frames": len(gt), "sum": float(each.sum())}


def mean(*, pred, gt):
    """Adds up over nothing."""
    return {"frames": len(gt), "sum": float(abs(pred - gt).mean()) * 9}


def test_a_metric_without_parameters_keeps_all(tmp_path):
    for family in (toy(error), toy(error, view="own-gray"), toy(speed, view="points", whole=True)):
        check_keywords(family)
        check_sums(Case(family, {}))
        check_truth(Case(family, {}))


@pytest.mark.parametrize(
    "family",
    [
        toy(speed, view="points"),
        toy(mean, view="points"),
        toy(mean, view="points", whole=True, finish=lambda stats: stats["sum"]),
        toy(mean),
    ],
)
def test_statistics_that_do_not_add_up_are_found(family):
    with pytest.raises(AssertionError):
        check_sums(Case(family, {}))


def test_other_keywords_are_found():
    def taking_all(*, pred, gt, **params):
        return error(pred=pred, gt=gt)

    def positional(pred, gt):
        return error(pred=pred, gt=gt)

    def undeclared(*, pred, gt, window="box"):
        return error(pred=pred, gt=gt)

    def hearing(*, pred, gt, wave):
        return error(pred=pred, gt=gt)

    for measure in (taking_all, positional, undeclared):
        with pytest.raises(AssertionError):
            check_keywords(toy(measure))
    with pytest.raises(AssertionError):
        check_keywords(toy(error, params={"window": Param("box", "a window")}))
    with pytest.raises(AssertionError, match="no sound"):
        check_keywords(toy(hearing, inputs=("pred", "gt", "wave")))


def test_a_score_that_prefers_errors_is_found():
    with pytest.raises(AssertionError):
        check_truth(Case(toy(error, better="higher"), {}))


def test_a_family_is_one_file(tmp_path):
    (tmp_path / "flicker.py").write_text(
        "from tkit.metrics import Metric, Need, Score\n"
        "def measure(*, pred, gt):\n"
        "    return {'frames': len(gt), 'sum': float(abs(pred - 1.0 * gt).mean() * len(gt))}\n"
        "def mean(stats):\n"
        "    return stats['sum'] / stats['frames']\n"
        "METRIC = Metric('Flicker', 'none', Need('frames'), measure,\n"
        "    {'flicker-a': Score('', 'lower', mean), 'flicker-b': Score('x', 'lower', mean)})\n"
    )
    metrics.__path__.append(str(tmp_path))
    try:
        assert "flicker" in METRICS.families()
        assert {"flicker-a", "flicker-b"} <= set(METRICS.names())
        flicker = METRICS.get("flicker-b")
        ones = np.ones((2, 4, 4, 3), np.uint8)
        assert flicker(pred=ones, gt=3 * ones) == 2.0
        assert (flicker.title, flicker.unit_of({}), flicker.tokens({})) == (
            "Flicker", "x", ["pool:clip"],
        )  # fmt: skip
        check_sums(case_of(flicker.family, tmp_path))
    finally:
        metrics.__path__.remove(str(tmp_path))
        sys.modules.pop("tkit.metrics.flicker", None)
