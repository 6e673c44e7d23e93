"""Task 3, lstm_step. The right one is the library's own, which the tests compare with torch.nn."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear

from rnncourse.checks.framework.cases import (
    BATCH,
    BIAS_ZERO,
    C_ZERO,
    H_ZERO,
    SINGLE,
    X_ZERO,
    Case,
    Trait,
    random_numbers,
    random_weights,
)
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistake
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.lstm_gates.cutting import activation_mistakes, blocks_in_order
from rnncourse.checks.lstm_gates.lesson import EQUAL, EQUATIONS, LESSON, MEMORY, ONE_MATMUL, PEOPLE, row
from rnncourse.steps import lstm_step as _lstm_step


def _step_with(
    split=blocks_in_order,
    i=torch.sigmoid,
    f=torch.sigmoid,
    g=torch.tanh,
    o=torch.sigmoid,
    a=lambda x, h, W, U, b, d: linear(x, W, b) + linear(h, U, d),
    new_c=lambda i, f, g, o, h, c: f * c + i * g,
    new_h=lambda o, c, old_c: o * torch.tanh(c),
    old=lambda h, c: (h, c),
    result=lambda h, c: (h, c),
) -> Callable:
    """lstm_step with one thing done differently."""

    def lstm_step(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
        h, c = old(*state)
        a_i, a_f, a_g, a_o = split(a(x_t, h, weight_ih, weight_hh, bias_ih, bias_hh))
        gate_i, gate_f, gate_g, gate_o = i(a_i), f(a_f), g(a_g), o(a_o)
        c_t = new_c(gate_i, gate_f, gate_g, gate_o, h, c)
        return result(new_h(gate_o, c_t, c), c_t)

    return lstm_step


def _peephole(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    a_i, a_f, a_g, a_o = blocks_in_order(linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh))
    c = torch.sigmoid(a_f) * c + torch.sigmoid(a_i) * torch.tanh(a_g)
    return torch.sigmoid(a_o + c) * torch.tanh(c), c


def _arguments(
    numbers: Callable[..., Tensor], B: int | None, I: int, H: int, zero: tuple[Trait, ...]
) -> dict:
    rows = () if B is None else (B,)
    x_t, h, c = numbers(*rows, I), numbers(*rows, H), 2 * numbers(*rows, H)
    weights = random_weights(numbers, 4, I, H)
    zeroed = {H_ZERO: [h], C_ZERO: [c], X_ZERO: [x_t], BIAS_ZERO: [weights["bias_ih"], weights["bias_hh"]]}
    for trait in zero:
        for tensor in zeroed[trait]:
            tensor.zero_()
    return {"x_t": x_t, "state": (h, c), **weights}


def _step_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(B: int | None, I: int, H: int, *zero: Trait) -> Case:
        sizes = {"I": I, "H": H} if B is None else {"B": B, "I": I, "H": H}
        traits = frozenset({SINGLE if B is None else BATCH, *zero})
        return Case(_arguments(numbers, B, I, H, zero), sizes, traits)

    return [
        case(3, 5, 4),
        case(2, 4, 6),
        case(4, 3, 3),  # I = H: exchanged weights run
        case(3, 2, 5, H_ZERO),
        case(2, 5, 3, C_ZERO),
        case(4, 3, 2, H_ZERO, C_ZERO),
        case(5, 4, 3, X_ZERO),
        case(3, 4, 5, BIAS_ZERO),
        case(None, 5, 4),
        case(None, 3, 5, H_ZERO),
        case(None, 4, 3, C_ZERO),
        case(None, 2, 6),
    ]


def _mistake(name: str, hint: str, section: str = EQUATIONS, **different: Callable) -> Mistake:
    return Mistake(name, _step_with(**different), hint, section)


STEP_MISTAKES = (
    *activation_mistakes(_step_with),
    _mistake(
        "c not squashed in h",
        "your h looks like `o * c`: the new c is not squashed before it is shown.",
        new_h=lambda o, c, old_c: o * c,
    ),
    _mistake(
        "old c in h",
        "your h is made from the old c. Which c does the output gate show?",
        new_h=lambda o, c, old_c: o * torch.tanh(old_c),
    ),
    _mistake(
        "o inside the tanh",
        "your h squashes the product of o and c. In which order do the two happen?",
        new_h=lambda o, c, old_c: torch.tanh(o * c),
    ),
    _mistake(
        "sigmoid for tanh in h",
        "your h squashes the new c with a sigmoid: then h could never be negative.",
        new_h=lambda o, c, old_c: o * torch.sigmoid(c),
    ),
    _mistake(
        "o left out",
        "o has no part in your h: all of the memory is shown.",
        new_h=lambda o, c, old_c: torch.tanh(c),
    ),
    _mistake(
        "c updated with h",
        "the forget gate multiplies h. What is kept from step to step is the other state.",
        MEMORY,
        new_c=lambda i, f, g, o, h, c: f * h + i * g,
    ),
    _mistake(
        "f and o exchanged in c",
        "the output gate keeps c in your code. Which gate decides what is kept?",
        MEMORY,
        new_c=lambda i, f, g, o, h, c: o * c + i * g,
    ),
    _mistake(
        "1 - f",
        "you keep 1 - f of the old c. Does f = 1 keep or lose it?",
        MEMORY,
        new_c=lambda i, f, g, o, h, c: (1 - f) * c + i * g,
    ),
    _mistake(
        "1 - f for i",
        "i has no part in it; you write with 1 - f (a GRU ties its gates so).",
        MEMORY,
        new_c=lambda i, f, g, o, h, c: f * c + (1 - f) * g,
    ),
    _mistake(
        "f over the whole sum",
        "f multiplies what is written, too. It should only decide what is kept of the old c.",
        MEMORY,
        new_c=lambda i, f, g, o, h, c: f * (c + i * g),
    ),
    _mistake(
        "f left out",
        "f has no part in your c: the old c is kept whole.",
        MEMORY,
        new_c=lambda i, f, g, o, h, c: c + i * g,
    ),
    _mistake(
        "i left out",
        "i has no part in your c: all of g is written.",
        MEMORY,
        new_c=lambda i, f, g, o, h, c: f * c + g,
    ),
    _mistake(
        "c left out",
        "the old c has no part in your new c: nothing is remembered.",
        MEMORY,
        new_c=lambda i, f, g, o, h, c: i * g,
    ),
    _mistake(
        "tanh over c",
        "the new c is squashed and kept squashed. c has no bounds; what is shown of it has.",
        new_c=lambda i, f, g, o, h, c: torch.tanh(f * c + i * g),
    ),
    Mistake(
        "o reads the new c",
        _peephole,
        "your output gate reads the new c (a peephole). torch's has none.",
        EQUATIONS,
    ),
    _mistake(
        "state unpacked as (c, h)",
        "the state is taken apart as (c, h). It comes as (h, c).",
        EQUAL,
        old=lambda h, c: (c, h),
    ),
    _mistake("h alone", "only h is returned. Asked is the state, (h, c).", EQUAL, result=lambda h, c: h),
    _mistake(
        "bias_hh missing",
        "a bias is missing: bias_hh is not added. torch's cell has two.",
        PEOPLE,
        a=lambda x, h, W, U, b, d: linear(x, W, b) + linear(h, U),
    ),
    _mistake(
        "bias_ih missing",
        "a bias is missing: bias_ih is not added. torch's cell has two.",
        PEOPLE,
        a=lambda x, h, W, U, b, d: linear(x, W) + linear(h, U, d),
    ),
    _mistake(
        "no bias", "neither bias is added.", PEOPLE, a=lambda x, h, W, U, b, d: linear(x, W) + linear(h, U)
    ),
    _mistake(
        "bias_ih twice",
        "bias_ih is added twice and bias_hh never: a slip of the keyboard?",
        PEOPLE,
        a=lambda x, h, W, U, b, d: linear(x, W, b) + linear(h, U, b),
    ),
    _mistake(
        "bias_hh twice",
        "bias_hh is added twice and bias_ih never: a slip of the keyboard?",
        PEOPLE,
        a=lambda x, h, W, U, b, d: linear(x, W, d) + linear(h, U, d),
    ),
    _mistake(
        "h left out",
        "the gates do not look at h: they see the input alone.",
        a=lambda x, h, W, U, b, d: linear(x, W, b) + d,
    ),
    _mistake("x left out", "the gates do not look at x_t.", a=lambda x, h, W, U, b, d: linear(h, U, d) + b),
    _mistake(
        "weights exchanged",
        "the weights are exchanged: x_t meets weight_hh, h meets weight_ih. Where I = H no shape complains.",
        ONE_MATMUL,
        a=lambda x, h, W, U, b, d: linear(x, U, b) + linear(h, W, d),
    ),
)

lstm_step = Check(
    name="lstm_step",
    lesson=LESSON,
    section=EQUATIONS,
    parts=(Part("h", "B H"), Part("c", "B H")),
    criteria=(
        Criterion("h with a batch", 1, ("h",), (BATCH,)),
        Criterion("c with a batch", 1, ("c",), (BATCH,)),
        Criterion("h without a batch", 1, ("h",), (SINGLE,)),
        Criterion("c without a batch", 1, ("c",), (SINGLE,)),
    ),
    truth=_lstm_step,
    cases=_step_cases,
    example_case=Case(
        {
            "x_t": row(1.0, 2.0),
            "state": (row(0.5), row(-1.0)),
            "weight_ih": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0], [0.0, 0.0]], dtype=torch.float64),
            "weight_hh": torch.tensor([[0.0], [1.0], [2.0], [2.0]], dtype=torch.float64),
            "bias_ih": row(0.0, 2.0, 0.0, 0.0),
            "bias_hh": row(0.0, -1.0, 0.0, 0.0),
        },
        {"I": 2, "H": 1},
    ),
    mistakes=STEP_MISTAKES,
)
