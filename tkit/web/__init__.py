"""Small local web pages: one program served to a browser on this machine, and guarded.

``guard`` refuses what another page, name or flood sends, ``serving`` runs one app until Ctrl-C,
``pages`` fills in templates. Nothing here knows what the pages are about, and nothing is imported:
Starlette and uvicorn come with the extra ``app``.
"""

from __future__ import annotations

import importlib.util

from tkit.errors import UsageError

NEEDED = ("starlette", "uvicorn", "websockets", "python_multipart")


def require_extra(command: str) -> None:
    """Raise :class:`UsageError` with the line to install what ``command`` needs, if absent.

    Parameters
    ----------
    command : str
        As it is typed, e.g. ``"tkit app"``.
    """
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise UsageError(
            f"{command} needs {', '.join(absent)}: pip install 'talking-face-toolkit[app]'"
        )
