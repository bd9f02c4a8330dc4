"""Templates of pages: text that is filled in is escaped, and steers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tkit.parsing import plain

if TYPE_CHECKING:
    import jinja2


def environment(*packages: str) -> jinja2.Environment:
    """Return the templates of packages, whose folders ``templates`` are searched in this order."""
    import jinja2  # here: most commands write no page

    return jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in packages]),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: Any) -> Any:
    """What a template shows: no control characters; line ends mean nothing in HTML."""
    import markupsafe

    if not isinstance(value, str) or isinstance(value, markupsafe.Markup):
        return value
    return "\n".join(map(plain, value.split("\n")))
