"""Write TOML: the part of it that configs and cards need; the standard library only reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def dumps(values: Mapping[str, Any]) -> str:
    """Write values, lists of values and lists of tables as TOML; ``tomllib`` reads the same back.

    Parameters
    ----------
    values : mapping
        Values are bool, int, float, str, a list or tuple of those, or a list of mappings (an array
        of tables, written last).
    """
    lines, tables = [], []
    for key, value in values.items():
        if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            tables += [f"\n[[{key}]]\n{dumps(item)}" for item in value]
        else:
            lines.append(f"{key} = {_value(value)}\n")
    return "".join(lines + tables)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    # A JSON string is a TOML string (DEL apart, which nobody types); repr of a number reads back
    # exactly, inf and nan included.
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
