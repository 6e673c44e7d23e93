"""The course's site in a real browser: built from the stored notebooks, served on loopback, read and used."""

import functools
import html.parser
import http.server
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).parent.parent
BROWSERS = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
EXTRA = "myst_nb", "sphinx_book_theme", "sphinx-mathjax-offline", "axe_playwright_python"
MISSING = [name for name in EXTRA if importlib.util.find_spec(name) is None]
pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"the extra docs is not installed: no {', '.join(MISSING)}"),
    pytest.mark.skipif(BROWSER is None, reason=f"no browser on the PATH: none of {', '.join(BROWSERS)}"),
]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE = 120  # seconds, for any one thing to happen: the other tests may keep both cores busy
WIDTHS, SCHEMES = (1280, 390), ("light", "dark")
SLIDER = "figure.frames input"
# One page of each kind, for what would take too long on every page.
KINDS = [
    "index.html",
    "notebooks/06_lstm_gates.html",
    "notebooks/07_h_and_c.html",
    "exercises/06_lstm_gates/lstm_gates.html",
    "docs/grading.html",
    "docs/audit.html",
    "api/equations.html",
    "api/layers.html",
]


# ---- what runs


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder with the site. Sphinx's warnings end the build."""
    folder = tmp_path_factory.mktemp("site") / "site"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    command = [sys.executable, ROOT / "docs" / "site" / "build.py", folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site):
    """The site's address on loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Quiet, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


class Tab:
    """A browser's tab that notes what goes wrong: errors, and requests that fail or leave the site."""

    def __init__(self, browser, address, width=1280, scheme="light"):
        self.address, self.troubles = address, []
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page.set_default_timeout(PATIENCE * 1000)
        self.page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        self.page.on(
            "console", lambda said: said.type == "error" and self.troubles.append(f"console: {said.text}")
        )
        self.page.on(
            "response", lambda got: got.status >= 400 and self.troubles.append(f"{got.status}: {got.url}")
        )
        self.page.on("requestfailed", self._failed)
        self.page.on("request", self._seen)

    def _failed(self, request):
        if request.failure != "net::ERR_ABORTED":  # of a page that was left
            self.troubles.append(f"{request.failure}: {request.url}")

    def _seen(self, request):
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.troubles.append(f"leaves the site: {request.url}")

    def open(self, name):
        self.page.goto(self.address + name)
        if self.page.locator(".math").count():
            self.page.wait_for_function("window.MathJax?.startup?.promise !== undefined")
            self.page.evaluate("MathJax.startup.promise")
        return self.page


@pytest.fixture
def tab(browser, address):
    """tab(width, scheme): a new tab. At the end, none may have had trouble."""
    opened = []

    def new(*options):
        opened.append(Tab(browser, address, *options))
        return opened[-1]

    yield new
    for each in opened:
        each.page.close()
        assert each.troubles == []


def names(site):
    """The pages, by their paths."""
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))


# ---- what is there


def test_everything_that_the_site_promises_has_a_page(site):
    there = {name.removesuffix(".html") for name in names(site)}
    notebooks = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("exercises/*/*.ipynb")]
    documents = [*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")]
    wanted = {path.relative_to(ROOT).with_suffix("").as_posix() for path in [*notebooks, *documents]}
    wanted |= {f"api/{path.stem}" for path in ROOT.glob("docs/site/api/*")}
    assert wanted - {"README"} - there == set()
    assert {"index", "search"} <= there


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ("12_bidirectional/bidirectional", "class BiLSTM(nn.Module):"),
        ("14_stateful_training/stateful_training", "def loop_t(gru, chunks, optimizer):"),
        ("16_silent_bugs/silent_bugs", "class Rater(nn.Module):"),
        ("22_fix_the_internet/fix_the_internet", "def carry_d(lstm, x, state):"),
    ],
)
def test_code_that_an_exercise_asks_about_is_on_its_page(tab, page, code):
    article = tab().open(f"exercises/{page}.html").locator("article")
    assert code in article.inner_text()
    assert "BEGIN SOLUTION" not in article.inner_text()


