"""Sphinx's settings for the site; build.py makes the pages that it reads."""

import re
import tomllib
from pathlib import Path

import rnncourse

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REPOSITORY = PROJECT.get("urls", {}).get("Repository", "")  # the one place with the repository's address

project = "rnncourse"
release = rnncourse.__version__
author = PROJECT["authors"][0]["name"]
project_copyright = author
language = "en"

SECTIONS = "Args:", "Attributes:", "Example:", "Raises:", "Returns:"  # of a docstring

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["static"]

# Notebooks are not executed: their outputs are stored, and tested.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # by default, scripts from other hosts
myst_enable_extensions = ["dollarmath"]
myst_dmath_double_inline = True
myst_dmath_allow_labels = False
myst_heading_anchors = 4
mathjax_path = "mathjax/tex-chtml-full.js"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_use_ivar = True  # a NamedTuple's fields are members already
default_role = "code"  # docstrings have Markdown's single backticks

html_theme = "sphinx_book_theme"
html_title = "rnncourse"
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system has it
html_favicon = "static/icon.svg"
html_static_path = [str(ROOT / "build" / "site" / "source" / "static")]  # with MathJax and the pictures
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_copy_source = False
html_theme_options = {
    "show_toc_level": 2,
    "navbar_persistent": [],  # the menu has a search box already
    "use_download_button": False,
    "use_fullscreen_button": False,
}
if REPOSITORY:
    html_theme_options |= {
        "repository_url": REPOSITORY,
        "use_repository_button": True,
        "launch_buttons": {
            "colab_url": "https://colab.research.google.com",
            "binderhub_url": "https://mybinder.org",
        },
    }


def setup(app):
    """Let Sphinx read the docstrings, whose code is Markdown's."""
    app.connect("autodoc-process-docstring", in_markup, priority=400)  # before napoleon
    app.connect("autodoc-process-signature", without_modules)


def without_modules(app, what, name, obj, options, signature, returned):
    """Leave the modules out of a signature that Sphinx cannot parse: it would show `~a.b.C` as it is."""
    if signature and "<" in signature:
        return re.sub(r"~(\w+\.)*", "", signature), returned


def in_markup(app, what, name, obj, options, lines):
    """Mark tables, and indented lines outside a section, as code; leave stars and bars as they are."""
    marked, section, code = [], False, False
    for line in lines:
        if line and line[0] not in " |":
            section, code = line in SECTIONS, False
        elif line.startswith(("    ", "|")) and not section and not code:
            marked, code = [*marked, "::", ""], True
        if not code:
            parts = re.split("(`[^`]*`)", line)
            parts[::2] = [re.sub(r"([|*](?=\S))", r"\\\1", part) for part in parts[::2]]
            line = "".join(parts)
        marked.append(f"    {line}" if code and line.startswith("|") else line)
    lines[:] = marked
