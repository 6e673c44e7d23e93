"""Words for what went wrong: kinds of values, places in an array, the slip behind a common error of torch."""

import re

import numpy as np
from torch import Tensor

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.evaluate import Failure
from rnncourse.checks.framework.plain import Other, Plain

# What makes such an object by accident.
SLIPS = {
    "generator": " (a `yield` makes one)",
    "coroutine": " (`async def` makes one)",
    "function": ", not called",
    "type": ", not an object of it",
}


def listed(names: list[str]) -> str:
    """One string of them: "h", "h and c", "i, f and o"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def quotable(text: str) -> str:
    """A text of the learner's on one line, for between backticks."""
    return " ".join(text.split())[:120].replace("`", "'")


def kind_of(value: Plain) -> str:
    """What came in the place of a tensor, in words."""
    if isinstance(value, Tensor):
        return f"one tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return "a NumPy array"
    if value is None:
        return "None"
    name = value.type_name if isinstance(value, Other) else type(value).__name__
    slip = SLIPS.get(name, "")
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}{slip}"


def likely_slip(failure: Failure, case: Case) -> str:
    """The likely slip behind a common error of torch, in words; '' if none is known."""
    message = failure.message
    if not failure.line and failure.error == "TypeError" and "argument" in message:
        return f" It is called with {', '.join(case.arguments)}, in this order."
    here = f" Here {case}." if case.sizes else ""
    shapes = re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", message)
    if shapes:
        a, b, c, d = map(int, shapes.groups())
        if b == d:
            return f" Both have {b} as their last axis: one of them wants transposing.{here}"
        if a == c:
            return f" Both have {a} as their first axis: one of them wants transposing.{here}"
        if a == d:
            return f" The other way round they would fit.{here}"
        return f" The second axis of the first must be as long as the first axis of the second.{here}"
    if "size mismatch" in message or "must match the size" in message:
        return f" Two shapes do not go together: print both just before this line.{here}"
    one_axis = "Dimension out of range" in message or "too many indices" in message
    if one_axis and "B" not in case.sizes:
        return f" Without a batch there is one axis fewer: count axes from the end, the last is -1.{here}"
    if "same dtype" in message or "expected scalar type" in message:
        return " Two dtypes meet: a tensor made in the function has torch's default dtype, not its inputs'."
    if "'NoneType'" in message:
        return " Something is None here: a missing `return`, or a bias that the cell does not have?"
    if "graph a second time" in message:
        return " A state or a loss is carried over with its past. `retain_graph=True` is seldom the remedy."
    if "modified by an inplace operation" in message:
        return " Backward needs what was overwritten: by an optimizer's step, or by a write in place."
    if failure.error == "ValueError" and "to unpack" in message:
        return f" The right side has another number of parts than names on the left.{here}"
    return here


def parts_of_axis(wrong: Tensor) -> set[str]:
    """All that can be said of where an axis (a row of booleans) is wrong, with {} for one entry's name."""
    where, size = wrong.nonzero().flatten().tolist(), len(wrong)
    said = {
        "only in the first {}": where == [0],
        "only in the last {}": where == [size - 1],
        "everywhere but in the last {}": where == list(range(size - 1)),
        **{f"from {{}} {n} on (counted from 0)": where == list(range(n, size)) for n in range(1, size)},
    }
    return {words for words, true in said.items() if true}
