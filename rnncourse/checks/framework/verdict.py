"""What a check says, in a terminal and in a notebook."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rnncourse.checks.framework.language import say, say_count, sentences
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.printing import printable

MARKS = {"right": "✓", "not written": "…"}  # everything else is ✗
WORDS = {"✓": "right", "…": "to do", "✗": "not right yet"}
# A coloured edge and mark, never coloured text: readable on a light page and on a dark one.
COLORS = {"✓": "#2e9e6b", "…": "#8a8f98", "✗": "#d9622b"}


class Finding(NamedTuple):
    """What is said about some answers: a verdict's state and text, before its points are counted.

    mistake: the known mistake, which says where to look. look: where to look, if there is no such mistake.
    counted: whether right parts earn points.
    """

    state: str
    text: str
    mistake: Mistake | None = None
    look: str = ""
    counted: bool = True


@dataclass(frozen=True, repr=False)
class Verdict:
    """One task judged.

    state: "right", "not written", "mistake", "close", "wrong", "shape", "type", "raised", "too slow" or
    "forbidden". text: what is wrong, in sentences. look: where to look. lesson: where it is explained.
    mistake: the known mistake's name, if it is one.
    origin: the earlier task and its mistake, if this is that mistake again.
    earned: the criteria met, in words. remarks: what costs no points but is worth a word.
    """

    task: str
    state: str
    text: str
    points: int
    total: int
    mistake: str | None = None
    earned: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    look: str = ""
    lesson: str = ""
    origin: tuple[str, str] | None = None

    @property
    def mark(self) -> str:
        return MARKS.get(self.state, "✗")

    @property
    def score(self) -> str:
        if not 0 < self.points < self.total:
            one, many = "{points} of {count} point.", "{points} of {count} points."
        else:
            one, many = "{points} of {count} point ({earned}).", "{points} of {count} points ({earned})."
        return say_count(one, many, self.total, points=self.points, earned="; ".join(self.earned))

    @property
    def words(self) -> str:
        """The whole verdict, regardless of what the terminal can show."""
        score = () if self.state == "not written" else (self.score,)
        words = (f"{self.mark} {self.task}: {self.text}", self.look, self.lesson, *score, *self.remarks)
        return " ".join(filter(None, words))

    def __str__(self) -> str:
        return printable(self.words)

    __repr__ = __str__  # what a notebook shows where it cannot show the rich form

    def _repr_html_(self) -> str:
        """Return the verdict with the later steps of its hint folded, so that learners can search first."""
        color, word = COLORS[self.mark], say(WORDS[self.mark])
        lines = [
            f"<b><span style='color:{color}' title='{word}' role='img'"
            f" aria-label='{word}'>{self.mark}</span> {_html(self.task)}:</b> {_html(self.text)}"
        ]
        lines += [_html(remark) for remark in self.remarks]
        if self.state != "not written":
            lines.append(f"<b>{_html(self.score)}</b>")
        folded = _folded(say("Which lesson explains it?"), _html(self.lesson)) if self.lesson else ""
        if self.look:
            folded = _folded(say("Where should I look?"), _html(self.look) + folded)
        return (
            f"<div style='border-left:4px solid {color};padding:2px 0 2px 12px;max-width:50em'>"
            + "<br>".join(lines)
            + folded
            + "</div>"
        )


def carried(text: str, origin: tuple[str, str] | None, made: Mapping[str, str | None]) -> str:
    """Return the verdict's text; if an earlier task had the same mistake, say so first.

    made: for each task, the mistake that its verdict named.
    """
    task, mistake = origin or ("", "")
    if not task or made.get(task) != mistake:
        return text
    return sentences(say("this is the same mistake as in `{task}`: fix it there first.", task=task), text)


def show(verdict: Verdict) -> None:
    """Show the verdict: rich in a notebook, plain in a terminal."""
    if not show_rich(verdict):
        print(verdict)


def show_rich(shown: object) -> bool:
    """Display an object that has a _repr_html_ in a notebook; return False if there is no notebook."""
    # Only if IPython is already running: a terminal should not pay for importing it.
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        return False
    ipython.display.display(shown)
    return True


def _folded(question: str, answer: str) -> str:
    return f"<details style='margin:2px 0'><summary>{question}</summary>{answer}</details>"


def _html(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text)).replace("\n", "<br>")
