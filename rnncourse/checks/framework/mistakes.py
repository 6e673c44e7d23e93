"""A known mistake: a wrong implementation with its hint."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rnncourse.checks.framework.notation import Entry, NotationError, parse


@dataclass(frozen=True)
class Edit:
    """How a mistake is made from a truth: edited by an entry, then built into larger tasks in turn."""

    entry: Entry
    truth: Callable
    builds: tuple[Callable[[Any], Any], ...] = ()

    def combined_with(self, other: Edit) -> Any:
        """Return the implementation with both mistakes; None where the edits overlap."""
        if (self.truth, self.builds) != (other.truth, other.builds):
            return None
        try:
            wrong = self.entry.joined(other.entry).edited(self.truth)
        except NotationError:  # both change the same lines
            return None
        for build in self.builds:
            wrong = build(wrong)
        return wrong


@dataclass(frozen=True)
class Mistake:
    """A known mistake: a small wrong implementation with its hint.

    function: the learner's function; for a task that asks for a dict, a dict of the wrong entries only.
    hint: what is wrong, never the solution. section: the lesson's section that explains it.
    look: where to look, if the hint does not say so; shown folded.
    template: the name and the hint with fields, if it is one of several that are written as one.
    edit: how it was made from the truth, if it was.
    origin: the earlier task and its mistake, if this is that mistake in a larger task.
    """

    name: str
    function: Any
    hint: str
    section: str
    look: str = ""
    template: tuple[str, str] | None = None
    edit: Edit | None = None
    origin: tuple[str, str] | None = None


class Mistakes(list[Mistake]):
    '''A task's bank of mistakes, in the order in which they are tried.

    Args:
        section: the lesson's section that explains a mistake that names none.
        truth: the function or class that edits change, or the dict of values of a task that asks for values.

    Example:
        >>> from rnncourse.checks.framework.authoring import Mistakes
        >>> def cell_state(f, i, g, c):
        ...     return f * c + i * g
        >>> wrong = Mistakes("The equations", cell_state).edits("""
        ... i left out | i is not used: all of g is written. | i * g => g
        ... """)
        >>> @wrong("sums and products exchanged", "sums and products are exchanged.")
        ... def _(f, i, g, c):
        ...     return (f + c) * (i + g)
        >>> [(mistake.name, mistake.function(f=0, i=2, g=3, c=4)) for mistake in wrong]
        [('i left out', 3), ('sums and products exchanged', 20)]
    '''

    def __init__(self, section: str, truth: Callable | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.section, self.truth = section, truth
        self.task = ""  # the task that the bank belongs to

    def __call__(self, name: str, hint: str, section: str = "", look: str = "") -> Callable[[Any], Any]:
        """Add a mistake, as a decorator above the wrong code. For a value: `wrong(name, hint)(value)`."""

        def add(function: Any) -> Any:
            self.append(Mistake(name, function, hint, section or self.section, look))
            return function

        return add

    def edits(self, text: str, but: str = "", section: str = "") -> Mistakes:
        """Add mistakes written as text (see notation.py) and return the bank.

        section: for mistakes that name none, instead of the bank's own.
        but: the names of those to leave out, separated by semicolons. A mistake that comes from a template is
        also left out if the bank already has one of that name.
        """
        frame = sys._getframe(1)
        file, line = frame.f_code.co_filename, frame.f_lineno
        left_out = set(filter(None, map(str.strip, but.split(";"))))
        entries = list(parse(text, file, line))
        if unknown := left_out - {entry.name for entry in entries}:
            raise NotationError(f"{file}, line {line}: no mistake is called {'; '.join(sorted(unknown))}.")
        for entry in entries:
            known = any(mistake.name == entry.name for mistake in self)
            if entry.name in left_out or (entry.template and known):
                continue
            truth = self.truth
            wrong: Any = entry.values(truth) if isinstance(truth, Mapping) else entry.edited(truth)
            edit = Edit(entry, truth) if callable(truth) else None
            where = entry.section or section or self.section
            self.append(Mistake(entry.name, wrong, entry.hint, where, entry.look, entry.template, edit))
        return self

    def through(self, change: Callable[[Any], Any], but: tuple[str, ...] = (), **words: str) -> list[Mistake]:
        """Return the same mistakes in a larger task: change(function) builds the wrong step into it.

        but: names to leave out. words: name="step: {}" and hint="the step is wrong: {}" change those.
        """
        name, hint = words.get("name", "{}"), words.get("hint", "{}")

        def changed(m: Mistake) -> Mistake:
            template = m.template and (name.replace("{}", m.template[0]), hint.replace("{}", m.template[1]))
            edit = m.edit and replace(m.edit, builds=(*m.edit.builds, change))
            words = {"name": name.format(m.name), "hint": hint.format(m.hint)}
            origin = m.origin or ((self.task, m.name) if self.task else None)
            return replace(
                m, function=change(m.function), template=template, edit=edit, origin=origin, **words
            )

        return [changed(m) for m in self if m.name not in but]
