"""Task 5, memory_backward: the same two ideas for another recurrence, the path of an LSTM's memory.

Forward c_t = f_t c_{t-1} + i_t g_t and h_t = o_t tanh(c_t), the gates given. Source of the equations:
Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber & Cummins 2000.
"""

import numpy as np
import torch

from rnncourse.checks.bptt.arrays import Array, call_with_arrays
from rnncourse.checks.bptt.lesson import BY_HAND, LAST_LOSS, LESSON, WHOLE, numbers_of
from rnncourse.checks.framework.cases import ONE_STEP, Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)

    def case(T: int, B: int, H: int, *traits: Trait) -> Case:
        f, i, o = (torch.sigmoid(numbers(T, B, H)) for _ in range(3))
        g, c, dh = torch.tanh(numbers(T, B, H)), [numbers(B, H)], numbers(T, B, H)
        for t in range(T):
            c.append(f[t] * c[-1] + i[t] * g[t])
        if LAST_LOSS in traits:
            dh[:-1] = 0
        arguments = {"dh": dh, "f": f, "i": i, "g": g, "o": o, "c": torch.stack(c)}
        return Case(arguments, {"T": T, "B": B, "H": H}, frozenset(traits))

    return [case(5, 3, 4), case(4, 2, 3), case(3, 4, 2), case(6, 4, 5, LAST_LOSS), case(1, 3, 2, ONE_STEP)]


def _truth(dh, f, i, g, o, c):
    T = len(f)
    df, di, dg, do = (np.zeros_like(f) for _ in range(4))
    dc = np.zeros_like(c[0])
    for t in reversed(range(T)):
        shown = np.tanh(c[t + 1])
        do[t] = dh[t] * shown
        dc_t = dh[t] * o[t] * (1 - shown**2) + dc
        df[t] = dc_t * c[t]
        di[t] = dc_t * g[t]
        dg[t] = dc_t * i[t]
        dc = dc_t * f[t]
    return df, di, dg, do, dc


wrong = Mistakes(WHOLE, _truth)

# c_t has two readers.
wrong.edits("""
§ Which test would have seen it?
next step forgotten | each c_t gets what h_t sends back and nothing else. Who else reads c_t?
    + dc =>
own h forgotten | only the last h sends something to its c. Each h_t has read its own c_t.
    dh[t] * o[t] => (t == T - 1) * dh[t] * o[t]
§
carried into the slope | what step t + 1 sends back is multiplied by the slope of tanh. Does it read c_t
    through a tanh?
    dh[t] * o[t] * (1 - shown**2) + dc => (dh[t] * o[t] + dc) * (1 - shown**2)
carried into the gate | what the next step sends back has passed o and the tanh, as if it had read h_t. It
    reads c_t itself.
    dh[t] * o[t] * (1 - shown**2) + dc => (dh[t] + dc) * o[t] * (1 - shown**2)
forward in time | the loop runs from the first step to the last.
    reversed(range(T)) => range(T)
# What h_t sends back.
o left out | o_t has no part in what h_t sends to its memory. How much of the memory was shown?
    * o[t] =>
§ Two steps, one number each
slope left out | the tanh in h_t has a slope: it is left out.
    * (1 - shown**2) =>
§
dh taken for dc | c_t is sent all of dh_t, as if h_t were c_t: neither o_t nor the slope is there.
    dh[t] * o[t] * (1 - shown**2) => dh[t]
§ Two steps, one number each
no square | the slope is 1 - tanh(c_t) in your code. Where tanh(c_t) is near -1 the curve is flat, and that is
    2.
    shown**2 => shown
slope with c | the slope is 1 - c². It is made with the tanh's result, and c is what went in.
    shown**2 => c[t + 1] ** 2
slope with h | the slope is 1 - h². In h_t the tanh stands inside a product.
    shown**2 => (o[t] * shown) ** 2
§
tanh of the old memory | h_t shows the memory after the step. You take the tanh of the one before.
    np.tanh(c[t + 1]) => np.tanh(c[t])
do with c | do is made with c itself. What does o_t multiply?
    dh[t] * shown => dh[t] * c[t + 1]
do with o | do is made with o itself. What does o_t multiply?
    dh[t] * shown => dh[t] * shown * o[t]
do from dc | do is made with dc_t. Where is o_t read?
    do[t] = dh[t] * shown => pass
    df[t] = dc_t * c[t] => do[t], df[t] = dc_t * shown, dc_t * c[t]
# What c_t sends back.
§ Which test would have seen it?
df with the new memory | df is made with c_t. Which memory does f_t multiply?
    dc_t * c[t] => dc_t * c[t + 1]
§
df a memory too early | df is made with c[t - 1]. c[0] is the initial memory: which of them does step t read?
    dc_t * c[t] => dc_t * c[t - 1]
df with f | df is made with f_t itself. What does f_t multiply?
    dc_t * c[t] => dc_t * f[t]
di and dg exchanged | di and dg are exchanged: in a product each gets the other's value.
    dc_t * g[t] => dc_t * i[t]
    dg[t] = dc_t * i[t] => dg[t] = dc_t * g[t]
carried without f | what c_t sends back to c_{t-1} has not passed f_t.
    dc_t * f[t] => dc_t
f of the step before | what is carried back passes the f of a step too early. Through which f does step t + 1
    read c_t?
    + dc => + dc * f[t]
    dc = dc_t * f[t] => dc = dc_t * (f[t] if t == 0 else 1)
1 - f | what is carried back passes 1 - f. Forward, f is what is kept.
    dc_t * f[t] => dc_t * (1 - f[t])
carried twice | dc piles up: what comes out of a step holds what went into it once more.
    dc = dc_t * f[t] => dc = dc + dc_t * f[t]
dh for dc | df, di and dg are made with dh. They are read in c, which has more readers than h.
    dc_t * c[t] => dh[t] * c[t]
    dc_t * g[t] => dh[t] * g[t]
    dg[t] = dc_t => dg[t] = dh[t]
""")


