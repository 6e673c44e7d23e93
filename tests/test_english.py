"""The most frequent slips of English are gone, and stay gone, wherever the text has been cleaned.

This is a short list of patterns with few false hits, not a grammar checker.
"""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SLIPS = {  # by what to write instead
    "return …, expected …": r"\b[Aa]sked (?:is|are)\b",
    "instead of": r"\bin the place of\b",
    "the backward pass": r"\bthe way back\b",
    "is not a": r"(?<!here )\b(?:is|are|was|were) no (?!longer\b|more\b|one\b)[a-z]+ (?:that|but|of)\b",
    "what is not a": r"\b[Ww]hat (?:is|are|was) no [a-z]+\b",
    "is not used": r"\bha(?:s|ve) no part in\b",
    "does not have": r"\b(?:has|have) not[.;:]",
    "if you, for those who": r"\bWhoever\b|\bfor who\b",
    "pass": r"\bhand(?:s|ed|ing)? (?:it|them|that|those|the state) (?:in|on)\b|\bhanded on\b",
    "needs to be": r"\bwants? (?:transposing|mending|doing)\b",
    "by default": r"\bnothing else is said\b",
    "how many … does it have": r"\b[Hh]ow many [a-z]+ has (?:(?:an?|the|one) )?[\w`]+\?",
    "what is the shape of": r"\b[Ww]hich shapes? (?:has|have)\b",
    "is different": r"(?<!here )\b(?:is|are) (?:another|others)[.;:]",
    "otherwise": r"[,;] else\b|\bis else\b",
    "identity matrix": r"\bunit matri(?:x|ces)\b",
    "compute, extrapolate": r"\breckon",
    "a typo": r"\bslip of the (?:keyboard|pen)\b",
    "forever": r"\bfor ever\b",
    "fix, repair": r"\b[Mm]end(?:s|ed|ing)?\b",
}

ALLOWED = {  # by file: phrases that look like a slip and are none
}


def pages():
    """Yield the path of everything that somebody reads: package, lessons, solutions, documents."""
    patterns = (
        "*.md",
        "course.py",
        "rnncourse/**/*.py",
        "notebooks/*.ipynb",
        "solutions/*/*.ipynb",
        "docs/*.md",
    )
    for pattern in patterns:
        yield from sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))


def text(path):
    """Return a page's words without its line breaks; of a notebook, the sources of its cells."""
    words = (ROOT / path).read_text("utf-8")
    if path.endswith(".ipynb"):
        words = "\n".join("".join(cell["source"]) for cell in json.loads(words)["cells"])
    return re.sub(r"\s*\n\s*(?:#+ )?", " ", words)


def slips(words, allowed=()):
    """Return each slip with what to write instead and some of the words around it."""
    for phrase in allowed:
        words = words.replace(phrase, "")
    return [
        f"{better}: … {words[max(0, slip.start() - 30) : slip.end() + 20]} …"
        for better, pattern in SLIPS.items()
        for slip in re.finditer(pattern, words)
    ]


@pytest.mark.parametrize("path", pages())
def test_page_has_no_frequent_slip(path):
    assert slips(text(path), ALLOWED.get(path, ())) == []


def test_allowed_phrases_are_needed():
    """A phrase that no longer stands on its page, or is no slip, leaves the list."""
    for path, phrases in ALLOWED.items():
        for phrase in phrases:
            assert phrase in text(path), (path, phrase)
            assert slips(phrase), (path, phrase)


@pytest.mark.parametrize(
    ("words", "better"),
    [
        ("Asked is one tensor, (T).", "return …, expected …"),
        ("Write it in the\n# place of the line.", "instead of"),
        ("An entry is no eigenvalue of it.", "is not a"),
        ("Only what is no notebook is skipped.", "what is not a"),
        ("the old c has no part in it", "is not used"),
        ("which torch.nn's has not.", "does not have"),
        ("Whoever wants to go on must keep h_n", "if you, for those who"),
        ("a state is handed on", "pass"),
        ("one of them wants transposing", "needs to be"),
        ("How many gates has a GRU?", "how many … does it have"),
        ("Which shape has `output`?", "what is the shape of"),
        ("The other order is another.", "is different"),
        ("the name, else ''", "otherwise"),
    ],
)
def test_slip_is_found(words, better):
    assert [found.partition(":")[0] for found in slips(re.sub(r"\s*\n\s*(?:#+ )?", " ", words))] == [better]


def test_good_english_is_not_a_slip():
    for words in (
        "There is no state that fits.",
        "It is no longer there.",
        "How many steps has the new document had?",
        "x if y else z",
        "nothing else: it needs no help of yours",
    ):
        assert slips(words) == [], words
