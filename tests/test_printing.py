"""What is printed fits the encoding of sys.stdout, whichever it is; what is kept does not depend on it."""

import ast
import io
from pathlib import Path

import pytest

import rnncourse
from rnncourse.checks import lstm_gates
from rnncourse.printing import ASCII, printable

PACKAGE = Path(rnncourse.__file__).parent


@pytest.fixture
def stdout(monkeypatch):
    def with_encoding(encoding):
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))

    return with_encoding


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16", "cp1252", "cp437", "cp932", "koi8-r", "latin-1", "ascii"]
)
def test_every_text_can_be_printed(stdout, encoding):
    stdout(encoding)
    text = "".join(ASCII) + "größe 日本 \N{GRINNING FACE} \ud800"
    printable(text).encode(encoding)
    assert printable("plain") == "plain"


def test_only_what_the_encoding_lacks_changes(stdout):
    stdout("cp1252")
    assert printable("✗ σ(W x) … 3 × 4 = ½ ∞ größe 日") == "X sigma(W x) … 3 × 4 = ½ inf größe \\u65e5"
    stdout("utf-8")
    assert printable("✗ σ … 日") == "✗ σ … 日"


@pytest.mark.parametrize("stdout", [None, io.StringIO()])
def test_without_an_encoding_the_text_stays(monkeypatch, stdout):
    monkeypatch.setattr("sys.stdout", stdout)
    assert printable("✗ σ …") == "✗ σ …"


def test_a_verdict_that_is_kept_does_not_depend_on_the_terminal(stdout):
    verdict = lstm_gates.lstm_step.verdict(lambda *arguments: 1)
    stdout("ascii")
    assert str(verdict).startswith("X lstm_step")
    assert verdict.words.startswith("✗ lstm_step")


def test_each_sign_that_is_printed_has_its_ascii_form():
    """In the modules whose texts may be printed; docstrings apart, which `help` prints by itself."""
    silent = ("plots", "grading", "widgets.py", "printing.py")
    texts = [
        node.value
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in silent
        for node in strings(ast.parse(path.read_text(encoding="utf-8")))
    ]
    signs = {sign for text in texts for sign in text if not sign.isascii()}
    assert signs >= set("✓✗○…·σ")
    assert sorted(signs - set(ASCII)) == []
    assert all(form.isascii() for form in ASCII.values())


def strings(tree):
    """The string constants that are not docstrings."""
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node
