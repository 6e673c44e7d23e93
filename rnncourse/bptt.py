"""Run one layer and direction over time, with a backward pass derived by hand: this makes layers.py fast.

If you read it for the first time, begin with the section "The cells": rnn_forward and rnn_backward, then the
LSTM and the GRU. Skip everything above it, which connects the loops to autograd, and skip the LSTM's `joined`
branches, which compute the same `a` in less memory. rows.py cuts a batch into steps.

For one layer and direction, `fold` computes the same numbers as a plain loop over the functions of steps.py.
Four ideas make it quick:

- The input's part of each pre-activation, W_ih x_t + b_ih, does not depend on the state: one matmul computes
  it for all steps.
- The loop works in place. The state is one buffer of B rows, and step t works on the first b_t of them, those
  of the sequences that have a step t. The others wait for their first step or keep their last state.
- The gradient of a pre-activation is the gradient of the state times a factor known before the backward pass:
  da_t = factor_t * dh_t. The factors of many steps are computed at once; the loop has one matmul a step.
- The backward pass works through the steps in parts, the last part first. It uses the da of a part at once:
  one matmul adds the part's rows to the gradient of a weight. So a part stays in the cache, and the whole da
  never exists.

The derivatives are those of reference.py, where each is under its formula. Shapes are as in layers.py: x
(N, I), output (N, H), states (B, H), the rows of one step (b_t, ·); N is the number of rows of all steps.

In the loops, v[t] is step t's view of the memory of v, (b_t, ·). Matmuls and σ are torch's and work on views
named v_mm. Everything else is NumPy's where possible: on arrays as small as those of one step, a call of
NumPy costs a third of a call of torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function, forward_ad
from torch.nn.functional import linear

from rnncourse.rows import Array, Steps, copy_of, in_place, library

State = Sequence[Tensor]  # (h,) or (h, c)
Weights = Mapping[str, Tensor]  # by the names of a step's arguments; biases and projection only if they exist
# (x, sizes, reverse, state, weights) -> (output, final states)
Plain = Callable[[Tensor, Sequence[int], bool, State, Weights], tuple[Tensor, State]]


def fold(
    mode: str, plain: Plain, x: Tensor, sizes: Sequence[int], reverse: bool, state: State, weights: Weights
) -> tuple[Tensor, State]:
    """Run one layer and direction over all steps.

    Args:
        mode: torch.nn's name for the cell: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        plain: computes the same numbers, `plain(x, sizes, reverse, state, weights)`, under autograd. It takes
            over where `serves` says no, and where the gradient of a gradient is needed.
        x: the input (N, I), step after step: sizes[t] rows for step t.
        sizes: the number of rows of each step.
        reverse: whether time runs from the last step to the first.
        state: the initial states, (B, ·) each.
        weights: the weights by the names of the step function's arguments.

    Returns:
        The output (N, H) and the final states, (B, ·) each.
    """
    inputs = (x, *state, *weights.values())
    if not serves(inputs):
        return plain(x, sizes, reverse, state, weights)
    keep = torch.is_grad_enabled() and any(v.requires_grad for v in inputs)
    call = _Call(*CELLS[mode], plain, Steps(sizes, reverse), len(state), tuple(weights), keep)
    output, *end = _Fold.apply(call, *inputs)  # type: ignore[no-untyped-call]  # torch gives it no types
    return output, end


def serves(inputs: Sequence[Tensor]) -> bool:
    """Return whether the hand-written derivative can be used: not where torch must see each operation.

    That is the case while torch.compile, torch.export or torch.jit.trace record; under torch.func's
    transforms, forward mode and autocast; and for complex numbers, tensors without memory, and subclasses of
    Tensor.
    """
    if inputs[0].is_meta:
        return False
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    transformed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    cast = torch.is_autocast_enabled(inputs[0].device.type)
    own = all(type(v) in (Tensor, torch.nn.Parameter) and v.is_floating_point() for v in inputs)
    return own and not (recorded or transformed or cast)


@dataclass
class _Call:
    """One call of `fold`: everything except its tensors, and how to read the flat inputs of _Fold."""

    forward: Callable[..., "Results"]
    backward: Callable[..., "Gradients"]
    plain: Plain
    steps: "Steps"
    states: int
    names: tuple[str, ...]
    keep: bool

    def read(self, inputs: Sequence[Tensor]) -> tuple[Tensor, State, Weights]:
        """Return x, state and weights from the flat (x, *state, *weights)."""
        x, *rest = inputs
        return x, rest[: self.states], dict(zip(self.names, rest[self.states :], strict=True))


class _Fold(Function):
    """The operation that torch's autograd sees: inputs (x, *state, *weights), outputs (output, *end)."""

    @staticmethod
    @np.errstate(all="ignore")  # torch does not warn about an overflow or a nan either
    def forward(ctx: Any, call: _Call, *inputs: Tensor) -> tuple[Tensor, ...]:
        output, end, kept = call.forward(call.steps, call.keep, *call.read(inputs))
        if call.keep:
            ctx.call = call
            ctx.save_for_backward(*inputs, output, *kept)
        return output, *end

    @staticmethod
    @np.errstate(all="ignore")
    def backward(ctx: Any, doutput: Tensor, *dend: Tensor) -> tuple[Tensor | None, ...]:
        call, needed, saved = ctx.call, ctx.needs_input_grad[1:], ctx.saved_tensors
        inputs, (output, *kept) = saved[: len(needed)], saved[len(needed) :]
        x, state, weights = call.read(inputs)
        if torch.is_grad_enabled():  # create_graph=True: the gradient itself is to be differentiated
            again, end = call.plain(x, call.steps.sizes, call.steps.reverse, state, weights)
            wanted = [v for v, need in zip(inputs, needed, strict=True) if need]
            found = iter(torch.autograd.grad((again, *end), wanted, (doutput, *dend), create_graph=True))
            return None, *(next(found) if need else None for need in needed)
        dx = torch.empty_like(x) if needed[0] else None
        dweights: dict[str, Tensor] = {}
        for rows, part in call.steps.parts(output.size(1)):
            after = zip(state, (output, *kept[1:]), strict=False)  # h_t and, of an LSTM, c_t: its kept[1]
            h, *_ = before = [call.steps.before(v_0, v, rows) for v_0, v in after]
            values = [v[rows] for v in (output, *kept, doutput)]
            da, dih_n, dend, more = call.backward(part, before, weights, values, dend)
            # of W_hh h + b_hh:  dW_hh = Σ_N da hᵀ,  db_hh = Σ_N da
            add_product(dweights, "weight_hh", da.t(), h)
            more["bias_hh"] = da.sum(0)
            if dih_n is not None:
                da[:, -dih_n.size(1) :] = dih_n
            more["bias_ih"] = da.sum(0)
            # of W_ih x + b_ih:  dW_ih = Σ_N da xᵀ,  db_ih = Σ_N da,  dx = W_ihᵀ da
            add_product(dweights, "weight_ih", da.t(), x[rows])
            if dx is not None:
                torch.mm(da, weights["weight_ih"], out=dx[rows])
            for name in more.keys() & weights.keys():
                dweights[name] = dweights[name] + more[name] if name in dweights else more[name]
        return None, dx, *dend, *(dweights[name] for name in weights)


