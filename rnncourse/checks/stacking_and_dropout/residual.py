"""Task 6, residual_stack: a way past each layer."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.stacking_and_dropout.lesson import LESSON, PATHS, READS

EQUAL_WIDTHS = Trait("I = H", "what you do where the widths differ")
OTHER_WIDTH = Trait("I and H differ", "what you do where the widths are equal")


def _case(numbers, T: int, B: int, I: int, H: int, L: int) -> Case:
    layers = [random_module("GRU", numbers, input_size=I if k == 0 else H, hidden_size=H) for k in range(L)]
    arguments = {"layers": layers, "x": numbers(T, B, I)}
    traits = frozenset({EQUAL_WIDTHS if I == H else OTHER_WIDTH})
    return Case(arguments, {"T": T, "B": B, "I": I, "H": H, "L": L}, traits)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7)
    return [
        _case(numbers, 5, 2, 4, 6, 3),
        _case(numbers, 6, 3, 2, 5, 4),
        _case(numbers, 5, 4, 6, 6, 3),
        _case(numbers, 4, 2, 3, 3, 5),
        _case(numbers, 3, 4, 6, 5, 2),
    ]


def _truth(layers, x):
    u, ends = x, []
    for layer in layers:
        hs, h = layer(u)
        u = hs + u if hs.shape == u.shape else hs
        ends.append(h[0])
    return u, torch.stack(ends)


wrong = Mistakes(PATHS, _truth)

wrong.edits("""
no way past | nothing is added: this is a plain stack.
    hs + u if => hs if
h_n of the sum | output is right. h_n holds the sum that goes up; a layer's state is its own h.
    h[0] => u[-1]
mean | the two are averaged: the way past a layer has a factor of 1/2.
    hs + u if => (hs + u) / 2 if
product | the two are multiplied, not added.
    hs + u if => hs * u if
difference | what a layer has read is taken away, not added.
    hs + u if => hs - u if
added twice | what a layer has read is added twice.
    hs + u if => hs + 2 * u if
layer left out | where the widths are equal the layer itself has no part in what goes up.
    hs + u if => u if
""")


@wrong("x added everywhere", "x is added at every layer where it fits. What has layer 2 read?")
def _(layers, x):
    u, ends = x, []
    for layer in layers:
        hs, h = layer(u)
        u = hs + x if hs.shape == x.shape else hs
        ends.append(h[0])
    return u, torch.stack(ends)


@wrong("not past the last", "there is no way past the last layer.")
def _(layers, x):
    u, ends = x, []
    for k, layer in enumerate(layers):
        hs, h = layer(u)
        u = hs + u if hs.shape == u.shape and k < len(layers) - 1 else hs
        ends.append(h[0])
    return u, torch.stack(ends)


@wrong("not past the first", "there is no way past the first layer, not even where I = H.")
def _(layers, x):
    u, ends = x, []
    for k, layer in enumerate(layers):
        hs, h = layer(u)
        u = hs + u if k > 0 else hs
        ends.append(h[0])
    return u, torch.stack(ends)


@wrong("past the last alone", "something is added only after the last layer.")
def _(layers, x):
    u, ends = x, []
    for k, layer in enumerate(layers):
        hs, h = layer(u)
        u = hs + u if hs.shape == u.shape and k == len(layers) - 1 else hs
        ends.append(h[0])
    return u, torch.stack(ends)


@wrong("past the whole stack", "the layers are a plain stack, and x is added at its end.")
def _(layers, x):
    u, ends = x, []
    for layer in layers:
        u, h = layer(u)
        ends.append(h[0])
    return (u + x if u.shape == x.shape else u), torch.stack(ends)


@wrong("the output below added", "the h of the layer below is added, without the sum that it was part of.")
def _(layers, x):
    u, below, ends = x, x, []
    for layer in layers:
        hs, h = layer(u)
        u, below = (hs + below if hs.shape == below.shape else hs), hs
        ends.append(h[0])
    return u, torch.stack(ends)


@wrong(
    "h_n is output's", "h_n is taken from output, for all layers. Each layer has a final h of its own.", READS
)
def _(layers, x):
    u, ends = _truth(layers, x)
    return u, u[-1].expand_as(ends)


@wrong("each layer reads x", "every layer reads x where it can.", READS)
def _(layers, x):
    u, ends = x, []
    for layer in layers:
        hs, h = layer(x)
        u = hs + u if hs.shape == u.shape else hs
        ends.append(h[0])
    return u, torch.stack(ends)


residual_stack = Check(
    name="residual_stack",
    lesson=LESSON,
    section=PATHS,
    parts=(Part("output", "T B H"), Part("h_n", "L B H")),
    criteria=(
        Criterion("output", 2, ("output",)),
        Criterion("h_n", 1, ("h_n",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=_case(random_numbers(0, 0.7), 2, 1, 1, 1, 2),
    forbid=frozenset({"rnncourse"}),
)
