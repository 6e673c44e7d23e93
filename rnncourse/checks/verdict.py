"""What a check says, in a terminal and in a notebook."""

import html
import re
import sys
from dataclasses import dataclass

MARKS = {"right": "✓", "not written": "…"}  # all else is ✗
# A coloured edge and mark, never coloured text: readable on a light page and on a dark one.
COLOURS = {"✓": "#2e9e6b", "…": "#8a8f98", "✗": "#d9622b"}


@dataclass(frozen=True, repr=False)
class Verdict:
    """One task judged.

    state: "right", "not written", "mistake", "close", "wrong", "shape", "type", "raised" or "forbidden".
    text: the sentences. mistake: the known mistake's name, where it is one.
    earned: the criteria met, in words. remarks: what does not cost points but is worth a word.
    """

    task: str
    state: str
    text: str
    points: int
    total: int
    mistake: str | None = None
    earned: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        return MARKS.get(self.state, "✗")

    @property
    def score(self) -> str:
        for_what = f" ({'; '.join(self.earned)})" if 0 < self.points < self.total else ""
        return f"{self.points} of {self.total} point{'s' * (self.total != 1)}{for_what}."

    def __str__(self) -> str:
        score = () if self.state == "not written" else (self.score,)
        return " ".join((f"{self.mark} {self.task}{self.text}", *score, *self.remarks))

    __repr__ = __str__  # what a notebook shows where it cannot show the rich form

    def _repr_html_(self) -> str:
        colour = COLOURS[self.mark]
        lines = [
            f"<b><span style='color:{colour}'>{self.mark}</span> {_html(self.task)}</b>{_html(self.text)}"
        ]
        lines += [_html(remark) for remark in self.remarks]
        if self.state != "not written":
            lines.append(f"<b>{_html(self.score)}</b>")
        return (
            f"<div style='border-left:4px solid {colour};padding:2px 0 2px 12px;max-width:50em'>"
            + "<br>".join(lines)
            + "</div>"
        )


def show(verdict: Verdict) -> None:
    """Shows the verdict where the learner is: rich in a notebook, one line in a terminal."""
    # Only where IPython is running already: a terminal does not pay for importing it.
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        ipython.display.display(verdict)
    else:
        print(verdict)


def _html(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
