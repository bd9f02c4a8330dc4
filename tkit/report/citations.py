"""What to cite: BibTeX of tkit, of the paper, and of metrics, corpora and weights.

A metric, corpus or card states its source in one line of text, which an entry repeats as it stands:
nothing is read out of it but the year.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tkit import __version__
from tkit.corpora import CORPORA
from tkit.errors import UnknownNameError, did_you_mean
from tkit.metrics import METRICS
from tkit.parsing import plain
from tkit.report import Report
from tkit.report.latex import ESCAPES
from tkit.report.tables import signatures
from tkit.zoo.released import cards

TKIT = f"""\
@software{{tkit,
  title = {{tkit: a toolkit of talking-face research}},
  author = {{{{The tkit authors}}}},
  version = {{{__version__}}},
  license = {{Apache-2.0}}
}}
"""
PAPER = """\
@article{sinha2020identity,
  title = {Identity-Preserving Realistic Talking Face Generation},
  author = {Sinha, Sanjana and Biswas, Sandika and Bhowmick, Brojeshwar},
  journal = {arXiv preprint arXiv:2005.12318},
  year = {2020}
}
"""


def bibtex(names: Iterable[str] = ()) -> str:
    """Entries of tkit and the paper, then one for each source of what is named.

    Parameters
    ----------
    names : iterable of str
        Metrics, corpora and released weights.

    Raises
    ------
    UnknownNameError
        If a name is none of them.

    Examples
    --------
    >>> print(bibtex(["ssim"]).split("\\n\\n")[-1], end="")
    @misc{tkit-ssim,
      title = {{Structural similarity}},
      howpublished = {Wang, Bovik, Sheikh and Simoncelli, IEEE Trans. Image Processing 13(4), 2004},
      year = {2004}
    }
    """
    found: dict[str, str] = {}  # source to entry: metrics of one family share theirs
    for name in dict.fromkeys(names):
        title, source = _source(name)
        if source:
            found.setdefault(source, _entry(name, title, source))
    return "\n".join([TKIT, PAPER, *found.values()])


def of_report(report: Report) -> str:
    """The signatures of a report as comments, to paste, and the entries of its metrics."""
    lines = [
        f"% Scored by tkit under the protocol {plain(report.protocol)}, and how:",
        *(f"%   {signature}" for signature in signatures(report)),
    ]
    known = set(METRICS.names())
    return "\n".join([*lines, "", bibtex(name for name in report.metrics if name in known)])


def _source(name: str) -> tuple[str, str]:
    """Title and source of a metric, corpus or weight file."""
    for title, source, own in _sources():
        if name == own:
            return title, source
    names = [own for _, _, own in _sources()]
    hint = did_you_mean(name, names)
    raise UnknownNameError(
        f"{name}: no report, metric, corpus or released weights of this name{hint}"
    )


def _sources() -> Iterator[tuple[str, str, str]]:
    for name in METRICS.names():
        metric = METRICS.get(name)
        yield metric.title, metric.citation, name
    for name in CORPORA.names():
        corpus = CORPORA.get(name)
        yield corpus.title, " ".join(filter(None, [corpus.citation, corpus.url])), name
    for name in cards.released():
        yield f"Weights of {name}", cards.read_card(cards.card_path(name)).attribution, name


def _entry(name: str, title: str, source: str) -> str:
    year = re.findall(r"\b(?:19|20)\d\d\b", source)[:1]
    fields = {
        "title": f"{{{title.translate(ESCAPES)}}}",
        "howpublished": source.rstrip(".").translate(ESCAPES),
        **({"year": year[0]} if year else {}),
    }
    told = ",\n".join(f"  {key} = {{{value}}}" for key, value in fields.items())
    return f"@misc{{tkit-{name},\n{told}\n}}\n"
