"""The checks of exercise set 06: the LSTM's gates, one step, and a cell that torch's weights fit into."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from rnncourse.checks.framework.authoring import (
    BATCH,
    BIAS_ZERO,
    C_ZERO,
    H_ZERO,
    NO_STATE,
    SINGLE,
    STATE,
    X_ZERO,
    Case,
    Mistake,
    Mistakes,
    Trait,
    load_and_call,
    random_numbers,
    random_weights,
    task,
)
from rnncourse.steps import lstm_step as _lstm_step

LESSON = "06"


def row(*numbers: float) -> Tensor:
    """For the examples: numbers small enough for a pencil."""
    return torch.tensor(numbers, dtype=torch.float64)


# ---- Task 1, cell_state: what is kept and what is written.


def _cell_state_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(*shape: int) -> Case:
        f, i = torch.sigmoid(numbers(*shape)), torch.sigmoid(numbers(*shape))
        g, c = torch.tanh(numbers(*shape)), 2 * numbers(*shape)
        sizes = dict(zip("BH", shape, strict=True)) if len(shape) == 2 else {"H": shape[0]}
        return Case({"f": f, "i": i, "g": g, "c": c}, sizes)

    return [case(3, 4), case(2, 5), case(4, 3), case(6)]


def _cell_state(f, i, g, c):
    return f * c + i * g


wrong = Mistakes("Ask for a memory", _cell_state)

wrong.edits("""
f and i exchanged | f and i are exchanged: which of them keeps?
    f * c + i * g => i * c + f * g
f over the whole sum | f multiplies what is written, too. It should only decide what is kept of the old c.
    f * c + i * g => f * (c + i * g)
1 - f | you keep 1 - f of the old c. Does f = 1 keep or lose it?
    f * c => (1 - f) * c
