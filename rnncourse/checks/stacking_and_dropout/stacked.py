"""Task 3, stack_cells: nn.LSTM(num_layers=L) from L cells."""

import torch

from rnncourse.checks.framework.cases import MORE_STEPS, ONE_STEP, Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.watch import RECURRENT
from rnncourse.checks.stacking_and_dropout.lesson import EQUATIONS, LESSON, READS

ONE_LAYER = Trait("there is one layer", "what goes from layer to layer")
MORE_LAYERS = Trait("there are several layers", "what you do with one layer")


def _case(numbers, T: int, B: int, I: int, H: int, L: int) -> Case:
    cells = [
        random_module("LSTMCell", numbers, input_size=I if k == 0 else H, hidden_size=H) for k in range(L)
    ]
    arguments = {"cells": cells, "x": numbers(T, B, I), "h_0": numbers(L, B, H), "c_0": numbers(L, B, H)}
    traits = {ONE_LAYER if L == 1 else MORE_LAYERS, ONE_STEP if T == 1 else MORE_STEPS}
    return Case(arguments, {"T": T, "B": B, "I": I, "H": H, "L": L}, frozenset(traits))


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7)
    return [
        _case(numbers, 4, 5, 6, 3, 2),
        _case(numbers, 4, 2, 5, 6, 3),
        _case(numbers, 5, 2, 4, 4, 3),  # I = H: a layer that reads x runs
        _case(numbers, 4, 3, 2, 5, 1),
        _case(numbers, 1, 5, 2, 4, 3),
    ]


def _truth(cells, x, h_0, c_0):
    hs, cs, outputs = list(h_0), list(c_0), []
    for x_t in x:
        u = x_t
        for k, cell in enumerate(cells):
            hs[k], cs[k] = cell(u, (hs[k], cs[k]))
            u = hs[k]
        outputs.append(u)
    return torch.stack(outputs), torch.stack(hs), torch.stack(cs)


wrong = Mistakes(READS, _truth)

wrong.edits("""
§ What people get wrong
each layer reads x | every layer reads x_t.
    u = hs[k] => pass
    outputs.append(u) => outputs.append(hs[-1])
c goes up | the next layer reads c of the layer below, and so output shows c.
    u = hs[k] => u = cs[k]
c goes up, h comes out | the next layer reads c of the layer below.
    u = hs[k] => u = cs[k]
    outputs.append(u) => outputs.append(hs[-1])
§
c comes out | output holds the top layer's c.
    outputs.append(u) => outputs.append(cs[-1])
layer 0 comes out | output holds layer 0's h.
    outputs.append(u) => outputs.append(hs[0])
states from the top down | h_0 and c_0 are taken from the top down: the last row begins layer 0.
    list(h_0), list(c_0) => list(h_0.flip(0)), list(c_0.flip(0))
h_0 from the top down | h_0 is taken from the top down, c_0 is not.
    list(h_0) => list(h_0.flip(0))
all layers begin in row 0 | every layer begins from row 0 of h_0 and c_0.
    list(h_0), list(c_0) => [h_0[0] for _ in h_0], [c_0[0] for _ in c_0]
upper layers begin from zeros | from layer 1 on, h_0 and c_0 have no part in it.
    list(h_0), list(c_0) => [h_0[0], *torch.zeros_like(h_0[1:])], [c_0[0], *torch.zeros_like(c_0[1:])]
begins from zeros | h_0 and c_0 have no part in it.
    list(h_0), list(c_0) => list(torch.zeros_like(h_0)), list(torch.zeros_like(c_0))
§ The whole recurrence
reset at each step | each step begins from h_0 and c_0 again: nothing is carried.
    u = x_t => u, hs, cs = x_t, list(h_0), list(c_0)
c not carried | each step begins from c_0 again: h is carried, c is not.
    u = x_t => u, cs = x_t, list(c_0)
§ What people get wrong
one cell for all | cells[0] computes every layer.
    hs[k], cs[k] = cell(u => hs[k], cs[k] = cells[0](u
§
cells from the top down | the last of the cells reads x: the layers are upside down.
    enumerate(cells) => enumerate(cells[::-1])
§ The whole recurrence
(c, h) into the cell | the cell is given (c, h). In which order does it take its state?
    (hs[k], cs[k])) => (cs[k], hs[k]))
§
h_n from the top down | output is right; h_n and c_n are from the top down.
    torch.stack(hs), torch.stack(cs) => torch.stack(hs[::-1]), torch.stack(cs[::-1])
""")


