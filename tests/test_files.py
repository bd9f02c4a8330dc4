import pytest

from tkit import files
from tkit.errors import UsageError


def test_a_hash_is_kept_until_the_file_changes(tmp_path, monkeypatch):
    read = []
    real = files.sha256_of
    monkeypatch.setattr(files, "sha256_of", lambda path: read.append(path) or real(path))
    path = tmp_path / "net.pth"
    path.write_bytes(b"one")
    first = files.short_hash(path)
    assert first == real(path)[:8]
    assert files.short_hash(str(path)) == first and len(read) == 1
    path.write_bytes(b"other")
    assert files.short_hash(path) == real(path)[:8] != first


def test_a_kept_hash_is_not_that_of_a_file_of_the_same_name_elsewhere(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.pth").write_text(name)
    found = set()
    for name in ("a", "b"):
        monkeypatch.chdir(tmp_path / name)
        found.add(files.short_hash("net.pth"))
    assert len(found) == 2


def test_links_are_followed_but_not_in_circles(tmp_path):
    """To the folder they are in, to those above, and to each other."""
    for name in ("a", "b"):
        (tmp_path / "root" / name).mkdir(parents=True)
        (tmp_path / "root" / name / "x").touch()
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "y").touch()
    root = tmp_path / "root"
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "higher").symlink_to(tmp_path)
    (root / "a" / "self").symlink_to(".")
    (root / "a" / "z").symlink_to("../b")
    (root / "b" / "z").symlink_to("../a")
    (root / "c").symlink_to(tmp_path / "far")
    (root / "nowhere").symlink_to("gone")
    found = {place.relative_to(root).as_posix(): names for place, names in files.walk(root)}
    assert found == {
        ".": ["nowhere"], "a": ["x"], "a/z": ["x"], "b": ["x"], "b/z": ["x"], "c": ["y"],
    }  # fmt: skip


def test_folders_that_all_lead_to_each_other_end_with_a_sentence(tmp_path):
    for name in range(12):
        (tmp_path / str(name)).mkdir()
        for other in range(12):
            (tmp_path / str(name) / f"to{other}").symlink_to(f"../{other}")
    with pytest.raises(UsageError, match="in more than 100 ways"):
        list(files.walk(tmp_path))
