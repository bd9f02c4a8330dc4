import pytest

from tkit import clips, files, seeds
from tkit.clips import Clip
from tkit.errors import CorpusError, OutputExistsError, UsageError


def test_validate_sorts_and_refuses_doubles():
    a, b = Clip("a", "s1", "a.mpg"), Clip("b", "s1", "b.mpg")
    assert clips.validate([b, a]) == [a, b]
    with pytest.raises(CorpusError, match="twice"):
        clips.validate([a, a])
    with pytest.raises(CorpusError, match="empty"):
        clips.validate([Clip("a", "", "a.mpg")])


def test_seed_of_a_name_never_changes():
    # First eight bytes of SHA-256("0\0x"), little-endian: the same on every machine.
    assert seeds.stable_seed(7, "ab", "c") != seeds.stable_seed(7, "a", "bc")
    assert seeds.stable_seed(0, "x") == 0xE082A583F0752E13
    first = seeds.generator(1, "clip").normal(size=3)
    assert (first == seeds.generator(1, "clip").normal(size=3)).all()


def test_atomic_path_leaves_nothing_behind_on_failure(tmp_path):
    target = tmp_path / "out.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), files.atomic_path(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_atomic_path_replaces_when_done(tmp_path):
    target = tmp_path / "new" / "out.txt"
    with files.atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.suffix == ".txt"
    assert target.read_text() == "whole"


def test_existing_output_needs_force(tmp_path):
    path = tmp_path / "x"
    path.touch()
    with pytest.raises(OutputExistsError, match="--force"):
        files.refuse_overwrite(path, force=False)
    assert files.refuse_overwrite(path, force=True) == path


def test_missing_path_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere: no such folder"):
        files.require_path(tmp_path / "nowhere", "folder")
