"""Write HTML pages from the templates in templates/: one file each, light or dark, without network access."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from rnncourse.grading.report.writing import atomic_write, to_utf8

CODE = re.compile(r"(`[^`]*`)")
TEMPLATES = Path(__file__).parent / "templates"


def write_page(path: Path, template: str, **values: object) -> None:
    """Fill in a template, all values escaped, and write the page whole or not at all."""
    page = PAGES.get_template(template).render(**values)
    with atomic_write(path) as file:
        file.write(to_utf8(page))


def share(part: float, whole: float) -> float:
    """Return a percentage, for the length of a bar."""
    return round(100 * part / whole, 1) if whole else 0.0


def coded(text: str) -> Markup:
    """Return the text as HTML, with `code` in backquotes as code."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part.strip("`")) if n % 2 else part
        for n, part in enumerate(CODE.split(text))
    )


def _own(name: str) -> Markup:
    """Return one of our own files unescaped."""
    return Markup((TEMPLATES / name).read_text("utf-8"))


SCRIPT = _own("sort.js")
PAGES = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
PAGES.filters["coded"] = coded
PAGES.globals.update(
    share=share,
    style=_own("style.css"),
    script=SCRIPT,
    # A page may run only this script, so a script that a student writes into a name has no effect.
    script_hash="sha256-" + base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
)
