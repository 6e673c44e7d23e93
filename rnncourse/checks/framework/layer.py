"""What the sets with a whole LSTM layer share: its cases, and what can be said about its random numbers.

A learner may draw masks and fresh weights in any order, so no draw is compared with torch's. What is checked
holds for every draw, except for one in more than a billion, and the draws are the same each time (uses/).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rnncourse.checks.framework.cases import Case, Trait, random_module
from rnncourse.checks.framework.language import say
from rnncourse.checks.framework.use import Problem

FRESH = Trait("it is newly built", "what its parameters hold before anything is loaded")
TOGETHER = {  # by the axis of (T, B, D, H)
    0: "in training, the same numbers are dropped at all steps.",
    1: "in training, the same numbers are dropped in all sequences.",
    3: "in training, all units of a half are dropped together.",
}
SMALL = 0.01  # tanh(SMALL * x) is SMALL * x, to four digits


class LayerCase(Case):
    """A layer's options and one call. torch's layer is built with the options of `always` in addition."""

    @property
    def options_text(self) -> str:
        """Return what is asked for besides the plain call: "num_layers=2, hx given"."""
        x, hx = self.arguments["x"], self.arguments["hx"]
        words = [f"{name}={value}" for name, value in self.arguments["options"].items()]
        words += [say("no batch axis")] * (x is not None and x.dim() == 2)
        words += [say("hx given")] * (hx is not None)
        words += ["float64"] * (x is not None and x.dtype == torch.float64)
        return ", ".join(words + [say("in training")] * self.arguments["train"])

    def __str__(self) -> str:
        sizes = [f"{letter}={size}" for letter, size in self.sizes.items()]
        return ", ".join(filter(None, (*sizes, self.options_text)))


def layer_case(
    numbers: Callable[..., Tensor],
    sizes: tuple[int, int, int, int],
    *traits: Trait,
    single: bool = False,
    state: bool = False,
    train: bool = False,
    always: dict[str, Any] | None = None,
    **options: Any,
) -> LayerCase:
    """Return one call of an LSTM layer.

    Args:
        numbers: draws the parameters and the inputs.
        sizes: T, B, I, H.
        traits: the traits of the case.
        single: whether x has no batch axis.
        state: whether hx is given.
        train: whether the layer is in training.
        always: options that the layer always has, without being asked.
        options: what the class is built with.

    Example:
        >>> from rnncourse.checks.framework.authoring import layer_case, random_numbers
        >>> numbers = random_numbers(seed=0, scale=0.5)
        >>> str(layer_case(numbers, (5, 2, 3, 4), state=True, num_layers=2))
        'T=5, B=2, I=3, H=4, num_layers=2, hx given, float64'
    """
    T, B, I, H = sizes
    module = random_module("LSTM", numbers, input_size=I, hidden_size=H, **options, **(always or {}))
    batch = () if single else (B,)
    x = numbers(B, T, I) if options.get("batch_first") and not single else numbers(T, *batch, I)
    rows = options.get("num_layers", 1) * (2 if module.options.get("bidirectional") else 1)
    hx = (numbers(rows, *batch, H), numbers(rows, *batch, H)) if state else None
    arguments = {"input_size": I, "hidden_size": H, "options": options, "parameters": module.parameters}
    arguments |= {"train": train, "x": x, "hx": hx}
    return LayerCase(arguments, {"T": T, "B": B, "I": I, "H": H}, frozenset(traits))


def fresh_case(numbers: Callable[..., Tensor], **options: Any) -> LayerCase:
    """Return a layer that is only built, large enough for its numbers to show how they were drawn.

    Args:
        numbers: draws what the layer has before it is built again.
        **options: what the class is built with.

    Example:
        >>> from rnncourse.checks.framework.authoring import FRESH, fresh_case, random_numbers
        >>> case = fresh_case(random_numbers(seed=0, scale=0.5), bias=False)
        >>> case.has(FRESH), case.arguments["x"], case.arguments["options"]
        (True, None, {'bias': False})
    """
    case = layer_case(numbers, (2, 2, 8, 32), FRESH, **options)
    return replace(case, arguments=case.arguments | {"x": None})


def masked_case(numbers: Callable[..., Tensor], *traits: Trait, **options: Any) -> LayerCase:
    """Return two layers in training whose output shows the mask between them.

    Layer 0 has no output near 0. Layer 1 multiplies its input by SMALL: its gates are open and it forgets its
    memory at once. Unit k of both its directions reads the same number, from either half of layer 0's output.

    Args:
        numbers: draws the parameters and the input.
        *traits: the traits of the case.
        **options: what the class is built with, besides num_layers=2 and dropout=0.25.

    Example:
        >>> from rnncourse.checks.framework.authoring import is_random, masked_case, random_numbers
        >>> case = masked_case(random_numbers(seed=0, scale=0.5), bidirectional=True)
        >>> case.options_text, is_random(case.arguments)
        ('num_layers=2, dropout=0.25, bidirectional=True, float64, in training', True)
    """
    case = layer_case(numbers, (10, 8, 3, 8), *traits, num_layers=2, dropout=0.25, train=True, **options)
    parameters, H = case.arguments["parameters"], case.sizes["H"]
    for name, weight in parameters.items():
        weight *= 0.1 if "_l0" in name else 0.0
        if "bias_ih" in name:
            weight.view(4, H).copy_(torch.tensor([20.0, -20.0, float("_l0" in name), 20.0])[:, None])
        if "weight_ih_l1" in name:
            weight[torch.arange(2 * H, 3 * H), _read(parameters)] = SMALL
    return case


def _read(parameters: dict[str, Tensor]) -> Tensor:
    """Return which numbers of layer 0 the units of layer 1 read, in a masked case."""
    H = parameters["weight_hh_l0"].shape[1]
    both = parameters["weight_ih_l1"].shape[1] == 2 * H
    return torch.cat([torch.arange(H // 2), torch.arange(H, H + H // 2)]) if both else torch.arange(H)


def is_random(arguments: dict[str, Any]) -> bool:
    """Return whether the case asks for random numbers: those of a fresh layer, or of masks.

    Args:
        arguments: those of a LayerCase.

    Example:
        >>> from rnncourse.checks.framework.authoring import fresh_case, is_random, layer_case, random_numbers
        >>> numbers = random_numbers(seed=0, scale=0.5)
        >>> is_random(fresh_case(numbers).arguments), is_random(layer_case(numbers, (5, 2, 3, 4)).arguments)
        (True, False)
    """
    return arguments["x"] is None or (arguments["train"] and 0 < arguments["options"].get("dropout", 0) < 1)


def check_random(returned: Any, arguments: dict[str, Any]) -> None:
    """Check that a random case behaves as torch's.

    Args:
        returned: the parameters by name for a fresh case, the output (T, B, D*H) for a masked one.
        arguments: those of the case.

    Raises:
        Problem: the numbers are not drawn, dropped or scaled as torch's are.

    Example:
        >>> from rnncourse.checks.framework.authoring import Problem, check_random, fresh_case, random_numbers
        >>> case, lstm = fresh_case(random_numbers(seed=0, scale=0.5)), torch.nn.LSTM(8, 32)
        >>> check_random(lstm.state_dict(), case.arguments)
        >>> try:
        ...     check_random({"bias_ih_l0": torch.zeros(128)}, case.arguments)
        ... except Problem as error:
        ...     print(error)
        in a new layer, bias_ih_l0 holds the same number everywhere. nn.LSTM draws its numbers.
    """
    if arguments["x"] is None:
        check_start(returned, arguments["hidden_size"])
    else:
        check_masks(returned, arguments)


def check_start(parameters: dict[str, Tensor], H: int) -> None:
    """Check that a new layer's parameters are drawn uniformly between -1/sqrt(H) and 1/sqrt(H)."""
    for name, weight in parameters.items():
        value = weight.double() * H**0.5 if weight.is_floating_point() else None
        sentence = ""
        if value is None:
            sentence = "in a new layer, {name} does not hold floating-point numbers."
        elif value.numel() and bool((value == value.flatten()[0]).all()):
            sentence = "in a new layer, {name} holds the same number everywhere. nn.LSTM draws its numbers."
        elif not bool((value.abs() <= 1 + 1e-6).all()):
            sentence = "in a new layer, {name} holds numbers that are larger than nn.LSTM's ever are."
        elif value.abs().max() < 0.8:
            sentence = "in a new layer, {name} holds numbers that are smaller than nn.LSTM's."
        elif value.mean().abs() > 0.4 or (value.abs().mean() - 0.5).abs() > 0.2:
            sentence = "in a new layer, {name} holds numbers that are not drawn uniformly around 0."
        if sentence:
            raise Problem(sentence, name=name)


