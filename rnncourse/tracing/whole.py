"""Compute a layer's call again, all steps of a direction at once: this makes tracing affordable.

The loop over time and its backward pass are those of bptt.py, which save the gates and the states. The other
values need no loop of matmuls: a pre-activation is one matmul over all steps, since each step's state is
known by then, and the gradient of c is a loop of multiplications. The formulas are those of equations.py, and
the tests compare all of it with autograd over the plain equations.

Rows (N, ·) and states (B, ·) are as in recompute.py.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from rnncourse.bptt import CELLS, serves
from rnncourse.rows import Steps
from rnncourse.tracing.equations import GATES, Values


@dataclass
class LayerRun:
    """The run of one layer and direction: its inputs, its results, and what the loop saved."""

    mode: str
    steps: Steps
    x: Tensor  # (N, I)
    initial: Sequence[Tensor]
    weights: dict[str, Tensor]
    output: Tensor  # (N, H)
    final: list[Tensor]
    saved: list[Tensor]  # by bptt.py: i f g o, c, q of an LSTM; r z n, hh_n of a GRU

    @property
    def nbytes(self) -> int:
        """The memory that output and saved values take, in bytes."""
        return sum(tensor.nbytes for tensor in {id(t): t for t in (self.output, *self.saved)}.values())

    def linear(self, kind: str, v: Tensor) -> Tensor:
        """Return W v + b with the weights of this kind, "ih" or "hh"."""
        return linear(v, self.weights[f"weight_{kind}"], self.weights.get(f"bias_{kind}"))


def possible(rows: Tensor, initial: Sequence[Tensor], weights: dict[str, Tensor]) -> bool:
    """Return whether bptt.py can compute this call; under autocast, for example, it cannot."""
    return serves((rows, *initial, *weights.values()))


def run(
    mode: str,
    rows: Tensor,
    batch_sizes: Sequence[int],
    reverse: bool,
    initial: Sequence[Tensor],
    weights: dict[str, Tensor],
    keep: bool,
) -> LayerRun:
    """Run one layer and direction over all steps."""
    steps = Steps(batch_sizes, reverse)
    with np.errstate(all="ignore"):
        output, final, saved = CELLS[mode][0](steps, keep, rows, initial, weights)
    return LayerRun(mode, steps, rows, initial, weights, output, final, [v for v in saved if v is not None])


def values(ran: LayerRun, names: Collection[str]) -> Values:
    """Return the values of these names, (N, ·) each, in memory of their own."""
    found: Values = {"h": ran.output}
    if "x" in names:
        found["x"] = ran.x.clone()
    wants_a = any(name.startswith("a") for name in names)
    if wants_a:
        ih, hh = ran.linear("ih", ran.x), ran.linear("hh", ran.steps.before(ran.initial[0], ran.output))
    if ran.mode == "LSTM":
        gates, cells, q = ran.saved
        found |= dict(zip(GATES["LSTM"], gates.chunk(4, dim=1), strict=True)) | {"c": cells, "q": q}
        if wants_a:
            found |= dict(zip(_a("LSTM"), (ih + hh).chunk(4, dim=1), strict=True))
    elif ran.mode == "GRU":
        gates, hh_n = ran.saved
        found |= dict(zip(GATES["GRU"], gates.chunk(3, dim=1), strict=True)) | {"hh_n": hh_n}
        if wants_a:
            ih_rz, ih_n = ih.tensor_split([2 * hh_n.size(1)], dim=1)
            a_r, a_z = (ih_rz + hh[:, : ih_rz.size(1)]).chunk(2, dim=1)
            found |= {"a_r": a_r, "a_z": a_z, "a_n": ih_n + found["r"] * hh_n}
    elif wants_a:
        found["a"] = ih + hh
    return {name: found[name].clone() if found[name]._is_view() else found[name] for name in names}


def gradients(
    ran: LayerRun, doutput: Tensor, dfinal: Sequence[Tensor], names: Collection[str], needs_dx: bool = True
) -> tuple[Values, Tensor | None, list[Tensor]]:
    """Return the gradients of the values, (N, ·) each, of x, and of the initial states, (B, ·) each.

    Args:
        ran: the run.
        doutput: the gradient of the output, (N, H).
        dfinal: the gradients of the final states, (B, ·) each.
        names: the names of the values.
        needs_dx: whether the gradient of x is needed.
    """
    weights, dh = ran.weights, torch.empty_like(ran.output)
    with np.errstate(all="ignore"):
        after = zip(ran.initial, (ran.output, *ran.saved[1:]), strict=False)  # h and, of an LSTM, c: saved[1]
        h_prev, *_ = before = [ran.steps.before(start, states) for start, states in after]
        own = (ran.output, *ran.saved, doutput)
        da, dih_n, dinitial, _ = CELLS[ran.mode][1](ran.steps, before, weights, own, dfinal, dh)
    dih = da if dih_n is None else torch.cat([da[:, : -dih_n.size(1)], dih_n], dim=1)
    found: Values = {"h": dh}
    dx = dih.mm(weights["weight_ih"]) if needs_dx or "x" in names else None
    if dx is not None:
        found["x"] = dx
    if ran.mode == "LSTM":
        gates, c, _ = ran.saved
        i, f, g, o = gates.chunk(4, dim=1)
        found |= dict(zip(_a("LSTM"), da.chunk(4, dim=1), strict=True))
        if not {"c", "i", "f", "g", "o", "q"}.isdisjoint(names):
            dq = dh.mm(weights["weight_hr"]) if "weight_hr" in weights else dh
            tanh_c = torch.tanh(c)
            dc = dc_of_each_step(ran.steps, dq * o * (1 - tanh_c**2), dfinal[1], f)
            found |= {"q": dq, "o": dq * tanh_c, "c": dc, "i": dc * g, "g": dc * i}
            found["f"] = dc * ran.steps.before(ran.initial[1], c)
    elif ran.mode == "GRU":
        gates, hh_n = ran.saved
        _, z, n = gates.chunk(3, dim=1)
        da_n, dhh_n = (v[:, -n.size(1) :] for v in (dih, da))
        found |= dict(zip(_a("GRU"), dih.chunk(3, dim=1), strict=True))
        found |= {"r": da_n * hh_n, "z": dh * (h_prev - n), "n": dh * (1 - z), "hh_n": dhh_n}
    else:
        found["a"] = da
    return (
        {name: found[name].clone() if found[name]._is_view() else found[name] for name in names},
        dx,
        dinitial,
    )


def _a(mode: str) -> list[str]:
    """Return the names of the gates' pre-activations."""
    return [f"a_{gate}" for gate in GATES[mode]]


def dc_of_each_step(steps: Steps, through_h: Tensor, dc_n: Tensor, f: Tensor) -> Tensor:
    """Return dc_t of each step, (N, H): the part through h_t plus f * dc of the step after, at last dc_n."""
    dc, dc_t = dc_n.clone(), through_h.clone()
    dc_rows, fs, running = steps.rows(dc_t), steps.rows(f), steps.running(dc)
    for t in steps.backward:
        # dc_t = dc (from the step after) + what comes through h_t
        dc_rows[t] += running[t]
        # dc = f * dc_t
        torch.mul(dc_rows[t], fs[t], out=running[t])
    return dc_t