1 - f for i | i has no part in it; you write with 1 - f (a GRU's way).
    i * g => (1 - f) * g
i left out | i has no part in it: all of g is written.
    i * g => g
f left out | f has no part in it: the old c is kept whole.
    f * c => c
g left out | g has no part in it: i says how much is written, g what.
    i * g => i
c left out | the old c has no part in it: nothing is remembered.
    f * c + =>
""")


@wrong("sums and products exchanged", "sums and products are exchanged.")
def _(f, i, g, c):
    return (f + c) * (i + g)


@wrong("tanh over c", "the new c is squashed by tanh. c itself has no bounds.")
def _(f, i, g, c):
    return torch.tanh(f * c + i * g)


@wrong("gates applied twice", "f, i and g come activated: they go through sigmoid and tanh a second time.")
def _(f, i, g, c):
    return torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)


cell_state = task(
    "cell_state",
    LESSON,
    "Ask for a memory",
    returns="c (B H)",
    points="c 2",
    truth=_cell_state,
    mistakes=wrong,
    cases=_cell_state_cases,
    example={"f": row(0.5), "i": row(0.25), "g": row(-1.0), "c": row(3.0)},
)


# ---- Task 2, gates: four blocks cut and squashed.
#
# Each wrong order is the letters that the four blocks are taken for, one after the other.

ORDERS = {
    "ifog": "your numbers are those of gates in the order i, f, o, g. torch stacks them i, f, g, o.",
    "figo": "forget and input gate are exchanged: your numbers are those of the order f, i, g, o.",
    "igfo": "your numbers are those of gates in the order i, g, f, o. torch stacks them i, f, g, o.",
    "iofg": "your numbers are those of gates in the order i, o, f, g (ONNX's). torch stacks them i, f, g, o.",
    "fiog": "your numbers are those of gates in the order f, i, o, g. torch stacks them i, f, g, o.",
    "gifo": "your numbers are those of gates in the order g, i, f, o. torch stacks them i, f, g, o.",
    "ofig": "your numbers are those of gates in the order o, f, i, g. torch stacks them i, f, g, o.",
}


def blocks_in_order(a: Tensor, order: str = "ifgo") -> list[Tensor]:
    """The pre-activations a_i, a_f, a_g, a_o of blocks that lie in the given order."""
    blocks = dict(zip(order, a.chunk(4, dim=-1), strict=True))
    return [blocks[gate] for gate in "ifgo"]


def _gates_with(
    split=blocks_in_order, i=torch.sigmoid, f=torch.sigmoid, g=torch.tanh, o=torch.sigmoid
) -> Callable:
    def gates(a):
        a_i, a_f, a_g, a_o = split(a)
        return i(a_i), f(a_f), g(a_g), o(a_o)

    return gates


def _same(a: Tensor) -> Tensor:
    return a


def _in_order(order: str) -> Callable:
    return lambda a: blocks_in_order(a, order)


def _gates_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(B: int | None, H: int) -> Case:
        rows, sizes = ((), {"H": H}) if B is None else ((B,), {"B": B, "H": H})
        return Case({"a": 2 * numbers(*rows, 4 * H)}, sizes, frozenset({SINGLE if B is None else BATCH}))

    return [
        case(3, 4),
        case(2, 5),
        case(8, 3),
        case(None, 4),
        case(None, 3),
    ]  # B = 8: a cut along the batch runs


def activation_mistakes(build: Callable[..., Callable]) -> tuple[Mistake, ...]:
    """The mistakes in cutting and squashing the gates, for `gates` and for whatever is built on them."""

    def cut(name: str, hint: str, split: Callable) -> Mistake:
        return Mistake(name, build(split), hint, "Four gates, one matmul")

    def squashed(name: str, hint: str, **different: Callable) -> Mistake:
        return Mistake(name, build(**different), hint, "The equations")

    return (
        *(cut(f"order {', '.join(order)}", hint, _in_order(order)) for order, hint in ORDERS.items()),
        cut(
            "every fourth entry",
            "you take every fourth entry for a gate. The gates are blocks of H neighbours.",
            lambda a: [a[..., k::4] for k in range(4)],
        ),
        squashed(
            "sigmoid for g", "g has been through a sigmoid: what range should it have?", g=torch.sigmoid
        ),
        squashed("g not activated", "g is the bare pre-activation: it is not squashed.", g=_same),
        squashed("tanh for i", "i has been through tanh: a gate lies between 0 and 1.", i=torch.tanh),
        squashed("tanh for f", "f has been through tanh: a gate lies between 0 and 1.", f=torch.tanh),
        squashed("tanh for o", "o has been through tanh: a gate lies between 0 and 1.", o=torch.tanh),
        squashed(
            "tanh for all",
            "all four have been through tanh: a gate lies between 0 and 1.",
            i=torch.tanh,
            f=torch.tanh,
            o=torch.tanh,
        ),
        squashed(
            "not activated",
            "the gates are the bare pre-activations: nothing is squashed.",
            i=_same,
            f=_same,
            g=_same,
            o=_same,
        ),
    )


gates = task(
    "gates",
    LESSON,
    "Four gates, one matmul",
    returns="i (B H), f (B H), g (B H), o (B H)",
    points="i 1; f 1; g 1; o 1",
    truth=_gates_with(),
    mistakes=(
        *activation_mistakes(_gates_with),
        Mistake(
            "cut along the first axis",
            _gates_with(lambda a: a.chunk(4)),
            "you cut along the first axis, the batch where there is one. Along which axis do the gates lie?",
            "Four gates, one matmul",
        ),
        Mistake(
            "softmax over the gates",
            _gates_with(
                i=_same, f=_same, g=_same, o=_same, split=lambda a: torch.stack(blocks_in_order(a)).softmax(0)
            ),
            "your four numbers add up to 1, a softmax. Each gate opens on its own.",
            "The equations",
        ),
    ),
    cases=_gates_cases,
    example={"a": row(0.0, 0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0)},
)


# ---- Task 3, lstm_step. The right one is the library's own, which the tests compare with torch.nn.


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
    arguments = {
        "x_t": numbers(*rows, I),
        "state": (numbers(*rows, H), 2 * numbers(*rows, H)),
        **random_weights(numbers, 4, I, H),
    }
    h, c = arguments["state"]
    zeroed = {H_ZERO: [h], C_ZERO: [c], X_ZERO: [arguments["x_t"]]}
    zeroed[BIAS_ZERO] = [arguments["bias_ih"], arguments["bias_hh"]]
    for trait in zero:
        for tensor in zeroed[trait]:
            tensor.zero_()
    return arguments


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


def _mistake(name: str, hint: str, section: str = "The equations", **different: Callable) -> Mistake:
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
        "Ask for a memory",
        new_c=lambda i, f, g, o, h, c: f * h + i * g,
    ),
    _mistake(
        "f and o exchanged in c",
        "the output gate keeps c in your code. Which gate decides what is kept?",
        "Ask for a memory",
        new_c=lambda i, f, g, o, h, c: o * c + i * g,
    ),
    _mistake(
        "1 - f",
        "you keep 1 - f of the old c. Does f = 1 keep or lose it?",
        "Ask for a memory",
        new_c=lambda i, f, g, o, h, c: (1 - f) * c + i * g,
    ),
    _mistake(
        "1 - f for i",
        "i has no part in it; you write with 1 - f (a GRU ties its gates so).",
        "Ask for a memory",
        new_c=lambda i, f, g, o, h, c: f * c + (1 - f) * g,
    ),
    _mistake(
        "f over the whole sum",
        "f multiplies what is written, too. It should only decide what is kept of the old c.",
        "Ask for a memory",
        new_c=lambda i, f, g, o, h, c: f * (c + i * g),
    ),
    _mistake(
        "f left out",
        "f has no part in your c: the old c is kept whole.",
        "Ask for a memory",
        new_c=lambda i, f, g, o, h, c: c + i * g,
    ),
    _mistake(
        "i left out",
        "i has no part in your c: all of g is written.",
        "Ask for a memory",
        new_c=lambda i, f, g, o, h, c: f * c + g,
    ),
    _mistake(
        "c left out",
        "the old c has no part in your new c: nothing is remembered.",
        "Ask for a memory",
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
        "The equations",
    ),
    _mistake(
        "state unpacked as (c, h)",
        "the state is taken apart as (c, h). It comes as (h, c).",
        "Equal to torch",
        old=lambda h, c: (c, h),
    ),
    _mistake(
        "h alone", "only h is returned. Asked is the state, (h, c).", "Equal to torch", result=lambda h, c: h
    ),
    _mistake(
        "bias_hh missing",
        "a bias is missing: bias_hh is not added. torch's cell has two.",
        "What people get wrong",
        a=lambda x, h, W, U, b, d: linear(x, W, b) + linear(h, U),
    ),
    _mistake(
        "bias_ih missing",
        "a bias is missing: bias_ih is not added. torch's cell has two.",
        "What people get wrong",
        a=lambda x, h, W, U, b, d: linear(x, W) + linear(h, U, d),
    ),
    _mistake(
        "no bias",
        "neither bias is added.",
        "What people get wrong",
        a=lambda x, h, W, U, b, d: linear(x, W) + linear(h, U),
    ),
    _mistake(
        "bias_ih twice",
        "bias_ih is added twice and bias_hh never: a slip of the keyboard?",
        "What people get wrong",
        a=lambda x, h, W, U, b, d: linear(x, W, b) + linear(h, U, b),
    ),
    _mistake(
        "bias_hh twice",
        "bias_hh is added twice and bias_ih never: a slip of the keyboard?",
        "What people get wrong",
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
        "Four gates, one matmul",
        a=lambda x, h, W, U, b, d: linear(x, U, b) + linear(h, W, d),
    ),
)

lstm_step = task(
    "lstm_step",
    LESSON,
    "The equations",
    returns="h (B H), c (B H)",
    points="""
        h with a batch 1 = h where there is a batch
        c with a batch 1 = c where there is a batch
        h without a batch 1 = h where there is no batch
        c without a batch 1 = c where there is no batch
    """,
    truth=_lstm_step,
    mistakes=STEP_MISTAKES,
    cases=_step_cases,
    example={
        "x_t": row(1.0, 2.0),
        "state": (row(0.5), row(-1.0)),
        "weight_ih": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0], [0.0, 0.0]], dtype=torch.float64),
        "weight_hh": torch.tensor([[0.0], [1.0], [2.0], [2.0]], dtype=torch.float64),
        "bias_ih": row(0.0, 2.0, 0.0, 0.0),
        "bias_hh": row(0.0, -1.0, 0.0, 0.0),
    },
)


# ---- Task 4, from_cs231n: weights of another layout and order.


def _cs231n_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(I: int, H: int) -> Case:
        return Case({"Wx": numbers(I, 4 * H), "Wh": numbers(H, 4 * H), "b": numbers(4 * H)}, {"I": I, "H": H})

    return [case(5, 3), case(2, 4), case(8, 2), case(3, 1)]  # I = 4H: a forgotten transposition fits


def _columns(matrix: Tensor, order: str = "ifog") -> Tensor:
    """The last axis put into torch's order, from blocks that lie in the given order."""
    return torch.cat(blocks_in_order(matrix, order), dim=-1)


def _from_cs231n(Wx, Wh, b):
    return _columns(Wx).T, _columns(Wh).T, _columns(b)


from_cs231n = task(
    "from_cs231n",
    LESSON,
    "Four gates, one matmul",
    returns="weight_ih (4H I), weight_hh (4H H), bias_ih (4H)",
    points="weight_ih 1; weight_hh 1; bias_ih 1",
    truth=_from_cs231n,
    mistakes=(
        Mistake(
            "order kept",
            lambda Wx, Wh, b: (Wx.T, Wh.T, b),
            "the matrices are transposed, but their blocks lie as before, i, f, o, g. torch: i, f, g, o.",
            "Four gates, one matmul",
        ),
        Mistake(
            "not transposed",
            lambda Wx, Wh, b: (_columns(Wx), _columns(Wh), _columns(b)),
            "the blocks are in torch's order, but not transposed: cs231n writes x @ Wx, and torch?",
            "Four gates, one matmul",
        ),
        Mistake(
            "nothing changed",
            lambda Wx, Wh, b: (Wx, Wh, b),
            "these are cs231n's own: compare the two layouts first, then the two orders.",
            "Four gates, one matmul",
        ),
        Mistake(
            "reshaped",
            lambda Wx, Wh, b: (
                _columns(Wx).reshape(-1, len(Wx)),
                _columns(Wh).reshape(-1, len(Wh)),
                _columns(b),
            ),
            "the shapes fit, but reshape keeps the numbers in their row order: that is not a transposition.",
            "Four gates, one matmul",
        ),
        Mistake(
            "reshaped, order kept",
            lambda Wx, Wh, b: (Wx.reshape(-1, len(Wx)), Wh.reshape(-1, len(Wh)), b),
            "the shapes fit, but reshape keeps the numbers in their row order: that is not a transposition."
            " And the gates' order is still i, f, o, g.",
            "Four gates, one matmul",
        ),
        Mistake(
            "bias in the old order",
            lambda Wx, Wh, b: (_columns(Wx).T, _columns(Wh).T, b),
            "the weights are in torch's order, the bias is not: it has four blocks, too.",
            "Four gates, one matmul",
        ),
        Mistake(
            "f and o exchanged",
            lambda Wx, Wh, b: (_columns(Wx, "iofg").T, _columns(Wh, "iofg").T, _columns(b, "iofg")),
            "the wrong blocks change places. Write both orders down, one below the other.",
            "Four gates, one matmul",
        ),
        Mistake(
            "f and g exchanged",
            lambda Wx, Wh, b: (_columns(Wx, "igfo").T, _columns(Wh, "igfo").T, _columns(b, "igfo")),
            "the wrong blocks change places. Write both orders down, one below the other.",
            "Four gates, one matmul",
        ),
        Mistake(
            "bias halved",
            lambda Wx, Wh, b: (_columns(Wx).T, _columns(Wh).T, _columns(b) / 2),
            "the bias is halved. Here all of it goes into bias_ih; bias_hh stays zero.",
            "What people get wrong",
        ),
    ),
    cases=_cs231n_cases,
    example={
        "Wx": torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]),
        "Wh": torch.tensor([[10.0, 20.0, 30.0, 40.0]]),
        "b": torch.tensor([0.1, 0.2, 0.3, 0.4]),
    },
)


