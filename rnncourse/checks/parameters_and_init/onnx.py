"""Task 8, to_onnx: a layer's weights in another library's order, layout and bias."""

import torch

from rnncourse.checks.framework.cases import Case, TorchModule, Trait, random_module, random_numbers
from rnncourse.checks.framework.check import Check, Criterion
from rnncourse.checks.framework.mistakes import Mistakes
from rnncourse.checks.framework.parts import Part
from rnncourse.checks.parameters_and_init.lesson import ELSEWHERE, LESSON

ONE_WAY = Trait("there is one direction", "what you do with one direction")
TWO_WAYS = Trait("there are two directions", "what you do with the second direction")


def _truth(lstm):
    def iofc(parameter):
        i, f, g, o = parameter.chunk(4)
        return torch.cat([i, o, f, g])

    W, R, B = [], [], []
    for way in ["", "_reverse"] if lstm.bidirectional else [""]:
        parts = [
            getattr(lstm, kind + "_l0" + way) for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        weight_ih, weight_hh, bias_ih, bias_hh = parts
        W.append(iofc(weight_ih))
        R.append(iofc(weight_hh))
        B.append(torch.cat([iofc(bias_ih), iofc(bias_hh)]))
    return torch.stack(W), torch.stack(R), torch.stack(B)


def _cases(seed: int) -> list[Case]:
    numbers = random_numbers(seed, 0.7, torch.float32)

    def case(I: int, H: int, both: bool) -> Case:
        lstm = random_module("LSTM", numbers, input_size=I, hidden_size=H, bidirectional=both)
        sizes = {"D": 2 if both else 1, "I": I, "H": H}
        return Case({"lstm": lstm}, sizes, frozenset({TWO_WAYS if both else ONE_WAY}))

    return [case(5, 4, False), case(4, 3, True), case(2, 3, False), case(3, 5, True), case(3, 3, True)]


wrong = Mistakes(ELSEWHERE, _truth)
ORDER = "[i, o, f, g]"
BOTH = "torch.cat([iofc(bias_ih), iofc(bias_hh)])"

wrong.edits("""
order kept | the gates lie as in torch, i, f, g, o. ONNX has i, o, f, c.
    [i, o, f, g] => [i, f, g, o]
the way from ONNX | the gates are moved as on the way from ONNX to torch. It is not the same permutation as
    the way there.
    [i, o, f, g] => [i, g, o, f]
    look: Write the order that you have and the order that you want one below the other.
f and o exchanged | f and o have changed places, and g lies as in torch: compare both orders.
    [i, o, f, g] => [i, o, g, f]
cs231n's order | the gates lie i, f, o, g: that is cs231n's order.
    [i, o, f, g] => [i, f, o, g]
biases in torch's order | weights are reordered, biases are not.
    torch.cat([iofc(bias_ih), iofc(bias_hh)]) => torch.cat([bias_ih, bias_hh])
eight blocks as four | B is cut into four blocks of 2H. It has eight: cut each bias for itself.
    torch.cat([iofc(bias_ih), iofc(bias_hh)]) => iofc(torch.cat([bias_ih, bias_hh]))
biases added | the biases are added up. ONNX keeps both, end to end.
    torch.cat([iofc(bias_ih), iofc(bias_hh)]) => iofc(bias_ih) + iofc(bias_hh)
the sum and zeros | B has the sum and then zeros: it computes the same, but asked are both biases as they are.
    torch.cat([iofc(bias_ih), iofc(bias_hh)]) => torch.cat([iofc(bias_ih + bias_hh), 0 * bias_hh])
biases exchanged | in B the state's bias comes first. Asked is the input's.
    torch.cat([iofc(bias_ih), iofc(bias_hh)]) => torch.cat([iofc(bias_hh), iofc(bias_ih)])
biases gate by gate | in B each gate has its two biases side by side. Asked is one whole bias, then the other.
    - B.append(torch.cat([iofc(bias_ih), iofc(bias_hh)]))
    + B.append(torch.stack([iofc(bias_ih).view(4, -1), iofc(bias_hh).view(4, -1)], dim=1).flatten())
one bias twice | B holds bias_ih twice.
    torch.cat([iofc(bias_ih), iofc(bias_hh)]) => torch.cat([iofc(bias_ih), iofc(bias_ih)])
W and R exchanged | W and R are exchanged: W reads the input.
    return torch.stack(W), torch.stack(R) => return torch.stack(R), torch.stack(W)
transposed | the matrices are transposed. ONNX applies them as torch does.
    return torch.stack(W), torch.stack(R) => return torch.stack(W).mT, torch.stack(R).mT
§ Every parameter by name
backward first | the backward direction comes first.
    ["", "_reverse"] => ["_reverse", ""]
forward twice | both directions have the forward's weights.
    + way) => )
forward alone | only the forward direction is there.
    if lstm.bidirectional else [""] => [:1]
§
directions end to end | the directions lie end to end. Asked is an axis for them, in front.
    torch.stack(W), torch.stack(R), torch.stack(B) => torch.cat(W), torch.cat(R), torch.cat(B)
no axis for one direction | with one direction the axis in front is missing: it has size 1 there.
    - return torch.stack(W), torch.stack(R), torch.stack(B)
    + return tuple(torch.stack(t) if len(t) > 1 else t[0] for t in (W, R, B))
biases on two axes | B has an axis for the two biases. Asked are they end to end, (D, 8H).
    torch.cat([iofc(bias_ih), iofc(bias_hh)]) => torch.stack([iofc(bias_ih), iofc(bias_hh)])
""")

to_onnx = Check(
    name="to_onnx",
    lesson=LESSON,
    section=ELSEWHERE,
    parts=(Part("W", "D gates*H I"), Part("R", "D gates*H H"), Part("B", "D 8H")),
    criteria=(Criterion("W", 1, ("W",)), Criterion("R", 1, ("R",)), Criterion("B", 2, ("B",))),
    truth=_truth,
    mistakes=wrong,
    cases=_cases,
    example_case=Case(
        {
            "lstm": TorchModule(
                "LSTM",
                {"input_size": 1, "hidden_size": 1},
                {
                    "weight_ih_l0": torch.tensor([[1.0], [2.0], [3.0], [4.0]]),
                    "weight_hh_l0": torch.tensor([[10.0], [20.0], [30.0], [40.0]]),
                    "bias_ih_l0": torch.tensor([0.1, 0.2, 0.3, 0.4]),
                    "bias_hh_l0": torch.tensor([0.5, 0.6, 0.7, 0.8]),
                },
            )
        },
        {"D": 1, "I": 1, "H": 1},
    ),
    forbid=frozenset({"rnncourse"}),
    agree="ONNX's order and layout",
)