def check_masks(output: Tensor, arguments: dict[str, Any]) -> None:
    """Check that layer 1 reads each number of layer 0 as 0 or divided by 1 - p, each independently."""
    parameters, p, H = arguments["parameters"], arguments["options"]["dropout"], arguments["hidden_size"]
    D = parameters["weight_ih_l1"].shape[1] // H
    below = nn.LSTM(arguments["input_size"], H, bidirectional=D == 2).requires_grad_(False)
    below.load_state_dict({name: weight for name, weight in parameters.items() if "_l0" in name})
    made = below(arguments["x"])[0][..., _read(parameters)]  # (T, B, H)
    times = output.unflatten(-1, (D, H)) / SMALL / made.unsqueeze(-2)  # (T, B, D, H)
    dropped = times.abs() < 0.01
    kept = times[~dropped]
    if not dropped.any():
        raise Problem("in training, no number is zeroed on the way from layer to layer.")
    if not len(kept) or bool(((kept / kept.median()).log().abs() > 0.01).any()):
        raise Problem(
            "in training, what the next layer reads is neither 0 nor the output times one common factor."
        )
    scale = float(kept.median())
    if abs(scale * (1 - p) - 1) > 0.01:
        raise Problem(
            "in training, with dropout={p}, what is not dropped is multiplied by {scale:.2f}.",
            p=p,
            scale=scale,
        )
    for axis, sentence in TOGETHER.items():
        if torch.equal(dropped.all(axis), dropped.any(axis)):
            raise Problem(sentence)
    if not torch.equal(dropped.all(2), dropped.any(2)):
        raise Problem("in training, the two directions of a layer read differently masked numbers.")
    if D == 2 and torch.equal(dropped[..., : H // 2], dropped[..., H // 2 :]):
        raise Problem("in training, the same units are dropped in both halves.")
    if abs(dropped.double().mean() - p) > 0.1:
        raise Problem("in training, with dropout={p}, a different share of the numbers is dropped.", p=p)
