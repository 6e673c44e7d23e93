"""A known mistake: a wrong way beside its hint."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rnncourse.checks.framework.notation import parse


@dataclass(frozen=True)
class Mistake:
    """A known mistake: a small wrong implementation beside its hint.

    function: what a learner would hand in; of a task that asks for a dict, a dict of the wrong entries only.
    hint: what is wrong, never the solution. section: of the lesson, where it is explained.
    look: where to look, if the hint does not say; shown folded.
    """

    name: str
    function: Any
    hint: str
    section: str
    look: str = ""


class Mistakes(list[Mistake]):
    '''A task's bank of mistakes, in the order in which they are tried. `section` where none is given.

    wrong = Mistakes("The equations", truth=_cell_state)
    wrong.edits("""
    i left out | i has no part in it: all of g is written.
        i * g => g
    """)

    @wrong("sums and products exchanged", "sums and products are exchanged.")
    def _(f, i, g, c):
        return (f + c) * (i + g)

    truth: the function or class that edits change, or the dict of values of a task that asks for values.
    '''

    def __init__(self, section: str, truth: Callable | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.section, self.truth = section, truth

    def __call__(self, name: str, hint: str, section: str = "", look: str = "") -> Callable[[Any], Any]:
        """A decorator: the hint stands above the wrong code. For a value: `wrong(name, hint)(value)`."""

        def add(function: Any) -> Any:
            self.append(Mistake(name, function, hint, section or self.section, look))
            return function

        return add

    def edits(self, text: str) -> None:
        """Add mistakes written as text: what is done to the truth to make each (notation.py)."""
        frame = sys._getframe(1)
        for entry in parse(text, frame.f_code.co_filename, frame.f_lineno):
            truth = self.truth
            wrong = entry.values(truth) if isinstance(truth, Mapping) else entry.edited(truth)
            self(entry.name, entry.hint, entry.section, entry.look)(wrong)

    def through(self, change: Callable[[Any], Any], but: tuple[str, ...] = (), **words: str) -> list[Mistake]:
        """The same mistakes in a larger task: change(function) builds the wrong way on the wrong step.

        but: names to leave out. words: name="step: {}" and hint="the step is wrong: {}" change those.
        """
        name, hint = words.get("name", "{}"), words.get("hint", "{}")
        return [
            replace(m, name=name.format(m.name), hint=hint.format(m.hint), function=change(m.function))
            for m in self
            if m.name not in but
        ]