# ---- Task 5, MyLSTMCell: a class that torch's weights fit into.


def _class_cases(seed: int) -> list[Case]:
    # float32, torch's default: a learner's class makes its parameters so.
    numbers = random_numbers(seed, 0.8, torch.float32)

    def case(B: int, I: int, H: int, state: bool) -> Case:
        arguments = {
            "input_size": I,
            "hidden_size": H,
            "parameters": random_weights(numbers, 4, I, H),
            "x_t": numbers(B, I),
            "state": (numbers(B, H), 2 * numbers(B, H)) if state else None,
        }
        return Case(arguments, {"B": B, "I": I, "H": H}, frozenset({STATE if state else NO_STATE}))

    return [
        case(3, 5, 4, True),
        case(2, 4, 6, True),
        case(4, 3, 3, True),
        case(5, 4, 2, True),
        case(3, 2, 4, False),
        case(2, 5, 3, False),
    ]


def _class_with(step: Callable, start: Callable = torch.zeros) -> type[nn.Module]:
    class MyLSTMCell(nn.Module):
        def __init__(self, input_size, hidden_size):
            super().__init__()
            self.hidden_size = hidden_size
            self.weight_ih = nn.Parameter(torch.zeros(4 * hidden_size, input_size))
            self.weight_hh = nn.Parameter(torch.zeros(4 * hidden_size, hidden_size))
            self.bias_ih = nn.Parameter(torch.zeros(4 * hidden_size))
            self.bias_hh = nn.Parameter(torch.zeros(4 * hidden_size))

        def forward(self, x_t, state=None):
            if state is None:
                state = (start(len(x_t), self.hidden_size), start(len(x_t), self.hidden_size))
            return step(x_t, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    return MyLSTMCell


def _as_class(mistake: Mistake) -> Mistake:
    return Mistake(mistake.name, _class_with(mistake.function), mistake.hint, mistake.section)


class _NeedsAState(_class_with(_lstm_step)):
    def forward(self, x_t, state):
        return super().forward(x_t, state)


class _IgnoresTheState(_class_with(_lstm_step)):
    def forward(self, x_t, state=None):
        return super().forward(x_t)


MyLSTMCell = task(
    "MyLSTMCell",
    LESSON,
    "Equal to torch",
    returns="h (B H), c (B H)",
    points="""
        h from a given state 1 = h where a state is given
        c from a given state 1 = c where a state is given
        with and without a state 2
    """,
    truth=_class_with(_lstm_step),
    mistakes=(
        *map(_as_class, STEP_MISTAKES),
        Mistake(
            "needs a state",
            _NeedsAState,
            "it fails without a state. torch's cell takes x_t alone, too: from which state does it start?",
            "Equal to torch",
        ),
        Mistake(
            "starts from ones",
            _class_with(_lstm_step, start=torch.ones),
            "without a state it starts from ones. Which states does torch's cell start from?",
            "Equal to torch",
        ),
        Mistake(
            "state ignored", _IgnoresTheState, "the state that is given has no part in it.", "Equal to torch"
        ),
    ),
    cases=_class_cases,
    example={
        "input_size": 2,
        "hidden_size": 1,
        "parameters": {
            "weight_ih": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0], [0.0, 0.0]]),
            "weight_hh": torch.tensor([[0.0], [1.0], [2.0], [2.0]]),
            "bias_ih": torch.tensor([0.0, 2.0, 0.0, 0.0]),
            "bias_hh": torch.tensor([0.0, -1.0, 0.0, 0.0]),
        },
        "x_t": torch.tensor([[1.0, 2.0]]),
        "state": None,
    },
    use=load_and_call,
)


CHECKS = (cell_state, gates, lstm_step, from_cs231n, MyLSTMCell)