def add_product(sums: dict[str, Tensor], name: str, a: Tensor, b: Tensor) -> None:
    """Add the product a b to sums[name]; the first one starts the sum, since filling it with 0 takes time."""
    if name in sums:
        sums[name].addmm_(a, b)
    else:
        sums[name] = a.mm(b)


def tanh(a: Array, out: Array) -> None:
    """Write the tanh of a to `out`. NumPy's is several times quicker than torch's."""
    (torch if isinstance(a, Tensor) else np).tanh(a, out=out)


def relu(a: Array, out: Array) -> None:
    """Write max(0, a) to `out`."""
    torch.clamp(a, min=0, out=out) if isinstance(a, Tensor) else np.maximum(a, 0, out=out)


def input_part(x: Tensor, weights: Weights, both_biases: bool = True) -> Tensor:
    """Return W_ih x + b_ih, and with `both_biases` + b_hh, for all steps at once, (N, G*H)."""
    bias = weights.get("bias_ih")
    if both_biases and bias is not None:
        bias = bias + weights["bias_hh"]
    return linear(x, weights["weight_ih"], bias)


def one_minus_square(y: Tensor) -> Tensor:
    """Return 1 - y², which is tanh'(a) if y = tanh(a)."""
    return torch.addcmul(y.new_ones(()), y, y, value=-1)


