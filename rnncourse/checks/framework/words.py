"""Describe what went wrong: kinds of values, and the likely slip behind a common error of torch."""

import re

from torch import Tensor

from rnncourse.checks.framework.cases import Case
from rnncourse.checks.framework.evaluate import Failure
from rnncourse.checks.framework.language import say, sentences
from rnncourse.checks.framework.plain import Other, Plain, kind_named


def quotable(text: str) -> str:
    """Return the learner's text on one line, safe to put between backticks."""
    return " ".join(text.split())[:120].replace("`", "'")


def kind_of(value: Plain) -> str:
    """Describe the value that came instead of the expected one."""
    if isinstance(value, Tensor):
        return say("a tensor of shape {shape}", shape=tuple(value.shape))
    return kind_named(value.type_name if isinstance(value, Other) else type(value).__name__)


def likely_slip(failure: Failure, case: Case) -> str:
    """Return the likely slip behind a common error of torch and the case's sizes; '' if there is none."""
    if not failure.line and failure.error == "TypeError" and "argument" in failure.message:
        return say("It is called with {names}, in this order.", names=", ".join(case.arguments))
    return sentences(_slip(failure, case), describe_case(case))


def describe_case(case: Case) -> str:
    """Return the sizes and options of a case, in a sentence."""
    return say("Here {case}.", case=case) if str(case) else ""


def _slip(failure: Failure, case: Case) -> str:
    message = failure.message
    if found := re.search(r"\((\d+)x(\d+) and (\d+)x(\d+)\)", message):
        return _slip_of_a_product(case, *map(int, found.groups()))
    if "size mismatch" in message or "must match the size" in message:
        return say("Two shapes do not match: print both just before this line.")
    one_axis = "Dimension out of range" in message or "too many indices" in message
    if one_axis and "B" not in case.sizes:
        return say("Without a batch there is one axis fewer: count axes from the end, the last one is -1.")
    if "same dtype" in message or "expected scalar type" in message:
        return say(
            "Two dtypes meet: a tensor created in the function has torch's default dtype, not that of its"
            " inputs."
        )
    if "'NoneType'" in message:
        return say("Something is None here. Is a `return` missing, or does the cell have no bias?")
    if "graph a second time" in message:
        return say(
            "A state or a loss is carried over with its graph. `retain_graph=True` is rarely the cure."
        )
    if "modified by an inplace operation" in message:
        return say(
            "The backward pass needs values that were overwritten by an optimizer step or an in-place write."
        )
    if failure.error == "ValueError" and "to unpack" in message:
        if cut := re.search(r"\.(chunk|split|tensor_split|unbind)\([^,=()]*\)", failure.line):
            words = "`{cut}` cuts along the first axis unless `dim` says another. Which axis holds the parts?"
            return say(words, cut=cut[1])
        return say("The right side does not have as many parts as there are names on the left.")
    return ""


def _slip_of_a_product(case: Case, rows: int, columns: int, other_rows: int, other_columns: int) -> str:
    shapes = {tuple(value.shape) for value in case.arguments.values() if isinstance(value, Tensor)}
    if len(shapes) == 1 and (rows, columns) == (other_rows, other_columns):
        return say(
            "All arguments have the same shape: `*` multiplies entry by entry, `@` multiplies matrices."
        )
    if columns == other_columns:
        return say("Both have {n} as their last axis: one of them needs to be transposed.", n=columns)
    if rows == other_rows:
        return say("Both have {n} as their first axis: one of them needs to be transposed.", n=rows)
    if rows == other_columns:
        return say("They would fit in the other order.")
    return say("The second axis of the first must be as long as the first axis of the second.")
