"""Task 4, backward_loop: the way back through time, either way."""

import torch

from rnncourse.checks.framework.cases import ONE_STEP, Case, Trait, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.the_whole_layer.lesson import AHEAD, BACKWARD, BY_HAND, LESSON, REVERSE, numbers_of

ENDS_ONLY = Trait("only the final states have a loss", "what doutput sends back")


def forward(a, h, c, weight_hh, reverse):
    """What the way back is given: the gates (T, B, 4H), the outputs and the memories (T, B, H)."""
    kept = [None] * len(a)
    for t in reversed(range(len(a))) if reverse else range(len(a)):
        i, f, g, o = (a[t] + h @ weight_hh.T).chunk(4, dim=-1)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        c = f * c + i * g
        h = o * torch.tanh(c)
        kept[t] = torch.cat([i, f, g, o], dim=-1), h, c
    return [torch.stack(parts) for parts in zip(*kept, strict=True)]


def _truth(doutput, dh_n, dc_n, gates, c, c_0, weight_hh, reverse):
    i, f, g, o = gates.chunk(4, dim=-1)
    before = torch.cat([c[1:], c_0[None]]) if reverse else torch.cat([c_0[None], c[:-1]])
    shown, da = torch.tanh(c), torch.zeros_like(gates)
    dh, dc, steps = dh_n, dc_n, range(len(c))
    for t in steps if reverse else reversed(steps):
        dh = doutput[t] + dh
        dc = dc + dh * o[t] * (1 - shown[t] ** 2)
        da_i = dc * g[t] * i[t] * (1 - i[t])
        da_f = dc * before[t] * f[t] * (1 - f[t])
        da_g = dc * i[t] * (1 - g[t] ** 2)
        da_o = dh * shown[t] * o[t] * (1 - o[t])
        da[t] = torch.cat([da_i, da_f, da_g, da_o], dim=-1)
        dh = da[t] @ weight_hh
        dc = dc * f[t]
    return da, dh, dc


def _cases(seed):
    numbers = random_numbers(seed, 0.8)

    def case(T, B, H, *traits):
        reverse = REVERSE in traits
        h_0, c_0, weight_hh = numbers(B, H), 2 * numbers(B, H), numbers(4 * H, H)
        gates, _, c = forward(numbers(T, B, 4 * H), h_0, c_0, weight_hh, reverse)
        arguments = {
            "doutput": numbers(T, B, H) * (ENDS_ONLY not in traits),
            "dh_n": numbers(B, H),
            "dc_n": numbers(B, H),
            "gates": gates,
            "c": c,
            "c_0": c_0,
            "weight_hh": weight_hh,
            "reverse": reverse,
        }
        return Case(arguments, {"T": T, "B": B, "H": H}, frozenset(traits))

    return [
        case(3, 2, 4, AHEAD),
        case(2, 3, 5, REVERSE),
        case(2, 4, 3, AHEAD, ENDS_ONLY),
        case(3, 2, 4, REVERSE),
        case(1, 4, 3, REVERSE, ONE_STEP),
    ]


wrong = Mistakes(BACKWARD, _truth)

