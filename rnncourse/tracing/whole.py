"""A layer's call once more, all steps of a direction at once: what makes tracing affordable.

The loop over time and its backward pass are those of bptt.py, which keep the gates and the states. What they
do not keep needs no loop of matmuls: a pre-activation is one matmul over all steps, since each step's state
is known by then, and so is the gradient of h; the gradient of c is a loop of multiplications alone. The
formulas are those of equations.py, and autograd over those is what the tests hold this against.

Rows (N, ·) and states (B, ·) as in recompute.py.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from rnncourse.bptt import CELLS, Steps, serves
from rnncourse.tracing.equations import Values


@dataclass
class Ran:
    """One layer and direction, run: what went in, what came out, and what the loop kept."""

    mode: str
    steps: Steps
    x: Tensor  # (N, I)
    start: Sequence[Tensor]
    weights: dict[str, Tensor]
    output: Tensor  # (N, H)
    end: list[Tensor]
    kept: list[Tensor]  # bptt's: of an LSTM i f g o, c, q; of a GRU r z n, hh_n

    @property
    def h_prev(self) -> Tensor:
        return self.steps.before(self.start[0], self.output)

    def linear(self, kind: str, v: Tensor) -> Tensor:
        return linear(v, self.weights[f"weight_{kind}"], self.weights.get(f"bias_{kind}"))


def possible(rows: Tensor, start: Sequence[Tensor], weights: dict[str, Tensor]) -> bool:
    """Whether bptt.py serves this call: not under autocast, say."""
    return serves((rows, *start, *weights.values()))


def run(
    mode: str,
    rows: Tensor,
    batch_sizes: Sequence[int],
    reverse: bool,
    start: Sequence[Tensor],
    weights: dict[str, Tensor],
    keep: bool,
) -> Ran:
    """Fold one layer and direction over all steps."""
    steps = Steps(batch_sizes, reverse)
    with np.errstate(all="ignore"):
        output, end, kept = CELLS[mode][0](steps, keep, rows, start, weights)
    return Ran(mode, steps, rows, start, weights, output, end, [v for v in kept if v is not None])


def values(ran: Ran, names: Collection[str]) -> Values:
    """The values of these names, (N, ·) each, with memory of their own."""
    found: Values = {"h": ran.output}
    if "x" in names:
        found["x"] = ran.x.clone()
    wants_a = any(name.startswith("a") for name in names)
    if wants_a:
        ih, hh = ran.linear("ih", ran.x), ran.linear("hh", ran.h_prev)
    if ran.mode == "LSTM":
        gates, cells, q = ran.kept
        found |= dict(zip("ifgo", gates.chunk(4, dim=1), strict=True)) | {"c": cells, "q": q}
        if wants_a:
            found |= dict(zip(("a_i", "a_f", "a_g", "a_o"), (ih + hh).chunk(4, dim=1), strict=True))
    elif ran.mode == "GRU":
        gates, hh_n = ran.kept
        found |= dict(zip("rzn", gates.chunk(3, dim=1), strict=True)) | {"hh_n": hh_n}
        if wants_a:
            ih_rz, ih_n = ih.tensor_split([2 * hh_n.size(1)], dim=1)
            a_r, a_z = (ih_rz + hh[:, : ih_rz.size(1)]).chunk(2, dim=1)
            found |= {"a_r": a_r, "a_z": a_z, "a_n": ih_n + found["r"] * hh_n}
    elif wants_a:
        found["a"] = ih + hh
    return {name: found[name].clone() if found[name]._is_view() else found[name] for name in names}


def gradients(
    ran: Ran, doutput: Tensor, dend: Sequence[Tensor], names: Collection[str]
) -> tuple[Values, Tensor, list[Tensor]]:
    """The values' gradients, (N, ·) each, x's, and the start's, from those of output and of the end."""
    weights, h_prev, (dh_n, *dc_n) = ran.weights, ran.h_prev, dend
    with np.errstate(all="ignore"):
        da, dih_n, dstart, _ = CELLS[ran.mode][1](
            ran.steps, h_prev, ran.start, weights, ran.output, *ran.kept, doutput, *dend
        )
    dih = da if dih_n is None else torch.cat([da[:, : -dih_n.size(1)], dih_n], dim=1)
    dx = dih.mm(weights["weight_ih"])
    found: Values = {"x": dx}
    from_next = da.mm(weights["weight_hh"])  # what a step's h gets from the step after it, in that one's rows
    if ran.mode == "GRU":
        gates, hh_n = ran.kept
        _, z, n = gates.chunk(3, dim=1)
        dh = carried(ran.steps, doutput, dh_n, z, from_next)
        found |= dict(zip(("a_r", "a_z", "a_n"), dih.chunk(3, dim=1), strict=True))
        found |= {"h": dh, "r": dih[:, -n.size(1) :] * hh_n, "z": dh * (h_prev - n), "n": dh * (1 - z)}
        found["hh_n"] = da[:, -n.size(1) :]
    else:
        backward = Steps(ran.steps.sizes, not ran.steps.reverse)  # in it, the step before is the one after
        dh = doutput + backward.before(dh_n, from_next)
        found["h"] = dh
    if ran.mode == "LSTM":
        gates, c, _ = ran.kept
        i, f, g, o = gates.chunk(4, dim=1)
        dq = dh.mm(weights["weight_hr"]) if "weight_hr" in weights else dh
        tanh_c = torch.tanh(c)
        found |= dict(zip(("a_i", "a_f", "a_g", "a_o"), da.chunk(4, dim=1), strict=True))
        found |= {"q": dq, "o": dq * tanh_c}
        if not {"c", "i", "f", "g"}.isdisjoint(names):
            dc = carried(ran.steps, dq * o * (1 - tanh_c**2), dc_n[0], f)
            found |= {"c": dc, "i": dc * g, "f": dc * ran.steps.before(ran.start[1], c), "g": dc * i}
    elif ran.mode != "GRU":
        found["a"] = da
    return (
        {name: found[name].clone() if found[name]._is_view() else found[name] for name in names},
        dx,
        dstart,
    )


def carried(steps: Steps, own: Tensor, end: Tensor, factor: Tensor, more: Tensor | None = None) -> Tensor:
    """d_t = own_t + factor_u d_u + more_u, u the step after t; for a row's last step d_t = own_t + end."""
    carry, total = end.clone(), own.clone()
    factors, mores = steps.rows(factor), steps.rows(more) if more is not None else None
    rows, running = steps.rows(total), steps.running(carry)
    for t in steps.backward:
        rows[t] += running[t]
        torch.mul(rows[t], factors[t], out=running[t])
        if mores is not None:
            running[t] += mores[t]
    return total
