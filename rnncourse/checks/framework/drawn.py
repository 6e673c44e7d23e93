"""Make a task's cases from a few words each: how one case is drawn is written only once."""

import ast
import re
from collections.abc import Callable
from typing import Any

import torch

from rnncourse.checks.framework.cases import Case, random_numbers

SIZE = re.compile(r"([A-Za-z_]+)(\d+)")


def cases(scale: float, *texts: str, dtype: torch.dtype = torch.float64) -> Callable[..., Any]:
    """Turn a function that draws the arguments of one case into the cases of a task (a decorator).

    Args:
        scale: the scale of the random numbers.
        texts: the cases, separated by semicolons. B3 is a size, which verdicts name as well; `p=0.5` is a
            value, and a word alone is True. The function receives them by name, after the random numbers.
        dtype: the dtype of the random numbers.

    The function returns the arguments, or a tuple of the arguments and the case's traits; traits that are
    False are dropped.

    Example:
        >>> from rnncourse.checks.framework.authoring import H_ZERO, cases
        >>> @cases(0.8, "B3 I5 H4; B2 I4 H6; B3 I2 H5 h_zero")
        ... def step_cases(numbers, B, I, H, h_zero=False):
        ...     arguments = {"x_t": numbers(B, I), "h": numbers(B, H) * (not h_zero)}
        ...     return arguments, h_zero and H_ZERO
        >>> [(str(case), case.has(H_ZERO)) for case in step_cases(seed=0)]
        [('B=3, I=5, H=4', False), ('B=2, I=4, H=6', False), ('B=3, I=2, H=5', True)]
    """
    wanted = [words.split() for text in texts for words in text.split(";")]

    def decorate(draw: Callable[..., Any]) -> Callable[[int], list[Case]]:
        def all_cases(seed: int) -> list[Case]:
            numbers = random_numbers(seed, scale, dtype)
            return [_case(draw, numbers, words) for words in wanted]

        return all_cases

    return decorate


def _case(draw: Callable[..., Any], numbers: Callable[..., torch.Tensor], words: list[str]) -> Case:
    sizes: dict[str, int] = {}
    others: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if size := SIZE.fullmatch(word):
            sizes[size[1]] = int(size[2])
        else:
            others[name] = ast.literal_eval(value) if equals else True
    drawn = draw(numbers, **sizes, **others)
    arguments, *traits = drawn if isinstance(drawn, tuple) else (drawn,)
    return Case(arguments, sizes, frozenset(filter(None, traits)))
