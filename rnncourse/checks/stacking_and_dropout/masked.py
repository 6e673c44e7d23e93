"""Task 4, run_with_masks: dropout between layers, with masks that are given."""

import torch

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.stacking_and_dropout.lesson import DROPOUT, IN_TIME, LESSON, READS

TRAINING = Trait("training is True", "what you do when training is False")
EVAL = Trait("training is False", "what you do with the masks")


def _case(numbers, T: int, B: int, I: int, H: int, L: int, p: float, training: bool) -> Case:
    layers = [random_module("LSTM", numbers, input_size=I if k == 0 else H, hidden_size=H) for k in range(L)]
    random = torch.Generator().manual_seed(int(1e6 * numbers(1).abs()))
    keep = torch.rand(L - 1, T, B, H, generator=random) >= p
    arguments = {"layers": layers, "x": numbers(T, B, I), "keep": keep, "p": p, "training": training}
    sizes = {"T": T, "B": B, "I": I, "H": H, "L": L}
    return Case(arguments, sizes, frozenset({TRAINING if training else EVAL}))


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7)
    return [
        _case(numbers, 5, 6, 2, 7, 3, 0.4, True),
        _case(numbers, 3, 2, 5, 7, 4, 0.3, True),
        _case(numbers, 5, 4, 6, 6, 3, 0.4, True),  # I = H: a mask on x runs
        _case(numbers, 4, 5, 3, 6, 2, 0.25, True),
        _case(numbers, 4, 5, 2, 6, 3, 0.4, False),
        _case(numbers, 5, 2, 3, 4, 1, 0.3, False),
    ]


def _truth(layers, x, keep, p, training):
    u, ends = x, []
    for k, layer in enumerate(layers):
        if k > 0 and training:
            u = u * keep[k - 1] / (1 - p)
        u, (h, _) = layer(u)
        ends.append(h[0])
    return u, torch.stack(ends)


wrong = Mistakes(DROPOUT, _truth)

wrong.edits("""
not scaled | what is kept is not made larger.
    / (1 - p) =>
scaled by 1/p | what is kept is divided by p. With which probability is it kept?
    (1 - p) => p
scaled by p | what is kept is multiplied by p. With which probability is it kept?
    / (1 - p) => * p
scaled down | what is kept is made smaller: it is multiplied by 1 - p.
    / (1 - p) => * (1 - p)
keep inverted | what keep marks is dropped, and the rest is kept.
    keep[k - 1] => ~keep[k - 1]
in evaluation too | the masks act when training is False, too.
    k > 0 and training => k > 0
only in evaluation | the masks act when training is False, and only then.
    and training => and not training
no masks | the masks have no part in it.
    u * keep[k - 1] / (1 - p) => u
one mask for all layers | keep[0] is used between all layers: each gap has its own.
    keep[k - 1] => keep[0]
masks from the top down | the masks are taken from the last to the first.
    keep[k - 1] => keep[-k]
§ Why not in time?
one mask for all steps | the mask of step 0 is used at every step. Here each step has its own.
    keep[k - 1] => keep[k - 1, 0]
§
one mask for the batch | the mask of the first sequence is used for the whole batch.
    keep[k - 1] => keep[k - 1, :, :1]
""")


@wrong("after the last layer, too", "output is dropped, too: dropout never acts after the last layer.")
def _(layers, x, keep, p, training):
    u, ends = _truth(layers, x, keep, p, training)
    return (u * keep[-1] / (1 - p) if training else u), ends


@wrong("after the last layer alone", "output is dropped, and between the layers nothing is.")
def _(layers, x, keep, p, training):
    u, ends = _truth(layers, x, keep, p, False)
    return (u * keep[-1] / (1 - p) if training else u), ends


@wrong("one layer too early", "each mask is put one layer too early, the first on x. x is read as it is.")
def _(layers, x, keep, p, training):
    u, ends = x, []
    for k, layer in enumerate(layers):
        if k < len(keep) and training:
            u = u * keep[k] / (1 - p)
        u, (h, _) = layer(u)
        ends.append(h[0])
    return u, torch.stack(ends)


@wrong("on x, too", "x is dropped, too: dropout acts between layers only.")
def _(layers, x, keep, p, training):
    return _truth(layers, x * keep[0] / (1 - p) if training else x, keep, p, training)


@wrong(
    "h_n of the masked copy",
    "output is right. h_n holds the masked copy that goes up; a layer's own final h is whole.",
)
def _(layers, x, keep, p, training):
    u, ends = x, []
    for k, layer in enumerate(layers):
        u, _ = layer(u)
        if k < len(keep) and training:
            u = u * keep[k] / (1 - p)
        ends.append(u[-1])
    return u, torch.stack(ends)


@wrong(
    "scaled in evaluation instead",
    "in training nothing is scaled, and in evaluation all is multiplied by 1 - p."
    " That is an old form of dropout; torch scales in training.",
)
def _(layers, x, keep, p, training):
    u, ends = x, []
    for k, layer in enumerate(layers):
        if k > 0:
            u = u * keep[k - 1] if training else u * (1 - p)
        u, (h, _) = layer(u)
        ends.append(h[0])
    return u, torch.stack(ends)


@wrong("the last mask in time", "the mask is on what a layer carries from step to step.", IN_TIME)
def _(layers, x, keep, p, training):
    u, ends = x, []
    for k, layer in enumerate(layers):
        state, outputs = None, []
        for t in range(len(x)):
            h, state = layer(u[t : t + 1], state)
            if training and k < len(keep):
                state = (state[0] * keep[k, t] / (1 - p), state[1])
                h = state[0]
            outputs.append(h)
        u = torch.cat(outputs)
        ends.append(state[0][0])
    return u, torch.stack(ends)


@wrong("h_n is output's", "h_n is taken from output. Which layers' final h does output have?", READS)
def _(layers, x, keep, p, training):
    u, ends = _truth(layers, x, keep, p, training)
    return u, u[-1].expand_as(ends)


run_with_masks = Check(
    name="run_with_masks",
    lesson=LESSON,
    section=DROPOUT,
    parts=(Part("output", "T B H"), Part("h_n", "L B H")),
    criteria=(
        Criterion("output in training", 2, ("output",), (TRAINING,)),
        Criterion("h_n in training", 1, ("h_n",), (TRAINING,)),
        # Without masks a stack is all that is asked: this point wants the rest right, too.
        Criterion("in training and in evaluation", 1),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=_case(random_numbers(8, 0.7), 3, 1, 1, 1, 2, 0.5, True),
    forbid=frozenset({"rnncourse"}),
    agree="nn.LSTM with these masks",
)
