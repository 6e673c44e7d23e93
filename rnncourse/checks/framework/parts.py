"""The kinds of results of a task: how they are read from what is returned, and when they are right.

Part is a tensor, Score predictions that are measured; Number, Whole, Flag, Shape and Word are single answers.
A NumPy array or a list of numbers where a tensor is expected is read as a tensor, with a remark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnncourse.checks.framework.language import say, sentences
from rnncourse.checks.framework.plain import Other, Plain, kind_named

TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-5}  # absolute, and relative to the expected value
UNANSWERED = (None, Other("ellipsis"))


def equal(value: Tensor, expected: Tensor, tolerance: float | None = None, nan: bool = False) -> bool:
    """Return whether two tensors have equal shapes and numbers, to the coarser dtype's tolerance by default.

    nan: whether nan equals nan.
    """
    if value.shape != expected.shape or value.is_complex():
        return False
    if tolerance is None:
        of = [TOLERANCE.get(t.dtype, 0.0) for t in (value, expected) if t.is_floating_point()]
        tolerance = max(of, default=0.0)
    return torch.allclose(value.double(), expected.double(), rtol=tolerance, atol=tolerance, equal_nan=nan)


def same(a: Plain, b: Plain) -> bool:
    """Return whether two returned values agree; tensors, tuples, lists and dicts alike."""
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return equal(a, b, nan=True)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and not isinstance(a, Tensor) and bool(a == b)


@dataclass(frozen=True)
class Part:
    """A tensor among the results.

    Attributes:
        name: its name, which a verdict uses.
        axes: its axes; B is left out without a batch. "" is one number.
        dtype: "float", "int" or "bool".
        tolerance: absolute and relative; None: by dtype.

    Example:
        >>> from rnncourse.checks.framework.authoring import Part, rows
        >>> part = Part("h", "B H", tolerance=1e-3)
        >>> part.right(rows([0.5001, 0.0]), rows([0.5, 0.0])), part.right(rows([0.6, 0.0]), rows([0.5, 0.0]))
        (True, False)
    """

    name: str
    axes: str = ""
    dtype: str = "float"
    tolerance: float | None = None
    expects = "a torch.Tensor"

    def read(self, value: Plain) -> tuple[Any, str]:
        """Return the value as this kind, and a remark; (None, '') if it is not of this kind."""
        if isinstance(value, Tensor):
            return value, "" if self.holds(value) else self._odd(value)
        try:
            tensor = _tensor(value)
        except (TypeError, ValueError, RuntimeError):
            return None, ""
        words = "{part} is {kind}; expected {expected}."
        return tensor, say(
            words, part=self.name, kind=kind_named(type(value).__name__), expected=say(self.expects)
        )

    def holds(self, value: Tensor) -> bool:
        """Return whether its numbers are of this kind."""
        of = value.dtype
        kind = "bool" if of == torch.bool else "float" if of.is_floating_point or of.is_complex else "int"
        return kind == self.dtype and not of.is_complex

    def _odd(self, value: Tensor) -> str:
        if self.dtype == "bool":
            words = "{part} holds {dtype}; expected booleans. For other numbers `~` does not negate."
        elif self.dtype == "int":
            words = "{part} holds {dtype}; expected whole numbers."
        else:
            words = "{part} holds {dtype}; expected floating-point numbers."
        return say(words, part=self.name, dtype=str(value.dtype).removeprefix("torch."))

    def right(self, found: Any, expected: Any) -> bool:
        return equal(found, expected, self.tolerance)

    def same(self, a: Any, b: Any) -> bool:
        """Return whether two answers are the same, right or wrong. This is how a mistake is recognised."""
        return equal(a, b, nan=True)


def _tensor(value: Plain) -> Tensor:
    """Return an array, a number or nested lists of numbers as a tensor. Tensors in a list are not stacked."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, list | tuple) and value:
        rows = [_tensor(item) for item in value]
        return torch.stack(rows)
    if isinstance(value, bool | int | float):
        return torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
    raise TypeError


@dataclass(frozen=True, kw_only=True)
class Score(Part):
    """Predictions that are right when they are good enough by `measure(predictions, targets)`, a number.

    The check's truth returns the targets. Its name, axes, dtype and tolerance are those of a Part.

    Attributes:
        measure: computes the number from two tensors.
        words: the measure's name.
        at_least: the threshold of a measure that should be large.
        at_most: the threshold of a measure that should be small; None if it should be large.
        baseline: what it is compared with, in words and number, e.g. "always the commonest tag: 0.61".

    Example:
        >>> from rnncourse.checks.framework.authoring import Score
        >>> def accuracy(predictions, targets):
        ...     return (predictions == targets).double().mean().item()
        >>> tags = Score("tags", "T", "int", measure=accuracy, at_least=0.75)
        >>> tags.right(torch.tensor([0, 1, 2, 2]), torch.tensor([0, 1, 2, 0]))
        True
    """

    measure: Callable[[Tensor, Tensor], float]
    words: str = "accuracy"
    at_least: float = math.nan
    at_most: float | None = None
    baseline: str = ""

    def right(self, found: Any, expected: Any) -> bool:
        if found.shape != expected.shape or not bool(found.double().isfinite().all()):
            return False
        score = self.measure(found, expected)
        return score >= self.at_least if self.at_most is None else score <= self.at_most

    def report(self, found: Tensor, expected: Tensor) -> str:
        """Return a sentence with the measured value next to the expected one."""
        if self.at_most is None:
            words, limit = "{measure} {score:.3g}, expected at least {limit:g}.", self.at_least
        else:
            words, limit = "{measure} {score:.3g}, expected at most {limit:g}.", self.at_most
        measured = say(words, measure=say(self.words), score=self.measure(found, expected), limit=limit)
        compared = say("For comparison, {baseline}.", baseline=say(self.baseline)) if self.baseline else ""
        return sentences(measured, compared)