@wrong("h of the step before goes up", "a layer reads what the layer below had one step earlier.", EQUATIONS)
def _(cells, x, h_0, c_0):
    hs, cs, outputs = list(h_0), list(c_0), []
    for x_t in x:
        for k in reversed(range(len(cells))):
            hs[k], cs[k] = cells[k](hs[k - 1] if k else x_t, (hs[k], cs[k]))
        outputs.append(hs[-1])
    return torch.stack(outputs), torch.stack(hs), torch.stack(cs)


@wrong(
    "the state goes up",
    "a layer begins its step from the state that the layer below has just left."
    " Which state belongs to a layer?",
    EQUATIONS,
)
def _(cells, x, h_0, c_0):
    (h, c), outputs, hs, cs = (h_0[0], c_0[0]), [], [], []
    for x_t in x:
        u, hs, cs = x_t, [], []
        for cell in cells:
            h, c = cell(u, (h, c))
            u = h
            hs.append(h)
            cs.append(c)
        outputs.append(u)
    return torch.stack(outputs), torch.stack(hs), torch.stack(cs)


@wrong(
    "a layer begins where the one below ended",
    "a layer begins from the state in which the layer below has ended. Which row of h_0 is its own?",
)
def _(cells, x, h_0, c_0):
    h, c, hs, cs = h_0[0], c_0[0], [], []
    for cell in cells:
        outputs = []
        for x_t in x:
            h, c = cell(x_t, (h, c))
            outputs.append(h)
        x = torch.stack(outputs)
        hs.append(h)
        cs.append(c)
    return x, torch.stack(hs), torch.stack(cs)


@wrong(
    "only the last h goes up",
    "the layer above reads the last h of the layer below, at every step. What is it given at step t?",
)
def _(cells, x, h_0, c_0):
    hs, cs = [], []
    for cell, h, c in zip(cells, h_0, c_0, strict=True):
        outputs = []
        for x_t in x:
            h, c = cell(x_t, (h, c))
            outputs.append(h)
        output, x = torch.stack(outputs), torch.stack([h] * len(x))
        hs.append(h)
        cs.append(c)
    return output, torch.stack(hs), torch.stack(cs)


@wrong(
    "collected states overwritten",
    "output is the last step's h at every step: what is collected is written over, in place, by later steps.",
)
def _(cells, x, h_0, c_0):
    h, c, outputs = h_0.clone(), c_0.clone(), []
    for x_t in x:
        u = x_t
        for k, cell in enumerate(cells):
            h[k], c[k] = cell(u, (h[k], c[k]))
            u = h[k]  # a view
        outputs.append(u)
    return torch.stack(outputs), h, c


stack_cells = Check(
    name="stack_cells",
    lesson=LESSON,
    section=EQUATIONS,
    parts=(Part("output", "T B H"), Part("h_n", "L B H"), Part("c_n", "L B H")),
    criteria=(
        Criterion("output", 2, ("output",)),
        Criterion("h_n", 1, ("h_n",)),
        Criterion("c_n", 1, ("c_n",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=_case(random_numbers(1, 0.7), 2, 1, 1, 1, 2),
    forbid=RECURRENT - {"torch.nn.LSTMCell", "torch.lstm_cell"},
    agree="nn.LSTM(num_layers=L)",
)
