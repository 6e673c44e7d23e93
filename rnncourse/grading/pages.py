"""How the pages look that people read: one file each, light or dark, with no network and no script."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import DictLoader, Environment, Template
from markupsafe import Markup

from rnncourse.grading.results import encoded, replacing

CODE = re.compile(r"(`[^`]*`)")

STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1d2127; --soft: #59606b; --line: #d5d9e0;
  --bar: #2f6fb3; --empty: #e9ecf1; --none: #8a8f98 }
@media (prefers-color-scheme: dark) { :root { --page: #15181d; --text: #e6e9ee; --soft: #a2a9b4;
  --line: #39404b; --bar: #6ea8e0; --empty: #262b33 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 60rem; background: var(--page);
  color: var(--text); font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .3rem }
h2 { font-size: 1.25rem; margin: 2.2rem 0 .5rem }
h3 { font-size: 1.05rem; margin: 1.8rem 0 .3rem }
h4 { font-size: 1.05rem; margin: 2rem 0 0 }
p { margin: .3rem 0 .7rem; max-width: 50rem }
.soft { color: var(--soft) }
.big { font-size: 1.15rem }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 1rem }
caption { text-align: left; color: var(--soft); padding-bottom: .2rem }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); font-weight: normal }
thead th { color: var(--soft); font-size: .9rem }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; width: 1% }
.name { min-width: 11rem; width: 25% }
.alarm { border-left: 4px solid #d9622b; padding: .3rem 0 .3rem .8rem; font-weight: bold }
.nowrap { white-space: nowrap; width: 1% }
.bar { min-width: 8rem }
.bar svg { display: block; width: 100%; max-width: 24rem; height: .75rem; margin-top: .45rem }
.verdict { margin: 1.1rem 0 }
.unjudged { border-left: 4px solid var(--none); padding: 2px 0 2px 12px; max-width: 50em }
code { font: .92em ui-monospace, "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
summary { cursor: pointer; color: var(--soft) }
details { padding-left: .2rem }
.all { font-size: 1rem; color: var(--text); font-weight: bold }
a { color: inherit }
@media (max-width: 40rem) { .name, .bar { min-width: 3.5rem } td:last-child { overflow-wrap: anywhere } }
@media print { details > * { display: block } }
"""

MACROS = (
    """
{% macro bar(percent) -%}
<svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="6"
 fill="var(--empty)"/><rect width="{{ percent }}" height="6" fill="var(--bar)"/></svg>
{%- endmacro %}
{% macro page(title) -%}
<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>"""
    + STYLE
    + """</style>
</head>
<body>
<main>
{{ caller() }}
</main>
</body>
</html>
{%- endmacro %}
"""
)


def write_page(path: Path, template: str, **values: object) -> None:
    """Fills in a page that stands on MACROS, all values escaped, and writes it whole or not at all."""
    page = _compiled(template).render(share=share, **values)
    with replacing(path) as file:
        file.write(encoded(page))


@cache
def _compiled(template: str) -> Template:
    return PAGES.from_string(template)


def share(part: float, whole: float) -> float:
    """Per cent, for the length of a bar."""
    return round(100 * part / whole, 1) if whole else 0.0


def coded(text: str) -> Markup:
    """`code` in the words becomes code on the page."""
    return Markup("").join(
        Markup("<code>{}</code>").format(part.strip("`")) if n % 2 else part
        for n, part in enumerate(CODE.split(text))
    )


PAGES = Environment(
    loader=DictLoader({"macros": MACROS}), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
PAGES.filters["coded"] = coded
