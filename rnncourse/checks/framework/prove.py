"""How a learner's test is used: on one piece of code, which it refuses or not. No answer is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from rnncourse.checks.framework.plain import kind_named, type_name
from rnncourse.checks.framework.use import Problem, use

IMPORTS = """import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
"""
RETURNS = "it returns {kind}. A test returns nothing; if the code is wrong, it raises. Use `assert`."

# torch imports much for its first comparison; that must not count as the learner's time.
torch.testing.assert_close(torch.zeros(1), torch.zeros(1))


@use("a function")
def prove(test: Callable, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return whether the learner's test refuses a piece of code, and what it raises.

    Args:
        test: the learner's test.
        arguments: "piece", the text of a function; "name", the function's name; "seed" of the random numbers
            that the test draws.

    Raises:
        Problem: the test returns something.

    Example:
        >>> from rnncourse.checks.framework.authoring import prove
        >>> def test(mean):
        ...     assert mean(torch.ones(3)) == 1
        >>> prove.run(test, {"piece": "def mean(x): return x.sum()", "name": "mean", "seed": 0})["refuses"]
        True
    """
    names: dict[str, Any] = {"__name__": "piece"}
    exec(compile(IMPORTS + arguments["piece"], "<piece>", "exec"), names)
    torch.manual_seed(arguments["seed"])
    try:
        returned = test(names[arguments["name"]])
    except (NotImplementedError, Problem):
        raise
    except Exception as error:
        said = str(error).strip()
        return {"refuses": True, "error": f"{type_name(error)}: {said}" if said else type_name(error)}
    if returned is not None:
        raise Problem(RETURNS, kind=kind_named(type_name(returned)))
    return {"refuses": False, "error": ""}