@wrong(
    "carried one step only",
    "what h_t sends to its memory reaches the memory before, and no further. From which steps should that one"
    " hear?",
)
def _(dh, f, i, g, o, c):
    dc = dh * o * (1 - np.tanh(c[1:]) ** 2)
    for t in range(len(f) - 1):
        dc[t] += f[t + 1] * dc[t + 1]
    return dc * c[:-1], dc * g, dc * i, dh * np.tanh(c[1:]), dc[0] * f[0]


# The end, and the order.
wrong.edits("""
dc_0 before the first step | dc_0 is what c_1 is sent. It has yet to pass the first step.
    do, dc => do, dc_t
dc_0 zero | dc_0 is zero. The first step has read c_0.
    do, dc => do, 0 * dc
all backwards | the four gates' gradients lie in the order of the loop, last step first.
    return df, di, dg, do => return df[::-1], di[::-1], dg[::-1], do[::-1]
pre-activations | these are the gradients before the gates' own sigmoid and tanh. The gates are given
    activated.
    return df, di, dg, do => return df * f * (1 - f), di * i * (1 - i), dg * (1 - g**2), do * o * (1 - o)
""")

NAMES = ("df", "di", "dg", "do", "dc_0")

memory_backward = Check(
    name="memory_backward",
    lesson=LESSON,
    section=WHOLE,
    parts=(*(Array(name, "T B H") for name in NAMES[:4]), Array("dc_0", "B H")),
    criteria=tuple(Criterion(name, 1, (name,)) for name in NAMES),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "dh": numbers_of([[1.0]], [[0.0]], [[2.0]]),
            "f": numbers_of([[0.5]], [[0.8]], [[1.0]]),
            "i": numbers_of([[0.2]], [[0.2]], [[0.5]]),
            "g": numbers_of([[-0.5]], [[0.4]], [[-0.64]]),
            "o": numbers_of([[1.0]], [[0.5]], [[0.5]]),
            "c": numbers_of([[1.0]], [[0.4]], [[0.4]], [[0.08]]),
        },
        {"T": 3, "B": 1, "H": 1},
    ),
    use=call_with_arrays,
    forbid=BY_HAND,
    agree="the chain rule",
)
