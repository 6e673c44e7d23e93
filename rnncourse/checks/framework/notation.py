"""Read mistakes that are written as text: a name, a hint, and how the right answer is edited.

    dz: sign | dz has the wrong sign: z multiplies h, and minus z multiplies n. | (h - n) => (n - h)
    a step late | the state is reset after the first step of a document,
        not before it. § Reset at a boundary
        - h, c = cell(x_t, (h * keep, c * keep))
        - outputs.append(h)
        + h, c = cell(x_t, (h, c))
        + outputs.append(h)
        + h, c = h * keep, c * keep
        look: How many steps has the new document had by then?

`old => new` replaces text that occurs exactly once in the source of the truth; `old =>` removes it. Lines
with - and + replace whole lines, as in a diff. If the truth is a dict of values, `name => value` changes an
entry and `name, name => value` several. `look:` says where to look and is folded in a notebook. Any other
indented line continues the hint. A single change may follow the hint on its line, after a second bar. A hint,
or any line below it, may end in `§ The loop`: the lesson's section, if it is not the bank's own. Empty lines
and lines that begin with # are ignored.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ARROW = re.compile(r"(?:^|\s)=>(?:\s|$)")
DIFF = re.compile(r"([-+])(?: (.*))?")
EACH = re.compile(r"each (\w+): (.+)")
SECTION = re.compile(r"(?:^| )§ ([^§]+)$")


class NotationError(ValueError):
    """A mistake's text does not fit. The message says where and why."""


