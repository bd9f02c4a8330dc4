"""A folder at a URL: in memory, on a web server of this machine, in a bucket."""

import functools
import threading
import urllib.request
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest


@contextmanager
def in_memory(folder: Path):
    """The folder at ``memory://c``, of this process alone."""
    system = fsspec.filesystem("memory")
    for path in folder.rglob("*.*"):
        if path.is_file():
            system.pipe_file(f"/c/{path.relative_to(folder).as_posix()}", path.read_bytes())
    try:
        yield "memory://c"
    finally:
        system.store.clear()


@contextmanager
def served(folder: Path):
    """The folder at an address of this machine."""
    pytest.importorskip("aiohttp", reason="needs the extra remote")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    ) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{made.server_port}"
        finally:
            made.shutdown()


@contextmanager
def in_bucket(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The folder at ``s3://corpus/c``, on a server of this machine; ``s3://scratch`` is empty."""
    s3fs = pytest.importorskip("s3fs", reason="needs the extra remote")
    moto = pytest.importorskip("moto.server", reason="needs the package moto[server]")
    made = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    made.start()
    endpoint = "http://{}:{}".format(*made.get_host_and_port())
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", endpoint)  # for workers, which begin with it
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": endpoint})
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    system = fsspec.filesystem("s3")
    system.mkdir("corpus")
    system.mkdir("scratch")
    system.put(str(folder), "corpus/c", recursive=True)
    try:
        yield "s3://corpus/c"
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        # What it holds outlives it.
        urllib.request.urlopen(f"{endpoint}/moto-api/reset", data=b"").close()
        made.stop()