wrong.edits("""
reverse ignored | reverse makes no difference. The way back runs against the time of the way there.
    torch.cat([c[1:], c_0[None]]) if reverse else torch.cat => torch.cat
    steps if reverse else reversed(steps) => reversed(steps)
same way as forward | the loop runs the way that the forward loop ran. Which da does dh_t need?
    if reverse else reversed(steps) => if not reverse else reversed(steps)
memory before, always from t - 1 | with reverse, the memory before a step is taken from the wrong neighbour.
    torch.cat([c[1:], c_0[None]]) if reverse else torch.cat => torch.cat
c_t for the one before | the forget gate's gradient reads the memory that it made. Which one did it keep of?
    dc * before[t] => dc * c[t]
first memory zero | the first step's forget gate is taken to have kept of nothing. It had c_0.
    - shown, da = torch.tanh(c), torch.zeros_like(gates)
    + shown, da = torch.tanh(c), torch.zeros_like(gates)
    + before[-1 if reverse else 0] = 0
doutput at the end only | only the last step of the forward loop gets its doutput. Each has one.
    doutput[t] + dh => doutput[t] * (t == (0 if reverse else len(c) - 1)) + dh
doutput left out | doutput has no part in it.
    doutput[t] + dh => dh
dh not carried | each step gets its own doutput only: nothing is carried back along h.
    doutput[t] + dh => doutput[t]
dh_n ignored | dh_n has no part in it.
    dh, dc, steps = dh_n => dh, dc, steps = 0 * dh_n
dc_n ignored | dc_n has no part in it.
    dh_n, dc_n, range => dh_n, 0 * dc_n, range
dh_n and dc_n exchanged | dh_n and dc_n are taken for each other.
    dh_n, dc_n, range => dc_n, dh_n, range
dh_n at each step | dh_n is added at every step. Which state is h_n?
    dh = da[t] @ weight_hh => dh = da[t] @ weight_hh + dh_n * (t != (len(c) - 1 if reverse else 0))
dc not carried | nothing is carried back along c: each step's dc comes from its own h alone.
    dc = dc + dh => dc = 0 * dc + dh
h's share of dc forgotten | c_t has two readers. What does h_t send back to it?
    dc = dc + dh * o[t] * (1 - shown[t] ** 2) => dc = dc + 0 * dh
tanh of c not derived | on the way from h_t to c_t the slope of the tanh is missing.
    o[t] * (1 - shown[t] ** 2) => o[t]
square forgotten | the slope of the tanh of c_t lacks its square.
    (1 - shown[t] ** 2) => (1 - shown[t])
slope from c | the slope of the tanh is made from c_t, not from tanh(c_t).
    (1 - shown[t] ** 2) => (1 - c[t] ** 2)
o left out of dc | h_t = o tanh(c_t): its o is missing on the way to c_t.
    dh * o[t] * (1 => dh * (1
f left out of dc | dc goes on to the step before as it is. What did the step multiply the memory by?
    dc = dc * f[t] => dc = dc
i for f | dc goes back through i. Which gate keeps the memory?
    dc = dc * f[t] => dc = dc * i[t]
dc of the next step for da | the gates get the dc that came in, before h_t's share is added.
    dc = dc + dh * o[t] * (1 - shown[t] ** 2) => dc, late = dc, dh * o[t] * (1 - shown[t] ** 2)
    dc = dc * f[t] => dc = (dc + late) * f[t]
σ' of i forgotten | da_i lacks the slope of its gate.
    dc * g[t] * i[t] * (1 - i[t]) => dc * g[t]
σ' of f forgotten | da_f lacks the slope of its gate.
    before[t] * f[t] * (1 - f[t]) => before[t]
σ' of o forgotten | da_o lacks the slope of its gate.
    shown[t] * o[t] * (1 - o[t]) => shown[t]
tanh' of g forgotten | da_g lacks the slope of its tanh.
    i[t] * (1 - g[t] ** 2) => i[t]
σ' for g | da_g has the slope of a σ. g is a tanh.
    i[t] * (1 - g[t] ** 2) => i[t] * g[t] * (1 - g[t])
o from dc | da_o is made from dc. Who reads o?
    dh * shown[t] => dc * shown[t]
o from c | da_o is made with c_t itself, not with what h_t shows of it.
    dh * shown[t] => dh * c[t]
i and g exchanged | da_i and da_g lack each other's partner: i g was one product.
    dc * g[t] * i[t] * (1 - i[t]) => dc * i[t] * i[t] * (1 - i[t])
    dc * i[t] * (1 - g[t] ** 2) => dc * g[t] * (1 - g[t] ** 2)
order i f o g | da is stacked in another order than the gates.
    da_f, da_g, da_o] => da_f, da_o, da_g]
order f i g o | da is stacked in another order than the gates.
    [da_i, da_f, => [da_f, da_i,
dh_0 before the weight | dh_0 is the first step's dh. It has yet to pass the step.
    return da, dh, dc => return da, doutput[-1 if reverse else 0] + 0 * dh, dc
ends exchanged | dh_0 and dc_0 are exchanged.
    return da, dh, dc => return da, dc, dh
dc_0 is dc_n | dc_0 is dc_n, unchanged.
    return da, dh, dc => return da, dh, dc_n
dh_0 is dh_n | dh_0 is dh_n, unchanged.
    return da, dh, dc => return da, dh_n, dc
da in the order of the loop | da lies in the order in which the loop made it, not in the order of time.
    return da, dh, dc => return da.flip(0), dh, dc
da in the order of the way there | with reverse, da lies in the order of the forward loop, not in the order of
    time.
    return da, dh, dc => return da.flip(0) if reverse else da, dh, dc
""")

backward_loop = Check(
    name="backward_loop",
    lesson=LESSON,
    section=BACKWARD,
    parts=(Part("da", "T B 4H"), Part("dh_0", "B H"), Part("dc_0", "B H")),
    criteria=(
        Criterion("da, time forward", 2, ("da",), (AHEAD,)),
        Criterion("da, time backward", 1, ("da",), (REVERSE,)),
        Criterion("dh_0", 1, ("dh_0",)),
        Criterion("dc_0", 1, ("dc_0",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "doutput": numbers_of([[1.0]], [[2.0]]),
            "dh_n": numbers_of([0.0]),
            "dc_n": numbers_of([0.0]),
            "gates": numbers_of([[0.5, 0.5, 0.5, 0.5]], [[0.5, 0.5, 0.5, 0.5]]),
            "c": numbers_of([[0.25]], [[0.375]]),
            "c_0": numbers_of([0.0]),
            "weight_hh": numbers_of([0.0], [0.0], [0.0], [0.0]),
            "reverse": False,
        },
        {"T": 2, "B": 1, "H": 1},
    ),
    forbid=BY_HAND,
    agree="autograd",
)
