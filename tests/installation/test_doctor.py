"""What is installed here, and what is said where something is not."""

import configparser
from importlib import metadata
from pathlib import Path

import pytest

from tkit.errors import TkitError, UsageError
from tkit.installation import doctor, licences, requirements


@pytest.fixture
def asks(monkeypatch):
    """Let tkit ask for other packages than it does."""
    known = metadata.requires

    def call(*lines: str) -> None:
        monkeypatch.setattr(
            metadata,
            "requires",
            lambda name: [*lines] if name == requirements.NAME else known(name),
        )

    return call


@pytest.mark.slow
def test_this_environment_is_sound(run):
    code, out, err = run("doctor")
    assert (code, err) == (0, "") and max(map(len, out.splitlines())) <= 80
    assert "weights motion: sound" in out and "lipseg: works" in out and "!!" not in out


def test_what_is_installed_has_no_trouble(asks):
    asks("numpy>=1", "click>=8; python_version > '3'")
    found = requirements.needed()
    assert [(one.wanted.name, one.trouble) for one in found] == [("numpy", ""), ("click", "")]
    assert found[0].version == metadata.version("numpy")


@pytest.mark.parametrize(
    ("line", "trouble"),
    [
        ("no-such-package>=2", "no-such-package is not installed"),
        ("numpy>=1000", f"numpy is {metadata.version('numpy')}, not >=1000"),
    ],
)
def test_what_is_lacking_is_named_with_the_line_that_installs_it(asks, line, trouble):
    asks("click>=8", line)
    machine, sound, *broken = doctor.examine()
    assert (machine.state, sound.state) == ("ok", "ok") and "Python" in machine.what
    assert sound.what.startswith("packages: click ")
    (finding,) = broken  # back-ends are not tried, they would say the same again
    assert (finding.what, finding.state) == (trouble, "broken")
    assert finding.remedy == f"pip install '{line}'"


def test_a_package_that_cannot_be_imported_is_broken(asks, monkeypatch):
    asks("click>=8")

    def broken(name):
        raise ImportError(f"lib{name}.so: cannot open shared object file")

    monkeypatch.setattr(requirements, "import_module", broken)
    (one,) = requirements.needed()
    assert one.trouble == "cannot be imported: libclick.so: cannot open shared object file"


def test_extras_that_are_not_installed_are_told_and_no_fault(asks):
    asks("no-such-package; extra == 'cluster'", "click>=8; extra == 'export'", "x; extra == 'test'")
    found = requirements.optional()
    assert found.keys() == {"cluster", "export"}  # nobody needs those of developers
    assert found["cluster"][0].trouble == "is not installed" and not found["export"][0].trouble


def test_every_extra_says_what_it_is_for():
    told = configparser.ConfigParser()
    told.read(Path(__file__).parents[2] / "setup.cfg", encoding="utf-8")
    extras = {*told["options.extras_require"]}
    assert extras == requirements.PURPOSES.keys() | requirements.DEVELOPERS


def test_what_is_optional_has_one_line_with_what_it_is_for_and_the_way_to_it(asks, monkeypatch):
    from tkit.metrics import ffmpeg

    def absent():
        raise UsageError("this metric needs ffmpeg: pip install 'talking-face-toolkit[quality]'")

    monkeypatch.setattr(type(ffmpeg.FFMPEG), "load", lambda net: absent())
    asks("no-such-package; extra == 'app'")
    found = {one.what.partition(":")[0]: one for one in doctor.examine() if one.state != "ok"}
    app = found["extra app, for tkit app and tkit study serve"]
    assert (app.state, app.remedy) == ("missing", f"pip install '{requirements.NAME}[app]'")
    features = found["network features, for fid, kid"]
    assert features.remedy == "give it by --set fid.net=FILE or --set kid.net=FILE"
    vmaf = found["network ffmpeg, for vif, vmaf, xpsnr"]
    assert (vmaf.state, vmaf.remedy) == ("missing", f"pip install '{requirements.NAME}[quality]'")


def test_without_metadata_the_way_to_them_is_told(monkeypatch):
    def none(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", none)
    with pytest.raises(TkitError, match="pip install -e"):
        requirements.needed()


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("missing", 0), ("broken", 1)])
def test_only_what_is_broken_fails_and_the_remedy_is_shown(run, monkeypatch, state, code):
    findings = [doctor.Finding("weights motion: the file has others", state, "pip install tkit")]
    monkeypatch.setattr(doctor, "examine", lambda: iter(findings))
    found, out, err = run("doctor")
    sign = {"ok": "ok", "missing": "--", "broken": "!!"}[state]
    assert found == code and ("1 of what tkit needs is broken" in err) == (state == "broken")
    assert out == f"{sign}  weights motion: the file has others\n    > pip install tkit\n"


def test_damaged_weights_and_back_ends_are_broken(asks, monkeypatch):
    from tkit.lips import lipseg
    from tkit.zoo.released import weights

    asks("click>=8")
    monkeypatch.setattr(
        weights, "problems", lambda name: ["the file has sha256 0"] * (name == "blink")
    )
    monkeypatch.setattr(type(lipseg.SEGMENTER), "load", lambda self: 1 / 0)
    found = {one.what: one for one in doctor.examine() if one.state == "broken"}
    assert "weights blink: the file has sha256 0" in found
    assert any("lipseg" in what and "ZeroDivisionError" in what for what in found)
    assert all("pip install --force-reinstall" in one.remedy for one in found.values())


def test_licences_name_the_parts_under_the_gpl_and_data_that_are_not_free(run):
    code, out, _ = run("doctor", "--licences")
    text = " ".join(out.split())
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    for said in ("x264 and x265: GPL-2.0-or-later", "espeak-ng: GPL-3.0-or-later", "iBUG 300-W",
                 "weights texture-lite CC BY 4.0"):  # fmt: skip
        assert said in text


def test_every_package_that_is_reached_has_a_licence_that_is_stated():
    found = {one.name: one.licence for one in licences.of_packages()}
    assert {"numpy", "torch", "av", "markupsafe"} <= found.keys()  # what jinja2 needs, too
    assert [name for name, told in found.items() if told == "not stated"] == []


@pytest.mark.parametrize(
    ("package", "library", "there"),
    [("av", "libx264", True), ("av", "libx265", True), ("opencv-python-headless", "libx26", False),
     ("espeakng-loader", "libespeak-ng", True)],
)  # fmt: skip
def test_what_is_said_of_libraries_inside_packages_is_so(package, library, there):
    assert package in licences.INSIDE
    names = [file.name for file in metadata.files(package) or ()]
    if not any(".so" in name for name in names):
        pytest.skip(f"{package} is not installed from its wheel for Linux")
    assert any(name.startswith(library) for name in names) == there
