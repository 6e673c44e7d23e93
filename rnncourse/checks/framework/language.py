"""The sentences that a learner reads. Each is whole, with named fields, so that gettext can translate it.

Never build a sentence from parts. Fields are names, numbers, shapes, source lines, and phrases that stand for
a thing, such as "a list" or "the batch".
"""

import gettext
import pathlib

# Without a catalog for the user's language, the source's English is used.
catalog = gettext.translation("rnncourse", pathlib.Path(__file__).parents[2] / "locale", fallback=True)


def say(sentence: str, **fields: object) -> str:
    """Return the sentence in the user's language with its {fields} filled in."""
    return catalog.gettext(sentence).format(**fields)


def say_count(one: str, many: str, count: int, **fields: object) -> str:
    """Return one of two sentences, or of as many as the language has plural forms; {count} is a field."""
    return catalog.ngettext(one, many, count).format(count=count, **fields)


def listed(names: list[str]) -> str:
    """Return the names as a list in words: "h", "h and c", "i, f and o"."""
    if len(names) < 2:
        return "".join(names)
    return say("{first} and {last}", first=", ".join(names[:-1]), last=names[-1])


def sentences(*said: str) -> str:
    """Return the non-empty sentences, separated by spaces."""
    return " ".join(filter(None, said))
