"""See inside a recurrent layer: every gate, state and gradient of any call, of torch.nn's layers too.

`trace` is the entry point. The modules, from the bottom up:

    equations.py   the values of one step, by name
    layout.py      how the tensors of a call are laid out
    whole.py       a layer and direction, all steps at once
    recompute.py   computes a call again, with these
    compare.py     the difference from what the module returned
    gradients.py   the gradients of the values
    aside.py       keeps recording from changing anything else
    record.py      hooks on the modules, and a Call for each of their calls
    joining.py     joins several calls, one after the other in time, into one sequence
    values.py      the names under which the tensors are found
    view.py        the traces of a module, a layer, a direction
    block.py       `with trace(model) as t:`, and t
    statistics.py, health.py, table.py   the same as numbers and as tables
"""

from rnncourse.tracing.block import Trace, trace
from rnncourse.tracing.values import Direction, Gradients, ModuleTrace
from rnncourse.tracing.view import CellTrace, DirectionTrace, LayerDirections, LayerTrace

__all__ = [
    "CellTrace",
    "Direction",
    "DirectionTrace",
    "Gradients",
    "LayerDirections",
    "LayerTrace",
    "ModuleTrace",
    "Trace",
    "trace",
]
