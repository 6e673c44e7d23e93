"""Explain a cell's step that no known mistake fits: solve from the results which gate must be different.

If c is right and h is wrong, then o = h / tanh(c) is the learner's own output gate; f, i and g follow from c,
and a GRU's z and n from h, if everything else is right. The values found this way lie outside a gate's range,
or they can be traced back through the squashing to a pre-activation; least squares over all cases tells what
that is a sum of. Nothing is said that the numbers do not support in every case. A value that cannot be
determined is nan (h / tanh(c) where c is 0); a value that is impossible is inf.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnncourse.checks.framework import tensors
from rnncourse.checks.framework.answers import Comparison
from rnncourse.checks.framework.language import say, sentences
from rnncourse.checks.framework.verdict import Finding

IFGO, RZN = "ifgo", "rzn"


class Seen(NamedTuple):
    """One case of those that a task's `explain` gets: what was found, what was expected, and the arguments.

    Example:
        >>> from rnncourse.checks.framework.authoring import Seen, row
        >>> def explain(cases):
        ...     halved = all(torch.equal(2 * case.found[0], case.expected[0]) for case in cases)
        ...     return "Your numbers are half of the right ones." if halved else ""
        >>> explain([Seen([row(1.0)], [row(2.0)], {"x": row(3.0)})])
        'Your numbers are half of the right ones.'
    """

    found: list[Tensor]
    expected: list[Tensor]
    arguments: dict[str, Any]


def explained(c: Comparison) -> Finding | None:
    """Say where it is wrong and add the explanation of the task's own `explain`; None if it has none.

    All results have been read by then and have the right shapes.
    """
    if c.task.explain is None:
        return None
    rows = zip(c.found, c.expected, c.cases, strict=True)
    seen = [Seen(found or [], expected, case.arguments) for found, expected, case in rows]
    sentence = c.task.explain(seen)
    place = tensors.wrong_place(c)
    wrong = {n for n in range(len(c.cases)) if not all(row[n] for row in c.right)}
    if wrong == {n for n, case in enumerate(c.cases) if None in case.arguments.values()}:
        return None  # wrong only where no state is given: then the state differs, not a gate
    return place._replace(text=sentences(place.text, sentence)) if sentence else None


# ---- The sentences.

BY_SIGMOID = (
    "Your {result} fits the equations if only {gate} is different: your {gate} is then the sigmoid of {sum}."
)
BY_TANH = (
    "Your {result} fits the equations if only {gate} is different: your {gate} is then the tanh of {sum}."
)
NOT_SQUASHED = (
    "Your {result} fits the equations if only {gate} is different: your {gate} is then {sum}, not squashed."
)
IN_RANGE = (
    "Your {result} fits the equations if only {gate} is different, with values between {low:.2f} and"
    " {high:.2f}: look at how {gate} is computed and used."
)
IN_RANGE_EITHER = (
    "Your {result} fits the equations if only {first} or only {second} is different:"
    " look at how both are computed and used."
)
NO_GATE = (
    "No other value of {gates} alone, within its range, gives your {result}: more than one of them is wrong,"
    " or the way you combine them."
)
NO_O = "No value of o between 0 and 1 gives your h from this c: what does o multiply in your code?"
H_FOLLOWS = "Your h follows correctly from your c: look at c first."
H_DOES_NOT_FOLLOW = "In addition, your h does not follow from your c: more than one thing is wrong."
C_RETURNED = "Since h is right, the c that it was computed from is right as well: you return a different c."
BLOCK = "the block of {gate}"
TERM_OF_BLOCK = "{gate}'s {term}"
SUM = "Your numbers fit the sum {sum}."
SUM_OF_STEPS = "Each of your steps fits the sum {sum}."
FIRST_RIGHT = "Step 0 is right and a later one is not: look at what one step passes to the next."
FIRST_WRONG = (
    "Step 0 is already wrong, although nothing has been passed on yet: look at the step and its first state."
)
LAST_RIGHT = (
    "The last step is right and an earlier one is not: look at what a step passes back to the one before it."
)
LAST_WRONG = (
    "The last step is already wrong, although nothing has been passed back yet: look at the inputs it gets."
)
DA_RIGHT = "Your da is right, because everything else follows from it: look at the line that computes {part}."
DA_WRONG = "All your results follow from one da, and that da is wrong: look at the line that computes it."
SLOPE = (
    "All your results follow from one da, and da / dh_t lies between {low:.2f} and {high:.2f}. Between which"
    " numbers does the slope of tanh lie?"
)


BLOCKS = "In the gradients of the biases only the block of {gate} is wrong: look at how you derive {gate}."
BLOCKS_R_AND_N = (
    "In the gradients of the biases the blocks of r and n are wrong, and that of z is right. What reaches r"
    " comes through n: look at how you derive n."
)
DPARAMETERS = "dweight_ih", "dweight_hh", "dbias"


# ---- The explanations of the tasks.


def lstm_step(seen: Sequence[Seen]) -> str:
    """Explain h and c of an LSTM's step."""
    steps = [_LSTMStep(s) for s in seen]
    h_right, c_right = (all(_near(s.found[k], s.expected[k]) for s in seen) for k in (0, 1))
    if h_right:
        return say(C_RETURNED)
    if c_right:
        o = [_quotient(s.h, torch.tanh(s.c), s.o) for s in steps]
        return _gate_alone("h", {"o": o}, steps) or say(NO_O)
    gates = {
        "f": [_quotient(s.c - s.i * s.g, s.c_before, s.f) for s in steps],
        "i": [_quotient(s.c - s.f * s.c_before, s.g, s.i) for s in steps],
        "g": [_quotient(s.c - s.f * s.c_before, s.i, s.g) for s in steps],
    }
    sentence = _gate_alone("c", gates, steps) or say(NO_GATE, gates="f, i or g", result="c")
    follows = all(_near(s.h, s.o * torch.tanh(s.c)) for s in steps)
    return sentences(sentence, say(H_FOLLOWS if follows else H_DOES_NOT_FOLLOW))


