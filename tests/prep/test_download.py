"""Downloads from a server on this machine that breaks off, changes its mind and lies."""

import hashlib
import io
import stat
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from tkit.cli import main
from tkit.errors import DownloadError, UsageError
from tkit.prep import download


class Server:
    """Files in memory over HTTP; ``cut`` bytes of a file are sent before the line goes dead."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut: dict[str, int] = {}
        self.status: dict[str, int] = {}
        self.length: dict[str, str] = {}
        self.ranges = True
        self.asked: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/files"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.rpartition("/")[2]
        wanted = handler.headers.get("Range", "")
        self.asked.append((name, wanted))
        if name not in self.files:
            handler.send_error(404)
            return
        if name in self.status:
            handler.send_error(self.status[name])
            return
        data, start = self.files[name], 0
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(data)}")
                handler.end_headers()
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", self.length.get(name, str(len(data) - start)))
        handler.end_headers()
        handler.wfile.write(data[start : self.cut.pop(name, len(data))])


@pytest.fixture
def server():
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def packed(files: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return memory.getvalue()


NOISE = np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture
def grid(server):
    server.files["alignments.zip"] = packed({"alignments/s1/bbaf2n.align": b"0 1 sil\n"})
    server.files["s1.zip"] = packed({"s1/bbaf2n.mpg": NOISE})
    server.files["s2.zip"] = packed({"s2/bbaf2n.mpg": b"two"})
    return server


def fetch(grid, root, **options):
    said: list[str] = []
    options = {"speakers": ["s1"], **options}
    done = download.download("grid", root, url=grid.url, say=said.append, **options)
    return done, said


def test_archives_are_fetched_and_unpacked_once(grid, tmp_path):
    done, said = fetch(grid, tmp_path / "g")
    assert done == ["alignments.zip", "s1.zip"]
    assert said[1] == "s1.zip: 1 files (no checksum known, not verified)"
    assert (tmp_path / "g/s1/bbaf2n.mpg").read_bytes() == NOISE
    assert (tmp_path / "g/alignments/s1/bbaf2n.align").exists()
    assert sorted(path.name for path in (tmp_path / "g/.archives").iterdir()) == [
        "alignments.zip.done",
        "s1.zip.done",
    ]
    asked = len(grid.asked)
    assert fetch(grid, tmp_path / "g")[0] == [] and len(grid.asked) == asked
    done, _ = fetch(grid, tmp_path / "g", speakers=["s1", "s2"])
    assert done == ["s2.zip"]


def test_a_broken_download_goes_on_where_it_stopped(grid, tmp_path):
    grid.cut["s1.zip"] = 1_500_000
    with pytest.raises(DownloadError, match=r"run the command again to go on \(\d+ bytes"):
        fetch(grid, tmp_path / "g")
    partial = tmp_path / "g/.archives/s1.zip.partial"
    have = partial.stat().st_size
    assert 0 < have <= 1_500_000 and not (tmp_path / "g/s1").exists()
    assert partial.read_bytes() == grid.files["s1.zip"][:have]
    fetch(grid, tmp_path / "g")
    assert grid.asked[-1] == ("s1.zip", f"bytes={have}-")
    assert (tmp_path / "g/s1/bbaf2n.mpg").read_bytes() == NOISE


def test_a_server_without_ranges_starts_again(grid, tmp_path):
    grid.ranges = False
    partial = tmp_path / "g/.archives/s1.zip.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"x" * 1000)
    fetch(grid, tmp_path / "g")
    assert (tmp_path / "g/s1/bbaf2n.mpg").read_bytes() == NOISE


@pytest.mark.parametrize("extra", [b"", b"longer than the file"])
def test_a_partial_file_that_is_complete_or_too_long(grid, tmp_path, extra):
    partial = tmp_path / "g/.archives/s1.zip.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(grid.files["s1.zip"] + extra)
    fetch(grid, tmp_path / "g")
    assert (tmp_path / "g/s1/bbaf2n.mpg").read_bytes() == NOISE


def test_checksums_are_checked(grid, tmp_path):
    table = tmp_path / "sums.txt"
    lines = [
        f"{hashlib.md5(grid.files['alignments.zip']).hexdigest()}  alignments.zip",
        f"sha256:{hashlib.sha256(grid.files['s1.zip']).hexdigest()} *s1.zip",
        f"{'0' * 32}  s2.zip",
    ]
    table.write_text("# from the record's page\n" + "\n".join(lines) + "\n")
    sums = download.read_checksums(table)
    _, said = fetch(grid, tmp_path / "g", checksums=sums)
    assert said == ["alignments.zip: 1 files (checksum right)", "s1.zip: 1 files (checksum right)"]
    with pytest.raises(DownloadError, match=r"s2.zip does not have the checksum md5:0{32}"):
        fetch(grid, tmp_path / "g", speakers=["s2"], checksums=sums)
    assert not (tmp_path / "g/s2").exists()
    assert not list((tmp_path / "g/.archives").glob("s2*"))
    with pytest.raises(UsageError, match=r"no line for s3\.zip"):
        fetch(grid, tmp_path / "g", speakers=["s3"], checksums=sums)
    table.write_text("what is this\n")
    with pytest.raises(UsageError, match="line 1"):
        download.read_checksums(table)


@pytest.mark.parametrize("how", ["cut short", "a bit"])
def test_a_damaged_archive_that_was_kept_is_fetched_again(grid, tmp_path, how):
    kept = tmp_path / "g/.archives/s1.zip"
    kept.parent.mkdir(parents=True)
    data = bytearray(grid.files["s1.zip"])
    data[1_000_000] ^= 1
    kept.write_bytes(data if how == "a bit" else data[:2_000_000])
    assert fetch(grid, tmp_path / "g")[0] == ["alignments.zip", "s1.zip"]
    assert (tmp_path / "g/s1/bbaf2n.mpg").read_bytes() == NOISE
    assert not kept.exists() and grid.asked[-1] == ("s1.zip", "")


def test_an_archive_that_comes_damaged_is_not_kept(grid, tmp_path):
    good = grid.files["s1.zip"]
    grid.files["s1.zip"] = good[:1_000_000] + b"?" * 99 + good[1_000_099:]
    with pytest.raises(DownloadError, match=r"damaged.*removed, the next run fetches it anew"):
        fetch(grid, tmp_path / "g")
    assert not list((tmp_path / "g/.archives").glob("s1*"))
    grid.files["s1.zip"] = good
    fetch(grid, tmp_path / "g")
    assert (tmp_path / "g/s1/bbaf2n.mpg").read_bytes() == NOISE


def test_a_server_that_says_nonsense_is_one_line(grid, tmp_path):
    grid.status["s1.zip"] = 416
    with pytest.raises(DownloadError, match="the server says 416"):
        fetch(grid, tmp_path / "g")
    grid.status.clear()
    grid.length["s1.zip"] = "many"
    fetch(grid, tmp_path / "g")
    assert (tmp_path / "g/s1/bbaf2n.mpg").read_bytes() == NOISE


def link(name: str, target: str) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return memory.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        packed({"s1/ok.mpg": b"1", "../evil": b"2"}),
        packed({"s1/ok.mpg": b"1", "s1/../../evil": b"2"}),
        packed({"s1/ok.mpg": b"1", "/evil": b"2"}),
        packed({"s1/ok.mpg": b"1", "..\\evil": b"2"}),
        packed({"s1/ok.mpg": b"1", "C:\\evil": b"2"}),
        link("s1/out", "/etc"),
    ],
    ids=["up", "up inside", "absolute", "up windows", "drive", "link"],
)
def test_nothing_is_written_outside(tmp_path, data):
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(DownloadError, match=r"x\.zip: its member .* nothing was unpacked"):
        download.unpack(tmp_path / "x.zip", tmp_path / "in" / "deep")
    assert [path.name for path in tmp_path.rglob("*")] == ["x.zip"]


def test_links_that_are_there_already_are_no_way_out(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "s1").symlink_to(tmp_path / "out")
    (tmp_path / "x.zip").write_bytes(packed({"s1/evil": b"1"}))
    with pytest.raises(DownloadError, match="nothing was unpacked"):
        download.unpack(tmp_path / "x.zip", tmp_path / "in")
    assert list((tmp_path / "out").iterdir()) == []


def test_damage_inside_is_found(tmp_path):
    data = bytearray(packed({"s1/a.mpg": b"a" * 1000}))
    data[200] ^= 1
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(DownloadError, match="damaged"):
        download.unpack(tmp_path / "x.zip", tmp_path / "in")
    assert not (tmp_path / "in/s1/a.mpg").exists()
    (tmp_path / "y.zip").write_text("<html>")
    with pytest.raises(DownloadError, match="not a plain zip"):
        download.unpack(tmp_path / "y.zip", tmp_path / "in")


def test_a_missing_file_and_a_dead_server(grid, tmp_path):
    del grid.files["s2.zip"]
    with pytest.raises(DownloadError, match="the server says 404"):
        fetch(grid, tmp_path / "g", speakers=["s2"])
    with pytest.raises(DownloadError, match="the connection failed"):
        download.fetch("http://127.0.0.1:9/s1.zip", tmp_path, None)


def test_names_of_the_archives():
    from tkit.corpora import grid

    assert grid.archives(("s10", "s2")) == ["alignments.zip", "s2.zip", "s10.zip"]
    assert len(grid.archives(())) == 34 and "s21.zip" not in grid.archives(())
    with pytest.raises(UsageError, match="'s21'"):
        grid.archives(("s21",))
    with pytest.raises(UsageError, match="cannot be downloaded"):
        download.download("tcdtimit", "x")


def test_command(grid, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["download", "grid", "--speakers", "s1,s2", "--out", str(tmp_path / "g"),
              "--url", grid.url, "--keep"])  # fmt: skip
    assert not stop.value.code
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'g'}: 3 archives fetched\n" and "not verified" in err
    assert (tmp_path / "g/.archives/s2.zip").exists()


def test_an_archive_of_zeros_without_end_is_not_unpacked(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "s1.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("s1/a.mpg", "w") as member,
    ):
        for _ in range(200):
            member.write(bytes(2**20))
    with pytest.raises(DownloadError, match="that declare"):
        download.unpack(tmp_path / "s1.zip", tmp_path / "g")
    assert not (tmp_path / "g").exists()


@pytest.mark.parametrize("name", [".archives/s1.zip.done", "./.archives/s2.zip.done"])
def test_no_archive_says_that_another_is_unpacked(tmp_path, name):
    (tmp_path / "s1.zip").write_bytes(packed({"s1/a.mpg": b"one", name: b""}))
    with pytest.raises(DownloadError):
        download.unpack(tmp_path / "s1.zip", tmp_path / "g")
    assert not (tmp_path / "g").exists()
