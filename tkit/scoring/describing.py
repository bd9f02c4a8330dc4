"""What is to be said of a metric, from its own declaration: for the terminal and for the site."""

from __future__ import annotations

import re

from tkit.metrics import CONTROLS, INPUTS, VIEWS, Scorer
from tkit.scoring import plan_of, protocols, signature

BETTER = {"closer": "nearer to the ground truth's own is better"}


def paragraphs(metric: Scorer) -> list[str]:
    """What the family says at the top of its module, without marks; lists and formulas keep lines.

    The site shows the same text, with links.
    """
    text = re.sub(r":\w+:`~?([^`]+)`|``([^`]+)``", r"\1\2", metric.family.about)
    found = []
    for part in re.sub(r"\n-{4,}\n", ":\n\n", text).split("\n\n"):
        as_it_is = part.startswith((" ", "* "))
        found.append(part if as_it_is else " ".join(part.split()))
    if found[-1].endswith(":"):
        found.pop()  # it leads to the example
    return found


def facts(metric: Scorer) -> list[tuple[str, str]]:
    """What a score says and how it is had: name and text of each fact, its text in one line.

    What :func:`paragraphs` says is not among them.
    """
    family, settings = metric.family, metric.settings({})
    found = [
        ("better", BETTER.get(metric.better, f"{metric.better} is better")),
        ("unit", metric.unit_of(settings) or "none"),
        ("needs", " and ".join(INPUTS[key] for key in metric.required)),
        ("looks at", VIEWS[metric.needs.view] + ", whole clips" * metric.needs.whole),
        ("of a set", "pooled over the clips" if metric.pooled else "mean over clips"),
        ("does not say", family.limits),
        ("tells apart", told(metric)),
        ("tested against", family.checked),
        ("takes", f"about {family.ms:g} ms of CPU a frame of 256 x 256" if family.ms else ""),
        ("source", metric.citation),
    ]
    if family.network:
        found.append(("network", f"{family.network.title}; licence: {family.network.licence}"))
    return [(name, text) for name, text in found if text]


def told(metric: Scorer) -> str:
    """Which control rows must be worse than the ground truth in a score, and which must not."""
    apart = ", ".join(row for row in CONTROLS if row in metric.score.apart)
    alike = ", ".join(row for row in CONTROLS if row in metric.score.alike)
    parts = [f"{apart} from the ground truth"] if apart else []
    return "; ".join([*parts, *([f"not {alike}"] if alike else [])])


def choices(metric: Scorer) -> list[tuple[str, str]]:
    """What can be set: the option of each parameter, and its default, meaning and values."""
    settings = metric.settings({})
    found = []
    for key, param in metric.params.items():
        default = "none" if settings[key] in (None, "") else settings[key]
        values = f" ({', '.join(param.choices)})" if param.choices else ""
        found.append((f"--set {metric.name}.{key}", f"[{default}] {param.doc}{values}"))
    return found


def plain_signature(metric: Scorer) -> str:
    """The signature that a score has by itself under the default protocol, of no clips."""
    protocol = protocols.change(protocols.load(protocols.DEFAULT), metrics=[metric.name])
    return signature(metric.name, plan_of(protocol), clips=[])
