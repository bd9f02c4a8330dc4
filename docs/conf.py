"""The site: ``make docs``, or ``python -m sphinx -W docs build/docs``. It fetches nothing."""

import sys
from pathlib import Path

import tkit

sys.path.insert(0, str(Path(__file__).parent))

project, author, release = "tkit", "the authors of tkit", tkit.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "site_parts",
]
source_suffix = {".md": "markdown", ".ipynb": "notebook"}
exclude_patterns = ["**/.ipynb_checkpoints"]

myst_enable_extensions = ["dollarmath", "attrs_inline"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say more: shapes and units
autodoc_default_options = {"members": True}
napoleon_google_docstring = False
napoleon_use_rtype = False

smartquotes = False  # --out is two hyphens, everywhere
html_theme = "furo"
html_title = f"tkit {release}"
html_math_renderer = "mathml"  # what browsers read themselves; no script is fetched
html_show_search_summary = False  # it fetches pages, which a browser refuses from a disk
html_copy_source = html_show_sourcelink = False
html_show_sphinx = html_show_copyright = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]
