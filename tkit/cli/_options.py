"""Options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path

import click

path = click.Path(path_type=Path)

force = click.option("--force", is_flag=True, help="Replace an output that is already there.")
jobs = click.option(
    "--jobs", default=1, show_default=True, metavar="N", type=click.IntRange(1), help="Processes."
)
seed = click.option(
    "--seed", default=0, show_default=True, metavar="N", help="Seed of all randomness."
)
data = click.option(
    "--data",
    type=path,
    default="grid.h5",
    show_default=True,
    metavar="F.h5",
    help="Store made by tkit prep.",
)
json_file = click.option(
    "--json",
    "json_file",
    type=path,
    metavar="F.json",
    help="Write the result as JSON ('-': stdout).",
)
landmarks = click.option(
    "--landmarks",
    default="dlib68",
    show_default=True,
    metavar="NAME",
    help="Landmark back-end: dlib68, mesh, openface or face-alignment.",
)
mesh_model = click.option(
    "--mesh-model",
    default="",
    envvar="TKIT_MESH_MODEL",
    metavar="F.task",
    help="Model file for --landmarks mesh.  [default: $TKIT_MESH_MODEL]",
)
lips = click.option(
    "--lips",
    default="",
    metavar="NAME",
    help="Lip segmenter that refines lips and lids: lipseg, bisenet or none.  [default: lipseg "
    "with dlib68, none with others]",
)
lips_model = click.option(
    "--lips-model",
    default="",
    metavar="FILE",
    help="Model file for --lips bisenet.  [default: $TKIT_BISENET_MODEL]",
)
