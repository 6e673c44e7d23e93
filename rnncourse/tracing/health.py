"""Check whether a layer is alive: gates that stay open or closed, units that never change, gradients, nan."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rnncourse.shapes import SIGMOID
from rnncourse.tracing.statistics import unusual
from rnncourse.tracing.table import Table, Tabled

if TYPE_CHECKING:
    from rnncourse.tracing.values import Direction

SHUT, OPEN = 0.05, 0.95


def scalars(d: "Direction") -> dict[str, float]:
    """Return the numbers that `Direction.scalars` describes."""
    found: dict[str, float] = {}
    for name in d.names:
        if name in SIGMOID:
            numbers = d[name][~d[name].isnan()]
            found[f"{name} below {SHUT}"] = _share(numbers < SHUT)
            found[f"{name} above {OPEN}"] = _share(numbers > OPEN)
    if "h" in d.names:
        h = d["h"].flatten(0, -2)  # (T * B, H)
        there = ~h.isnan()
        same = (h == h.nan_to_num(-torch.inf).amax(0)) | ~there
        found["dead units"] = _share(same.all(0) & there.any(0))
    if "h" in d.grad:
        norms = d.gradient_norm("h")
        found["gradient of h, first step"] = norms[0].item()
        found["gradient of h, last step"] = norms[-1].item()
    strange = [unusual(d[name], d.lengths) for name in d.names]
    found["not finite"] = float(sum(u.nan + u.inf for u in strange))
    return found


def _share(there: Tensor) -> float:
    return there.float().mean().item() if there.numel() else 0.0


class Health(Tabled):
    """A table with a line for each layer and direction: `print(t.health)`. Its numbers: `t.scalars()`."""

    def __init__(self, directions: Sequence["Direction"]) -> None:
        self._directions = directions

    def _table(self) -> Table:
        header = ("where", f"< {SHUT}", f"> {OPEN}", "dead", "|dh| first, last", "not finite")
        rows = [_row(d) for d in self._directions]
        title = f"health: gates whose numbers are < {SHUT} or > {OPEN}, units that never change, gradients"
        return Table(title, header, rows)


def _row(d: "Direction") -> tuple[str, ...]:
    found = d.scalars()
    shares = {name: share for name, share in found.items() if share >= 0.005}
    gates = [
        " ".join(f"{name[0]} {share:.0%}" for name, share in shares.items() if f" {side} " in name)
        for side in ("below", "above")
    ]
    norms = [norm for name, norm in found.items() if name.startswith("gradient of h")]
    return (
        d.where,
        *(side or "-" for side in gates),
        f"{found['dead units']:.0%}" if "dead units" in found else "",
        ", ".join(f"{norm:.2g}" for norm in norms),
        f"{found['not finite']:.0f}",
    )
