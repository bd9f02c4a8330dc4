"""What the documentation tells a reader to type works: all of it parses, most of it is run.

The corpus is a few puppets, read as GRID where a page says ``/data/grid``; trainings are cut to
three steps. What needs more (marked ``not-run``) is parsed: its commands and options exist.
"""

import re
import shutil
import wave
from concurrent.futures import ThreadPoolExecutor

import doc_pages
import pytest

from tkit import media, prep
from tkit.corpora import puppet

PAGES = doc_pages.pages()
BLOCKS = [block for page in PAGES for block in doc_pages.blocks(page)]
RUN = [page for page in PAGES if any(block.runs or block.file for block in doc_pages.blocks(page))]

# What a page takes for granted: files of :func:`given`, and names in Python.
NEEDS = {
    "README.md": "out grid face.png speech.wav",
    "docs/animating.md": "grid.h5 face.png speech.wav",
    "docs/preparing.md": "clip.mp4 hello.wav",
    "docs/scoring.md": "out",
    "docs/why.md": "out puppet",
    "docs/extending/corpus.md": "clip.mp4",
    "docs/extending/landmarker.md": "clip.mp4",
    "docs/extending/protocol.md": "out puppet",
    "docs/extending/stage.md": "puppet.h5",
}
GIVEN = """
import numpy as np
truth = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
frames, features = truth // 2, np.zeros((50, 29), np.float32)
"""


def test_the_pages_have_blocks():
    assert len(PAGES) > 20 and len(RUN) > 10


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_says_what_it_is(block):
    assert block.language in doc_pages.LANGUAGES
    marks = [m for m in block.marks if m != "not-run" and not m.startswith("file=")]
    assert not marks or "not-run" in block.marks, f"{block}: unknown marks {marks}"


ADDING = {block.page for block in BLOCKS if block.file}  # what they add exists when they are run


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language == "sh" and b.page not in ADDING], ids=str
)
def test_every_command_exists_with_its_options(block):
    for words in block.commands:
        if words[0] == "tkit":
            doc_pages.parse(words)
        elif words[0] == "make":
            targets = re.findall(r"^(\w+):", (doc_pages.ROOT / "Makefile").read_text(), re.M)
            assert set(words[1:]) <= set(targets), words
        elif words[0] == "python" and words[1] != "-m":
            script = (doc_pages.ROOT / words[1]).read_text(encoding="utf-8")
            for option in (word for word in words if word.startswith("--")):
                assert f'"{option}"' in script, f"{words[1]} has no {option}"


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python"], ids=str)
def test_python_blocks_are_python(block):
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize(
    "wrong", ["tkit scroe", "tkit prep grid --rot x", "tkit train motion --x 1"]
)
def test_what_is_no_command_is_found(wrong):
    import click

    with pytest.raises(click.UsageError):
        doc_pages.parse(wrong.split())


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """A corpus, stores, predictions, a photo, a video and a voice for :data:`NEEDS`."""
    folder = tmp_path_factory.mktemp("given")
    corpus = folder / "puppet"
    puppet.generate(corpus, speakers=4, clips=1)
    (folder / "grid").symlink_to(corpus)
    clip = min(corpus.glob("s1/*.mp4"))
    for name in ("grid", "puppet"):
        prep.prepare(name, corpus, folder / f"{name}.h5", settings=prep.Settings(crops=True))
    for method in ("out", "out/a", "out/b"):
        (folder / method / "s1").mkdir(parents=True)
        shutil.copy(clip, folder / method / "s1")
    shutil.copy(clip, folder / "clip.mp4")
    media.write_image(folder / "face.png", media.read_clip(clip).frames[0])
    for name in ("speech.wav", "hello.wav"):
        with wave.open(str(folder / name), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes((media.read_audio(clip)[:24000] * 32767).astype("<i2").tobytes())
    return folder


def read(page, given, folder):
    """Type a page; return the first block that fails and what it said, or None."""
    blocks = [b for b in doc_pages.blocks(page) if b.runs or b.file]
    if any(block.file for block in blocks):
        doc_pages.checkout(folder)
    reader = doc_pages.Reader(folder, given / "puppet", GIVEN)
    for name in NEEDS.get(doc_pages.name_of(page), "").split():
        (folder / name).symlink_to(given / name)
    for block in blocks:
        done = reader.run(block)
        if done.returncode:
            return f"{block}\n{block.text}\n{done.stdout}\n{done.stderr}"
    return None


@pytest.fixture(scope="module")
def readers(request, given, tmp_path_factory):
    """Two readers, who share the pages that are asked for: page to what became of it."""
    asked = [
        item.callspec.params["page"]
        for item in request.session.items
        if item.path == request.path and "readers" in item.fixturenames
    ]
    with ThreadPoolExecutor(2) as pool:
        yield {
            page: pool.submit(read, page, given, tmp_path_factory.mktemp("reader") / "here")
            for page in asked
        }


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=doc_pages.name_of)
def test_a_reader_who_types_a_page_sees_it_work(page, readers):
    failure = readers[page].result()
    assert failure is None, failure
