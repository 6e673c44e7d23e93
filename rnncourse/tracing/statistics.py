"""Summarise the values for tables: the range of each, and how many of its numbers are not finite."""

from typing import NamedTuple

import torch
from torch import Tensor

from rnncourse.tracing.equations import INITIAL, Values


class Unusual(NamedTuple):
    """The numbers of a value that are not finite: how many, and the first step and row, "t=2, b=1"."""

    nan: int
    inf: int
    first: str

    @property
    def words(self) -> str:
        """The counts and the first place in words; "" if all numbers are finite."""
        counts = [f"{n} {what}" for n, what in ((self.nan, "nan"), (self.inf, "inf")) if n]
        return f"{', '.join(counts)} from {self.first}" if counts else ""


def unusual(value: Tensor, lengths: Tensor | None, reverse: bool = False) -> Unusual:
    """Count what is not finite in a value (T, B, ·) or (T, ·), without the steps after a sequence's end.

    The first is the one that the direction computed first: in reverse, the last t.
    """
    nan, inf = value.isnan(), value.isinf()
    if lengths is not None:
        nan &= (torch.arange(len(value))[:, None] < lengths).to(nan.device).unsqueeze(-1)
    steps = (nan | inf).flatten(value.dim() - 1).any(-1).cpu().nonzero().tolist()  # [t, b] or [t] each
    if not steps:
        return Unusual(0, 0, "")
    t = (max if reverse else min)(step[0] for step in steps)
    place = min(step for step in steps if step[0] == t)
    first = ", ".join(f"{name}={index}" for name, index in zip("tb", place, strict=False))
    return Unusual(int(nan.sum()), int(inf.sum()), first)


def statistics(
    values: Values, lengths: Tensor | None = None, reverse: bool = False
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return a table's header and rows: each value's name, shape and range, and what is not finite."""
    rows, strange = [], []
    for name, value in values.items():
        numbers = value[value.isfinite()].cpu().double()  # the CPU, since some devices have no float64
        found = (numbers.min(), numbers.mean(), numbers.max()) if numbers.numel() else ()
        reach = [f"{number.item():.3g}" for number in found] or ["", "", ""]
        rows.append((name, str(tuple(value.shape)), *reach))
        one_step = name in INITIAL
        strange.append(
            unusual(value.unsqueeze(0) if one_step else value, None if one_step else lengths, reverse).words
        )
    header = ("value", "shape", "min", "mean", "max")
    if not any(strange):
        return header, rows
    return (*header, "not finite"), [(*row, words) for row, words in zip(rows, strange, strict=True)]


def largest_gradient(gradient: Tensor, lengths: Tensor | None) -> str:
    """Return the largest |gradient| or, if some are not finite, how many."""
    if words := unusual(gradient, lengths).words:
        return words
    numbers = gradient[gradient.isfinite()].abs()
    return f"{numbers.max().item():.3g}" if numbers.numel() else ""
