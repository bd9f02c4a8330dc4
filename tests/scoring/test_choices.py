"""What a user changes about a protocol, and how the changed one is called."""

import pytest

from tkit.errors import UsageError
from tkit.scoring import protocols


@pytest.fixture
def named():
    return protocols.load("sinha2020")


def test_nothing_changed_is_the_protocol_itself(named):
    assert protocols.change(named) == named
    own = {"landmarks": named.landmarks, "missing": None, "length": None, "size": ""}
    assert protocols.change(named, **own) == named


def test_other_metrics_keep_the_name_and_what_the_protocol_says_of_them(named):
    changed = protocols.change(named, metrics=["ssim", "jitter"])
    assert changed.name == "sinha2020" and list(changed.metrics) == ["ssim", "jitter"]
    assert changed.metrics["ssim"] == dict(named.metrics["ssim"]) and not changed.metrics["jitter"]


def test_what_a_protocol_fixes_is_changed_under_another_name(named):
    changed = protocols.change(named, settings={"ssim": {"window": "gauss11"}})
    assert changed.name == "custom" and changed.metrics["ssim"]["window"] == "gauss11"
    assert "gauss11" not in named.metrics["ssim"].values()
    assert protocols.change(named, landmarks="openface").name == "custom"
    changed = protocols.change(named, length="cut", missing="static", size=None)
    assert (changed.name, changed.length, changed.missing, changed.size) == (
        "custom", "cut", "static", named.size,
    )  # fmt: skip


def test_missing_faces_concern_the_metrics_that_look_for_faces(named):
    changed = protocols.change(named, metrics=["psnr", "lmd"], missing_face="drop")
    assert changed.metrics["lmd"]["missing_face"] == "drop"
    assert "missing_face" not in changed.metrics["psnr"]


def test_choices_that_concern_nothing_are_refused(named):
    with pytest.raises(UsageError, match=r"--metrics names nothing \(there are: .*psnr"):
        protocols.change(named, metrics=[])
    with pytest.raises(UsageError, match=r"--set jitter\.x=1: 'jitter' is none of the metrics"):
        protocols.change(named, settings={"jitter": {"x": "1"}})


def test_settings_are_read_from_text():
    read = protocols.read_settings(["ssim.window=gauss11", " psnr.cap = 60 ", "fid.model=a=b"])
    assert read == {
        "ssim": {"window": "gauss11"},
        "psnr": {"cap": "60"},
        "fid": {"model": "a=b"},
    }


@pytest.mark.parametrize("text", ["ssim", "ssim.window", "ssim=gauss11", "ssim.=gauss11"])
def test_settings_that_are_none_are_named(text):
    with pytest.raises(UsageError, match=f"--set {text}: give METRIC.PARAM=VALUE"):
        protocols.read_settings([text])
