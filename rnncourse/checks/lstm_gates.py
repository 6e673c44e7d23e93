"""The checks of exercise set 06: the LSTM's gates, one step, and a cell that torch's weights fit into.

The right functions are the library's own steps (rnncourse/steps.py), which the tests compare with torch.nn.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from rnncourse.checks.cases import Case, Trait, random_numbers, random_weights
from rnncourse.checks.check import Check, Criterion, Mistake, Part
from rnncourse.checks.evaluate import run_cell_class
from rnncourse.steps import lstm_step as _lstm_step

LESSON = "06"
MEMORY, EQUATIONS, ONE_MATMUL = "Ask for a memory", "The equations", "Four gates, one matmul"
EQUAL, PEOPLE = "Equal to torch", "What people get wrong"

BATCH = Trait("there is a batch", "what your code needs the batch axis for")
SINGLE = Trait("there is no batch", "what you do with the batch axis")
H_ZERO = Trait("h is zero", "what you do with the previous h")
C_ZERO = Trait("c is zero", "what you do with the previous c")
X_ZERO = Trait("the input is zero", "what you do with the input")
BIAS_ZERO = Trait("the biases are zero", "what you do with the biases")
STATE = Trait("a state is given", "what you do without a state")
NO_STATE = Trait("no state is given", "what you do with the state that is given")


# Task 1: cell_state


def _cell_state_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(*shape: int) -> Case:
        f, i, g, c = (
            torch.sigmoid(numbers(*shape)),
            torch.sigmoid(numbers(*shape)),
            numbers(*shape),
            numbers(*shape),
        )
        sizes = dict(zip("BH", shape, strict=True)) if len(shape) == 2 else {"H": shape[0]}
        return Case({"f": f, "i": i, "g": torch.tanh(g), "c": 2 * c}, sizes)

    return [case(3, 4), case(2, 5), case(4, 3), case(6)]


def _row(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def _cell_state(f, i, g, c):
    return f * c + i * g


def _memory(name: str, function: Callable, hint: str) -> Mistake:
    return Mistake(name, function, hint, MEMORY)


cell_state = Check(
    name="cell_state",
    lesson=LESSON,
    parts=(Part("c", "B H"),),
    criteria=(Criterion("c", 2),),
    truth=_cell_state,
    cases=_cell_state_cases,
    example_case=Case({"f": _row(0.5), "i": _row(0.25), "g": _row(-1.0), "c": _row(3.0)}, {"H": 1}),
    mistakes=(
        _memory(
            "f and i exchanged",
            lambda f, i, g, c: i * c + f * g,
            "f and i are exchanged: which of them keeps?",
        ),
        _memory(
            "f over the whole sum",
            lambda f, i, g, c: f * (c + i * g),
            "f multiplies what is written, too. It should only decide what is kept of the old c.",
        ),
        _memory(
            "1 - f",
            lambda f, i, g, c: (1 - f) * c + i * g,
            "you keep 1 - f of the old c. Does f = 1 keep or lose it?",
        ),
        _memory(
            "1 - f for i",
            lambda f, i, g, c: f * c + (1 - f) * g,
            "i has no part in it; you write with 1 - f (as a GRU does).",
        ),
        _memory("i left out", lambda f, i, g, c: f * c + g, "i has no part in it: all of g is written."),
        _memory("f left out", lambda f, i, g, c: c + i * g, "f has no part in it: the old c is kept whole."),
        _memory(
            "g left out",
            lambda f, i, g, c: f * c + i,
            "g has no part in it: i says how much is written, g what.",
        ),
        _memory(
            "c left out", lambda f, i, g, c: i * g, "the old c has no part in it: nothing is remembered."
        ),
        _memory(
            "sums and products exchanged",
            lambda f, i, g, c: (f + c) * (i + g),
            "sums and products are exchanged.",
        ),
        _memory(
            "tanh over c",
            lambda f, i, g, c: torch.tanh(f * c + i * g),
            "the new c is squashed by tanh. c itself has no bounds.",
        ),
        _memory(
            "gates applied twice",
            lambda f, i, g, c: torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g),
            "f, i and g come activated: they go through sigmoid and tanh a second time.",
        ),
    ),
)


# Task 2: gates. Each wrong order is the letters that the four blocks are taken for, one after the other.

ORDERS = {
    "ifog": "your numbers are those of gates in the order i, f, o, g. torch stacks them i, f, g, o.",
    "figo": "forget and input gate are exchanged: your numbers are those of the order f, i, g, o.",
    "igfo": "your numbers are those of gates in the order i, g, f, o. torch stacks them i, f, g, o.",
    "iofg": "your numbers are those of gates in the order i, o, f, g (ONNX's). torch stacks them i, f, g, o.",
    "fiog": "your numbers are those of gates in the order f, i, o, g. torch stacks them i, f, g, o.",
    "gifo": "your numbers are those of gates in the order g, i, f, o. torch stacks them i, f, g, o.",
    "ofig": "your numbers are those of gates in the order o, f, i, g. torch stacks them i, f, g, o.",
}


def _blocks(a: Tensor, order: str = "ifgo") -> list[Tensor]:
    """The pre-activations a_i, a_f, a_g, a_o of blocks that lie in the given order."""
    blocks = dict(zip(order, a.chunk(4, dim=-1), strict=True))
    return [blocks[gate] for gate in "ifgo"]


def _gates_with(split=_blocks, i=torch.sigmoid, f=torch.sigmoid, g=torch.tanh, o=torch.sigmoid) -> Callable:
    def gates(a):
        a_i, a_f, a_g, a_o = split(a)
        return i(a_i), f(a_f), g(a_g), o(a_o)

    return gates


def _same(a: Tensor) -> Tensor:
    return a


def _in_order(order: str) -> Callable:
    return lambda a: _blocks(a, order)


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


def _activation_mistakes(build: Callable[..., Callable]) -> tuple[Mistake, ...]:
    """The mistakes in cutting and squashing the gates, for `gates` and for whatever is built on them."""

    def cut(name: str, hint: str, split: Callable) -> Mistake:
        return Mistake(name, build(split), hint, ONE_MATMUL)

    def squashed(name: str, hint: str, **different: Callable) -> Mistake:
        return Mistake(name, build(**different), hint, EQUATIONS)

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


gates = Check(
    name="gates",
    lesson=LESSON,
    parts=(Part("i", "B H"), Part("f", "B H"), Part("g", "B H"), Part("o", "B H")),
    criteria=tuple(Criterion(gate, 1, (gate,)) for gate in "ifgo"),
    truth=_gates_with(),
    cases=_gates_cases,
    example_case=Case({"a": _row(0.0, 0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0)}, {"H": 2}),
    mistakes=(
        *_activation_mistakes(_gates_with),
        Mistake(
            "cut along the first axis",
            _gates_with(lambda a: a.chunk(4)),
            "you cut along the first axis, the batch where there is one. Along which axis do the gates lie?",
            ONE_MATMUL,
        ),
        Mistake(
            "softmax over the gates",
            _gates_with(
                i=_same, f=_same, g=_same, o=_same, split=lambda a: torch.stack(_blocks(a)).softmax(0)
            ),
            "your four numbers add up to 1, a softmax. Each gate opens on its own.",
            EQUATIONS,
        ),
    ),
)


# Task 3: lstm_step


def _step_with(
    split=_blocks,
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
    a_i, a_f, a_g, a_o = _blocks(linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh))
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


def _mistake(name: str, hint: str, section: str = EQUATIONS, **different: Callable) -> Mistake:
    return Mistake(name, _step_with(**different), hint, section)


STEP_MISTAKES = (
    *_activation_mistakes(_step_with),
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
            "x_t": _row(1.0, 2.0),
            "state": (_row(0.5), _row(-1.0)),
            "weight_ih": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0], [0.0, 0.0]], dtype=torch.float64),
            "weight_hh": torch.tensor([[0.0], [1.0], [2.0], [2.0]], dtype=torch.float64),
            "bias_ih": _row(0.0, 2.0, 0.0, 0.0),
            "bias_hh": _row(0.0, -1.0, 0.0, 0.0),
        },
        {"I": 2, "H": 1},
    ),
    mistakes=STEP_MISTAKES,
)


# Task 4: from_cs231n


def _cs231n_cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.8)

    def case(I: int, H: int) -> Case:
        return Case({"Wx": numbers(I, 4 * H), "Wh": numbers(H, 4 * H), "b": numbers(4 * H)}, {"I": I, "H": H})

    return [case(5, 3), case(2, 4), case(8, 2), case(3, 1)]  # I = 4H: a forgotten transposition fits


def _columns(matrix: Tensor, order: str = "ifog") -> Tensor:
    """The last axis put into torch's order, from blocks that lie in the given order."""
    return torch.cat(_blocks(matrix, order), dim=-1)


