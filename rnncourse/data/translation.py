"""Lesson 21: dates as they are written in thirteen languages, and in ISO 8601."""

import random
from datetime import date

from rnncourse.data.sequences import Sequences, Splits, Vocabulary
from rnncourse.extras import require

LOCALES = ("cs", "da", "de", "en", "es", "fi", "fr", "it", "nb", "nl", "pl", "pt", "sv")
FORMATS = ("full", "long", "medium", "d MMMM y", "EEE d MMM y")
START, END = "<start>", "<end>"


def dates(count: int = 12000, seed: int = 0) -> Splits:
    """Make pairs of a written date and the same date in ISO 8601: "Tuesday, 3 March 2026" and "2026-03-03".

    Source: written by the package Babel from the Unicode CLDR, 13 locales and 5 formats; the days, from 1900
    to 2099, are drawn here. Licence: BSD-3-Clause (Babel), Unicode License (CLDR). Size: `count` pairs or a
    few less, of which one tenth is for validation and one for the test. Month names vary with Babel's
    version, so store no number computed from them. Split by day: no day, and so no string, is in two parts.

    Targets are `list("2026-03-03")` and END; START is in their vocabulary as the decoder's first input.

    Args:
        count: how many pairs to make.
        seed: the same seed gives the same days.

    Returns:
        Splits of Sequences; an item is the written date, int64 (T), and the ISO date, int64 (11).

    Raises:
        MissingExtraError: Babel is not installed.

    Example:
        >>> train, valid, test = rnncourse.data.dates(count=100)
        >>> written, iso = train.pairs[0]
        >>> len(iso), iso[4], iso[-1]
        (11, '-', '<end>')
    """
    require("dates() needs", "babel", extra="data")
    from babel.dates import format_date

    draw = random.Random(seed)
    parts: tuple[list[tuple[str, list[str]]], ...] = ([], [], [])
    known: dict[date, int] = {}
    meanings: dict[str, date] = {}
    for n in range(count):
        day = date.fromordinal(draw.randint(date(1900, 1, 1).toordinal(), date(2099, 12, 31).toordinal()))
        written = format_date(day, draw.choice(FORMATS), draw.choice(LOCALES))
        part = known.setdefault(day, (*(0,) * 8, 1, 2)[n % 10])
        if meanings.setdefault(written, day) == day:  # a string that fits two days belongs to the first
            parts[part].append((written, [*day.isoformat(), END]))
    inputs = Vocabulary.of_inputs(text for text, _ in parts[0])
    targets = Vocabulary("-0123456789", reserved=(START, END))
    return Splits(*(Sequences(part, inputs, targets) for part in parts))
