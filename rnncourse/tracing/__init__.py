"""See inside a recurrent layer: every gate, state and gradient of any call, torch.nn's layers included.

`trace` is the way in. The modules, ground floor first: equations.py gives one step's values by name;
recompute.py runs a whole call by them; compare.py says how far that is from the module's own, gradients.py
what the values' gradients are; record.py hooks into the modules; view.py and block.py are what the reader
holds, table.py is how it looks.
"""

from rnncourse.tracing.block import Trace, trace
from rnncourse.tracing.view import (
    CellTrace,
    Direction,
    DirectionTrace,
    Gradients,
    LayerDirections,
    LayerTrace,
    ModuleTrace,
)

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
