"""Read the imports of a project and say which of them break the house rules.

Import-linter does not see packages that are mapped to other folders in an editable install.
"""

import ast
from pathlib import Path

ROOTS = {"tkit": "tkit", "tkit.zoo": "zoo", "tkit.pipelines": "pipelines"}
# A floor may import those below it; within one arrows are allowed, circles of folders are not.
FLOORS = """cli; pipelines; prep exporting scoring study; report tracking installation;
    corpora landmarks lips speech metrics; face media store clips zoo web;
    errors registry files remote compiled seeds jobs progress parsing templates
    __version__"""
FLOOR = {f"tkit.{name}": i for i, row in enumerate(FLOORS.split(";")) for name in row.split()}


def modules(root: Path) -> dict[str, Path]:
    """Dotted name to path of every module in the three roots."""
    found = {}
    for package, folder in ROOTS.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root / folder).with_suffix("").parts
            found[".".join([package, *parts]).removesuffix(".__init__")] = path
    return found


def imports(path: Path) -> set[str]:
    """All names that a module imports, those of ``from`` imports included; relative ones as "."."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {"."} if node.level else names
    return {name for name in found if name.split(".")[0] in ("tkit", "")}


def problems(root: Path) -> list[str]:
    """One sentence for every import that breaks a rule, and for every circle of folders."""
    known, found, arrows = modules(root), [], {}
    for name, path in known.items():
        if name in ("tkit", "tkit.__main__"):  # the front door stands above all floors
            continue
        home = name if path.name == "__init__.py" else name.rpartition(".")[0]
        own = FLOOR.get(".".join(name.split(".")[:2]))
        if own is None:
            found.append(f"{name} is on no floor")
        for other in imports(path) - {"."}:
            parts = other.split(".")
            if FLOOR.get(".".join(parts[:2]), -1) < (own or 0):  # -1: of the front door
                found.append(f"{name} imports upward: {other}")
            hidden = [i for i, part in enumerate(parts) if part[:1] == "_" != part[1:2]]
            if hidden and not f"{home}.".startswith(inside := ".".join(parts[: hidden[0]]) + "."):
                found.append(f"{name}: {other} is private to {inside[:-1]}")
            module = other if other in known else other.rpartition(".")[0]
            if module in known:
                is_folder = known[module].name == "__init__.py"
                arrows.setdefault(home, set()).add(
                    module if is_folder else module.rpartition(".")[0]
                )
        found += [f"{name} has a relative import"] * ("." in imports(path))
    return found + [f"{folder} is in a circle of folders" for folder in circles(arrows)]


def circles(arrows: dict[str, set[str]]) -> list[str]:
    """Folders from which arrows lead, through others, back to themselves."""
    found = []
    for folder, first in sorted(arrows.items()):
        seen, todo = set(), first - {folder}
        while todo:
            seen |= todo
            todo = {b for a in todo for b in arrows.get(a, ()) if b != a} - seen
        found += [folder] if folder in seen else []
    return found
