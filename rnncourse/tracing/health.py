"""Is a layer alive: gates that stand open or shut, units that never change, gradients, nan."""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from rnncourse.tracing.view import Direction

SHUT, OPEN = 0.05, 0.95
FROM_0_TO_1 = ("i", "f", "o", "r", "z")


def scalars(d: "Direction") -> dict[str, float]:
    """Return the numbers that `Direction.scalars` names."""
    found: dict[str, float] = {}
    for name in d.names:
        if name in FROM_0_TO_1:
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


class Unusual(NamedTuple):
    """The numbers of a value that are not finite: how many, and the first step and row, "t=2, b=1"."""

    nan: int
    inf: int
    first: str

    @property
    def words(self) -> str:
        counts = [f"{n} {what}" for n, what in ((self.nan, "nan"), (self.inf, "inf")) if n]
        return f"{', '.join(counts)} from {self.first}" if counts else ""


def unusual(value: Tensor, lengths: Tensor | None, reverse: bool = False) -> Unusual:
    """Count what is not finite in a value (T, B, ·) or (T, ·), the steps behind a sequence's end left out.

    The first is the one that the direction computed first: in reverse the last t.
    """
    nan, inf = value.isnan(), value.isinf()
    if lengths is not None:
        nan &= (torch.arange(len(value))[:, None] < lengths).to(nan.device).unsqueeze(-1)
    steps = (nan | inf).flatten(value.dim() - 1).any(-1).cpu().nonzero().tolist()  # [t, b] or [t] each
    if not steps:
        return Unusual(0, 0, "")
    t = (max if reverse else min)(step[0] for step in steps)
    place = min(step for step in steps if step[0] == t)
    first = ", ".join(f"{name}={index}" for name, index in zip("tb", place, strict=False))
    return Unusual(int(nan.sum()), int(inf.sum()), first)