class Links(html.parser.HTMLParser):
    """What a page links to and loads, and the fragments that lead into it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loaded, self.fragments = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.fragments.update(filter(None, (given.get("id"), given.get("name"))))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") == "stylesheet":
            self.loaded.append(given["href"])
        elif tag in ("img", "script", "iframe", "source") and given.get("src"):
            self.loaded.append(given["src"])


def test_no_link_and_no_fragment_is_dead(site):
    pages = {name: Links((site / name).read_text(encoding="utf-8")) for name in names(site)}
    dead = []
    for name, page in pages.items():
        for link in [*page.links, *page.loaded]:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                if link in page.loaded and url.scheme != "data":
                    dead.append(f"{name} loads {link}")
                continue
            target = unquote(urlsplit(urljoin(f"http://site/{name}", link)).path).lstrip("/")
            if not (site / target).is_file():
                dead.append(f"{name} -> {link}")
            elif url.fragment and target in pages and unquote(url.fragment) not in pages[target].fragments:
                dead.append(f"{name} -> {link}: no such fragment")
    assert sorted(set(dead)) == []


# ---- how it looks


def test_every_page_on_a_phone_fits_and_shows_its_formulas(site, tab):
    phone = tab(390)
    wrong = {}
    for name in names(site):
        page = phone.open(name)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        formulas, shown = page.locator(".math").count(), page.locator(".math mjx-container").count()
        unread = page.locator("mjx-merror").count()
        if wide > 0 or formulas != shown or unread:
            wrong[name] = f"{wide} px too wide, {shown} of {formulas} formulas, {unread} of them in error"
    assert wrong == {}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_of_each_kind_have_no_serious_fault_of_accessibility(tab, width, scheme):
    package = Path(importlib.util.find_spec("axe_playwright_python").origin).parent
    axe = (package / "axe.min.js").read_text(encoding="utf-8")
    one, faults = tab(width, scheme), []
    for name in KINDS:
        page = one.open(name)
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(axe)
        # without preload, in which axe itself asks for style sheets that are not there
        for fault in page.evaluate("axe.run({preload: false}).then(result => result.violations)"):
            if fault["impact"] in ("serious", "critical"):
                faults.append(f"{name}: {fault['id']}: {fault['nodes'][0]['html'][:200]}")
    assert faults == []


# ---- how it is used


def test_search_finds_the_forget_bias_in_lesson_06(tab):
    page = tab().open("search.html?q=forget+bias")
    page.locator("#search-results li a", has_text="06 · The LSTM").first.click()
    page.locator("article h1", has_text="06 · The LSTM").wait_for()


def test_a_slider_changes_its_pictures_and_its_words(tab):
    page = tab().open("notebooks/07_h_and_c.html")
    slider = page.locator(SLIDER)
    figure = page.locator("figure.frames", has=page.locator("input"))
    shown = "figure => [...figure.querySelectorAll('img')].map(image => image.src)"
    before, words = figure.evaluate(shown), figure.locator("figcaption").inner_text()
    assert len(before) == 2
    slider.focus()
    page.keyboard.press("ArrowRight")
    after = figure.evaluate(shown)
    assert not set(before) & set(after)
    assert figure.locator("figcaption").inner_text() != words
    assert figure.locator("output").inner_text() == "t = 1"
    loaded = "figure => [...figure.querySelectorAll('img')].every(image => image.naturalWidth > 100)"
    page.wait_for_function(loaded, arg=figure.element_handle())
    pictures = [page.request.get(url).body() for url in (*before, *after)]
    assert len(set(pictures)) == 4


def test_keyboard_reaches_answers_sliders_and_links(tab):
    page = tab().open("notebooks/09_lstmcell_looping.html")
    page.evaluate("window.reached = new Set()")
    for _ in range(1000):
        page.keyboard.press("Tab")
        if page.evaluate("reached.size === reached.add(document.activeElement).size"):  # round again
            break
    usable = "article summary, article input, article a[href]:not(.headerlink)"
    missed = f"[...document.querySelectorAll('{usable}')].filter(e => e.checkVisibility() && !reached.has(e))"
    assert page.evaluate(f"{missed}.map(e => e.outerHTML)") == []
    assert page.evaluate(f"[...reached].some(e => e.matches('{SLIDER}'))")
    answer = page.locator("details").first
    answer.locator("summary").focus()
    page.keyboard.press("Enter")
    assert answer.evaluate("details => details.open")