@dataclass
class Entry:
    """One mistake as it is written. changes: pairs of old and new source; for a dict, of name and value.

    template: the name and the hint with their fields, if this is one of several that are written as one.
    """

    name: str
    hint: str
    section: str
    place: str
    look: str = ""
    changes: list[tuple[str, str]] = field(default_factory=list)
    template: tuple[str, str] | None = None

    def read(self, words: str) -> None:
        """Read the text after the hint, or one of the indented lines below it."""
        words = self.without_section(words)
        if not words:
            return
        if ARROW.search(words):
            old, new = ARROW.split(words, maxsplit=1)
            self.changes.append((old.strip(), new.strip()))
        elif line := DIFF.fullmatch(words):
            self._add_line(*line.groups())
        elif words.startswith(("-", "+")):
            raise NotationError(f"{self.place}: a space belongs between the sign and the line in `{words}`.")
        elif words.startswith("look: "):
            self.look = words.removeprefix("look: ")
        elif self.look:
            self.look += f" {words}"
        else:
            self.hint += f" {words}"

    def without_section(self, words: str) -> str:
        """Take the section from the end of a line and return the rest."""
        if section := SECTION.search(words):
            self.section = section[1]
            return words[: section.start()]
        return words

    def variants(self, lists: Mapping[str, list[str]]) -> Iterator[Entry]:
        """Yield the mistake once for each choice of values for its fields, or itself if it has none."""
        fields = [name for name in lists if f"{{{name}}}" in f"{self.name} {self.changes}"]
        if not fields:
            yield self
            return
        for values in itertools.product(*(lists[name] for name in fields)):
            chosen = dict(zip(fields, values, strict=True))

            def filled(text: str, chosen: Mapping[str, str] = chosen) -> str:
                return re.sub(r"\{(\w+)\}", lambda m: chosen.get(m[1], m[0]), text)

            changes = [(filled(old), filled(new)) for old, new in self.changes]
            if len(set(values)) == len(values) and any(old != new for old, new in changes):
                yield Entry(
                    filled(self.name),
                    filled(self.hint),
                    self.section,
                    self.place,
                    filled(self.look),
                    changes,
                    (self.name, self.hint),
                )

    def _add_line(self, sign: str, text: str) -> None:
        """Add a line with - or +. Lines with - and the lines with + after them make one change."""
        old, new = self.changes[-1] if self.changes else ("", "")
        if not old.endswith("\n") or (sign == "-" and new):
            old, new = "", ""
        else:
            self.changes.pop()
        if sign == "-":
            old += f"{text}\n"
        elif old:
            new += f"{text}\n"
        else:
            raise NotationError(f"{self.place}: lines with + must follow the lines with - that they replace.")
        self.changes.append((old, new))

    def edited(self, truth: Callable | None) -> Callable:
        """Return the function or class with the changes made to its source.

        The truth must not be a closure.
        """
        if truth is None:
            raise NotationError(f"{self.place}: this bank has no truth to edit.")
        source = self.applied_to(_source(truth))
        names = dict(vars(inspect.getmodule(truth)))  # a copy: the truth itself is unchanged
        try:
            exec(compile(source, f"<{truth.__name__}, {self.name}>", "exec"), names)
        except SyntaxError as error:
            raise NotationError(f"{self.place}: after the edit, the truth is not Python: {error}.") from None
        return names[truth.__name__]

    def joined(self, other: Entry) -> Entry:
        """Return both mistakes as one."""
        return Entry(self.name, self.hint, self.section, self.place, changes=self.changes + other.changes)

    def applied_to(self, source: str) -> str:
        """Return the source with all changes made; each one is looked up in the original source."""
        if not self.changes:
            raise NotationError(f"{self.place}: the mistake {self.name!r} changes nothing.")
        spans = sorted((*self._span(source, old), new) for old, new in self.changes)
        for (_, end, _), (begin, _, _) in itertools.pairwise(spans):
            if begin < end:
                raise NotationError(f"{self.place}: two changes of {self.name!r} overlap.")
        for begin, end, new in reversed(spans):
            if new.endswith("\n"):  # whole lines: indented like those that they replace
                line = source[begin:end]
                new = textwrap.indent(new, line[: len(line) - len(line.lstrip())])
            source = source[:begin] + new + source[end:]
        return source

    def _span(self, source: str, old: str) -> tuple[int, int]:
        """Return where the old text begins and ends; it must occur exactly once."""
        pattern = re.escape(old)
        if old.endswith("\n"):
            first, *rest = (re.escape(line) for line in old.splitlines(keepends=True))
            pattern = "".join([rf"^(?P<indent> *){first}", *(rf"(?P=indent){line}" for line in rest)])
        found = list(re.finditer(pattern, source, re.MULTILINE))
        if len(found) != 1:
            text = old.rstrip()
            raise NotationError(
                f"{self.place}: expected once in the truth, found {len(found)} times: `{text}`."
            )
        return found[0].span()

    def values(self, truth: Mapping[str, Any]) -> dict[str, Any]:
        """Return the wrong entries of a dict of values."""
        wrong = {name: ast.literal_eval(value) for names, value in self.changes for name in names.split(", ")}
        for name in wrong:
            if name not in truth:
                raise NotationError(f"{self.place}: no value is called {name}: {', '.join(truth)}.")
        return wrong


@functools.cache
def _source(truth: Callable) -> str:
    return textwrap.dedent(inspect.getsource(truth))


def parse(text: str, file: str, line: int) -> Iterator[Entry]:
    """Read the mistakes of a text that begins at this line of this file. Raise NotationError."""
    lists: dict[str, list[str]] = {}
    entries: list[Entry] = []
    for at, raw in enumerate(text.split("\n"), line):
        place, words = f"{file}, line {at}", raw.strip()
        if not words or words.startswith("#"):
            continue
        if raw[0] != " " and (each := EACH.fullmatch(words)):
            lists[each[1]] = each[2].split()
        elif raw[0] != " ":
            name, *rest = words.split(" | ", maxsplit=2)
            if not rest:
                raise NotationError(f"{place}: expected `name | hint`, got `{words}`.")
            entry = Entry(name, "", "", place)
            entry.hint = entry.without_section(rest[0])
            for change in rest[1:]:
                entry.read(change)
            entries.append(entry)
        elif not entries:
            raise NotationError(f"{place}: `{words}` belongs to no mistake: its name and hint come first.")
        else:
            entries[-1].read(words)
    for entry in entries:
        yield from entry.variants(lists)
