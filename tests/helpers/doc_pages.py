"""The fenced blocks of the documentation: what they say, and how a reader would run them.

The first word of a fence is its language. ``sh`` and ``python`` are run, in the order of the page;
``not-run`` behind it says that a block needs what a test does not have (GRID, a GPU, a network),
and ``file=PATH`` that the block is that file of a checkout. A fence without a language is parsed as
one of ``sh not-run``.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
LANGUAGES = {"sh", "python", "toml", "text", "mermaid", "bibtex"}
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL_ENDS = {"|", "&&", "||", ";", ">", ">>", "<", "&", ")", "("}


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    page: str
    line: int
    language: str
    marks: tuple[str, ...]
    text: str

    @property
    def runs(self) -> bool:
        return self.language in ("sh", "python") and "not-run" not in self.marks

    @property
    def file(self) -> str:
        """Path in a checkout that the block is; empty for none."""
        return next((m.removeprefix("file=") for m in self.marks if m.startswith("file=")), "")

    @property
    def commands(self) -> list[list[str]]:
        """Words of every command line of a shell block, without what follows a pipe."""
        if self.language != "sh":
            return []
        lines = self.text.replace("\\\n", " ").splitlines()
        return [words for line in lines if (words := _words(line))]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    ends = [i for i, word in enumerate(words) if word in SHELL_ENDS]
    return words[: ends[0]] if ends else words


def pages() -> list[Path]:
    """README and the pages of the site, by name; those made of the registry are not sources."""
    written = [page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "metrics"]
    return [ROOT / "README.md", *sorted(written)]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """All blocks of a page but directives, which are the site's."""
    text, found = page.read_text(encoding="utf-8"), []
    for match in FENCE.finditer(text):
        language, *marks = match["info"].split() or ["sh", "not-run"]
        if not language.startswith("{"):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(name_of(page), line, language, tuple(marks), match["text"]))
    return found


def parse(words: list[str]) -> None:
    """Parse ``tkit ...`` as its command does, without running it.

    Raises
    ------
    click.UsageError
        If there is no such command, option or choice.
    """
    from tkit.cli import cli

    command, given = cli, words[1:]
    context = click.Context(cli, info_name="tkit")
    while isinstance(command, click.Group) and given and not given[0].startswith("-"):
        name, *given = given
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no command {name}")
        command = found
        context = click.Context(command, info_name=name, parent=context)
    if not {"--help", "-h", "--version"} & set(given):
        command.make_context(context.info_name, given, parent=context.parent)


def checkout(folder: Path) -> Path:
    """A checkout as installed, of links: files can be added to it, and it comes first on the path.

    Made fresh, so that nothing but the page's own files is new in it.
    """
    for source, target in (
        ("tkit", "tkit"), ("zoo", "tkit/zoo"), ("pipelines", "tkit/pipelines"), ("tests", "tests"),
    ):  # fmt: skip
        shutil.copytree(
            ROOT / source, folder / target, copy_function=os.symlink,
            ignore=shutil.ignore_patterns("*.pyc", "docs"),
        )  # fmt: skip
    (folder / "setup.cfg").symlink_to(ROOT / "setup.cfg")
    return folder


class Reader:
    """Runs the blocks of one page, in order, in a folder of its own.

    Parameters
    ----------
    folder : Path
        Where the reader stands.
    corpus : Path
        What ``/data/grid`` is for this reader: puppets, which are read as GRID.
    python_before : str
        Lines before every Python block: names that the page says are there.
    """

    def __init__(self, folder: Path, corpus: Path, python_before: str = "") -> None:
        self.folder, self.corpus, self.python_before = folder, corpus, python_before
        tools = folder / ".bin"
        tools.mkdir(parents=True)
        # Trainings are cut to three steps; all else is what the reader types.
        script = (
            f'#!/bin/sh\nif [ "$1" = train ]; then set -- "$@" --steps 3; fi\n'
            f'exec "{sys.executable}" -m tkit "$@"\n'
        )
        for name, text in {
            "tkit": script,
            "python": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n',
            "pytest": f'#!/bin/sh\nexec "{sys.executable}" -m pytest -p no:cacheprovider "$@"\n',
        }.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        self.environment = os.environ | {
            "PATH": path,
            "PYTHONPATH": str(folder),
            "OMP_NUM_THREADS": "1",  # pages are read side by side
        }

    def run(self, block: Block) -> subprocess.CompletedProcess:
        """Run or write one block; its exit code and what it said."""
        text = block.text.replace("/data/grid", str(self.corpus))
        if block.file:
            # As installed: zoo and pipelines stand inside tkit.
            below = "tkit/" * block.file.startswith(("zoo/", "pipelines/"))
            path = self.folder / f"{below}{block.file}"
            assert not path.exists(), f"{block}: {block.file} is there already"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            return subprocess.CompletedProcess([], 0, "", "")
        if block.language == "sh":
            call = ["bash", "-euo", "pipefail", "-c", text]
        else:
            call = [sys.executable, "-c", self.python_before + text]
        return subprocess.run(
            call, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=900, check=False,
        )  # fmt: skip
