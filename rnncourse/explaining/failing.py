"""`with explain():`, which adds a note to the exception of a recurrent module's call."""

import sys
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.hooks import RemovableHandle

from rnncourse.explaining.slips import path
from rnncourse.explaining.view import Explanation
from rnncourse.spec import Spec

BEGINNING = "rnncourse.explain: "


class Explaining:
    """The result of `explain()`: in its `with` block, recurrent modules' calls that raise are explained.

    The exception stays the one that was raised. The sentence is added to it as a note (PEP 678), with the
    module's name in the model. Calls that work cost next to nothing.
    """

    def __init__(self, explanation: Callable[..., Explanation]) -> None:
        self._explanation = explanation
        self._handle: RemovableHandle | None = None

    def __enter__(self) -> "Explaining":
        self._handle = register_module_forward_hook(self._after, always_call=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._handle.remove()

    def _after(self, module: nn.Module, args: tuple[Any, ...], result: object) -> None:
        error = sys.exception() if result is None else None
        if error is not None and Spec.find(module):
            # After a call that raised, torch passes no keyword arguments to a global hook: read its frame.
            kwargs = sys._getframe(1).f_locals.get("kwargs") or {}
            add_note(error, module, _name(module), self._explanation, args, kwargs)

    def __repr__(self) -> str:
        return (
            "explain() explains the calls that raise inside `with explain():`; of a module, explain(module)"
        )


def add_note(
    error: BaseException,
    module: nn.Module,
    name: str,
    explanation: Callable[..., Explanation],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """Add to the error of a call, module(*args, **kwargs), what `explain` says about it.

    Args:
        error: the exception that the call raised.
        module: the module that was called.
        name: the module's qualified name in the model, "" for the model itself.
        explanation: returns what `explain` says.
        args: the positional arguments of the call.
        kwargs: the keyword arguments of the call.
    """
    if any(note.startswith(BEGINNING) for note in getattr(error, "__notes__", ())):
        return
    try:
        told = explanation(module, *args, **kwargs)
    except TypeError:  # keyword arguments that no recurrent module has
        return
    if not told.problem:
        return
    where = f"in {path(name)}, {told.title}" if name else f"in {told.title}"
    said = "" if told.problem == str(error) else f": {told.problem}"
    error.add_note(f"{BEGINNING}{where}{said}")


def _name(module: nn.Module) -> str:
    """Return the module's name in the outermost model whose call is running, from the callers' frames."""
    name, frame = "", sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]  # None ends the loop
        outer = frame.f_locals.get("self")
        if isinstance(outer, nn.Module) and outer is not module:
            name = next((n for n, inner in outer.named_modules() if inner is module), name)
    return name
