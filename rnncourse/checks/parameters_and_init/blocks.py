"""Task 5, orthogonal_per_gate: in place, each gate's block of each weight_hh for itself."""

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from rnncourse.checks.framework.cases import Case, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.parameters_and_init.in_place import changed_module, parameters_after
from rnncourse.checks.parameters_and_init.lesson import BLOCKS, LESSON

IS_LSTM = Trait("the module is an LSTM", "how many blocks you cut")
IS_GRU = Trait("the module is a GRU", "how many blocks you cut")
KINDS = "weight_ih", "bias", "weight_hr"


def _truth(module):
    H = module.hidden_size
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if name.startswith("weight_hh"):
                for block in weight.split(H):
                    nn.init.orthogonal_(block)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.4, torch.float32)

    def case(of: str, I: int, H: int, L: int, both: bool = False, **more: int) -> Case:
        options = {"input_size": I, "hidden_size": H, "num_layers": L, "bidirectional": both}
        module = replace(random_module(of, numbers, **options, **more), trains=True)
        return Case(
            {"module": module}, {"I": I, "H": H, "L": L}, frozenset({IS_LSTM if of == "LSTM" else IS_GRU})
        )

    return [
        case("LSTM", 3, 5, 1),
        case("LSTM", 4, 6, 2, both=True),
        case("LSTM", 2, 7, 2, proj_size=4),
        case("GRU", 3, 6, 2, both=True),
    ]


def _derive(returned: Plain, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the blocks are like, by cell: orthogonal blocks are many, so they are not compared by number."""
    module = arguments["module"]
    after, H = parameters_after(returned, module), module.options["hidden_size"]
    stacks = [value for name, value in after.items() if name.startswith("weight_hh")]
    blocks = torch.stack(stacks).unflatten(1, (-1, H))  # (L*D, gates, H, P)
    grams = blocks.mT @ blocks
    orthogonal = (grams - torch.eye(grams.shape[-1])).abs().amax(dim=(1, 2, 3)) < 1e-4
    each = blocks.flatten(0, 1).flatten(1)  # a row for each block
    alike = torch.cdist(each, each).fill_diagonal_(1.0).amin(dim=1) < 1e-3
    kept = [
        all(
            torch.equal(after[name], value)
            for name, value in module.parameters.items()
            if name.startswith(kind)
        )
        for kind in KINDS
    ]
    return {
        "blocks": torch.stack([grams.diagonal(dim1=2, dim2=3).mean(dim=(1, 2)), orthogonal.float()], dim=1),
        "different": ~alike.unflatten(0, (len(stacks), -1)).any(dim=1),
        "others_kept": torch.tensor(kept),
    }


wrong = Mistakes(BLOCKS, _truth)
WHICH, EACH = 'if name.startswith("weight_hh"):', "for block in weight.split(H):"
DRAW = "nn.init.orthogonal_(block)"

wrong.edits("""
the whole stack | the columns of the whole stack are orthonormal, and no gate's block is orthogonal: each
    halves what it passes (in an LSTM).
    for block in weight.split(H): => for block in [weight]:
the first gate | the first gate's block is orthogonal, the others are as they were.
    weight.split(H) => [weight[:H]]
all but the last gate | the last gate's block is as it was.
    weight.split(H) => weight.split(H)[:-1]
§ Every parameter by name
layer 0 alone | layer 0's blocks are orthogonal, those above are as they were.
    if name.startswith("weight_hh"): => if name.startswith("weight_hh_l0"):
forward alone | the backward direction's blocks are as they were.
    if name.startswith("weight_hh"): => if name.startswith("weight_hh") and not name.endswith("reverse"):
§
weight_ih, too | weight_ih is changed, too. Asked is weight_hh.
    if name.startswith("weight_hh"): => if name.startswith(("weight_hh", "weight_ih")):
weight_ih instead | weight_ih is changed. Which weight does h pass in time?
    if name.startswith("weight_hh"): => if name.startswith("weight_ih"):
all weights | all weights are changed, the projection too. Asked is weight_hh.
    if name.startswith("weight_hh"): => if name.startswith("weight"):
one block for all gates | each block is orthogonal, but they are all alike: every gate starts with the same
    weights.
    nn.init.orthogonal_(block) => block.copy_(nn.init.orthogonal_(weight[:H]))
with a gain | the blocks are orthogonal up to a factor of 5/3, the gain for tanh.
    nn.init.orthogonal_(block) => nn.init.orthogonal_(block, gain=5 / 3)
in a copy | the module is as it was: a copy was changed. Write into the parameters.
    nn.init.orthogonal_(block) => nn.init.orthogonal_(block.clone())
""")


@wrong("biases emptied", "the biases are set to 0 as well. Asked is weight_hh.")
def _(module):
    _truth(module)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.startswith("bias"):
                parameter.zero_()


orthogonal_per_gate = Check(
    name="orthogonal_per_gate",
    lesson=LESSON,
    section=BLOCKS,
    parts=(
        Part("blocks", "L*D 2", tolerance=1e-4),  # stretch; 1 where orthogonal, else 0
        Part("different", "L*D", dtype="bool"),
        Part("others_kept", "kind", dtype="bool"),
    ),
    criteria=(
        Criterion("the blocks of an LSTM", 1, ("blocks",), (IS_LSTM,)),
        Criterion("the blocks of a GRU", 1, ("blocks",), (IS_GRU,)),
        Criterion("drawn each for itself, and nothing else changed", 1),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    use=changed_module,
    forbid=frozenset({"rnncourse"}),
    derive=_derive,
    agree="what was asked",
)
