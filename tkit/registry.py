"""Registries: the modules of a package are its entries.

Every module or package without a leading underscore in a registry package is one entry and exposes
one constant (``CORPUS``, ``ENCODER``, ``METRIC`` …). Adding an entry is adding a file; it is listed
nowhere else. Listing names imports no entry.

Entries that do their work by a model which is loaded first are back-ends: landmarkers, lip
segmenters, speech encoders, networks of a metric. They share :class:`BackEnd`.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from tkit.errors import UnknownNameError, UsageError, did_you_mean
from tkit.files import require_path, short_hash

Entry = TypeVar("Entry")
Opened = TypeVar("Opened")


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
        modules = pkgutil.iter_modules(self.folders())
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

    def folders(self) -> Sequence[str]:
        """Return the folders that entries lie in."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.submodule_search_locations is None:
            raise UnknownNameError(f"{self.package} is not an installed package")
        return spec.submodule_search_locations


@dataclass(frozen=True)
class ModelFile:
    """The file that a back-end takes.

    Parameters
    ----------
    what : str
        Said of it in messages, with an example of its name: ``"its model, face_landmarker.task"``.
    variable : str
        Environment variable that names the file where the user gives none; empty for none.
    required : bool
        The back-end brings none of its own.
    """

    what: str
    variable: str = ""
    required: bool = True


@dataclass(frozen=True, kw_only=True)
class BackEnd(Generic[Opened]):
    """What does its work by a model that is loaded once.

    Parameters
    ----------
    name : str
        Its name in the registry.
    title : str
    open : callable
        ``open()`` loads the model and returns the working thing; ``open(path)`` from the file of
        the user. Called by :meth:`load`, which knows whether a file is wanted.
    signature : str
        Name and version: what was made by different signatures is never mixed.
    licence : str
        Of the model.
    model : ModelFile, optional
        The file it takes; it is part of the signature. None: it takes none.
    sign : callable, optional
        ``sign()`` returns the signature where it depends on files that come with the package.
    example : callable, optional
        ``example(folder)`` writes what a test of the back-end needs and returns its path: a model
        file of random numbers, or the video of one that reads a file beside it.
    """

    kind: ClassVar[str] = "back-end"
    option: ClassVar[str] = "--model FILE"  # how the user gives the file

    name: str
    title: str
    open: Callable[..., Opened]
    signature: str
    licence: str
    model: ModelFile | None = None
    sign: Callable[[], str] | None = None
    example: Callable[[Path], Path] | None = None

    def find_model(self, given: str | Path | None = "") -> str:
        """Return the model file to open with: what is given, else the environment's, else none.

        Raises
        ------
        UsageError
            If a file is given to a back-end that takes none, or none to one that needs it.
        """
        if self.model is None:
            if given:
                raise UsageError(
                    f"the {self.kind} {self.name} takes no model file, but {given} was given"
                )
            return ""
        path = str(given or os.environ.get(self.model.variable, "") or "")
        if not path and self.model.required:
            variable = self.model.variable
            way = f", or set {variable} to that file" if variable else ""
            raise UsageError(
                f"the {self.kind} {self.name} needs {self.model.what}: pass {self.option}{way}"
            )
        return path

    def load(self, model: str | Path | None = "") -> Opened:
        """Load the model, from the user's file if one is given; raises as :meth:`find_model`."""
        path = self.find_model(model)
        return self.open(path) if path else self.open()

    def signature_with(self, model: str | Path | None = "") -> str:
        """Return the signature of this back-end opened with ``model``."""
        path = self.find_model(model)
        if path:
            return f"{self.signature}-{short_hash(require_path(path, 'model file'))}"
        return self.sign() if self.sign else self.signature
