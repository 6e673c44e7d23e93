"""What nbval does not see in a stored notebook. Each guard yields complaints; each is seen to work."""

import base64
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from nbconvert.filters import markdown2html
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parent.parent
FILES = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")])
WIDEST = 1000  # pixels: what fits beside JupyterLab's file list, and what the course's plot style draws
MACHINE_PATH = re.compile(
    r"(?<![\w.~-])/(?:home|root|tmp|mnt|opt|private|Users|usr)\b"  # the usual roots
    r"|(?<![\w.~-])/(?:[\w.+-]+/)+[\w.+-]+\.(?:py|so|ipynb)\b"  # any other file from the root down
    r"|\b[A-Z]:\\\w"
    r"|site-packages"
)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def texts(value):
    """Every string in a tree of dicts and lists but for pictures: chance can put any path into base64."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if not key.startswith("image/") and value.get("encoding") != "base64":
                yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


class Page(HTMLParser):
    """The headings, links and images of a notebook's prose, as a reader's browser gets them."""

    def __init__(self, notebook):
        super().__init__()
        self.headings, self.links, self.images = [], [], []
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                self.feed(markdown2html(cell.source))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        elif tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        elif tag == "img":
            self.images.append(attributes)
            self.links.append(attributes.get("src", ""))


# ---- the guards


def valid(notebook, path):
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        yield f"is not a valid notebook: {error.message}"


def run_from_top_to_bottom(notebook, path):
    """nbval compares only cells that have a count: without this, a stripped notebook would pass."""
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"was not run once from top to bottom: its cells are numbered {counts}"


def outputs_are_stored(notebook, path):
    if not outputs(notebook):
        yield "stores no output: run it and save it with its outputs"


def no_machine_path(notebook, path):
    stored = [outputs(notebook), notebook.metadata.get("widgets", {})]
    for text in texts(stored):
        if found := MACHINE_PATH.search(text):
            around = text[max(0, found.start() - 40) : found.end() + 40]
            yield f"stores a path of the machine it ran on: {around!r}"


def no_traceback(notebook, path):
    for cell in code_cells(notebook):
        wanted = "raises-exception" in cell.metadata.get("tags", [])
        for output in cell.outputs:
            if output.output_type == "error" and not wanted:
                yield f"stores an error that no one asked for: {output.ename}: {output.evalue}"
            elif output.output_type == "error" and output.traceback:
                yield f"stores the traceback of {output.ename}: catch the error and print it instead"


def figures_are_png_and_fit(notebook, path):
    for output in outputs(notebook):
        for kind, content in output.get("data", {}).items():
            if kind.startswith("image/") and kind != "image/png":
                yield f"stores a figure as {kind}: nbval would compare its text; store PNG"
            elif kind == "image/png":
                head = base64.b64decode(content)  # signature: 8 bytes, length and name of IHDR: 8, width: 4
                width = int.from_bytes(head[16:20], "big")
                if head[:8] != b"\x89PNG\r\n\x1a\n":
                    yield "stores an image/png that is no PNG"
                elif width > WIDEST:
                    yield f"stores a figure {width} pixels wide; the widest allowed is {WIDEST}"


def figures_have_words(notebook, path):
    """Below each figure of a lesson stands what it shows: JupyterLab gives a stored PNG no alt text."""
    if path.parent.parent.name == "solutions":  # there, what a figure shows is the exercise
        return
    for k, cell in enumerate(notebook.cells):
        below = [c.source for c in notebook.cells[k + 1 : k + 3] if c.cell_type == "markdown"]
        drawn = any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))
        if drawn and not any("*Figure: " in text for text in below):
            yield f"does not say below its figure what it shows: {cell.source[:60]!r}"


def begins_with_setup(notebook, path):
    first = next(iter(code_cells(notebook)), None)
    if first is None or not re.search(r"\bsetup\(", first.source):
        yield "does not call setup() in its first code cell: seed, threads and plot style would differ"


def headings_in_order(notebook, path):
    levels = Page(notebook).headings
    if levels[:1] != [1] or levels.count(1) != 1:
        yield f"must begin with its one first-level heading; its headings are of levels {levels}"
    for above, below in pairwise(levels):
        if below > above + 1:
            yield f"jumps from a heading of level {above} to one of level {below}"


def links_lead_somewhere(notebook, path):
    for link in Page(notebook).links:
        parts = urlsplit(link)
        if not parts.scheme and parts.path and not (path.parent / unquote(parts.path)).exists():
            yield f"links to {link}, which is not there"
        if parts.scheme == "file":
            yield f"links to {link}: use a relative path"


def images_have_words(notebook, path):
    for image in Page(notebook).images:
        if not (image.get("alt") or "").strip():
            yield f"shows {image.get('src')} without alt text"


def folded_cells_give_nothing_away(notebook, path):
    """JupyterLab shows the first line of a folded cell, right under the question that it tests."""
    for cell in code_cells(notebook):
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
        if hidden and not cell.source.startswith("#"):
            yield f"shows code of a folded cell: begin it with a comment, not {cell.source.splitlines()[0]!r}"


def nothing_follows_a_folded_answer(notebook, path):
    """JupyterLab leaves no space below a folded answer: what follows in its cell looks like a part of it."""
    for cell in notebook.cells:
        after = re.split("</details>", cell.source)[1:] if cell.cell_type == "markdown" else []
        for text in filter(None, map(str.strip, after)):
            yield f"goes on below a folded answer in the same cell: {text[:40]!r}"


def tables_stand_apart(notebook, path):
    """A table whose head follows a sentence without an empty line is shown as running text."""
    for cell in notebook.cells:
        lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
        for k, line in enumerate(lines):
            if re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", line.strip()):
                head = lines[k - 1] if k else ""
                above = lines[k - 2] if k > 1 else ""
                if not head.startswith("|") or above.strip():
                    yield f"has a table that is not set apart: {head[-60:]!r}"


def sections_to_run_have_cells(notebook, path):
    """Where a first reader is told to run the cells of a section, there are some before the next one."""
    heading, waiting = 0, ""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            waiting = ""
        elif found := re.match(r"(##+) ", cell.source):
            if waiting and len(found[1]) <= heading:
                break
            if "run the cells of this section" in cell.source:
                heading, waiting = len(found[1]), cell.source.splitlines()[0]
    if waiting:
        yield f"says to run the cells of a section without any: {waiting}"


GUARDS = [
    valid,
    run_from_top_to_bottom,
    outputs_are_stored,
    no_machine_path,
    no_traceback,
    figures_are_png_and_fit,
    figures_have_words,
    begins_with_setup,
    headings_in_order,
    links_lead_somewhere,
    images_have_words,
    folded_cells_give_nothing_away,
    nothing_follows_a_folded_answer,
    tables_stand_apart,
    sections_to_run_have_cells,
]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_notebook(path, guard):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    assert list(guard(notebook, path)) == []


def test_there_are_lessons():
    """The lesson that `python course.py lab` opens is among them."""
    assert ROOT / "notebooks" / "00_start_here.ipynb" in FILES


# ---- the guards, on guard: each sees the fault that it is there for


def png(width):
    """The first bytes of a PNG of this width."""
    head = b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + b"IHDR" + width.to_bytes(4, "big") + bytes(4)
    return base64.b64encode(head).decode()


def shown(**data):
    return new_output(
        "display_data", data={kind.replace("_", "/"): content for kind, content in data.items()}
    )


def printed(text):
    return new_output("stream", text=text)


def error(traceback=()):
    return new_output("error", ename="ValueError", evalue="no", traceback=list(traceback))


def code(source="1 + 1", count=1, *stored, tags=()):
    return new_code_cell(source, execution_count=count, outputs=list(stored), metadata={"tags": list(tags)})


def good(
    *more,
    prose="*Figure: a cell.*\n\n## A part\n\n[next](next.ipynb), ![a cell](cell.png), $a[i](x)$, `b[i](x)`",
):
    first = code(
        "from rnncourse.notebook import setup\n\nsetup()",
        1,
        printed("ready, 3/4\n"),
        shown(image_png=png(900)),
    )
    return new_notebook(cells=[new_markdown_cell("# A lesson"), first, new_markdown_cell(prose), *more])


def without(cell):
    notebook = good()
    del notebook.cells[cell]
    return notebook


def invalid():
    notebook = good()
    notebook.cells[0].cell_type = "prose"
    return notebook


def stripped():
    notebook = good()
    notebook.cells[1].outputs = []
    return notebook


FOLDED = new_code_cell("assert answer == 3", execution_count=2, metadata={"jupyter": {"source_hidden": True}})
ANSWER = "<details>\n<summary>Answer</summary>\n\n3\n\n</details>"
RUN = "## Deep\n\n*Going deeper: on a first reading, only run the cells of this section.*"
BAD = [
    (valid, invalid(), "not a valid notebook"),
    (run_from_top_to_bottom, good(code(count=3)), r"\[1, 3\]"),
    (run_from_top_to_bottom, good(code(count=None)), r"\[1, None\]"),
    (outputs_are_stored, stripped(), "no output"),
    (no_machine_path, good(code("x", 2, printed("in /home/ada/course"))), "/home/ada"),
    (no_machine_path, good(code("x", 2, printed('File "/course/rnncourse/steps.py"'))), "rnncourse/steps"),
    (no_machine_path, good(code("x", 2, printed("C:\\Users\\Ada"))), "Ada"),
    (no_machine_path, good(code("x", 2, shown(text_html="<p>/tmp/ipykernel_1/2.py"))), "/tmp/ipykernel"),
    (no_machine_path, good(code("x", 2, error(["lib/site-packages/torch/nn.py"]))), "site-packages"),
    (no_traceback, good(code("x", 2, error())), "no one asked for: ValueError"),
    (folded_cells_give_nothing_away, good(FOLDED), "a comment, not 'assert"),
    (nothing_follows_a_folded_answer, good(new_markdown_cell(f"{ANSWER}\n\nSo it is 3.")), "So it is 3"),
    (tables_stand_apart, good(new_markdown_cell("So: | a | b |\n|---|:--|\n| 1 | 2 |")), "So: "),
    (tables_stand_apart, good(new_markdown_cell("So:\n| a | b |\n|---|:--|\n| 1 | 2 |")), "a . b"),
    (sections_to_run_have_cells, good(*map(new_markdown_cell, (RUN, "## Next"))), "without any: ## Deep"),
    (sections_to_run_have_cells, good(new_markdown_cell(RUN)), "without any: ## Deep"),
    (
        no_traceback,
        good(code("x", 2, error(["line 1"]), tags=["raises-exception"])),
        "the traceback of ValueError",
    ),
    (figures_are_png_and_fit, good(code("x", 2, shown(image_png=png(1001)))), "1001 pixels"),
    (
        figures_are_png_and_fit,
        good(code("x", 2, new_output("display_data", {"image/svg+xml": "<svg/>"}))),
        "svg",
    ),
    (figures_are_png_and_fit, good(code("x", 2, shown(image_png="AAAA"))), "no PNG"),
    (figures_have_words, good(code("plot(x)", 2, shown(image_png=png(900)))), "figure what it shows: 'plot"),
    (begins_with_setup, without(1), "setup"),
    (headings_in_order, without(0), r"levels \[2\]"),
    (headings_in_order, good(prose="# Another"), r"levels \[1, 1\]"),
    (headings_in_order, good(prose="### Deep"), "from a heading of level 1 to one of level 3"),
    (links_lead_somewhere, good(prose="[there](nowhere.ipynb#part)"), "nowhere"),
    (links_lead_somewhere, good(prose='<img src="nowhere.png" alt="a cell">'), "nowhere"),
    (links_lead_somewhere, good(prose="[there](file:///there.ipynb)"), "relative path"),
    (images_have_words, good(prose="![](cell.png)"), "without alt text"),
    (images_have_words, good(prose='<img src="cell.png">'), "without alt text"),
]


@pytest.fixture
def lesson(tmp_path):
    """Where the made-up notebook lies: beside what its good version links to."""
    for name in ("next.ipynb", "cell.png"):
        (tmp_path / name).touch()
    return tmp_path / "lesson.ipynb"


@pytest.mark.parametrize(("guard", "notebook", "complaint"), BAD)
def test_guard_sees_its_fault(guard, notebook, complaint, lesson):
    [said] = guard(notebook, lesson)
    assert re.search(complaint, said)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.__name__)
def test_guard_lets_a_good_notebook_pass(guard, lesson):
    folded = new_markdown_cell(f"{RUN}\n\n| a | b |\n|:-:|--:|\n\n{ANSWER}")
    wanted_error = code("x", 2, error(), tags=["raises-exception"])
    assert list(guard(good(folded, wanted_error), lesson)) == []


def test_each_guard_was_tried():
    assert {guard for guard, _, _ in BAD} == set(GUARDS)
