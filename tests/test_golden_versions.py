"""A golden number moves together with the version of tkit, never by itself.

``tests/data/golden.tsv`` says at which versions the values of each file of golden numbers moved,
and what they were: a row has the file, the version, and the SHA-256 of the values without layout.
"""

import csv
import hashlib
import json
from pathlib import Path

import pytest
from packaging.version import Version

from tkit import __version__

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data"
ABOUT = {"about", "meta"}  # said of the values, and none of them
FILES = sorted([*DATA.glob("*.json"), DATA / "grid_blinks.csv"])


def rows():
    """File to [(version, digest), ...] in the order of the table."""
    found = {}
    with (DATA / "golden.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            found.setdefault(row["file"], []).append((row["version"], row["sha256"]))
    return found


def digest(path):
    """SHA-256 of the values in a file, whatever its layout is."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        values = {name: one for name, one in json.loads(text).items() if name not in ABOUT}
        text = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()


def test_every_file_of_golden_numbers_has_its_rows():
    assert rows().keys() == {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_values_are_those_of_the_last_version_at_which_they_moved(path):
    version, known = rows()[path.name][-1]
    assert digest(path) == known, (
        f"{path.name} has other values than at {version}. If they are meant to move: raise the "
        f"version, add the row\n{path.name}\t{__version__}\t{digest(path)}\nto "
        "tests/data/golden.tsv and say in CHANGELOG.md, under Scores, what moves and why"
    )


@pytest.mark.parametrize("name", rows())
def test_a_version_moves_values_once_and_none_is_of_tomorrow(name):
    versions = [Version(version) for version, _ in rows()[name]]
    assert versions == sorted(set(versions)) and versions[-1] <= Version(__version__)
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert all(f"\n## {version}" in changes for version in versions)


def test_layout_is_no_value_and_every_digit_is_one(tmp_path):
    one, two, three = (tmp_path / name for name in ("a.json", "b.json", "c.json"))
    one.write_text('{"meta": {"made": "today"}, "b": [1, 2], "a": 0.25}')
    two.write_text('{\n "a": 0.25,\n "b": [1, 2],\n "about": "another recipe"\n}\n')
    three.write_text('{"a": 0.250000001, "b": [1, 2]}')
    assert digest(one) == digest(two) != digest(three)
