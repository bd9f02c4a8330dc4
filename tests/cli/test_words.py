"""What commands say: within 80 columns, with units and directions, and how to go on."""

import re
import resource
import subprocess
import sys

import pytest

from tkit import METRICS, __version__
from tkit.cli import SUMMARIES, cli
from tkit.corpora import CORPORA
from tkit.report import Cell, Report, citations
from tkit.scoring import protocols


@pytest.mark.parametrize("args", [["zoo", "list"], ["protocols", "list"], ["metrics", "list"]])
def test_lists_fit_80_columns(run, args):
    code, out, _ = run(*args)
    assert code == 0 and max(map(len, out.splitlines())) <= 80


def test_metrics_are_listed_with_unit_and_direction(run):
    code, out, _ = run("metrics")
    assert (code, out) == run("metrics", "list")[:2]
    rows = {line.split()[0]: line for line in out.splitlines() if line[:1].isalpha()}
    assert list(rows) == METRICS.names()
    assert rows["psnr"].split()[:7] == "psnr ↑ dB frames g Peak signal-to-noise".split()
    assert rows["av-lag"].split()[:5] == "av-lag → frames points s".split()
    assert "↓  % IOD" in rows["lmd"] and "→  1/s" in rows["blink-rate"]


@pytest.mark.parametrize("name", METRICS.names())
def test_a_metric_is_shown_with_all_its_choices_and_a_signature(run, name):
    code, out, _ = run("metrics", "show", name)
    metric, *_, last = METRICS.get(name), *out.splitlines()
    assert code == 0 and all(f"--set {name}.{key}" in out for key in metric.params)
    assert last.startswith(f"  {name}|") and last.endswith(f"|v:{__version__}")
    text = " ".join(out.split())
    assert metric.title in text and " ".join(metric.citation.split()) in text
    assert metric.family.limits in text and metric.family.checked in text


def test_an_unknown_metric_names_the_nearest(run):
    code, out, err = run("metrics", "show", "pnsr")
    assert (code, out) == (2, "") and "did you mean psnr?" in err


def entries(text):
    """Type, key and fields of every entry of BibTeX; braces must balance."""
    assert text.count("{") == text.count("}")
    found = re.findall(r"^@(\w+)\{([\w-]+),\n(.*?)\n\}$", text, flags=re.M | re.S)
    return {
        key: (kind, dict(re.findall(r"^  ([\w]+) = \{(.*)\},?$", fields, flags=re.M)))
        for kind, key, fields in found
    }


def test_without_names_tkit_and_its_paper_are_cited(run):
    code, out, _ = run("cite")
    found = entries(out)
    assert code == 0 and list(found) == ["tkit", "sinha2020identity"]
    assert found["tkit"][1]["version"] == __version__


def test_every_metric_corpus_and_weight_file_can_be_cited():
    for names in ([name] for name in METRICS.names()):
        _, _, (kind, fields) = entries(citations.bibtex(names)).values()
        assert kind == "misc" and fields["title"] and fields["howpublished"]
    found = entries(citations.bibtex(CORPORA.names()))
    assert "JASA 120(5)" in found["tkit-grid"][1]["howpublished"]
    assert found["tkit-grid"][1]["year"] == "2006"
    assert "Cooke" in entries(citations.bibtex(["motion"]))["tkit-motion"][1]["howpublished"]


def test_metrics_of_one_source_are_cited_once():
    assert len(entries(citations.bibtex(["lse-c", "lse-d", "lse-c"]))) == 3


def test_a_report_is_cited_by_its_signatures_and_metrics(run, tmp_path):
    row = {"psnr": Cell(31.0, None, None, 3, "dB", "higher", "psnr|n:3"),
           "of-tomorrow": Cell(1.0, None, None, 3, "", "lower", "of-tomorrow|n:3")}  # fmt: skip
    path = tmp_path / "r.json"
    path.write_text(Report("sinha2020", {"ours": row}).to_json())
    code, out, _ = run("cite", path, "grid")
    assert code == 0 and "% Scored by tkit under the protocol sinha2020" in out
    assert "%   psnr|n:3\n%   of-tomorrow|n:3\n" in out
    assert {"tkit-psnr", "tkit-grid"} <= entries(
        out.partition("@")[1] + out.partition("@")[2]
    ).keys()


def test_what_cannot_be_cited_names_the_nearest(run):
    code, out, err = run("cite", "pnsr")
    assert (code, out) == (2, "") and "did you mean psnr?" in err


def commands(group, path=()):
    """Every command and subcommand, as the arguments that ask for its help."""
    yield path
    context = group.make_context("tkit", [], resilient_parsing=True)
    for name in getattr(group, "list_commands", lambda _: [])(context):
        yield from commands(group.get_command(context, name), (*path, name))


HELP = list(commands(cli))
LIMIT_S = 0.3


def test_all_commands_are_looked_at():
    assert {path[0] for path in HELP if path} == SUMMARIES.keys()
    assert ("train", "texture") in HELP and ("zoo", "export") in HELP


@pytest.mark.parametrize("path", HELP, ids=" ".join)
def test_help_takes_little(path):
    """Processor time of the process, the least of three; a busy machine does not count."""
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "tkit", *path, "--help"]
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if took[-1] <= LIMIT_S:
            break
    assert min(took) <= LIMIT_S


def test_protocols_are_listed_with_their_titles(run):
    _, out, _ = run("protocols", "list")
    assert all(re.search(rf"^{name} ", out, flags=re.M) for name in protocols.names())
