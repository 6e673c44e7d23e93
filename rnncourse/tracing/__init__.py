"""See inside a recurrent layer: every gate, state and gradient of any call, torch.nn's layers included.

`trace` is the way in. The modules, ground floor first:

    equations.py   one step's values by name
    layout.py      how a call's tensors lie
    whole.py       a layer and direction, all steps at once
    recompute.py   a call once more, by these
    compare.py     how far that is from what the module gave
    gradients.py   what the values' gradients are
    aside.py       what recording leaves as it was
    record.py      hooks on the modules, and a Call for each of their calls
    joining.py     several calls, one after the other in time, as one sequence
    values.py      the names under which a reader finds tensors
    view.py        what a reader holds of a module, a layer, a direction
    block.py       `with trace(model) as t:`, and t
    statistics.py, health.py, table.py   the same in numbers and in tables
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