def times_one_minus_(value: Tensor, y: Tensor) -> None:
    """Multiply value by 1 - y in place. If value = v * y and y = σ(a), the result is v * σ'(a)."""
    value.addcmul_(value, y, value=-1)


# The cells. Each forward function returns the output (N, ·), the final states (B, ·) and, with `keep`, what
# else the backward pass needs. Each backward function takes the states before each row's step (N, ·), the
# results of forward, and their gradients. If it is given dh_all (N, ·), it writes each step's dh_t there, for
# tracing. It returns
# - da (N, G*H), the gradient of W_hh h + b_hh and also of W_ih x_t + b_ih;
# - dih_n (N, H), which in a GRU replaces the last block of the latter, otherwise None;
# - the gradients of the states;
# - the gradients of the weights that only this cell has.
# It treats a part of the steps as a shorter sequence, whose final states are the next part's initial ones.

Results = tuple[Tensor, list[Tensor], list[Tensor | None]]
Gradients = tuple[Tensor, Tensor | None, list[Tensor], dict[str, Tensor]]


def rnn_forward(
    steps: Steps, keep: bool, x: Tensor, state: State, weights: Weights, phi: Callable[..., None]
) -> Results:
    """Run a simple RNN over all steps; φ writes φ(a) to its argument `out`."""
    h_n, W_hh = copy_of(state[0]), weights["weight_hh"].t()
    output = input_part(x, weights)  # (N, H): first a, then h_t
    a_mm, h_mm = steps.rows(output), steps.running(h_n)
    a, h = steps.rows(in_place(output)), steps.running(in_place(h_n))
    for t in steps.forward:
        # a = W_ih x_t + b_ih + b_hh + W_hh h
        a_mm[t].addmm_(h_mm[t], W_hh)
        # h = φ(a)
        phi(a[t], out=h[t])
        a[t][...] = h[t]
    return output, [h_n], []


def rnn_backward(
    steps: Steps,
    before: State,
    weights: Weights,
    values: State,
    dend: State,
    dh_all: Tensor | None = None,
    *,
    dphi: Callable[[Tensor], Tensor],
) -> Gradients:
    """Return the gradients of `rnn_forward`; dphi(h_t) is φ'(a)."""
    (output, doutput), W_hh, dh_0 = values, weights["weight_hh"], copy_of(dend[0])
    dact = dphi(output)  # (N, H): first the factor, φ'(a), then da
    da_mm, dh_mm = steps.rows(dact), steps.running(dh_0)
    da, dh, dout = steps.rows(in_place(dact)), steps.running(in_place(dh_0)), steps.rows(in_place(doutput))
    dh_t = steps.rows(in_place(dh_all)) if dh_all is not None else []
    for t in steps.backward:
        # dh_t = dh (from the step after) + doutput_t
        dh[t] += dout[t]
        if dh_all is not None:
            dh_t[t][...] = dh[t]
        # da = φ'(a) * dh_t
        da[t] *= dh[t]
        # dh = W_hhᵀ da
        torch.mm(da_mm[t], W_hh, out=dh_mm[t])
    return dact, None, [dh_0], {}


