"""Registries: the modules of a package are its entries.

Every module or package without a leading underscore in a registry package is one entry and exposes
one constant (``CORPUS``, ``ENCODER``, ``METRIC`` …). Adding an entry is adding a file; it is listed
nowhere else. Listing names imports no entry.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tkit.errors import UnknownNameError, did_you_mean

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Registry(Generic[Entry]):
    """The entries of one package.

    Parameters
    ----------
    package : str
        Dotted name of the package whose modules are the entries, e.g. ``"tkit.corpora"``.
    constant : str
        The constant each module exposes, e.g. ``"CORPUS"``.
    exclude : frozenset of str, optional
        Public modules of the package that are no entries.
    """

    package: str
    constant: str
    exclude: frozenset[str] = frozenset()

    def names(self) -> list[str]:
        """Names of all entries in alphabetical order; ``_`` in a module name reads as ``-``."""
        modules = pkgutil.iter_modules(self._folders())
        return sorted(m.name.replace("_", "-") for m in modules if self._is_entry(m.name))

    def get(self, name: str) -> Entry:
        """Import the entry ``name`` and return its constant.

        Raises
        ------
        UnknownNameError
            If there is no such entry; the message names the nearest one.
        """
        module = name.replace("-", "_")
        here = module.isidentifier() and self._is_entry(module)
        if not here or importlib.util.find_spec(f"{self.package}.{module}") is None:
            names, kind = self.names(), self.constant.lower()
            hint = did_you_mean(name.replace("_", "-"), names)
            raise UnknownNameError(f"unknown {kind} {name!r}{hint} (there are: {', '.join(names)})")
        entry: Entry = getattr(importlib.import_module(f"{self.package}.{module}"), self.constant)
        return entry

    def _is_entry(self, module: str) -> bool:
        return not module.startswith("_") and module not in self.exclude

    def _folders(self) -> Sequence[str]:
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.submodule_search_locations is None:
            raise UnknownNameError(f"{self.package} is not an installed package")
        return spec.submodule_search_locations
