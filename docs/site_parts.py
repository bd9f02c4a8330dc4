"""Sphinx extension of the site: equations, pages made of the registries, the notebook as a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).parent


def visit_math(writer: Any, node: nodes.Element) -> None:
    """Write an equation as MathML."""
    block = isinstance(node, nodes.math_block)
    tree = latex2mathml.tex2mathml(node.astext(), as_block=block)
    writer.body.append(f"<div class='math'>{tree}</div>" if block else tree)
    raise nodes.SkipNode


class Made(SphinxDirective):
    """A directive whose content is Markdown made at build time."""

    def run(self) -> list[nodes.Node]:
        """Parse what :meth:`markdown` says where the directive stands."""
        self.env.note_reread()  # the page is as old as the registries, not as its file
        return self.parse_text_to_nodes(self.markdown(), allow_section_headings=True)

    def markdown(self) -> str:
        """Return the content."""
        raise NotImplementedError


class Metrics(Made):
    """``{metrics}``: every score of the registry, with its page."""

    def markdown(self) -> str:
        """Return a table."""
        rows = [
            [f"[`{one.name}`](metrics/{page}.md)", one.title, one.score.unit or "none", one.better]
            for page, scores in _families().items()
            for one in scores
        ]
        return _table(["score", "what", "unit", "better"], sorted(rows))


class Checked(Made):
    """``{checked}``: against what each family was tested, as it says."""

    def markdown(self) -> str:
        """Return a table."""
        rows = [
            [" ".join(f"`{one.name}`" for one in scores), scores[0].family.checked]
            for scores in _families().values()
        ]
        head = ["metric", "second implementation, or truth by construction, and difference"]
        return _table(head, rows)


class ToldApart(Made):
    """``{told-apart}``: which control rows each score must tell from the ground truth."""

    def markdown(self) -> str:
        """Return a table."""
        from tkit.metrics import CONTROLS

        rows = sorted(
            [f"`{one.name}`", *(f"`{_mark(one.score, row)}`" for row in CONTROLS)]
            for scores in _families().values()
            for one in scores
        )
        return _table(["metric", *CONTROLS], rows)


def _mark(score: Any, row: str) -> str:
    return "+" if row in score.apart else "-" if row in score.alike else "."


def _families() -> dict[str, list[Any]]:
    """Page to the scores on it: those of a family, in the order of its declaration."""
    from tkit.metrics import METRICS

    return {
        name: [METRICS.get(score) for score in family.scores]
        for name, family in METRICS.families().items()
    }


def write_metric_pages(app: Sphinx) -> None:
    """Write ``metrics/FAMILY.md`` of every family, and remove those of none."""
    folder = Path(app.srcdir) / "metrics"
    folder.mkdir(exist_ok=True)
    pages = {f"{name}.md": _page(name, scores) for name, scores in _families().items()}
    for path in folder.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _page(name: str, scores: list[Any]) -> str:
    """What ``tkit metrics show`` says of the scores of a family, and an example."""
    from tkit.scoring import describing

    family = scores[0].family
    lines = [
        f"# {family.title}",
        f"```{{eval-rst}}\n.. automodule:: tkit.metrics.{name.replace('-', '_')}\n"
        "   :no-members:\n```",
    ]
    shared = {fact for one in scores for fact in describing.facts(one)}
    shared = {fact for fact in shared if all(fact in describing.facts(one) for one in scores)}
    for one in scores:
        own = [fact for fact in describing.facts(one) if fact not in shared]
        lines += [f"## `{one.name}`: {one.title}", *([_facts(own)] if own else [])]
        lines.append(f"Signature: `{describing.plain_signature(one)}`")
    lines += ["## All of them" if len(scores) > 1 else "## More"]
    lines.append(_facts([fact for fact in describing.facts(scores[0]) if fact in shared]))
    if settings := describing.choices(scores[0]):
        lines += [_table(["choice", "[default] and what it is"], [
            [f"`{option}`", text] for option, text in settings
        ])]  # fmt: skip
    return "\n\n".join(lines) + "\n"


def _facts(facts: list[tuple[str, str]]) -> str:
    return "\n".join(f"- *{name}*: {text}" for name, text in facts)


class Protocols(Made):
    """``{protocols}``: every named way to score, with the source of every choice."""

    def markdown(self) -> str:
        """Return a section a protocol."""
        from tkit.scoring import protocols

        sections = []
        for name in protocols.names():
            one = protocols.load(name)
            rows = [
                [f"`{choice}`", _value(one, choice), source]
                for choice, source in one.sources.items()
            ]
            lines = [f"## `{name}`", f"{one.title}."]
            if rows:
                lines.append(_table(["choice", "value", "where it comes from"], rows))
            if one.lacks:
                lines.append("It lacks: " + "; ".join(one.lacks) + ".")
            sections.append("\n\n".join(lines))
        return "\n\n".join(sections)


def _value(protocol: Any, choice: str) -> str:
    """What a protocol chose: of a field, a parameter, or all that it says of a metric."""
    from tkit.metrics import METRICS

    metric, _, parameter = choice.partition(".")
    if metric not in protocol.metrics:
        return f"`{value}`" if (value := getattr(protocol, choice, "")) else ""
    if parameter:
        return f"`{METRICS.get(metric).settings(protocol.metrics[metric])[parameter]}`"
    return ", ".join(f"`{key}={value}`" for key, value in protocol.metrics[metric].items())


class Pages(Made):
    """``{pages}``: a table of contents of those pages of its list that are there."""

    has_content = True

    def markdown(self) -> str:
        """Return the table, if it has an entry."""
        there = [name for name in self.content if (HERE / f"{name}.md").is_file()]
        return "\n".join(["```{toctree}", ":maxdepth: 1", "", *there, "```"]) if there else ""


class Pictures(Made):
    """``{pictures}``: the pictures of the list below it that are there; each line FILE: caption."""

    has_content = True

    def markdown(self) -> str:
        """Return the pictures."""
        lines = [line.split(":", 1) for line in self.content if line.strip()]
        shown = [
            f"## {caption.strip()}\n\n![{caption.strip()}]({name.strip()})"
            for name, caption in lines
            if (HERE / name.strip()).is_file()
        ]
        return "\n\n".join(shown)


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in cells)


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def rubrics(app: Sphinx, what: str, *rest: Any) -> None:
    """Make underlined titles in docstrings of modules rubrics: several modules share a page."""
    lines: list[str] = rest[-1]
    if what == "module":
        for place in range(len(lines) - 1):
            if lines[place] and re.fullmatch("-{4,}", lines[place + 1]):
                lines[place : place + 2] = [f".. rubric:: {lines[place]}", ""]


def plain_help(app: Sphinx, context: Any, lines: list[str]) -> None:
    """Take a command's help for plain text, as a terminal does, and its examples for code."""
    text: list[str] = []
    in_code = False
    for line in lines:
        if not line.startswith("| "):
            in_code = False
            text.append(_escaped(line))
        elif not in_code and line.endswith(":"):
            text += [_escaped(line[2:]), ""]
        else:
            text += [] if in_code else [".. code-block:: shell", ""]
            in_code = True
            text.append(f"   {line[2:].strip()}")
    lines[:] = text