def lstm_forward(steps: Steps, keep: bool, x: Tensor, state: State, weights: Weights) -> Results:
    """Run an LSTM, with or without a projection, over all steps."""
    (h_n, c_n), W_hr, xp = map(copy_of, state), weights.get("weight_hr"), library(x)
    (B, P), H, (N, I) = h_n.shape, c_n.size(1), x.shape
    output = x.new_empty(N, P)  # (N, H) or (N, P): h_t
    shown = output if W_hr is None else x.new_empty(N, H)  # (N, H): q = o * tanh(c_t), which W_hr projects
    cells = x.new_empty(N, H) if keep else None  # (N, H): c_t
    # One matmul over [x_t, h, 1] needs no (N, 4H) but a copy of the weights: not for one row, or for few.
    joined = not keep and B > 1 and N > I + P
    if joined:
        xh, W = side_by_side(x, h_n, weights)
        h_n, gates = xh[:, I : I + P], x.new_empty(4, B, H)  # a, then i, f, g, o of one step
        x_in, x_t = steps.running(in_place(xh[:, :I])), steps.rows(in_place(x.detach()))
        xh_mm, a_mm = steps.running(xh.expand(4, -1, -1), axis=1), steps.running(gates, axis=1)
        i, f, g, o = (steps.running(in_place(block)) for block in gates)
    else:
        gates, W = input_part(x, weights), weights["weight_hh"].t()  # (N, 4H): first a, then i, f, g, o
        h_mm, a_mm = steps.running(h_n), steps.rows(gates)
        i, f, g, o = (steps.rows(in_place(block)) for block in gates.chunk(4, dim=1))
    h, c, new = (steps.running(in_place(v)) for v in (h_n, c_n, torch.empty_like(c_n)))
    h_t, q = (steps.rows(in_place(v)) for v in (output, shown))
    c_t = steps.rows(in_place(cells)) if cells is not None else []
    h_t_mm, q_mm = (steps.rows(v) if W_hr is not None else [] for v in (output, shown))
    for t in steps.forward:
        # a = W_ih x_t + b_ih + b_hh + W_hh h
        if joined:
            x_in[t][...] = x_t[t]
            torch.bmm(xh_mm[t], W, out=a_mm[t])
        else:
            a_mm[t].addmm_(h_mm[t], W)
        # g = tanh(a_g);  i, f, o = σ(a_i), σ(a_f), σ(a_o). One call over all four blocks is quicker than two.
        xp.tanh(g[t], out=new[t])
        a_mm[t].sigmoid_()
        if keep:
            g[t][...] = new[t]
        # c_t = f * c + i * g
        new[t] *= i[t]
        c[t] *= f[t]
        c[t] += new[t]
        # q = o * tanh(c_t), which is h_t or is projected to h_t
        xp.tanh(c[t], out=new[t])
        xp.multiply(o[t], new[t], out=q[t])
        if W_hr is not None:
            # h_t = W_hr q
            torch.mm(q_mm[t], W_hr.t(), out=h_t_mm[t])
        h[t][...] = h_t[t]
        if keep:
            c_t[t][...] = c[t]
    return output, [h_n.contiguous(), c_n], [gates, cells, shown]


