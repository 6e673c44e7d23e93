"""Task 3, one_way: the loop over time, either way, over the hoisted input's part."""

import torch

from rnncourse.checks.framework.cases import ONE_STEP, Case, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.the_whole_layer.lesson import AHEAD, LESSON, LOOP, REVERSE, numbers_of


def _truth(a, h_0, c_0, weight_hh, reverse):
    h, c = h_0, c_0
    output = [h] * len(a)
    steps = range(len(a))
    for t in reversed(steps) if reverse else steps:
        i, f, g, o = (a[t] + h @ weight_hh.T).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        output[t] = h
    return torch.stack(output), h, c


def _cases(seed):
    numbers = random_numbers(seed, 0.8)

    def case(T, B, H, *traits):
        arguments = {
            "a": numbers(T, B, 4 * H),
            "h_0": numbers(B, H),
            "c_0": 2 * numbers(B, H),
            "weight_hh": numbers(4 * H, H),
            "reverse": REVERSE in traits,
        }
        return Case(arguments, {"T": T, "B": B, "H": H}, frozenset(traits))

    return [
        case(5, 3, 4, AHEAD),
        case(5, 3, 4, REVERSE),
        case(4, 4, 2, AHEAD),
        case(3, 3, 5, REVERSE),
        case(1, 4, 3, REVERSE, ONE_STEP),
        case(6, 2, 3, AHEAD),
    ]


wrong = Mistakes(LOOP, _truth)

wrong.edits("""
§ Layers, directions, dropout
reverse ignored | reverse makes no difference: time always runs forward.
    reversed(steps) if reverse else steps => steps
reverse the other way round | it runs backward where reverse is False, and forward where it is True.
    if reverse => if not reverse
not put back | with reverse, output lies in the order in which it was made, the last step first.
    return torch.stack(output) => return torch.stack(output[::-1] if reverse else output)
batch turned round | with reverse, the batch is turned round, not the time.
    - def _truth(a, h_0, c_0, weight_hh, reverse):
    + def _truth(a, h_0, c_0, weight_hh, reverse):
    +     a = a.flip(1) if reverse else a
    - for t in reversed(steps) if reverse else steps:
    + for t in steps:
h_n at the last step | h_n is output[-1]. With reverse, at which step does the loop end?
    (output), h, c => (output), output[-1], c
h_n at step 0 | h_n is output[0]. Without reverse, at which step does the loop end?
    (output), h, c => (output), output[0], c
§
states exchanged | h_n and c_n are exchanged.
    (output), h, c => (output), c, h
h for c | c_n is h_n once more.
    (output), h, c => (output), h, h
start returned | h_n and c_n are the states given.
    (output), h, c => (output), h_0, c_0
c collected | output holds the memories c. What does the layer show?
    output[t] = h => output[t] = c
from zeros | the states given have no part in it.
    h, c = h_0, c_0 => h, c = 0 * h_0, 0 * c_0
h_0 at each step | each step reads h_0, not the h of the step before.
    h @ weight => h_0 @ weight
c_0 at each step | each step keeps of c_0, not of the memory of the step before.
    (f) * c + => (f) * c_0 +
states given exchanged | h_0 and c_0 are taken for each other.
    c = h_0, c_0 => c = c_0, h_0
c from h | the memory is made from h: f keeps of the wrong state.
    (f) * c + => (f) * h +
§ The input's part, for all steps at once
state's part forgotten | the state's part of the pre-activations is missing: no step reads the h before it.
    a[t] + h @ weight_hh.T => a[t]
input's part forgotten | a is not read after all: it is what the inputs bring in.
    a[t] + h => 0 * a[t] + h
§
one step's input for all | every step reads the input's part of step 0.
    a[t] => a[0]
order i f o g | the gates are cut in another order than torch's.
    i, f, g, o = => i, f, o, g =
order f i g o | the gates are cut in another order than torch's.
    i, f, g, o = => f, i, g, o =
g by σ | the new content g is squashed by σ. It may be negative.
    torch.tanh(g) => torch.sigmoid(g)
c without tanh | h shows c itself. What squashes it first?
    torch.tanh(c) => c
forget as 1 - f | f is what is kept, not what goes.
    torch.sigmoid(f) => (1 - torch.sigmoid(f))
first step left out | the loop never visits step 0.
    range(len(a)) => range(1, len(a))
last step left out | the loop never visits the last step.
    range(len(a)) => range(len(a) - 1)
""")

one_way = Check(
    name="one_way",
    lesson=LESSON,
    section=LOOP,
    parts=(Part("output", "T B H"), Part("h_n", "B H"), Part("c_n", "B H")),
    criteria=(
        Criterion("output, forward", 1, ("output",), (AHEAD,)),
        Criterion("output, backward", 1, ("output",), (REVERSE,)),
        Criterion("h_n", 1, ("h_n",)),
        Criterion("c_n", 1, ("c_n",)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "a": numbers_of([[0.0, 0.0, 1.0, 0.0]], [[0.0, 0.0, 2.0, 0.0]]),
            "h_0": numbers_of([0.0]),
            "c_0": numbers_of([1.0]),
            "weight_hh": numbers_of([0.0], [0.0], [0.0], [0.0]),
            "reverse": True,
        },
        {"T": 2, "B": 1, "H": 1},
    ),
    agree="one direction of torch.nn.LSTM",
)