def _from_cs231n(Wx, Wh, b):
    return _columns(Wx).T, _columns(Wh).T, _columns(b)


from_cs231n = Check(
    name="from_cs231n",
    lesson=LESSON,
    parts=(Part("weight_ih", "4H I"), Part("weight_hh", "4H H"), Part("bias_ih", "4H")),
    criteria=tuple(Criterion(name, 1, (name,)) for name in ("weight_ih", "weight_hh", "bias_ih")),
    truth=_from_cs231n,
    cases=_cs231n_cases,
    example_case=Case(
        {
            "Wx": torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]),
            "Wh": torch.tensor([[10.0, 20.0, 30.0, 40.0]]),
            "b": torch.tensor([0.1, 0.2, 0.3, 0.4]),
        },
        {"I": 2, "H": 1},
    ),
    mistakes=(
        Mistake(
            "order kept",
            lambda Wx, Wh, b: (Wx.T, Wh.T, b),
            "the matrices are transposed, but their blocks lie as before, i, f, o, g. torch: i, f, g, o.",
            ONE_MATMUL,
        ),
        Mistake(
            "not transposed",
            lambda Wx, Wh, b: (_columns(Wx), _columns(Wh), _columns(b)),
            "the blocks are in torch's order, but not transposed: cs231n writes x @ Wx, and torch?",
            ONE_MATMUL,
        ),
        Mistake(
            "nothing changed",
            lambda Wx, Wh, b: (Wx, Wh, b),
            "these are cs231n's own: compare the two layouts first, then the two orders.",
            ONE_MATMUL,
        ),
        Mistake(
            "reshaped",
            lambda Wx, Wh, b: (
                _columns(Wx).reshape(-1, len(Wx)),
                _columns(Wh).reshape(-1, len(Wh)),
                _columns(b),
            ),
            "the shapes fit, but reshape keeps the numbers in their row order: that is not a transposition.",
            ONE_MATMUL,
        ),
        Mistake(
            "reshaped, order kept",
            lambda Wx, Wh, b: (Wx.reshape(-1, len(Wx)), Wh.reshape(-1, len(Wh)), b),
            "the shapes fit, but reshape keeps the numbers in their row order: that is not a transposition."
            " And the gates' order is still i, f, o, g.",
            ONE_MATMUL,
        ),
        Mistake(
            "bias in the old order",
            lambda Wx, Wh, b: (_columns(Wx).T, _columns(Wh).T, b),
            "the weights are in torch's order, the bias is not: it has four blocks, too.",
            ONE_MATMUL,
        ),
        Mistake(
            "f and o exchanged",
            lambda Wx, Wh, b: (_columns(Wx, "iofg").T, _columns(Wh, "iofg").T, _columns(b, "iofg")),
            "the wrong blocks change places. Write both orders down, one below the other.",
            ONE_MATMUL,
        ),
        Mistake(
            "f and g exchanged",
            lambda Wx, Wh, b: (_columns(Wx, "igfo").T, _columns(Wh, "igfo").T, _columns(b, "igfo")),
            "the wrong blocks change places. Write both orders down, one below the other.",
            ONE_MATMUL,
        ),
        Mistake(
            "bias halved",
            lambda Wx, Wh, b: (_columns(Wx).T, _columns(Wh).T, _columns(b) / 2),
            "the bias is halved. Here all of it goes into bias_ih; bias_hh stays zero.",
            PEOPLE,
        ),
    ),
)


