"""Registries: the modules of a package are its entries.

Every module without a leading underscore in a registry package is one entry and exposes one
constant (``CORPUS``, ``ENCODER``, ``METRIC`` …). Adding an entry is adding a file; it is listed
nowhere else. Listing names imports no entry.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from typing import Any

from tkit.errors import UnknownNameError


@dataclass(frozen=True)
class Registry:
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
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.submodule_search_locations is None:
            raise UnknownNameError(f"{self.package} is not an installed package")
        modules = pkgutil.iter_modules(spec.submodule_search_locations)
        return sorted(
            module.name.replace("_", "-")
            for module in modules
            if not module.ispkg
            and not module.name.startswith("_")
            and module.name not in self.exclude
        )

    def get(self, name: str) -> Any:
        """Import the entry ``name`` and return its constant.

        Raises
        ------
        UnknownNameError
            If there is no such entry; the message names the nearest one.
        """
        names = self.names()
        wanted = name.replace("_", "-")
        if wanted not in names:
            near = difflib.get_close_matches(wanted, names, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            kind = self.constant.lower()
            raise UnknownNameError(f"unknown {kind} {name!r}{hint} (there are: {', '.join(names)})")
        module = importlib.import_module(f"{self.package}.{wanted.replace('-', '_')}")
        return getattr(module, self.constant)