def gru_step(seen: Sequence[Seen]) -> str:
    """Explain h of a GRU's step, torch's variant."""
    steps = [_GRUStep(s) for s in seen]
    r = [_quotient(_atanh(s.own_n) - s.input_n, s.state_n, s.r) for s in steps]
    gates = {"z": [s.own_z for s in steps], "r": r, "n": [s.own_n for s in steps]}
    return _gate_alone("h", gates, steps) or say(NO_GATE, gates="r, z or n", result="h")


def gru_step_before(seen: Sequence[Seen]) -> str:
    """Explain h of a GRU's step with the reset gate before the matmul."""
    steps = [_GRUStep(s) for s in seen]
    gates = {"z": [s.own_z for s in steps], "n": [s.own_n for s in steps]}
    return _gate_alone("h", gates, steps) or say(NO_GATE, gates="z or n", result="h")


def rnn_step(seen: Sequence[Seen]) -> str:
    """Explain h of a plain RNN's step: what is its pre-activation a sum of?"""
    terms = [_plain_terms(s.arguments, s.arguments["h"]) for s in seen]
    return _said(SUM, _sum([_before_squashing(s.found[0], s.arguments) for s in seen], terms))


def unroll(seen: Sequence[Seen]) -> str:
    """Explain the outputs of a plain RNN, each step from the learner's own state before it."""
    if all(_near(s.found[0], s.expected[0]) for s in seen):
        return ""
    values = [_before_squashing(s.found[0], s.arguments) for s in seen]
    before = [torch.cat([s.arguments["h_0"][None], s.found[0][:-1]]) for s in seen]
    terms = [_plain_terms(s.arguments, h) for s, h in zip(seen, before, strict=True)]
    return _said(SUM_OF_STEPS, _sum(values, terms)) or loop(seen)


