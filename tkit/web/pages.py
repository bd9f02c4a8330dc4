"""Pages from templates, and the files beside them; text in them is escaped."""

from __future__ import annotations

from typing import Any

from starlette.responses import HTMLResponse, Response

from tkit.templates import environment

KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Pages:
    """The templates of a server.

    Parameters
    ----------
    *packages : str
        Whose folders ``templates`` are searched, the first one first, then this one's.
    """

    def __init__(self, *packages: str) -> None:
        self._templates = environment(*packages, "tkit.web")

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Fill in a page; its first comment names the values it takes."""
        return HTMLResponse(self._templates.get_template(template).render(values), status)

    def file(self, *templates: str) -> Response:
        """Stylesheets or scripts as they are, one after the other."""
        kind = KINDS[templates[0].rpartition(".")[2]]
        texts = (self._templates.get_template(name).render() for name in templates)
        return Response("\n".join(texts), media_type=kind)
