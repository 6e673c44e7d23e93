"""Find an answer that was written under another name while the task's own function is still a stub."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any, Protocol

from rnncourse.checks.framework.plain import kinds
from rnncourse.checks.framework.verdict import Verdict

MAX_CANDIDATES = 8  # the number of candidates that are tried


class Judged(Protocol):
    """Anything that can judge a learner's object: a check."""

    def verdict(self, learner: Any, seed: int = 0) -> Verdict: ...


def find_misnamed(check: Judged, stub: Any, names: Mapping[str, Any]) -> str:
    """Return the name of the notebook's own function or class that does what the stub should, or "".

    Only candidates with the stub's parameter names are tried, so nothing unrelated is called.
    """
    kind = types.FunctionType if types.FunctionType in kinds(stub) else type
    if kind not in kinds(stub) or stub.__module__ != names.get("__name__"):
        return ""
    candidates = [
        name
        for name, thing in list(names.items())
        if not name.startswith("_")
        and thing is not stub
        and kind in kinds(thing)
        and thing.__module__ == stub.__module__
        and _parameters(thing) == _parameters(stub) != []
    ]
    for name in candidates[:MAX_CANDIDATES]:
        verdict = check.verdict(names[name])
        if verdict.points or verdict.mistake:
            return name
    return ""


def _parameters(thing: Any) -> list[str]:
    try:
        return list(inspect.signature(thing).parameters)
    except (TypeError, ValueError):
        return []
