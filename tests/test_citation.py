"""``CITATION.cff`` says what the package says, in the form that is asked for."""

import re
from pathlib import Path

import yaml

from tkit import __version__
from tkit.report import citations

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
# Of the schema of the Citation File Format, 1.2.0: what must be there, and what may be.
REQUIRED = {"cff-version", "message", "title", "authors"}
ALLOWED = REQUIRED | {
    "abstract", "commit", "contact", "date-released", "doi", "identifiers", "keywords", "license",
    "license-url", "preferred-citation", "references", "repository", "repository-artifact",
    "repository-code", "type", "url", "version",
}  # fmt: skip
PERSON = {"family-names", "given-names", "name-particle", "name-suffix", "orcid", "affiliation"}
ENTITY = {"name", "website", "email", "date-start", "date-end", "location"}


def test_it_has_the_fields_of_the_format():
    cff = yaml.safe_load(TEXT)
    assert cff.keys() >= REQUIRED and cff.keys() <= ALLOWED
    assert cff["cff-version"] == "1.2.0" and cff["type"] == "software"
    assert isinstance(cff["message"], str) and all(isinstance(k, str) for k in cff["keywords"])
    for work in (cff, *cff["references"]):
        assert work["title"] and work["authors"]
        for author in work["authors"]:
            assert author.keys() <= PERSON or (author.keys() <= ENTITY and author["name"])
    assert all(work["type"] == "article" for work in cff["references"])


def test_it_agrees_with_the_package():
    cff = yaml.safe_load(TEXT)
    assert (cff["version"], cff["license"]) == (__version__, "Apache-2.0")
    assert cff["title"] in citations.TKIT and cff["authors"][0]["name"] in citations.TKIT
    (paper,) = cff["references"]
    assert paper["title"] in citations.PAPER and str(paper["year"]) in citations.PAPER
    assert paper["url"].rpartition("/")[2] in citations.PAPER
    names = re.findall(r"(\w+), (\w+)", citations.PAPER.partition("author")[2].partition("\n")[0])
    assert names == [(one["family-names"], one["given-names"]) for one in paper["authors"]]
