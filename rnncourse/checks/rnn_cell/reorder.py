"""Task 5, reorder_units: the same net with its units in another order."""

import torch

from rnncourse.checks.framework.cases import Case, random_numbers, random_weights
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.rnn_cell.lesson import EQUATION, LESSON, NUMPY
from rnncourse.checks.rnn_cell.summed import wrong


def _order_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.6)
    generator = torch.Generator().manual_seed(seed)

    def case(I: int, H: int) -> Case:
        order = torch.randperm(H, generator=generator)
        while torch.equal(order, order.argsort()):  # an order that is its own inverse would hide a mistake
            order = torch.randperm(H, generator=generator)
        return Case({"order": order, **random_weights(numbers, 1, I, H)}, {"I": I, "H": H})

    return [case(2, 3), case(5, 4), case(3, 6), case(4, 5)]


def _reorder_units(order, weight_ih, weight_hh, bias_ih, bias_hh):
    return weight_ih[order], weight_hh[order][:, order], bias_ih[order], bias_hh[order]


@wrong(
    "weight_hh: rows only",
    "weight_hh has its rows in the new order, its columns not. A row makes a unit; what does a column read?",
    EQUATION,
)
def _rows_only(order, W, U, b, d):
    return W[order], U[order], b[order], d[order]


@wrong(
    "weight_hh: columns only",
    "weight_hh has its columns in the new order, its rows not. A column reads a unit; what does a row make?",
    EQUATION,
)
def _columns_only(order, W, U, b, d):
    return W[order], U[:, order], b[order], d[order]


@wrong(
    "weight_hh unchanged", "weight_hh is as it was. Do its rows and columns not belong to units?", EQUATION
)
def _hh_unchanged(order, W, U, b, d):
    return W[order], U, b[order], d[order]


@wrong(
    "the inverse order",
    "your order is the inverse one: old unit k is at order[k]. Asked: new unit k is old unit order[k].",
    EQUATION,
)
def _inverse(order, W, U, b, d):
    return _reorder_units(order.argsort(), W, U, b, d)


@wrong(
    "weight_hh: columns by the inverse",
    "weight_hh has its rows in the new order, but its columns in the inverse order.",
    EQUATION,
)
def _columns_inverse(order, W, U, b, d):
    return W[order], U[order][:, order.argsort()], b[order], d[order]


@wrong(
    "biases unchanged", "the biases are as they were. Each of their entries belongs to a unit, too.", EQUATION
)
def _biases_unchanged(order, W, U, b, d):
    return W[order], U[order][:, order], b, d


@wrong("weight_hh transposed", "weight_hh comes back transposed.", NUMPY)
def _reordered_transposed(order, W, U, b, d):
    return W[order], U[order][:, order].T, b[order], d[order]


@wrong(
    "weight_hh[order, order]",
    "weight_hh[order, order] takes H single entries, one for each pair of places. Asked are H rows of H.",
    EQUATION,
)
def _entries_only(order, W, U, b, d):
    return W[order], U[order, order], b[order], d[order]


@wrong("weight_ih unchanged", "weight_ih is as it was. Which unit does each of its rows make?", EQUATION)
def _ih_unchanged(order, W, U, b, d):
    return W, U[order][:, order], b[order], d[order]


reorder_units = Check(
    name="reorder_units",
    lesson=LESSON,
    section=EQUATION,
    parts=(Part("weight_ih", "H I"), Part("weight_hh", "H H"), Part("bias_ih", "H"), Part("bias_hh", "H")),
    criteria=(
        Criterion("weight_ih and the biases", 1, ("weight_ih", "bias_ih", "bias_hh")),
        Criterion("weight_hh", 2, ("weight_hh",)),
    ),
    truth=_reorder_units,
    cases=_order_cases,
    example_case=Case(
        {
            "order": torch.tensor([2, 0, 1]),
            "weight_ih": torch.tensor([[10.0], [20.0], [30.0]]),
            "weight_hh": torch.tensor([[11.0, 12.0, 13.0], [21.0, 22.0, 23.0], [31.0, 32.0, 33.0]]),
            "bias_ih": torch.tensor([1.0, 2.0, 3.0]),
            "bias_hh": torch.tensor([4.0, 5.0, 6.0]),
        },
        {"I": 1, "H": 3},
    ),
    mistakes=(
        _rows_only,
        _columns_only,
        _hh_unchanged,
        _inverse,
        _columns_inverse,
        _biases_unchanged,
        _reordered_transposed,
        _entries_only,
        _ih_unchanged,
    ),
)
