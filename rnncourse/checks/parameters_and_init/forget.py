"""Task 4, set_forget_bias: in place, in every layer and direction, the sum of both."""

import copy  # noqa: F401 (a mistake uses it)
from dataclasses import replace
from typing import Any

import torch

from rnncourse.checks.framework.cases import Case, TorchModule, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Flag, Part
from rnncourse.checks.framework.plain import Plain
from rnncourse.checks.parameters_and_init.in_place import changed_module, parameters_after
from rnncourse.checks.parameters_and_init.lesson import FORGET, LESSON

BIASES = Trait("there are biases", "what you do with a module that has biases")
NO_BIASES = Trait("there are no biases", "what you do where bias=False")


def _truth(lstm, value):
    if not lstm.bias:
        raise ValueError("there is no forget bias to set: bias=False")
    H = lstm.hidden_size
    with torch.no_grad():
        for name, parameter in lstm.named_parameters():
            if name.startswith("bias"):
                parameter[H : 2 * H] = value if name.startswith("bias_ih") else 0.0


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.6, torch.float32)

    def case(
        value: float, I: int, H: int, L: int, both: bool = False, bias: bool = True, **more: int
    ) -> Case:
        options = {"input_size": I, "hidden_size": H, "num_layers": L, "bidirectional": both, "bias": bias}
        lstm = replace(random_module("LSTM", numbers, **options, **more), trains=True)
        sizes = {"I": I, "H": H, "L": L}
        return Case({"lstm": lstm, "value": value}, sizes, frozenset({BIASES if bias else NO_BIASES}))

    return [
        case(1.0, 3, 4, 1),
        case(1.5, 4, 3, 2),
        case(3.0, 3, 4, 2, both=True),
        case(0.5, 3, 5, 2, both=True, proj_size=2),
        case(1.0, 4, 5, 2, bias=False),
    ]


def _derive(returned: Plain, arguments: dict[str, Any]) -> dict[str, Any]:
    """The sums of the forget slices, a row for each cell, and all other numbers end to end."""
    lstm = arguments["lstm"]
    after, H = parameters_after(returned, lstm), lstm.options["hidden_size"]
    names = [name for name in after if name.startswith("bias_ih")]
    sums = [(after[name] + after[name.replace("_ih", "_hh")])[H : 2 * H] for name in names]
    others = [
        torch.cat([value[:H], value[2 * H :]]) if name.startswith("bias") else value.flatten()
        for name, value in after.items()
    ]
    return {
        "forget_bias": torch.stack(sums) if sums else torch.zeros(0, H),
        "others": torch.cat(others),
        "refused": returned["refused"],
    }


wrong = Mistakes(FORGET, _truth)
SLICE, WHICH = "parameter[H : 2 * H] =", 'if name.startswith("bias"):'
VALUE = 'value if name.startswith("bias_ih") else 0.0'

wrong.edits("""
set in both | the forget bias is twice the value: both biases are set, and they add up.
    value if name.startswith("bias_ih") else 0.0 => value
bias_hh left as it was | bias_ih has the value, but what was in bias_hh still counts: the sum is what acts.
    if name.startswith("bias"): => if name.startswith("bias_ih"):
§ A gate's rows
rows 0:H | the first slice is set: whose is it?
    parameter[H : 2 * H] = => parameter[:H] =
the third slice | the third slice is set, the candidate's.
    parameter[H : 2 * H] = => parameter[2 * H : 3 * H] =
the last slice | the last slice is set, the output gate's.
    parameter[H : 2 * H] = => parameter[3 * H :] =
every gate | all four gates are set. Asked is the forget gate.
    parameter[H : 2 * H] = => parameter[:] =
§ Every parameter by name
layer 0 alone | layer 0 is set, the others are not.
    if name.startswith("bias"): => if name.startswith("bias") and "_l0" in name:
forward alone | the forward direction is set, the backward is not.
    if name.startswith("bias"): => if name.startswith("bias") and not name.endswith("reverse"):
weights, too | rows of the weights are overwritten as well.
    if name.startswith("bias"): => if True:
§
added | the value is added to what was there. Asked is that it be the value.
    parameter[H : 2 * H] = => parameter[H : 2 * H] +=
always 1 | the forget bias is 1, whichever value is asked.
    value if name.startswith("bias_ih") else 0.0 => 1.0 if name.startswith("bias_ih") else 0.0
half | the sum is half of the value: half stands in one bias, and 0 in the other.
    value if name.startswith("bias_ih") else 0.0 => value / 2 if name.startswith("bias_ih") else 0.0
bias_hh emptied | all of bias_hh is set to 0: the other gates' biases are lost.
    parameter[H : 2 * H] => parameter[slice(H, 2 * H) if name.startswith('bias_ih') else slice(None)]
§ A gate's rows
in a copy | the module is as it was: a copy was changed, or a name was bound anew. Write into the parameters.
    H = lstm.hidden_size => H, lstm = lstm.hidden_size, copy.deepcopy(lstm)
§
silent without biases | with bias=False it returns as if the bias were set. Asked is a ValueError.
    raise ValueError("there is no forget bias to set: bias=False") => return
""")

set_forget_bias = Check(
    name="set_forget_bias",
    lesson=LESSON,
    section=FORGET,
    parts=(Part("forget_bias", "L*D H"), Part("others", "N"), Flag("refused")),
    criteria=(
        Criterion("the forget bias", 2, ("forget_bias",)),
        Criterion("nothing else changed", 1),
        Criterion("bias=False", 1, ("refused",), (NO_BIASES,)),
    ),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "lstm": TorchModule(
                "LSTM",
                {"input_size": 1, "hidden_size": 1},
                {
                    "weight_ih_l0": torch.tensor([[0.1], [0.2], [0.3], [0.4]]),
                    "weight_hh_l0": torch.tensor([[0.5], [0.6], [0.7], [0.8]]),
                    "bias_ih_l0": torch.tensor([0.01, 0.02, 0.03, 0.04]),
                    "bias_hh_l0": torch.tensor([0.05, 0.06, 0.07, 0.08]),
                },
                trains=True,
            ),
            "value": 1.0,
        },
        {"I": 1, "H": 1, "L": 1},
    ),
    use=changed_module,
    forbid=frozenset({"rnncourse"}),
    derive=_derive,
    agree="what was asked",
)
