"""Build the course's site: `python course.py site`, or `python docs/site/build.py OUT`.

Sphinx reads a copy of the course in build/site, which has the repository's layout, so that links between
lessons, exercises and documents hold. In the copy, widgets are pictures (frames.py) and links are those of a
site. Nothing is downloaded, and no lesson is executed past its widgets: outputs are those that are stored.
"""

import hashlib
import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from conf import REPOSITORY
from sphinx.cmd.build import build_main

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "build" / "site"
SOURCE, FRAMES, HTML = WORK / "source", WORK / "frames", WORK / "html"
PAGES = "*.md", "docs/*.md", "notebooks/*.ipynb", "exercises/*/*.ipynb"
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
TO_NOTEBOOK = re.compile(r"(href='\.\./(?:notebooks|exercises)/[^']+)\.ipynb'")  # in a cell's output
WIDGET = "application/vnd.jupyter.widget-view+json"
PRINTS_CODE = re.compile(r"print\((?:check\.[A-Z_]+|inspect\.getsource\(.*)\)", re.ASCII)

# Every page, under the heading that it has in the menu. A pattern's pages come in the order of their names.
MENU = {
    "Lessons": ["notebooks/[0-8]*"],
    "Exercises": ["exercises/*"],
    "To look things up": ["notebooks/9*", "docs/mistakes", "docs/museum", "docs/audit", "docs/drop-in"],
    "The library": ["api/equations", "api/layers", "api/cells", "api/steps", "api/reference", "api/*"],
    "For teachers": ["TEACHING", "docs/grading", "SECURITY"],
    "For contributors": ["CONTRIBUTING", "docs/design", "docs/*", "CODE_OF_CONDUCT", "CHANGELOG"],
    "Elsewhere": ["elsewhere"],
}


def main(out):
    """Make the copy, and the site from it; return Sphinx's exit status, which a warning makes 1."""
    for folder in (SOURCE, HTML):
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("api", "static"):
        shutil.copytree(HERE / name, SOURCE / name)
    shutil.copytree(ROOT / "docs", SOURCE / "docs", ignore=shutil.ignore_patterns("*.md", "*.py", "site"))
    copy_mathjax()
    paths = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))] + [HERE / "elsewhere.md"]
    with ThreadPoolExecutor(2) as pool:  # each in a process of its own
        drawn = list(pool.map(draw, paths))
    for path, widgets in zip(paths, drawn, strict=True):
        text = path.read_text(encoding="utf-8")
        page = lesson(json.loads(text), path, widgets) if path.suffix == ".ipynb" else linked(text, path)
        copy = place_of(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(page, encoding="utf-8")
    with (SOURCE / "index.md").open("a", encoding="utf-8") as front_page:
        front_page.write(menu())
    options = ["-b", "html", "-W", "-q", "-E", "-j", "2", "-c", HERE, "-d", WORK / "doctrees"]
    status = build_main([str(word) for word in (*options, SOURCE, HTML)])
    if status == 0:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(HTML, out, ignore=shutil.ignore_patterns(".buildinfo", "*macros.html"))
    return status


def place_of(path):
    """Return the path of a page's copy."""
    if path == ROOT / "README.md":
        return SOURCE / "index.md"
    return SOURCE / path.relative_to(HERE if path.is_relative_to(HERE) else ROOT)


def menu():
    """Return the table of all pages, which makes the menu."""
    files = [path for path in SOURCE.rglob("*.*") if path.suffix in (".md", ".rst", ".ipynb")]
    there = sorted(path.relative_to(SOURCE).with_suffix("").as_posix() for path in files)
    there.remove("index")
    lines = []
    for caption, patterns in MENU.items():
        pages = list(dict.fromkeys(page for pattern in patterns for page in there if fnmatch(page, pattern)))
        there = [page for page in there if page not in pages]
        lines += ["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]
    return "\n".join([*lines, ""])


def copy_mathjax():
    """Copy the parts of MathJax that a page loads: the program and its fonts."""
    [package] = importlib.util.find_spec("sphinx-mathjax-offline").submodule_search_locations
    source, copy = Path(package, "static", "mathjax"), SOURCE / "static" / "mathjax"
    fonts = Path("output", "chtml", "fonts", "woff-v2")
    shutil.copytree(source / fonts, copy / fonts)
    shutil.copy(source / "tex-chtml-full.js", copy)


# ---- links


def linked(text, path):
    """Return the Markdown of the file `path` with links that lead somewhere on the site."""
    parts = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [LINK.sub(lambda found: link(*found.groups(), path), part) for part in parts[::2]]
    return "".join(parts)


def link(text, target, path):
    """Return a link to a page, a module's source or the repository; without an address, its words."""
    name, _, fragment = target.partition("#")
    file = (path.parent / name).resolve() if name else path
    if "://" in target or not file.exists():
        return f"[{text}]({target})"
    if any(file.match(str(ROOT / pattern)) for pattern in PAGES):
        page = Path(os.path.relpath(place_of(file), place_of(path).parent)).as_posix() if name else ""
        return f"[{text}]({page}{'#' + anchor(fragment) if fragment else ''})"
    inside = file.relative_to(ROOT)
    if inside.parent == Path("rnncourse") and (HERE / "api" / f"{inside.stem}.rst").exists():
        up = "../" * (len(place_of(path).relative_to(SOURCE).parts) - 1)
        page = f"_modules/rnncourse/{inside.stem}.html" if file.is_file() else f"api/{inside.stem}.html"
        return f'<a href="{up}{page}">{text}</a>'
    return f"[{text}]({REPOSITORY}/blob/main/{inside.as_posix()})" if REPOSITORY else text


def anchor(heading):
    """Return a heading's fragment as GitHub makes it; Jupyter's has capitals and dots."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# ---- notebooks


def draw(path):
    """Return what frames.py draws of a notebook's widgets, drawing only if something has changed."""
    if path.parent.name != "notebooks":
        return {}
    known = hashlib.sha256(
        b"".join(file.read_bytes() for file in [path, *sorted(ROOT.glob("rnncourse/**/*.py"))])
    )
    known.update((HERE / "frames.py").read_bytes())
    folder = FRAMES / path.stem
    stamp = folder / "drawn.json"
    drawn = json.loads(stamp.read_text(encoding="utf-8")) if stamp.exists() else {}
    if drawn.get("of") != known.hexdigest():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        environment = {**os.environ, "MPLBACKEND": "agg", "RNNCOURSE_PROGRESS": "off", "PYTHONUTF8": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        command = [sys.executable, HERE / "frames.py", path, folder]
        said = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, check=True, encoding="utf-8"
        ).stdout
        drawn = {"of": known.hexdigest(), "cells": json.loads(said.splitlines()[-1])}
        stamp.write_text(json.dumps(drawn), encoding="utf-8")
    if drawn["cells"]:
        shutil.copytree(
            folder, SOURCE / "static" / "frames" / path.stem, ignore=shutil.ignore_patterns("*.json")
        )
    return {int(cell): shown for cell, shown in drawn["cells"].items()}


def lesson(notebook, path, widgets):
    """Return a notebook as a page has it: widgets as pictures, figures with alt texts, links of the site."""
    cells = notebook["cells"]
    notebook["metadata"].pop("widgets", None)  # they have no kernel here
    show_given_code(cells, path)
    for n, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = linked(source, path)
            continue
        if cell["metadata"].pop("jupyter", {}).get("source_hidden"):
            cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), "hide-input"]
        after = "".join(cells[n + 1]["source"]) if n + 1 < len(cells) else ""
        cell["metadata"]["mystnb"] = {"image": {"alt": alt(after)}}
        if n in widgets:
            cell["outputs"] = [shown_as(moving(widgets[n], f"../_static/frames/{path.stem}/"))]
        for k, output in enumerate(cell["outputs"]):
            data = output.get("data", {})
            if WIDGET in data:
                cell["outputs"][k] = shown_as(f"<p>{NOT_DRAWN}</p>")
            elif "text/html" in data:
                data["text/html"] = TO_NOTEBOOK.sub(r"\1.html'", "".join(data["text/html"]))
    return json.dumps(notebook)