def pre_activation(seen: Sequence[Seen]) -> str:
    """Explain the sum that goes into a plain RNN's nonlinearity."""
    terms = [_plain_terms(s.arguments, s.arguments["h"]) for s in seen]
    return _said(SUM, _sum([s.found[0].double() for s in seen], terms))


def loop(seen: Sequence[Seen]) -> str:
    """Explain a loop over time by whether its first step is right; axis 0 of the first result is time."""
    return _at_one_end(seen, 0, FIRST_RIGHT, FIRST_WRONG)


def loop_backward(seen: Sequence[Seen]) -> str:
    """Explain a loop back through time by whether the last step, where it begins, is right."""
    return _one_line(seen, ("dx", "dh_0", *DPARAMETERS)) or _at_one_end(seen, -1, LAST_RIGHT, LAST_WRONG)


def rnn_step_backward(seen: Sequence[Seen]) -> str:
    """Explain the gradients of a plain RNN's step: do they follow from one da?"""
    if said := _one_line(seen, ("dx_t", "dh", *DPARAMETERS)):
        return said
    slopes = []
    for s in seen:
        dx_t, dh, dweight_ih, dweight_hh, dbias = (found.double() for found in s.found)
        dh_t, x_t, h, _, weight_ih, weight_hh = (value.double() for value in s.arguments.values())
        da, singular = torch.linalg.solve_ex(weight_hh.T, dh.T)
        da = da.T
        pairs = (da @ weight_ih, dx_t), (da.T @ x_t, dweight_ih), (da.T @ h, dweight_hh), (da.sum(0), dbias)
        if singular or not all(_near(a, b) for a, b in pairs):
            return ""
        slopes.append(torch.where(dh_t.abs() > 0.05, da / dh_t, torch.nan))
    low, high = _range(slopes) or (0, 1)
    return say(DA_WRONG) if low >= 0 and high <= 1 else say(SLOPE, low=low, high=high)


def gru_step_backward(seen: Sequence[Seen]) -> str:
    """Explain the gradients of a GRU's step by the blocks that are wrong in those of the biases."""
    wrong = []
    for k, gate in enumerate(RZN):
        blocks = [(s.found[b].chunk(3)[k], s.expected[b].chunk(3)[k]) for s in seen for b in (4, 5)]
        wrong += [] if all(_near(*pair) for pair in blocks) else [gate]
    if wrong == ["r", "n"]:
        return say(BLOCKS_R_AND_N)
    return say(BLOCKS, gate=wrong[0]) if len(wrong) == 1 else ""


def memory_backward(seen: Sequence[Seen]) -> str:
    """Explain the gradients of the gates in a loop back through time."""
    return _at_one_end(seen, -1, LAST_RIGHT, LAST_WRONG)


def _one_line(seen: Sequence[Seen], names: Sequence[str]) -> str:
    """If only one result is wrong, point to the line that computes it."""
    pairs = [list(zip(s.found, s.expected, strict=True)) for s in seen]
    wrong = [name for k, name in enumerate(names) if not all(_near(*row[k]) for row in pairs)]
    return say(DA_RIGHT, part=wrong[0]) if len(wrong) == 1 else ""


def _at_one_end(seen: Sequence[Seen], end: int, right: str, wrong: str) -> str:
    """Return one of two sentences, if it is true in all cases with several steps."""
    pairs = [(s.found[0], s.expected[0]) for s in seen if len(s.expected[0]) > 1]
    begun = {_near(found[end], expected[end]) for found, expected in pairs}
    if len(begun) != 1 or any(_near(found, expected) for found, expected in pairs):
        return ""
    return say(right if begun == {True} else wrong)


class _LSTMStep:
    """One case of an LSTM's step: h and c are the learner's, everything else is right."""

    def __init__(self, seen: Seen) -> None:
        self.h, self.c = (tensor.double() for tensor in seen.found)
        state = seen.arguments["state"]
        before = [torch.zeros_like(self.h)] * 2 if state is None else [part.double() for part in state]
        self.c_before = before[1]
        self.terms = _terms(seen.arguments, before[0], IFGO)
        i, f, g, o = (_pre_activation(self.terms, gate) for gate in IFGO)
        self.i, self.f, self.g, self.o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()


