"""Task 5, train_clipped: the place of clipping in a training loop."""

from dataclasses import replace

import torch  # noqa: F401 (some of the mistakes use it)
from torch import nn
from torch.nn.functional import mse_loss

from rnncourse.checks.framework.cases import Case, TorchModule, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.vanishing_and_exploding.lesson import CLIPPING, LESSON, matrix
from rnncourse.checks.vanishing_and_exploding.updating import train

clip = nn.utils.clip_grad_norm_


def _net(numbers, I: int, H: int) -> dict[str, TorchModule]:
    """A recurrent layer and a head, as two arguments."""
    rnn = random_module("RNN", numbers, input_size=I, hidden_size=H)
    head = random_module("Linear", numbers, in_features=H, out_features=1)
    return {"rnn": replace(rnn, trains=True), "head": replace(head, trains=True)}


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 1.0)

    def case(updates: int, T: int, B: int, I: int, H: int, max_norm: float, far: float) -> Case:
        return Case(
            {
                **_net(random_numbers(seed + H, 0.7), I, H),
                "lr": 0.2,
                "batches": [(numbers(T, B, I), far * numbers(B, 1)) for _ in range(updates)],
                "max_norm": max_norm,
            },
            {"T": T, "B": B, "I": I, "H": H},
        )

    # Large targets: clipped at each update; small ones and a large max_norm: never. One update first: it is
    # quick, and most mistakes are out after it.
    return [case(1, 4, 2, 3, 5, 0.6, 5.0), case(3, 3, 5, 2, 6, 0.4, 6.0), case(2, 5, 4, 2, 3, 50.0, 1.0)]


def _truth(rnn, head, optimizer, batches, max_norm):
    parameters = [*rnn.parameters(), *head.parameters()]
    norms = []
    for x, target in batches:
        optimizer.zero_grad()
        output, _ = rnn(x)
        loss = mse_loss(head(output[-1]), target)
        loss.backward()
        norms.append(clip(parameters, max_norm))
        optimizer.step()
    return norms


wrong = Mistakes(CLIPPING, _truth)

wrong.edits("""
clipped after the step | each update is made with the gradients as they were: the clipping comes too late, or
    not at all.
    - norms.append(clip(parameters, max_norm))
    - optimizer.step()
    + optimizer.step()
    + norms.append(clip(parameters, max_norm))
clipped before backward | the clipping comes before backward: there is no gradient yet.
    - loss.backward()
    - norms.append(clip(parameters, max_norm))
    + norms.append(clip(parameters, max_norm))
    + loss.backward()
§ One update is enough
zero_grad left out | the gradients are never set back: each backward adds to those of the batches before.
    optimizer.zero_grad() =>
zero_grad after backward | the gradients are set back right after backward: the norms are 0, and no weight
    moves.
    optimizer.zero_grad() =>
    - loss.backward()
    + loss.backward()
    + optimizer.zero_grad()
no step | no weight moves: the step is missing, or the gradients are set back before it.
    optimizer.step() =>
§
recurrent layer only | only the recurrent layer's gradients are clipped, and only they are in the norm.
    clip(parameters, max_norm) => clip(rnn.parameters(), max_norm)
head only | only the head's gradients are clipped, and only they are in the norm.
    clip(parameters, max_norm) => clip(head.parameters(), max_norm)
layer by layer | the recurrent layer and the head are clipped one by one: two factors where there should be
    one.
    - norms.append(clip(parameters, max_norm))
    + norms.append(torch.stack([clip(m.parameters(), max_norm) for m in (rnn, head)]).norm())
each tensor | each tensor is clipped by its own norm: called in a loop, clip_grad_norm_ sees one at a time.
    - norms.append(clip(parameters, max_norm))
    + norms.append(torch.stack([clip([p], max_norm) for p in parameters]).norm())
each tensor, last norm | each tensor is clipped by its own norm, and the norm you keep is that of the last
    one.
    norms.append(clip(parameters, max_norm)) => norms.append([clip([p], max_norm) for p in parameters][-1])
each number | each number is cut off at max_norm (clip_grad_value_): this changes the direction.
    - norms.append(clip(parameters, max_norm))
    + norms.append(clip(parameters, float('inf')))
    + nn.utils.clip_grad_value_(parameters, max_norm)
norm after clipping | your norms are those after clipping, never above max_norm. Asked are those before.
    - loss.backward()
    + loss.backward()
    + clip(parameters, max_norm)
losses returned | the losses are returned. Asked are the norms of the gradient.
    - norms.append(clip(parameters, max_norm))
    + clip(parameters, max_norm)
    + norms.append(loss.detach())
loss clipped | it is the loss that is cut off at max_norm: above it the loss is constant, and its gradient 0.
    mse_loss(head(output[-1]), target) => mse_loss(head(output[-1]), target).clamp(max=max_norm)
§ One update is enough
first batch only | the loop ends after the first batch. How far is the `return` indented?
    in batches: => in batches[:1]:
§
last norm alone | only the last norm is returned: asked is one for each batch.
    return norms => return norms[-1]
§ One update is enough
loss at each step | the head reads the outputs of all steps: the prediction is made from the last.
    head(output[-1]) => head(output)
first output | the prediction is made from the first output: asked is the last.
    output[-1] => output[0]
§
always scaled | short gradients are made longer, up to max_norm. Clipping only shortens.
    - norms.append(clip(parameters, max_norm))
    + norms.append(clip(parameters, max_norm))
    + for p in parameters:
    +     p.grad *= max(1, max_norm / norms[-1])
""")

train_clipped = Check(
    name="train_clipped",
    lesson=LESSON,
    section=CLIPPING,
    parts=(Part("norms", "N"), Part("weights", "P")),
    criteria=(Criterion("norms", 1, ("norms",)), Criterion("weights", 2, ("weights",))),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            **_net(random_numbers(1, 0.5), 1, 1),
            "lr": 0.1,
            "batches": [
                (matrix([1.0], [2.0])[:, None], matrix([3.0])),
                (matrix([0.0], [1.0])[:, None], matrix([2.0])),
            ],
            "max_norm": 1.0,
        },
        {"T": 2, "B": 1, "I": 1, "H": 1},
    ),
    use=train,
    forbid=frozenset(),
    agree="the right loop",
    seconds=20,  # torch's first optimizer takes a second to be made
)
