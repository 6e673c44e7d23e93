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
    "mistaken for, read as": r"\b[Tt]aken for\b",
    "reversed, negated, transposed": r"\bturned (?:round|back)\b",
    "has no effect": r"\bplays? no part\b",
    "again": r"\banew\b",
    "after": r"\b(?:lies|space|padded|padding|border|bracket) behind\b",
    "should, must": r"\bshall\b",
    "is in": r"\bstands? (?:here|there|together|under|in (?!for\b))",
    "computes the same numbers": r"\bcomputes? the same(?:[.,;:]| as\b)",
    "individual": r"\bthe single (?:runs|norms|steps|numbers|terms)\b",
    "is asked for": r"\b(?:nothing|tag) is asked (?:at|there|anywhere)\b",
    "different": r"\banother (?:order|shape)\b",
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


@pytest.mark.parametrize("path", list(pages()))
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
        ("steps are taken for classes", "mistaken for, read as"),
        ("the order is turned round", "reversed, negated, transposed"),
        ("the padding plays no part in it", "has no effect"),
        ("computed anew for each sequence", "again"),
        ("the loss lies behind the border", "after"),
        ("It shall stay open.", "should, must"),
        ("The directions stand together.", "is in"),
        ("It computes the same as `nn.LSTM`.", "computes the same numbers"),
        ("the sum of the single runs", "individual"),
        ("where nothing is asked at a step", "is asked for"),
        ("read in another order", "different"),
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
        'The device "meta" stands in for a GPU.',
        "This is read as a class, and each step is one step behind.",
    ):
        assert slips(words) == [], words