def side_by_side(x: Tensor, h_0: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """Return [x_t, h, 1] of one step, (B, I+P+1), and [W_ih, W_hh, b]ᵀ of each gate, (4, I+P+1, H).

    x_t has room in it, to be filled at each step. One torch.bmm of the two gives all gates, each of them
    contiguous. With two threads, each computes two gates.
    """
    W_ih, W_hh, bias = weights["weight_ih"], weights["weight_hh"], weights.get("bias_ih")
    b = x.new_zeros(len(W_ih)) if bias is None else bias + weights["bias_hh"]
    xh = torch.cat([x[: len(h_0)], h_0, x.new_ones(len(h_0), 1)], dim=1)
    return xh, torch.cat([W_ih, W_hh, b.unsqueeze(1)], dim=1).unflatten(0, (4, -1)).mT


def lstm_backward(
    steps: Steps, before: State, weights: Weights, values: State, dend: State, dh_all: Tensor | None = None
) -> Gradients:
    """Return the gradients of `lstm_forward`."""
    (output, gates, cells, shown, doutput), (dh_0, dc_0) = values, map(copy_of, dend)
    W_hh, W_hr, xp = weights["weight_hh"], weights.get("weight_hr"), library(output)
    dq_0 = dh_0 if W_hr is None else torch.empty_like(dc_0)  # (B, H)
    if W_hr is not None and dh_all is None:
        dh_all = torch.empty_like(output)  # (N, P): each step's dh_t
    da, to_c = torch.empty_like(gates), torch.empty_like(cells)  # first the factors
    lstm_factors(gates, shown, cells, before[1], da, to_c)
    dh_mm, dq_mm, dc_ifg = (steps.running(v) for v in (dh_0, dq_0, in_place(dc_0.unsqueeze(1))))
    da_mm, da_ifg = steps.rows(da), steps.rows(in_place(da.unflatten(1, (4, -1))[:, :3]))  # (b_t, 3, H)
    own = (doutput, da.chunk(4, dim=1)[3], to_c, gates.chunk(4, dim=1)[1])
    dout, da_o, dc_dq, f = (steps.rows(in_place(v)) for v in own)
    dh_t = steps.rows(in_place(dh_all)) if dh_all is not None else []
    dh, dc, dq, new = (steps.running(in_place(v)) for v in (dh_0, dc_0, dq_0, torch.empty_like(dc_0)))
    for t in steps.backward:
        # dh_t = dh (from the step after) + doutput_t
        dh[t] += dout[t]
        if dh_all is not None:
            dh_t[t][...] = dh[t]
        if W_hr is not None:
            # dq = W_hrᵀ dh_t
            torch.mm(dh_mm[t], W_hr, out=dq_mm[t])
        # dc_t = dc (from the step after) + dq * o (1 - tanh²(c_t))
        xp.multiply(dq[t], dc_dq[t], out=new[t])
        dc[t] += new[t]
        # da_i, da_f, da_g = their factors * dc_t;  da_o = its factor * dq
        da_ifg[t] *= dc_ifg[t]
        da_o[t] *= dq[t]
        # dc = f * dc_t
        dc[t] *= f[t]
        # dh = W_hhᵀ da
        torch.mm(da_mm[t], W_hh, out=dh_mm[t])
    # dW_hr = Σ_N dh_t qᵀ
    dweights = {"weight_hr": dh_all.t().mm(shown)} if W_hr is not None and dh_all is not None else {}
    return da, None, [dh_0, dc_0], dweights


def lstm_factors(gates: Tensor, q: Tensor, c_t: Tensor, c: Tensor, da: Tensor, to_c: Tensor) -> None:
    """Compute the factors of many rows: da gets those of da, (·, 4H), to_c that of dq in dc_t, (·, H)."""
    (i, _, g, o), (da_i, da_f, da_g, da_o) = gates.chunk(4, dim=1), da.chunk(4, dim=1)
    # σ'(a) = σ (1 - σ), for i, f and o
    torch.addcmul(gates, gates, gates, value=-1, out=da)
    # from dc_t:  da_i = g * σ'(a_i),  da_f = c * σ'(a_f),  da_g = i * (1 - g²)
    da_i.mul_(g)
    da_f.mul_(c)
    torch.mul(i, g, out=da_g)
    torch.addcmul(i, da_g, g, value=-1, out=da_g)
    # from dq:  da_o = tanh(c_t) * σ'(a_o),  dc_t = o * (1 - tanh²(c_t)) = o - q * tanh(c_t)
    library(c_t).tanh(in_place(c_t), out=in_place(to_c))
    da_o.mul_(to_c)
    torch.addcmul(o, q, to_c, value=-1, out=to_c)


def gru_forward(steps: Steps, keep: bool, x: Tensor, state: State, weights: Weights) -> Results:
    """Run a GRU over all steps."""
    h_n, xp = copy_of(state[0]), library(x)
    B, H = h_n.shape
    W_hh = weights["weight_hh"].unflatten(0, (3, H)).mT  # (3, H, H): each gate's
    b_hh = weights.get("bias_hh", x.new_zeros(3 * H)).view(3, 1, H)
    gates = input_part(x, weights, both_biases=False)  # (N, 3H): first ih, then r, z, n
    output = x.new_empty(len(x), H)  # (N, H): h_t
    from_h = torch.empty_like(output) if keep else None  # (N, H): hh_n
    ih, hh = gates.unflatten(1, (3, H)), x.new_empty(3, B, H)  # hh = W_hh h + b_hh of one step, then r, z, n
    h_mm, hh_mm = steps.running(h_n.expand(3, -1, -1), axis=1), steps.running(hh, axis=1)
    rz_mm, rz = steps.running(hh[:2], axis=1), steps.running(in_place(hh[:2].transpose(0, 1)))
    h, r, z, n = (steps.running(in_place(v)) for v in (h_n, *hh))
    rzn, rzn_t = steps.running(in_place(hh.transpose(0, 1))), steps.rows(in_place(ih))
    ih_rz, ih_n, h_t = (steps.rows(in_place(v)) for v in (ih[:, :2], ih[:, 2], output))
    hh_n = steps.rows(in_place(from_h)) if from_h is not None else []
    for t in steps.forward:
        # hh_k = W_hk h + b_hk  for k = r, z, n
        torch.baddbmm(b_hh, h_mm[t], W_hh, out=hh_mm[t])
        # r, z = σ(ih_r + hh_r), σ(ih_z + hh_z)
        rz[t] += ih_rz[t]
        rz_mm[t].sigmoid_()
        # n = tanh(ih_n + r * hh_n)
        if keep:
            hh_n[t][...] = n[t]
        n[t] *= r[t]
        n[t] += ih_n[t]
        xp.tanh(n[t], out=n[t])
        if keep:
            rzn_t[t][...] = rzn[t]
        # h_t = (1 - z) * n + z * h, as n + z * (h - n)
        h[t] -= n[t]
        h[t] *= z[t]
        h[t] += n[t]
        h_t[t][...] = h[t]
    return output, [h_n], [gates, from_h]


def gru_backward(
    steps: Steps, before: State, weights: Weights, values: State, dend: State, dh_all: Tensor | None = None
) -> Gradients:
    """Return the gradients of `gru_forward`."""
    (_, gates, from_h, doutput), (h,), W_hh = values, before, weights["weight_hh"]
    dh_0, (r, z, n) = copy_of(dend[0]), gates.chunk(3, dim=1)
    # ih_n = (1 - z) * (1 - n²)
    dih_n = one_minus_square(n)  # (N, H): first the factor
    times_one_minus_(dih_n, z)
    dhh = torch.empty_like(gates)  # (N, 3H): first the factors, then dhh, which for r and z is dih as well
    dhh_r, dhh_z, dhh_n = dhh.chunk(3, dim=1)
    # hh_n = ih_n * r,  r = ih_n * hh_n * r (1 - r),  z = (h - n) * z (1 - z)
    torch.mul(dih_n, r, out=dhh_n)
    torch.mul(dhh_n, from_h, out=dhh_r)
    times_one_minus_(dhh_r, r)
    torch.sub(h, n, out=dhh_z).mul_(z)
    times_one_minus_(dhh_z, z)
    dhh_mm, dhh_rzn = steps.rows(dhh), steps.rows(in_place(dhh.unflatten(1, (3, -1))))  # (b_t, 3, H)
    dh_mm, dh, dh_rzn = (steps.running(v) for v in (dh_0, in_place(dh_0), in_place(dh_0.unsqueeze(1))))
    dout, dih, zs = (steps.rows(in_place(v)) for v in (doutput, dih_n, z))
    dh_t = steps.rows(in_place(dh_all)) if dh_all is not None else []
    for t in steps.backward:
        # dh_t = dh (from the step after) + doutput_t
        dh[t] += dout[t]
        if dh_all is not None:
            dh_t[t][...] = dh[t]
        # dhh_r, dhh_z, dhh_n, dih_n = their factors * dh_t
        dhh_rzn[t] *= dh_rzn[t]
        dih[t] *= dh[t]
        # dh = z * dh_t + W_hhᵀ dhh
        dh[t] *= zs[t]
        dh_mm[t].addmm_(dhh_mm[t], W_hh)
    return dhh, dih_n, [dh_0], {}


CELLS: dict[str, tuple[Callable[..., Results], Callable[..., Gradients]]] = {
    "RNN_TANH": (partial(rnn_forward, phi=tanh), partial(rnn_backward, dphi=one_minus_square)),
    "RNN_RELU": (partial(rnn_forward, phi=relu), partial(rnn_backward, dphi=lambda y: (y > 0).to(y.dtype))),
    "LSTM": (lstm_forward, lstm_backward),
    "GRU": (gru_forward, gru_backward),
}
