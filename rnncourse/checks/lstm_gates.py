"""The checks of exercise set 06: the LSTM's gates, one step, and a cell that torch's weights fit into."""

import functools

import torch
from torch import nn
from torch.nn.functional import linear

from rnncourse.checks.framework import explain
from rnncourse.checks.framework.authoring import (
    BATCH,
    BIAS_ZERO,
    C_ZERO,
    FLOAT64,
    H_ZERO,
    NO_STATE,
    SINGLE,
    STATE,
    X_ZERO,
    Case,
    ExerciseSet,
    Mistakes,
    cases,
    doubled,
    load_and_call,
    random_numbers,
    random_state,
    random_weights,
    row,
    rows,
    step_case,
)
from rnncourse.checks.framework.slips import BIASES, NEEDS_A_STATE, STATE_IGNORED, WEIGHTS_EXCHANGED
from rnncourse.checks.framework.variants import (
    BIAS_SIGNS,
    LSTM_FACTORS,
    LSTM_GATES,
    LSTM_MEMORY,
    LSTM_ONE_GATE,
    LSTM_SHOWN,
    PRE_ACTIVATION,
)

CHECKS = ExerciseSet("06", "The LSTM's gates")


# ---- Task 1, cell_state: what is kept and what is written.
def _cell_state(f, i, g, c):
    return f * c + i * g


@cases(0.8, "B3 H4; B2 H5; B4 H3; H6")
def _cell_state_cases(numbers, **sizes):
    shape = sizes.values()
    f, i = torch.sigmoid(numbers(*shape)), torch.sigmoid(numbers(*shape))
    return {"f": f, "i": i, "g": torch.tanh(numbers(*shape)), "c": 2 * numbers(*shape)}


wrong = Mistakes("Ask for a memory", _cell_state).edits("""
f and i exchanged | f and i are exchanged: which of them keeps? | f * c + i * g => i * c + f * g
f over the whole sum | f also multiplies what is written. It should only decide what is kept of the old c.
    f * c + i * g => f * (c + i * g)
1 - f | you keep 1 - f of the old c. Does f = 1 keep or lose it? | f * c => (1 - f) * c
1 - f for i | i is not used; you write with 1 - f. Is how much is written decided by f? | i * g => (1 - f) * g
i left out | i is not used: all of g is written. | i * g => g
f left out | f is not used: all of the old c is kept. | f * c => c
g left out | g is not used: i says how much is written, g says what. | i * g => i
c left out | the old c is not used: nothing is remembered. | f * c + =>
sums and products exchanged | sums and products are exchanged. | f * c + i * g => (f + c) * (i + g)
tanh over c | the new c is squashed by tanh. c itself has no bounds.
    f * c + i * g => torch.tanh(f * c + i * g)
gates applied twice | f, i and g are already activated: you apply sigmoid and tanh a second time.
    f * c + i * g => torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
""")
wrong.edits(LSTM_MEMORY + LSTM_FACTORS)

cell_state = CHECKS.task(
    "cell_state",
    wrong,
    returns="c (B H)",
    points="c 2",
    cases=_cell_state_cases,
    example={"f": row(0.5), "i": row(0.25), "g": row(-1.0), "c": row(3.0)},
)


# ---- Task 2, gates: four blocks, cut and squashed.
def _gates(a):
    a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)
    i = torch.sigmoid(a_i)
    f = torch.sigmoid(a_f)
    g = torch.tanh(a_g)
    o = torch.sigmoid(a_o)
    return i, f, g, o


@cases(0.8, "B3 H4; B2 H5; B8 H3; H4; H3")  # B = 8: a cut along the batch runs
def _gates_cases(numbers, H, **batch):
    return {"a": 2 * numbers(*batch.values(), 4 * H)}, BATCH if batch else SINGLE