@dataclass(frozen=True)
class Number:
    """One number.

    Attributes:
        name: its name, which a verdict uses.
        tolerance: absolute: as many digits as the task asks for.

    Example:
        >>> from rnncourse.checks.framework.authoring import Number
        >>> loss = Number("loss", tolerance=0.01)
        >>> loss.right(0.695, 0.69), loss.right(0.71, 0.69)
        (True, False)
    """

    name: str
    tolerance: float = 1e-3
    expects = "a number"

    def read(self, value: Plain) -> tuple[Any, str]:
        if isinstance(value, Tensor | np.ndarray):
            value = value.tolist() if value.ndim == 0 else None
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None, ""
        try:
            return float(value), ""
        except OverflowError:  # an int larger than any float
            return None, ""

    def right(self, found: Any, expected: Any) -> bool:
        return abs(found - expected) <= self.tolerance * (1 + 1e-9)

    same = right


class _Exact:
    """An answer that is right only if it is equal."""

    def right(self, found: Any, expected: Any) -> bool:
        return found == expected

    same = right


@dataclass(frozen=True)
class Whole(_Exact):
    """One whole number: a count, an index.

    Attributes:
        name: its name, which a verdict uses.

    Example:
        >>> from rnncourse.checks.framework.authoring import Whole
        >>> Whole("parameters").read(256.0), Whole("parameters").read(0.5)  # the value and a remark
        ((256, ''), (None, ''))
    """

    name: str
    expects = "a whole number"

    def read(self, value: Plain) -> tuple[Any, str]:
        number, _ = Number(self.name).read(value)
        return (int(number), "") if number is not None and number.is_integer() else (None, "")


@dataclass(frozen=True)
class Flag(_Exact):
    """True or False.

    Attributes:
        name: its name, which a verdict uses.

    Example:
        >>> from rnncourse.checks.framework.authoring import Flag
        >>> Flag("batch_first").read(True), Flag("batch_first").read(1)  # the value and a remark
        ((True, ''), (None, ''))
    """

    name: str
    expects = "True or False"

    def read(self, value: Plain) -> tuple[Any, str]:
        if isinstance(value, Tensor | np.ndarray) and value.ndim == 0:
            value = value.tolist()
        return (value, "") if isinstance(value, bool) else (None, "")


@dataclass(frozen=True)
class Shape(_Exact):
    """A shape: a tuple (or list, or torch.Size) of whole numbers.

    Attributes:
        name: its name, which a verdict uses.

    Example:
        >>> from rnncourse.checks.framework.authoring import Shape
        >>> Shape("output").read([5, 3, 8]), Shape("output").read(5)  # the value and a remark
        (((5, 3, 8), ''), (None, ''))
    """

    name: str
    expects = "a shape, a tuple such as (2, 3)"

    def read(self, value: Plain) -> tuple[Any, str]:
        if isinstance(value, tuple | list) and all(type(size) is int for size in value):
            return tuple(value), ""
        return None, ""


@dataclass(frozen=True)
class Word(_Exact):
    """One of several words; capitals, outer spaces, and - or _ for a space make no difference."""

    name: str
    choices: tuple[str, ...]

    @property
    def expects(self) -> str:
        return say("one of {choices}", choices=", ".join(f'"{choice}"' for choice in self.choices))

    def read(self, value: Plain) -> tuple[Any, str]:
        if not isinstance(value, str):
            return None, ""
        known = {_bare(choice): choice for choice in self.choices}
        return known.get(_bare(value)), ""


def _bare(word: str) -> str:
    return " ".join(word.replace("-", " ").replace("_", " ").casefold().split())


AnyPart = Part | Score | Number | Whole | Flag | Shape | Word


class Read(NamedTuple):
    """A returned value taken apart: a value for each part (None: unreadable), and a remark for each."""

    values: list[Any]
    remarks: list[str]
    raw: list[Plain]

    @property
    def unread(self) -> list[int]:
        """The parts that cannot be read."""
        return [k for k, value in enumerate(self.values) if value is None]


def read(parts: Sequence[AnyPart], returned: Plain) -> Read | None:
    """Return the value by parts, by position or (a dict) by name; None if the number of parts is wrong."""
    if isinstance(returned, dict) and any(part.name in returned for part in parts):
        raw = [returned.get(part.name) for part in parts]
    elif len(parts) == 1:
        raw = [returned]
        if isinstance(returned, tuple | list) and len(returned) == 1 and isinstance(returned[0], Tensor):
            value, _ = parts[0].read(returned[0])
            words = "{part} comes in {kind} of length one: is there a stray comma or bracket?"
            remark = say(words, part=parts[0].name, kind=kind_named(type(returned).__name__))
            return Read([value], [remark], [returned[0]])
    elif isinstance(returned, tuple | list) and len(returned) == len(parts):
        raw = list(returned)
    else:
        return None
    values, remarks = zip(*(part.read(value) for part, value in zip(parts, raw, strict=True)), strict=True)
    return Read(list(values), list(remarks), raw)
