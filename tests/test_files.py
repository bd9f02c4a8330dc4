from tkit import files


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