# Also for lstm_step, whose truth has the same lines.
GATES = """
order i, f, o, g | your numbers are those of gates in the order i, f, o, g. torch stacks them i, f, g, o.
    a_i, a_f, a_g, a_o => a_i, a_f, a_o, a_g § Four gates, one matmul
order f, i, g, o | forget and input gate are exchanged: your numbers are those of the order f, i, g, o.
    a_i, a_f, a_g, a_o => a_f, a_i, a_g, a_o § Four gates, one matmul
order i, g, f, o | your numbers are those of gates in the order i, g, f, o. torch stacks them i, f, g, o.
    a_i, a_f, a_g, a_o => a_i, a_g, a_f, a_o § Four gates, one matmul
order i, o, f, g | your numbers are those of gates in the order i, o, f, g (ONNX's). torch stacks them
    i, f, g, o. § Four gates, one matmul
    a_i, a_f, a_g, a_o => a_i, a_o, a_f, a_g
order f, i, o, g | your numbers are those of gates in the order f, i, o, g. torch stacks them i, f, g, o.
    a_i, a_f, a_g, a_o => a_f, a_i, a_o, a_g § Four gates, one matmul
order g, i, f, o | your numbers are those of gates in the order g, i, f, o. torch stacks them i, f, g, o.
    a_i, a_f, a_g, a_o => a_g, a_i, a_f, a_o § Four gates, one matmul
order o, f, i, g | your numbers are those of gates in the order o, f, i, g. torch stacks them i, f, g, o.
    a_i, a_f, a_g, a_o => a_o, a_f, a_i, a_g § Four gates, one matmul
every fourth entry | you treat every fourth entry as a gate. The gates are blocks of H neighbouring entries.
    a.chunk(4, dim=-1) => a.unflatten(-1, (-1, 4)).unbind(-1) § Four gates, one matmul
sigmoid for g | you apply a sigmoid to g: what range should it have? § The equations
    g = torch.tanh => g = torch.sigmoid
g not activated | g is the bare pre-activation: it is not squashed. § The equations | g = torch.tanh => g =
tanh for i | you apply tanh to i, but a gate lies between 0 and 1. § The equations
    i = torch.sigmoid => i = torch.tanh
tanh for f | you apply tanh to f, but a gate lies between 0 and 1. § The equations
    f = torch.sigmoid => f = torch.tanh
tanh for o | you apply tanh to o, but a gate lies between 0 and 1. § The equations
    o = torch.sigmoid => o = torch.tanh
tanh for all | you apply tanh to all four, but a gate lies between 0 and 1. § The equations
    i = torch.sigmoid => i = torch.tanh
    f = torch.sigmoid => f = torch.tanh
    o = torch.sigmoid => o = torch.tanh
not activated | the gates are the bare pre-activations: nothing is squashed. § The equations
    i = torch.sigmoid => i =
    f = torch.sigmoid => f =
    g = torch.tanh => g =
    o = torch.sigmoid => o =
"""

wrong = Mistakes("Four gates, one matmul", _gates)
wrong.edits(GATES)
wrong.edits("""
cut along the first axis | you cut along the first axis, which is the batch if there is one. Along which axis
    do the gates lie?
    a.chunk(4, dim=-1) => a.chunk(4)
softmax over the gates | your four numbers add up to 1, as after a softmax. Each gate opens independently.
    § The equations
    return i, f, g, o => return tuple(torch.stack(a.chunk(4, dim=-1)).softmax(0))
""")
wrong.edits(LSTM_GATES)