class _GRUStep:
    """One case of a GRU's step: h is the learner's, everything else is right."""

    def __init__(self, seen: Seen) -> None:
        (self.h,) = (tensor.double() for tensor in seen.found)
        h = seen.arguments["h"]
        self.h_before = torch.zeros_like(self.h) if h is None else h.double()
        self.terms = _terms(seen.arguments, self.h_before, RZN)
        self.r, z = (_pre_activation(self.terms, gate).sigmoid() for gate in "rz")
        n = (seen.expected[0].double() - z * self.h_before) / (1 - z)
        self.own_z = _quotient(self.h - n, self.h_before - n, z)
        self.own_n = _quotient(self.h - z * self.h_before, 1 - z, n)
        self.input_n = self.terms["n", TERMS[0]] + self.terms["n", TERMS[2]]
        self.state_n = self.terms["n", TERMS[1]] + self.terms["n", TERMS[3]]


# ---- Numbers.

TERMS = ("weight_ih x_t", "weight_hh h", "bias_ih", "bias_hh")


def _terms(arguments: dict[str, Any], h: Tensor, gates: Sequence[str]) -> dict[tuple[str, str], Tensor]:
    """Return the terms of each gate's pre-activation: two products and two biases."""
    weights = arguments.get("parameters", arguments)
    if "cell" in arguments:
        weights = arguments["cell"].parameters
    weight_ih, weight_hh = weights["weight_ih"].double(), weights["weight_hh"].double()
    none = torch.zeros(len(weight_ih), dtype=torch.float64)
    bias_ih, bias_hh = (weights.get(name, none).double() for name in ("bias_ih", "bias_hh"))
    x_t, h = arguments["x_t" if "x_t" in arguments else "x"].double(), h.double()
    products = x_t @ weight_ih.T, h @ weight_hh.T
    biases = (bias.expand_as(products[0]) for bias in (bias_ih, bias_hh))
    blocks = [whole.chunk(len(gates), dim=-1) for whole in (*products, *biases)]
    return {
        (gate, term): block[k]
        for term, block in zip(TERMS, blocks, strict=True)
        for k, gate in enumerate(gates)
    }


def _plain_terms(arguments: dict[str, Any], h: Tensor) -> dict[tuple[str, str], Tensor]:
    """Return the terms of a plain RNN, and others that do not belong in its sum."""
    terms = _terms(arguments, h, ("",))
    return terms | {("", "h"): h.double(), ("", "1"): torch.ones_like(h, dtype=torch.float64)}


def _pre_activation(terms: dict[tuple[str, str], Tensor], gate: str) -> Tensor:
    return torch.stack([terms[gate, term] for term in TERMS]).sum(0)


def _before_squashing(h: Tensor, arguments: dict[str, Any]) -> Tensor:
    """Return the pre-activation for which the nonlinearity gives h; nan where it cannot be determined."""
    of = arguments["cell"].options if "cell" in arguments else arguments
    relu = of.get("nonlinearity", "tanh") == "relu"
    if not relu:
        return _atanh(h.double())
    return torch.where(h > 0, h.double(), torch.where(h < 0, torch.inf, torch.nan))


def _near(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a.double(), b.double(), rtol=1e-4, atol=1e-4)


def _quotient(a: Tensor, b: Tensor, right: Tensor) -> Tensor:
    """Return a / b, a gate's value: nan where b is too small, inf where no value is possible."""
    quotient = torch.where(b.abs() > 0.02, a / b, torch.nan)
    return torch.where((a - right * b).abs() > 40 * b.abs() + 1e-4, torch.inf, quotient)


