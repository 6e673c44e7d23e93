"""Lessons and exercises as a learner has them: JupyterLab in a real browser, run, used, light and dark.

JupyterLab runs on loopback, on a copy of the notebooks and with a home of its own. When a test fails, its
last line says where the picture of the page lies.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from rnncourse.lab.workspace import LAYOUT, Workspace

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).parent.parent
BROWSERS = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser on the PATH: none of {', '.join(BROWSERS)}"
)

PATIENCE = 120  # seconds, for any one thing to happen: the other tests may keep both cores busy
# No sandbox: root in a container has none. And no calls of the browser's own to the network.
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SETTINGS = {
    "@jupyterlab/apputils-extension:themes": {"adaptive-theme": True},  # light or dark as the browser asks
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # every cell is in the page
}
# JupyterLab that ends when its standard input does: so also when this process is killed. It may hang in its
# orderly end; after the other one its kernels end by themselves.
LAB = """
import os, signal, sys, threading, time
def end_with_the_tests():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)
    os._exit(1)
threading.Thread(target=end_with_the_tests, daemon=True).start()
from jupyterlab.labapp import main
main()
"""

# What the page shows of a code cell: its number, the words of its rich outputs, the widths of its figures and
# their alt texts.
CELL = """cell => ({
    number: cell.querySelector('.jp-InputPrompt').innerText,
    said: [...cell.querySelectorAll('.jp-RenderedHTML')].map(e => e.innerText).join(' '),
    figures: [...cell.querySelectorAll(FIGURES)].map(e => e.getBoundingClientRect().width),
    alts: [...cell.querySelectorAll(FIGURES)].map(e => e.alt),
})""".replace("FIGURES", "'.jp-RenderedImage img, .jp-RenderedHTML img'")
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(e => e.innerText).join()"
ERRORS = ", ".join(f"[data-mime-type='application/vnd.jupyter.{kind}']" for kind in ("error", "stderr"))
# The picture itself, for comparison; null while it is loading.
PICTURE = """figure => {
    const canvas = document.createElement('canvas')
    canvas.width = figure.naturalWidth, canvas.height = figure.naturalHeight
    if (!figure.complete || !canvas.width) return null
    canvas.getContext('2d').drawImage(figure, 0, 0)
    return canvas.toDataURL()
}"""
# The names in the file browser that end in an ellipsis.
CUT_OFF = """() => [...document.querySelectorAll('.jp-DirListing-itemText')].filter(e => {
    const whole = document.createRange()
    whole.selectNodeContents(e)
    return whole.getBoundingClientRect().width > e.getBoundingClientRect().width + 0.5
}).map(e => e.innerText)"""
# The least contrast of text against what lies behind it, by WCAG 2's formula: 1 to 21, and 4.5 is enough.
CONTRAST = """elements => {
    const light = colour => {
        const [r, g, b] = colour.match(/[0-9.]+/g).map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const behind = e => {
        const colour = getComputedStyle(e).backgroundColor
        return colour == 'rgba(0, 0, 0, 0)' ? behind(e.parentElement) : colour
    }
    return Math.min(...elements.map(e => {
        const [a, b] = [light(getComputedStyle(e).color), light(behind(e))]
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
    }))
}"""


# ---- what runs


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The variables of a learner's machine, with a home in which nobody has set anything."""
    theirs = "HOME", "JUPYTER", "IPYTHON", "XDG_", "MPL"
    return {name: value for name, value in os.environ.items() if not name.startswith(theirs)} | {
        "HOME": str(tmp_path_factory.mktemp("home")),
        "JUPYTER_PREFER_ENV_PATH": "1",  # this Python's kernel
        "JUPYTER_RUNTIME_DIR": str(tmp_path_factory.mktemp("runtime")),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="module")
def lab(environment, tmp_path_factory):
    """A running JupyterLab: what it says of itself, "root_dir", "url" and "token" among it."""
    course, settings = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("settings")
    for folder in ("notebooks", "exercises"):
        (course / folder).symlink_to(ROOT / folder)
    Workspace(course).renew()
    learners = ROOT / "rnncourse" / "lab" / "settings"
    shutil.copy(learners / "page_config.json", settings)
    overrides = json.loads((learners / "overrides.json").read_text())
    (settings / "overrides.json").write_text(json.dumps(overrides | SETTINGS))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={course / 'work'}"]
    words += [f"--LabApp.app_settings_dir={settings}"]
    words += [f"--LabApp.workspaces_dir={(course / 'work' / LAYOUT).parent}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        words += ["--allow-root"]
    log = settings / "lab.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-c", LAB, *words],
            env=environment,
            cwd=course,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the tests, which then end it
        )
    try:
        yield _when_started(process, Path(environment["JUPYTER_RUNTIME_DIR"]), log)
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _when_started(process, runtime, log):
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(ValueError, OSError):  # not there yet, or half written
            return json.loads((runtime / f"jpserver-{process.pid}.json").read_text())
        time.sleep(0.1)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="module")
def browser(environment):
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=FLAGS, env=environment)
        yield browser
        browser.close()


@pytest.fixture
def opened(lab, browser, tmp_path):
    """opened(path): a context with the notebook in the browser, its outputs cleared and its kernel ready."""

    @contextlib.contextmanager
    def open_(path):
        file = Path(lab["root_dir"], path)
        notebook = nbformat.read(file, as_version=4)
        for cell in code_cells(notebook):
            cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, file)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        page.set_default_timeout(PATIENCE * 1000)
        try:
            page.goto(f"{lab['url']}lab/tree/{path}?token={lab['token']}&reset")
            page.get_by_text("(ipykernel) | Idle").wait_for()  # in the status bar
            yield page
        except (Exception, pytest.fail.Exception) as error:
            with contextlib.suppress(playwright.Error):
                page.screenshot(path=tmp_path / "page.png", timeout=10_000)
                error.add_note(f"The page as it was then: {tmp_path / 'page.png'}")
            raise
        finally:
            page.close()

    return open_


