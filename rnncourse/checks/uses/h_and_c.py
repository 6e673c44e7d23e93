"""One unit of an LSTM with weights set by hand, and what its memory does. No answer is here."""

import math
from dataclasses import dataclass
from typing import Any

import torch

from rnncourse.checks.framework.cases import Trait
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.use import Problem, use

SHORT = Trait("the sequence is short", "what is left of c after many steps")
LONG = Trait("the sequence is long", "what you do in the first steps")


@dataclass(frozen=True)
class Memory(Part):
    """Numbers with an absolute `tolerance`: a high count is judged as strictly as a low one."""

    tolerance: float | None = 0.1

    def right(self, found: Any, expected: Any) -> bool:
        if found.shape != expected.shape or found.is_complex():
            return False
        return bool(((found.double() - expected).abs() <= self.tolerance).all())


# A call from here to another function of rnncourse would count as the learner's: so this is one function,
# without a comprehension in it.
@use("a function")
def memory(function, arguments):
    """Return c after each step, (T), of a unit with the returned weights that reads x, (T, I), from zeros.

    Within 0.1 of a whole number it is that number, otherwise it is rounded to a half, towards 0: whether a
    learner takes 15 or 20 as "large" makes no difference.
    """
    x = arguments["x"]
    returned = function()
    if type(returned) not in (tuple, list) or len(returned) != 3:
        raise Problem("expected three things: weight_ih, weight_hh and bias.")
    weights = []
    for name, shape, given in zip(
        ("weight_ih", "weight_hh", "bias"), ((4, x.shape[1]), (4, 1), (4,)), returned, strict=True
    ):
        try:
            weight = torch.as_tensor(given, dtype=torch.float64).detach()
        except (TypeError, ValueError, RuntimeError):
            raise Problem("{name} cannot be read as a tensor of numbers.", name=name) from None
        if weight.shape != shape:
            raise Problem(
                "{name} has shape {shape}, expected {expected}: a row for each of i, f, g, o.",
                name=name,
                shape=tuple(weight.shape),
                expected=shape,
            )
        if not weight.isfinite().all():
            raise Problem("{name} holds a number that is not finite.", name=name)
        weights.append(weight.tolist())
    h = c = 0.0
    found = []
    for x_t in x.tolist():
        a = []
        for to_x, (to_h,), b in zip(*weights, strict=True):
            a.append(to_h * h + b)
            for weight, number in zip(to_x, x_t, strict=True):
                a[-1] += weight * number
        i, f, o = (  # σ(a), for numbers of any size
            0.5 + 0.5 * math.tanh(a[0] / 2),
            0.5 + 0.5 * math.tanh(a[1] / 2),
            0.5 + 0.5 * math.tanh(a[3] / 2),
        )
        c = f * c + i * math.tanh(a[2])
        h = o * math.tanh(c)
        found.append(c)
    c = torch.tensor(found, dtype=torch.float64)
    whole, halves = c.round(), (2 * c.abs() + 0.2).floor() / 2
    return torch.where((c - whole).abs() < 0.1, whole, c.sign() * halves) + 0.0


def unit(i: tuple, f: tuple, g: tuple, o: tuple) -> tuple[list, list, list]:
    """Return the weights of a unit with these gates, each (*weights of x, weight of h, bias)."""
    rows = (i, f, g, o)
    return [row[:-2] for row in rows], [row[-2:-1] for row in rows], [row[-1] for row in rows]