def _inverse(v: Tensor, low: float, inverse: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the value that was squashed into v; nan where the squashing is too flat to tell."""
    told = torch.where((v > low + 1e-4) & (v < 1 - 1e-4), inverse(v), torch.nan)
    return torch.where((v < low - 1e-2) | (v > 1 + 1e-2), torch.inf, told)


def _logit(v: Tensor) -> Tensor:
    return _inverse(v, 0.0, torch.logit)


def _atanh(v: Tensor) -> Tensor:
    return _inverse(v, -1.0, torch.atanh)


MADE_OF: tuple[tuple[str, Callable[[Tensor], Tensor]], ...] = (
    (BY_SIGMOID, _logit),
    (BY_TANH, _atanh),
    (NOT_SQUASHED, lambda v: v),
)
OWN = dict.fromkeys("ifoz", BY_SIGMOID) | {"g": BY_TANH}


def _gate_alone(result: str, gates: dict[str, list[Tensor]], steps: Sequence[Any]) -> str:
    """Find one gate that explains the result by itself: say what it is a sum of, or its range; or ''."""
    terms = [step.terms for step in steps]
    for gate, values in gates.items():
        for sentence, back in MADE_OF:
            found = _sum([back(v) for v in values], terms)
            if found and (sentence, found) != (OWN.get(gate), say(BLOCK, gate=gate)):
                return say(sentence, result=result, gate=gate, sum=found)
    ranges = {gate: _range(values) for gate, values in gates.items()}
    lowest = {gate: -1 if gate in "gn" else 0 for gate in gates}
    fits = {gate: r for gate, r in ranges.items() if r and lowest[gate] <= r[0] and r[1] <= 1}
    if len(fits) > 1:
        first, second, *_ = fits
        return say(IN_RANGE_EITHER, result=result, first=first, second=second)
    for gate, (low, high) in fits.items():
        return say(IN_RANGE, result=result, gate=gate, low=low, high=high)
    return ""


def _range(values: Sequence[Tensor]) -> tuple[float, float] | None:
    """Return the smallest and the largest of all values that can be determined."""
    all_of = torch.cat([v.flatten() for v in values])
    told = all_of[~all_of.isnan()]  # an inf makes every range fail
    return (float(told.min()), float(told.max())) if len(told) > 20 else None


def _sum(values: Sequence[Tensor], terms: Sequence[dict[tuple[str, str], Tensor]]) -> str:
    """Say what the values are a sum of, the same in all cases; '' if they are no such sum."""
    names = list(terms[0])
    wanted = torch.cat([v.flatten() for v in values])
    columns = torch.stack([torch.cat([t[name].flatten() for t in terms]) for name in names], dim=1)
    told = ~wanted.isnan()
    if wanted.isinf().any() or told.sum() < max(2 * len(names), len(wanted) / 2):
        return ""
    wanted, columns = wanted[told], columns[told]
    factors = torch.linalg.lstsq(columns, wanted[:, None]).solution[:, 0]
    off = (columns @ factors - wanted).abs()
    if not bool(off.max() < 1e-3 * max(1.0, float(wanted.abs().max()))):
        return ""
    return " + ".join(_in_words(dict(zip(names, factors.tolist(), strict=True)))).replace("+ -", "- ")


def _in_words(factors: dict[tuple[str, str], float]) -> Iterator[str]:
    """Yield the terms block by block with their factors; terms without a factor are left out."""
    for block in dict.fromkeys(gate for gate, _ in factors):
        of = {term: factor for (gate, term), factor in factors.items() if gate == block}
        if block and max(of.values()) - min(of.values()) < 0.005:
            of = {say(BLOCK, gate=block): of[TERMS[0]]}
        elif block:
            of = {say(TERM_OF_BLOCK, gate=block, term=term): factor for term, factor in of.items()}
        for term, factor in of.items():
            if abs(factor) > 0.005:
                size = abs(factor)
                times = "" if abs(size - 1) < 0.005 else f"{size:.2g} × "
                yield f"{'-' * (factor < 0)}{times}{term}"


def _said(template: str, found: str) -> str:
    return say(template, sum=found) if found else ""