# ---- what a learner does


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def by_number(counts):
    """{3: 1} for [0, 0, 1]: the cells that have any."""
    return {number: count for number, count in enumerate(counts, start=1) if count}


def run_all(page):
    """Run > Run All Cells, to the end; what each code cell shows then. Errors and warnings fail the test."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    # That marks every cell with [*]. An error gives those after it their [ ] back.
    ended = f"/[0-9]/.test({PROMPTS}) && !/[*]/.test({PROMPTS})"
    page.wait_for_function(ended, polling=200, timeout=5 * PATIENCE * 1000)  # a whole lesson, with trainings
    errors = page.locator(ERRORS)
    if errors.count():
        errors.first.scroll_into_view_if_needed()
        pytest.fail("\n".join(errors.all_inner_texts()))
    page.wait_for_function("[...document.images].every(image => image.complete)", polling=200)
    cells = page.locator(".jp-CodeCell").evaluate_all(f"cells => cells.map({CELL})")
    for n, cell in enumerate(cells, start=1):
        assert cell["number"] in (f"[{n}]:", "")  # a folded cell shows no number, one that did not run "[ ]:"
    return cells


def press_right(page, slider, figure):
    """One step of the slider by keyboard. Returns once the figure is another one."""
    before = figure.evaluate(PICTURE)
    slider.focus()
    page.keyboard.press("ArrowRight")
    changed = f"([figure, before]) => ![null, before].includes(({PICTURE})(figure))"
    try:
        page.wait_for_function(changed, arg=[figure.element_handle(), before], polling=200)
    except playwright.TimeoutError:
        pytest.fail("the slider was moved, and the figure did not change")


def assert_readable(page, text, scheme):
    """In JupyterLab's light or dark theme, the elements that the selector `text` finds can be read."""
    page.emulate_media(color_scheme=scheme)
    page.locator(f"body[data-jp-theme-light='{str(scheme == 'light').lower()}']").wait_for(state="attached")
    found = page.locator(text)
    assert found.count() > 0
    assert found.evaluate_all(CONTRAST) > 4.5, f"text is hard to read in the {scheme} theme"


# ---- the tests


def test_lesson_runs_and_its_sliders_move_the_figure(opened):
    path = "notebooks/06_lstm_gates.ipynb"
    cells = code_cells(nbformat.read(ROOT / path, as_version=4))
    stored = [sum("image/png" in output.get("data", {}) for output in cell.outputs) for cell in cells]
    assert any(stored)
    with opened(path) as page:
        shown = run_all(page)
        drawn = [sum(width > 200 for width in cell["figures"]) for cell in shown]
        assert by_number(drawn) == by_number(stored)
        alts = [alt for cell in shown for alt in cell["alts"]]
        assert all(alts)  # none is empty
        assert any("1.99" in alt for alt in alts)  # what plots.lstm_cell says

        widget = page.locator(".jp-CodeCell", has=page.locator(".jupyter-widgets"))
        figure = widget.locator("img")
        figure.wait_for()  # visible, so of some size
        sliders = widget.get_by_role("slider").all()
        assert len(sliders) == 5
        for slider in sliders:
            press_right(page, slider, figure)

        assert page.locator("mjx-container").count() > 0
        assert page.locator("mjx-merror").count() == 0  # an equation that MathJax can't read
        for scheme in ("dark", "light"):
            assert_readable(page, ".jp-RenderedMarkdown p", scheme)


def test_unsolved_exercise_runs_to_its_end_with_a_verdict_for_each_task(opened):
    path = "exercises/06_lstm_gates/lstm_gates.ipynb"
    cells = code_cells(nbformat.read(ROOT / path, as_version=4))
    tasks = [n for n, cell in enumerate(cells) if cell.metadata.get("nbgrader", {}).get("grade")]
    assert tasks
    with opened("exercises/exercise_06_lstm_gates.ipynb") as page:
        assert page.get_by_text("news", exact=False).count() == 0  # no pop-up before the first cell
        assert page.get_by_role("button", name="Validate").count() == 0  # nbgrader's, for teachers
        shown = run_all(page)
        verdicts = [shown[n]["said"] for n in tasks]
        assert [verdict for verdict in verdicts if "not written yet" not in verdict] == []
        for scheme in ("dark", "light"):
            assert_readable(page, ".jp-CodeCell .jp-RenderedHTML div", scheme)


def test_the_name_of_every_lesson_and_exercise_is_whole(lab, browser):
    work = Path(lab["root_dir"])
    (work / LAYOUT).unlink(missing_ok=True)  # as another test has left it
    Workspace(work.parent).renew()
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE * 1000)
    try:
        for name in ("notebooks/06_lstm_gates.ipynb", "exercises/exercise_06_lstm_gates.ipynb"):
            page.goto(f"{lab['url']}lab/tree/{name}?token={lab['token']}")
            page.locator(".jp-DirListing-itemText", has_text=Path(name).name).wait_for()
            assert page.locator(".jp-DirListing-itemText").count() > 20
            assert page.evaluate(CUT_OFF) == []
    finally:
        page.close()
