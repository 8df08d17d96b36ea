"""How Sphinx builds these pages. What can be read off the code is generated, so that it cannot drift (generated.py)."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

import generated

from datacatalog import __version__

project = "datacatalog"
author = "the datacatalog authors"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "undoc-members": True}
napoleon_use_ivar = True
napoleon_custom_sections = ["Source"]

html_show_copyright = False
html_theme = "furo"
html_title = f"datacatalog {release}"
html_copy_source = False


def setup(app: Sphinx) -> None:
    app.connect("source-read", generated.fill_in)
    # Before napoleon (priority 500), which reads the sections of the same docstring.
    app.connect("autodoc-process-docstring", generated.quote_docstring, priority=400)