def plain_options(app: Sphinx, context: Any, lines: list[str]) -> None:
    """Take the help of options for plain text; what sphinx-click adds to it stays."""
    fixed = (".. option::", ":default:", ":options:")
    lines[:] = [line if line.strip().startswith(fixed) else _escaped(line) for line in lines]


def named_arguments(app: Sphinx, context: Any, lines: list[str]) -> None:
    """Leave out arguments that a command's help does not name either."""
    kept, named = [], True
    for line in lines:
        if line.startswith(".. option::"):
            named = bool(line.removeprefix(".. option::").strip())
        kept += [line] if named else []
    lines[:] = kept


def _escaped(line: str) -> str:
    return re.sub(r"([*`|]|_(?!\w))", r"\\\1", line).replace(r"\*\*Required\*\*", "*Required.*")


class NotebookParser(MystParser):
    """A notebook as the Markdown of its cells."""

    supported = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse text cells as they are, and code cells as blocks of code."""
        cells = json.loads(inputstring)["cells"]
        super().parse("\n\n".join(_cell_text(cell) for cell in cells), document)


def _cell_text(cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    return text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the parts."""
    ends = (visit_math, None)
    app.add_html_math_renderer("mathml", inline_renderers=ends, block_renderers=ends)
    app.add_directive("metrics", Metrics)
    app.add_directive("checked", Checked)
    app.add_directive("told-apart", ToldApart)
    app.add_directive("protocols", Protocols)
    app.add_directive("pages", Pages)
    app.add_directive("pictures", Pictures)
    app.add_source_parser(NotebookParser)
    app.connect("builder-inited", write_metric_pages)
    app.connect("autodoc-process-docstring", rubrics, priority=100)  # before napoleon
    app.connect("sphinx-click-process-description", plain_help)
    app.connect("sphinx-click-process-options", plain_options)
    app.connect("sphinx-click-process-arguments", named_arguments)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