gates = CHECKS.task(
    "gates",
    wrong,
    returns="i (B H), f (B H), g (B H), o (B H)",
    points="i 1; f 1; g 1; o 1",
    cases=_gates_cases,
    example={
        "a": rows([0.0, 0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0], [4.0, 4.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    },
)


# ---- Task 3, lstm_step: from one state to the next.
def _lstm_step(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh):
    h, c = state
    a = linear(x_t, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)
    a_i, a_f, a_g, a_o = a.chunk(4, dim=-1)
    i = torch.sigmoid(a_i)
    f = torch.sigmoid(a_f)
    g = torch.tanh(a_g)
    o = torch.sigmoid(a_o)
    c_t = f * c + i * g
    h_t = o * torch.tanh(c_t)
    return h_t, c_t


def _step_cases(seed: int) -> list[Case]:
    case = functools.partial(step_case, random_numbers(seed, 0.8), 4)
    batches = [case(3, 5, 4), case(2, 4, 6), case(4, 3, 3)]  # I = H: exchanged weights run
    zeros = [case(3, 2, 5, H_ZERO), case(2, 5, 3, C_ZERO), case(4, 3, 2, H_ZERO, C_ZERO)]
    zeros += [case(5, 4, 3, X_ZERO), case(3, 4, 5, BIAS_ZERO)]
    single = [case(None, 5, 4), case(None, 3, 5, H_ZERO), case(None, 4, 3, C_ZERO), case(None, 2, 6)]
    return batches + zeros + single


PENCIL_WEIGHTS = {
    "weight_ih": rows([1.0, 0.0], [0.0, 1.0], [1.0, -1.0], [0.0, 0.0]),
    "weight_hh": rows([0.0], [1.0], [2.0], [2.0]),
    "bias_ih": row(0.0, 2.0, 0.0, 0.0),
    "bias_hh": row(0.0, -1.0, 0.0, 0.0),
}

step_mistakes = Mistakes("The equations", _lstm_step)
step_mistakes.edits(GATES)
step_mistakes.edits("""
c not squashed in h | your h looks like `o * c`: the new c is not squashed before it is shown.
    o * torch.tanh(c_t) => o * c_t
old c in h | your h is computed from the old c. Which c does the output gate show?
    o * torch.tanh(c_t) => o * torch.tanh(c)
o inside the tanh | your h squashes the product of o and c. In which order do the two happen?
    o * torch.tanh(c_t) => torch.tanh(o * c_t)
sigmoid for tanh in h | your h squashes the new c with a sigmoid: then h could never be negative.
    o * torch.tanh(c_t) => o * torch.sigmoid(c_t)
o left out | o is not used in your h: all of the memory is shown. | o * torch.tanh(c_t) => torch.tanh(c_t)
c updated with h | the forget gate multiplies h. The other state is the one that is kept from step to step.
    f * c => f * h § Ask for a memory
f and o exchanged in c | in your code the output gate decides what is kept of c. Which gate should decide
    that?
    f * c => o * c § Ask for a memory
1 - f | you keep 1 - f of the old c. Does f = 1 keep or lose it? § Ask for a memory | f * c => (1 - f) * c
1 - f for i | i is not used; you write with 1 - f. Is how much is written decided by f? § Ask for a memory
    i * g => (1 - f) * g
f over the whole sum | f also multiplies what is written. It should only decide what is kept of the old c.
    f * c + i * g => f * (c + i * g) § Ask for a memory
f left out | f is not used in your c: all of the old c is kept. § Ask for a memory | f * c => c
i left out | i is not used in your c: all of g is written. § Ask for a memory | i * g => g
c left out | the old c is not used in your new c: nothing is remembered. § Ask for a memory | f * c + =>
tanh over c | the new c is squashed and stays squashed. c has no bounds; only what is shown of it has.
    f * c + i * g => torch.tanh(f * c + i * g)
o reads the new c | your output gate reads the new c (a peephole). torch's output gate does not.
    h_t = o * => h_t = torch.sigmoid(a_o + c_t) *
state unpacked as (c, h) | you unpack the state as (c, h), but it comes as (h, c). § Equal to torch
    h, c = state => c, h = state
h alone | you return only h. Return the whole state, (h, c). § Equal to torch | return h_t, c_t => return h_t
""")
step_mistakes.edits(BIASES, section="What people get wrong")
step_mistakes.edits("""
h left out | the gates do not look at h: they only see the input. | linear(h, weight_hh, bias_hh) => bias_hh
x left out | the gates do not look at x_t. | linear(x_t, weight_ih, bias_ih) => bias_ih
""")
step_mistakes.edits(WEIGHTS_EXCHANGED, section="Four gates, one matmul")
step_mistakes.edits(LSTM_GATES, but="f from the block of o", section="Four gates, one matmul")
step_mistakes.edits(LSTM_MEMORY, but="a difference; 1 - i", section="Ask for a memory")
step_mistakes.edits(LSTM_SHOWN + PRE_ACTIVATION + LSTM_ONE_GATE + BIAS_SIGNS)

lstm_step = CHECKS.task(
    "lstm_step",
    step_mistakes,
    returns="h (B H), c (B H)",
    points="""
        h with a batch 1 = h where there is a batch
        c with a batch 1 = c where there is a batch
        h without a batch 1 = h where there is no batch
        c without a batch 1 = c where there is no batch
    """,
    cases=_step_cases,
    explain=explain.lstm_step,
    example={"x_t": row(1.0, 2.0), "state": (row(0.5), row(-1.0)), **PENCIL_WEIGHTS},
)


# ---- Task 4, from_cs231n: weights with a different layout and order.
def _from_cs231n(Wx, Wh, b):
    def ifgo(blocks):
        i, f, o, g = blocks.chunk(4, dim=-1)
        return torch.cat([i, f, g, o], dim=-1)

    return ifgo(Wx).T, ifgo(Wh).T, ifgo(b)


@cases(0.8, "I5 H3; I2 H4; I8 H2; I3 H1")  # I = 4H: a forgotten transposition fits
def _cs231n_cases(numbers, I, H):
    return {"Wx": numbers(I, 4 * H), "Wh": numbers(H, 4 * H), "b": numbers(4 * H)}


wrong = Mistakes("Four gates, one matmul", _from_cs231n).edits("""
order kept | the matrices are transposed, but their blocks are still in the order i, f, o, g. torch has i, f,
    g, o.
    [i, f, g, o] => [i, f, o, g]
not transposed | the blocks are in torch's order, but not transposed: cs231n writes x @ Wx, and torch?
    ifgo(Wx).T, ifgo(Wh).T => ifgo(Wx), ifgo(Wh)
nothing changed | these are still cs231n's weights: compare the two layouts first, then the two orders.
    ifgo(Wx).T, ifgo(Wh).T, ifgo(b) => Wx, Wh, b
reshaped | the shapes fit, but reshape keeps the numbers in row order: that is not a transposition.
    ifgo(Wx).T, ifgo(Wh).T => ifgo(Wx).reshape(-1, len(Wx)), ifgo(Wh).reshape(-1, len(Wh))
reshaped, order kept | the shapes fit, but reshape keeps the numbers in row order: that is not a
    transposition. And the gates' order is still i, f, o, g.
    ifgo(Wx).T, ifgo(Wh).T, ifgo(b) => Wx.reshape(-1, len(Wx)), Wh.reshape(-1, len(Wh)), b
reshaped first | the shapes fit, but reshape keeps the numbers in row order: that does not transpose.
    ifgo(Wx).T => ifgo(Wx.reshape(-1, len(Wx)).T).T
    ifgo(Wh).T => ifgo(Wh.reshape(-1, len(Wh)).T).T
bias in the old order | the weights are in torch's order, the bias is not: it has four blocks, too.
    ifgo(b) => b
f and o exchanged | you swap the wrong blocks. Write both orders down, one below the other.
    i, f, o, g = => i, o, f, g =
f and g exchanged | you swap the wrong blocks. Write both orders down, one below the other.
    i, f, o, g = => i, g, f, o =
bias halved | the bias is halved. Here all of it goes into bias_ih; bias_hh stays zero.
    ifgo(b) => ifgo(b) / 2 § What people get wrong
""")

from_cs231n = CHECKS.task(
    "from_cs231n",
    wrong,
    returns="weight_ih (4H I), weight_hh (4H H), bias_ih (4H)",
    points="weight_ih 1; weight_hh 1; bias_ih 1",
    cases=_cs231n_cases,
    example={
        "Wx": rows([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]),
        "Wh": rows([10.0, 20.0, 30.0, 40.0]),
        "b": row(0.1, 0.2, 0.3, 0.4),
    },
)


# ---- Task 5, MyLSTMCell: a class that torch's weights fit into.
class _MyLSTMCell(nn.Module):
    step = staticmethod(_lstm_step)

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.zeros(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.zeros(4 * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(torch.zeros(4 * hidden_size))
        self.bias_hh = nn.Parameter(torch.zeros(4 * hidden_size))

    def forward(self, x_t, state=None):
        if state is None:
            start = x_t.new_zeros(len(x_t), self.hidden_size)
            state = start, start
        return self.step(x_t, state, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


# In a learner's class, parameters are float32.
@cases(
    0.8,
    "B3 I5 H4 state; B2 I4 H6 state; B4 I3 H3 state; B5 I4 H2 state; B3 I2 H4; B2 I5 H3; B4 I3 H5 double",
    dtype=torch.float32,
)
def _class_cases(numbers, B, I, H, state=False, double=False):
    arguments = {"input_size": I, "hidden_size": H, "parameters": random_weights(numbers, 4, I, H)}
    arguments |= {"x_t": numbers(B, I), "state": random_state(numbers, B, H) if state else None}
    return doubled(arguments) if double else arguments, STATE if state else NO_STATE, double and FLOAT64


wrong = Mistakes("Equal to torch", _MyLSTMCell)
wrong.extend(
    step_mistakes.through(lambda step: type("MyLSTMCell", (_MyLSTMCell,), {"step": staticmethod(step)}))
)
wrong.edits(NEEDS_A_STATE)
wrong.edits("""
starts from ones | without a state it starts from ones. Which states does torch's cell start from?
    x_t.new_zeros => x_t.new_ones
zeros in float32 | where x_t is float64, it starts from zeros of torch's default dtype.
    x_t.new_zeros => torch.zeros
""")
wrong.edits(STATE_IGNORED)

MyLSTMCell = CHECKS.task(
    "MyLSTMCell",
    wrong,
    returns="h (B H), c (B H)",
    points="""
        h from a given state 1 = h where a state is given
        c from a given state 1 = c where a state is given
        with and without a state 2
    """,
    cases=_class_cases,
    example={
        "input_size": 2,
        "hidden_size": 1,
        "parameters": {name: weight.float() for name, weight in PENCIL_WEIGHTS.items()},
        "x_t": torch.tensor([[1.0, 2.0]]),
        "state": None,
    },
    use=load_and_call,
    explain=explain.lstm_step,
)