def show_given_code(cells, path):
    """Show the code that an exercise prints for its reader to judge: without a kernel, a task is about it."""
    solution = ROOT / "solutions" / path.parent.name / path.name
    if path.parent.parent.name != "exercises" or not solution.exists():
        return
    stored = json.loads(solution.read_text(encoding="utf-8"))["cells"]
    outputs = {cell["id"]: cell["outputs"] for cell in stored if cell["cell_type"] == "code"}
    for cell in cells:
        if cell["cell_type"] == "code" and PRINTS_CODE.search("".join(cell["source"])):
            cell["outputs"] = outputs[cell["id"]]


def alt(after):
    """Return a figure's alt text: the caption in the cell after it."""
    caption = re.match(r"\*Figure: (.*?)\*$", after, re.MULTILINE)
    return re.sub(r"[`$\\]", "", caption[1]) if caption else "A figure. The text below it says what it shows."


def shown_as(words):
    """Return the output of a code cell that shows this HTML."""
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": words}}


# ---- widgets

NOT_DRAWN = "Here the notebook has a figure with controls. To use it, open the lesson in JupyterLab."
STILL = "The figure as it is at first. In JupyterLab, you can change {controls}."
MOVES = "In JupyterLab, you can also change {controls}."


def moving(widget, folder):
    """Return the HTML of a widget's pictures: with a slider (static/site.js) if there are several."""
    frames, start = widget["frames"], widget["start"]
    now = frames[start]
    label, moved = html.escape(now["label"]), html.escape(widget["moved"])
    lines = ['<figure class="frames">']
    if len(frames) > 1:
        lines += [
            f'<label><input type="range" min="0" max="{len(frames) - 1}" value="{start}" autocomplete="off"',
            f'aria-label="{moved}" aria-valuetext="{label}"> <output>{label}</output></label>',
        ]
    lines += [f'<img src="{folder}{file}" alt="What the words below describe">' for file in now["files"]]
    lines += [f'<figcaption aria-live="polite">{now["words"]}</figcaption>']
    if widget["others"]:
        controls = ", ".join(map(html.escape, widget["others"]))
        note = (MOVES if len(frames) > 1 else STILL).format(controls=controls)
        lines += [f'<p class="frames-note">{note}</p>']
    data = json.dumps([{**frame, "files": [folder + file for file in frame["files"]]} for frame in frames])
    data = data.replace("<", "\\u003c")  # no tag inside the script
    return "\n".join([*lines, f'<script type="application/json">{data}</script>', "</figure>"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
