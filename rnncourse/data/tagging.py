"""Lesson 17: a tag for each step. Characters of Python source, words of sentences, words of addresses."""

import io
import keyword
import tokenize
from collections.abc import Iterable, Sequence
from importlib.util import find_spec

from rnncourse.data.sequences import Sequences, Splits, Vocabulary, distinct, read, seven_one_two

CLASSES = ("comment", "keyword", "name", "number", "operator", "string", "whitespace")
_TRAIN = """argparse bdb calendar configparser contextlib csv difflib fractions ftplib gettext ipaddress
    optparse plistlib random shutil smtplib textwrap traceback"""
_VALID = "heapq imaplib platform statistics"
_TEST = "cmd copy pprint subprocess timeit uuid"


def character_classes(source: str) -> list[str]:
    """Return the class of each character of a Python source by `tokenize`, one of CLASSES.

    Args:
        source: the text of a module or a part of one.

    Raises:
        tokenize.TokenError: it is not Python; for example, a bracket is not closed.

    Example:
        >>> rnncourse.data.character_classes("x=1")
        ['name', 'operator', 'number']
    """
    found, _ = _classes_and_line_ends(source)
    return found


def python_characters(length: int = 256) -> Splits:
    """Load characters of Python's standard library, each with its class (comment, keyword, string, ...).

    Source: 28 modules of the Python that runs this, so no file is shipped. Licence: PSF License Version 2.
    Size: about 900,000 characters. The labels are exact; they come from `tokenize`. The text depends on
    Python's version, so no number computed from it can be stored.

    A piece begins at the start of a line and never inside a string, so its classes follow from the piece
    alone. If a string runs past `length` characters, the rest of it is left out. Split by module.

    Args:
        length: the largest number of characters in a piece.

    Returns:
        Splits of Sequences; an item is a piece of a module and its classes, int64 (T) each.

    Example:
        >>> train, valid, test = rnncourse.data.python_characters(length=64)
        >>> max(len(x) for x, y in valid) <= 64, train.targets.symbols[:3]
        (True, ['comment', 'keyword', 'name'])
    """
    train, valid, test = (list(_pieces(names.split(), length)) for names in (_TRAIN, _VALID, _TEST))
    return _encoded(train, valid, test, tags=CLASSES)


def sentences() -> Splits:
    """Load English sentences with the part of speech of each word (UPOS tags of Universal Dependencies).

    Source: written and tagged for this course, rich in words that are ambiguous (saw, book, can, that, light,
    run). The 1,461 words whose spelling has two tags somewhere were tagged twice; three differed and were
    settled, see `files/files.json`. Licence: BSD-3-Clause. Size: 706 sentences, 4,639 words and punctuation
    marks, 15 tags. Split by sentence; no sentence repeats.

    Returns:
        Splits of Sequences; an item is a sentence's words and their tags, int64 (T) each.

    Example:
        >>> train, valid, test = rnncourse.data.sentences()
        >>> words, tags = train.pairs[0]
        >>> len(train), len(train.targets), len(words) == len(tags)
        (496, 15, True)
    """
    return _words("sentences.txt")


def addresses() -> Splits:
    """Load addresses in the United States whose words were labelled by people (street name, place, ...).

    Source: `training/labeled.xml` of the package usaddress 0.5.16. Licence: MIT; the notice is in
    `files/addresses.LICENSE`. Size: 1,398 addresses, 27 tags. Repetitions are left out, and so are addresses
    with a Recipient (possibly a person) or NotAddress. Split by address; about 30 % of the words in the test
    never occur in training.

    Returns:
        Splits of Sequences; an item is an address's words and their tags, int64 (T) each.

    Example:
        >>> train, valid, test = rnncourse.data.addresses()
        >>> len(train), len(train.targets)
        (980, 27)
    """
    return _words("addresses.txt")


def _words(name: str) -> Splits:
    lines = distinct(read(name).splitlines())
    pairs = [tuple(zip(*(word.rsplit("/", 1) for word in line.split()), strict=True)) for line in lines]
    return _encoded(*seven_one_two(pairs), tags={tag for _, tags in pairs for tag in tags}, at_least=2)


def _encoded(
    train: Sequence[tuple[Sequence[str], Sequence[str]]],
    valid: Sequence[tuple[Sequence[str], Sequence[str]]],
    test: Sequence[tuple[Sequence[str], Sequence[str]]],
    tags: Iterable[str],
    at_least: int = 1,
) -> Splits:
    """Encode the symbols of the training part, and the tags, which are all known beforehand."""
    inputs, targets = Vocabulary.of_inputs((x for x, _ in train), at_least), Vocabulary(tags)
    return Splits(*(Sequences(part, inputs, targets) for part in (train, valid, test)))


def _pieces(names: Iterable[str], length: int) -> Iterable[tuple[str, list[str]]]:
    for name in names:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        with tokenize.open(spec.origin) as file:
            source = file.read()
        classes, ends = _classes_and_line_ends(source)
        start = 0
        while start < len(source):
            fitting = [end for end in ends if start < end <= start + length]
            stop = max(fitting, default=min(start + length, len(source)))
            yield source[start:stop], classes[start:stop]
            start = stop if fitting else min((end for end in ends if end > start), default=len(source))


def _classes_and_line_ends(source: str) -> tuple[list[str], list[int]]:
    """Return each character's class, and the offsets of the ends of lines that are not inside a string."""
    offsets = [0]  # offsets[row] is where line row + 1 begins; tokenize counts lines from 1
    for line in io.StringIO(source):
        offsets.append(offsets[-1] + len(line))
    classes, ends, open_strings = ["whitespace"] * len(source), [], []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        start, end = (offsets[row - 1] + column for row, column in (token.start, token.end))
        kind = tokenize.tok_name[token.type]
        if kind.endswith("STRING_START"):  # an f-string: from Python 3.12 on, one token for each of its parts
            open_strings.append(start)
        elif kind.endswith("STRING_END"):
            start = open_strings.pop()
            if not open_strings:
                classes[start:end] = ["string"] * (end - start)
        elif open_strings:
            continue
        elif kind in ("NEWLINE", "NL"):
            ends.append(min(end, len(source)))
        elif kind in ("NAME", "NUMBER", "STRING", "OP", "COMMENT"):
            name = "keyword" if keyword.iskeyword(token.string) else kind.lower()
            classes[start:end] = ["operator" if name == "op" else name] * (end - start)
    return classes, ends