# Task 5: MyLSTMCell


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


MyLSTMCell = Check(
    name="MyLSTMCell",
    lesson=LESSON,
    parts=(Part("h", "B H"), Part("c", "B H")),
    criteria=(
        Criterion("h from a given state", 1, ("h",), (STATE,)),
        Criterion("c from a given state", 1, ("c",), (STATE,)),
        # Zeros hide most faults, so these two points want the other cases right, too.
        Criterion("with and without a state", 2),
    ),
    truth=_class_with(_lstm_step),
    cases=_class_cases,
    example_case=Case(
        {
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
        {"B": 1, "I": 2, "H": 1},
    ),
    mistakes=(
        *map(_as_class, STEP_MISTAKES),
        Mistake(
            "needs a state",
            _NeedsAState,
            "it fails without a state. torch's cell takes x_t alone, too: from which state does it start?",
            EQUAL,
        ),
        Mistake(
            "starts from ones",
            _class_with(_lstm_step, start=torch.ones),
            "without a state it starts from ones. Which states does torch's cell start from?",
            EQUAL,
        ),
        Mistake("state ignored", _IgnoresTheState, "the state that is given has no part in it.", EQUAL),
    ),
    use=run_cell_class,
)

CHECKS = (cell_state, gates, lstm_step, from_cs231n, MyLSTMCell)
