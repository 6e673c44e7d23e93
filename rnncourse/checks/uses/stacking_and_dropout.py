"""How a function that draws its own mask is used: it is called three times, and its mask is described."""

from typing import Any

import torch
from torch import Tensor

from rnncourse.checks.framework.plain import kinds, type_name
from rnncourse.checks.framework.use import Problem, use


@use("a function")
def described_mask(function: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Describe the factors of x (T, B, H), which contains no zero: twice in training, then in evaluation."""
    x, p = arguments["x"], arguments["p"]
    torch.manual_seed(arguments["seed"])
    results = []
    for training in (True, True, False):
        result = function(x.clone(), p, training)
        if result is None:
            raise Problem("it returns None: is a `return` missing?")
        if Tensor not in kinds(result):
            raise Problem("it returns a {kind}; expected a tensor shaped like x.", kind=type_name(result))
        if result.shape != x.shape:
            raise Problem(
                "its result has shape {shape}; x has {expected}.",
                shape=tuple(result.shape),
                expected=tuple(x.shape),
            )
        results.append(result.detach())
    first, second = results[0] / x, results[1] / x
    return {
        "evaluation": torch.equal(results[2], x),
        "share_dropped": (first == 0).double().mean().item(),
        "scale": first.max().item(),
        "steps_share_it": torch.allclose(first, first[:1].expand_as(first)),
        "sequences_share_it": torch.allclose(first, first[:, :1].expand_as(first)),
        "units_share_it": torch.allclose(first, first[..., :1].expand_as(first)),
        "calls_share_it": torch.allclose(first, second),
    }
