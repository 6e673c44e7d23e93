"""How the tasks of this set are called: in NumPy, as the lesson is written. No answer is imported here."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnncourse.checks.framework.parts import Part
from rnncourse.checks.framework.plain import kinds
from rnncourse.checks.framework.use import use


@dataclass(frozen=True)
class Array(Part):
    """A tensor for the check, a NumPy array for the learner, and that is what a verdict calls it."""

    expects = "a NumPy array"


def arrays(**axes: str) -> tuple[Array, ...]:
    """Return arrays by name, with their axes: arrays(dx_t="B I", dbias="H")."""
    return tuple(Array(name, letters) for name, letters in axes.items())


@use("a function")
def call_with_arrays(function, arguments):
    """Call the function with NumPy arrays instead of tensors, and turn the arrays it returns into tensors.

    A loss is passed by its name, {"loss": "np.linalg.norm"}.
    """
    # One function, without any other inside: a frame of rnncourse.checks is forbidden to a learner's call.
    given = []
    for name, value in arguments.items():
        if isinstance(value, Tensor):
            given.append(value.numpy())
        else:
            given.append(getattr(np.linalg, value.removeprefix("np.linalg.")) if name == "loss" else value)
    returned = function(*given)
    if type(returned) in (np.ndarray, np.float64):  # a float64 is what NumPy makes of one number
        return torch.from_numpy(np.array(returned))
    if not {tuple, list, dict} & {*kinds(returned)}:  # a namedtuple is a tuple
        return returned
    named, results = dict in kinds(returned), {}
    for key, item in returned.items() if named else enumerate(returned):
        array = type(item) in (np.ndarray, np.float64)
        results[key] = torch.from_numpy(np.array(item)) if array else item
    return results if named else tuple(results.values())
