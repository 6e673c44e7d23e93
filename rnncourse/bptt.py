"""The loop over time with its backward pass derived by hand: what makes layers.py fast.

`fold` gives, for one layer and direction, the numbers of a plain loop over the functions of steps.py. Four
ideas make it quick, and each stands in all three cells:

- The input's part of each pre-activation, W_ih x_t + b_ih, reads no state: one matmul makes it for all steps.
- The loop works in place. The state lies in one buffer of B rows, and a step works on the first b_t of them,
  those of the sequences that have a step at t. The others wait for their first step, or keep their last.
- The gradient of a pre-activation is a factor, known before the way back begins, times the gradient of the
  state: da_t = factor_t * dh_t. All steps' factors are made at once; the loop is left with one matmul a step.
- The gradient of a weight is one matmul after the loop, over the rows of all steps.

The derivatives are those of reference.py, where each stands under its formula. Shapes as in layers.py:
x (N, I), output (N, H), states (B, H), one step's rows (b_t, ·); N is the number of rows of all steps.

In the loops v[t] is step t's view of v's memory, (b_t, ·). Matmuls and σ are torch's, on views named v_mm;
all else is NumPy's where it can be: on arrays as small as one step's, its calls cost a third of torch's.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function, forward_ad
from torch.nn.functional import linear

CACHED = 2**17  # numbers of one array at a time, so that those of ten arrays stay in a processor's cache
Array = Any  # one step's rows, a NumPy array or a tensor: the loops use what both have
Values = TypeVar("Values", Tensor, np.ndarray)
State = Sequence[Tensor]  # (h,) or (h, c)
# By the names of a step's arguments; without bias or projection, they are absent.
Weights = Mapping[str, Tensor]
# x, batch_sizes, reverse, state, weights -> output, the final states
Plain = Callable[[Tensor, Sequence[int], bool, State, Weights], tuple[Tensor, State]]


def fold(
    mode: str,
    plain: Plain,
    x: Tensor,
    batch_sizes: Sequence[int],
    reverse: bool,
    state: State,
    weights: Weights,
) -> tuple[Tensor, State]:
    """One layer and direction over all steps: output (N, H) and the final states, (B, ·) each.

    mode: torch.nn's name for the cell. x (N, I) lies step after step, batch_sizes[t] rows for step t; with
    `reverse`, time runs from the last step to the first.
    `plain(x, batch_sizes, reverse, state, weights)` gives the same without a derivative by hand. It takes
    over where `serves` says no, and where the gradient of a gradient is asked for.
    """
    inputs = (x, *state, *weights.values())
    if not serves(inputs):
        return plain(x, batch_sizes, reverse, state, weights)
    keep = torch.is_grad_enabled() and any(v.requires_grad for v in inputs)
    call = _Call(mode, plain, batch_sizes, reverse, len(state), tuple(weights), keep)
    output, *end = _Fold.apply(call, *inputs)  # type: ignore[no-untyped-call]  # torch gives it no types
    return output, end


def serves(inputs: Sequence[Tensor]) -> bool:
    """Whether the derivative by hand serves: not where torch itself must see, or change, each operation.

    That is while torch.compile, torch.export or torch.jit.trace record, under torch.func's transforms,
    forward mode and autocast, for complex numbers, tensors without memory, and classes not torch's own.
    """
    if inputs[0].is_meta:
        return False
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    transformed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    cast = torch.is_autocast_enabled(inputs[0].device.type)
    own = all(type(v) in (Tensor, torch.nn.Parameter) and v.is_floating_point() for v in inputs)
    return own and not (recorded or transformed or cast)


class _Call:
    """One call of `fold`: all that is no tensor, and how the flat inputs of _Fold are to be read."""

    def __init__(
        self,
        mode: str,
        plain: Plain,
        batch_sizes: Sequence[int],
        reverse: bool,
        states: int,
        names: tuple[str, ...],
        keep: bool,
    ) -> None:
        self.forward, self.backward = CELLS[mode]
        self.steps = Steps(batch_sizes, reverse)
        self.plain, self.states, self.names, self.keep = plain, states, names, keep

    def read(self, inputs: Sequence[Tensor]) -> tuple[Tensor, State, Weights]:
        """x, state, weights from (x, *state, *weights)."""
        x, *rest = inputs
        return x, rest[: self.states], dict(zip(self.names, rest[self.states :], strict=True))


class _Fold(Function):
    """What torch's autograd sees: inputs (x, *state, *weights), outputs (output, *end)."""

    @staticmethod
    @np.errstate(all="ignore")  # torch says nothing of an overflow or a nan either
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
        if torch.is_grad_enabled():  # create_graph=True: the gradient itself will be differentiated
            again, end = call.plain(x, call.steps.sizes, call.steps.reverse, state, weights)
            wanted = [v for v, need in zip(inputs, needed, strict=True) if need]
            found = iter(torch.autograd.grad((again, *end), wanted, (doutput, *dend), create_graph=True))
            return None, *(next(found) if need else None for need in needed)
        h = call.steps.before(state[0], output)
        da, dih_n, dstate, dweights = call.backward(
            call.steps, h, state, weights, output, *kept, doutput, *dend
        )
        # of W_hh h + b_hh:  dW_hh = Σ_N da hᵀ,  db_hh = Σ_N da
        dweights |= {"weight_hh": da.t().mm(h), "bias_hh": da.sum(0)}
        if dih_n is not None:
            da[:, -dih_n.size(1) :] = dih_n
        # of W_ih x + b_ih:  dW_ih = Σ_N da xᵀ,  db_ih = Σ_N da,  dx = W_ihᵀ da
        dweights["weight_ih"] = da.t().mm(x)
        dweights["bias_ih"] = dweights["bias_hh"].clone() if dih_n is None else da.sum(0)
        dx = da.mm(weights["weight_ih"]) if needed[0] else None
        return None, dx, *dstate, *(dweights[name] for name in call.names)


class Steps:
    """How rows (N, ·) and states (B, ·) are cut into time steps."""

    def __init__(self, sizes: Sequence[int], reverse: bool) -> None:
        self.sizes, self.reverse = list(sizes), reverse
        self.dense = sizes[0] == sizes[-1]
        time = range(len(sizes))
        self.forward, self.backward = (time[::-1], time) if reverse else (time, time[::-1])

    def rows(self, values: Values) -> list[Values]:
        """For each step its own rows, (b_t, ·), of values (N, ·)."""
        if isinstance(values, Tensor):
            return list(values.split(self.sizes))
        if self.dense:  # the same views, quicker made
            return list(values.reshape(len(self.sizes), self.sizes[0], *values.shape[1:]))
        return [values[end - b : end] for end, b in zip(accumulate(self.sizes), self.sizes, strict=True)]

    def running(self, state: Values) -> list[Values]:
        """For each step the rows, (b_t, ·), of a state (B, ·) that it works on."""
        leading = {b: state[:b] for b in set(self.sizes)}
        return [leading[b] for b in self.sizes]

    def parts(self, width: int) -> Iterator[tuple[slice, range]]:
        """The way back in parts whose rows (·, width) fit a processor's cache: their rows, their steps."""
        length = max(1, CACHED // max(1, width * self.sizes[0]))  # steps in a part
        ends = [0, *accumulate(self.sizes)]
        for start in range(0, len(self.backward), length):
            part = self.backward[start : start + length]
            first, last = sorted((part[0], part[-1]))
            yield slice(ends[first], ends[last + 1]), part

    def before(self, start: Tensor, states: Tensor) -> Tensor:
        """The state before each row's step, (N, ·): of the states after it, (N, ·), and the start, (B, ·)."""
        B = self.sizes[0]
        if self.dense:
            return torch.cat([states[B:], start] if self.reverse else [start, states[:-B]])
        sizes = np.array(self.sizes)
        row, t = np.arange(sizes.sum()), np.repeat(np.arange(len(sizes)), sizes)
        sequence = row - (np.cumsum(sizes) - sizes)[t]  # a row's place in its step
        if self.reverse:
            first, earlier = sequence >= np.append(sizes, 0)[t + 1], row + sizes[t]
        else:
            first, earlier = t == 0, row - sizes[t - 1]
        index = torch.from_numpy(np.where(first, sequence, B + earlier)).to(start.device)
        return torch.cat([start, states]).index_select(0, index)


def in_place(tensor: Tensor) -> Array:
    """The tensor's memory as a NumPy array where there can be one, else the tensor itself."""
    numpy_can = tensor.device.type == "cpu" and tensor.dtype in (torch.float32, torch.float64)
    return tensor.numpy() if numpy_can else tensor


def tanh(a: Array, out: Array) -> None:
    """out = tanh(a). NumPy's is several times quicker than torch's."""
    (torch if isinstance(a, Tensor) else np).tanh(a, out=out)


def relu(a: Array, out: Array) -> None:
    """out = max(0, a)."""
    torch.clamp(a, min=0, out=out) if isinstance(a, Tensor) else np.maximum(a, 0, out=out)


def multiply(a: Array, b: Array, out: Array) -> None:
    """out = a * b."""
    (torch if isinstance(a, Tensor) else np).multiply(a, b, out=out)


def copy_of(state: Tensor) -> Tensor:
    """A copy of a state (B, ·), to be changed in place."""
    return state.detach().clone(memory_format=torch.contiguous_format)


def input_part(x: Tensor, weights: Weights, both_biases: bool = True) -> Tensor:
    """W_ih x + b_ih, with `both_biases` + b_hh, for all steps at once, (N, G*H)."""
    bias = weights.get("bias_ih")
    if both_biases and bias is not None:
        bias = bias + weights["bias_hh"]
    return linear(x, weights["weight_ih"], bias)


def one_minus_square(y: Tensor) -> Tensor:
    """1 - y², which is tanh'(a) where y = tanh(a)."""
    return torch.addcmul(y.new_ones(()), y, y, value=-1)


def times_one_minus_(value: Tensor, y: Tensor) -> None:
    """value = value * (1 - y). Where value = v * y and y = σ(a), that is v * σ'(a)."""
    value.addcmul_(value, y, value=-1)


# The cells. Forward gives the output (N, ·), the final states (B, ·) and, if it is to `keep` it, what else
# the way back needs. Backward is given h (N, H), the state before each row's step, all of forward's, and the
# gradients of its results; with dh_all (N, ·) it leaves each step's dh_t there, for tracing. It gives
# da (N, G*H), the gradient of W_hh h + b_hh and of W_ih x_t + b_ih alike; dih_n (N, H), which stands in for
# the last block of the latter in a GRU, else None; the states' gradients; and those of weights that only
# this cell has.

Results = tuple[Tensor, list[Tensor], list[Tensor | None]]
Gradients = tuple[Tensor, Tensor | None, list[Tensor], dict[str, Tensor]]


def rnn_forward(
    steps: Steps, keep: bool, x: Tensor, state: State, weights: Weights, phi: Callable[..., None]
) -> Results:
    h_n, W_hh = copy_of(state[0]), weights["weight_hh"].t()
    output = input_part(x, weights)  # (N, H): first a, then h_t
    a_mm, h_mm = steps.rows(output), steps.running(h_n)
    a, h = steps.rows(in_place(output)), steps.running(in_place(h_n))
    for t in steps.forward:
        # a = W_ih x_t + b_ih + b_hh + W_hh h
        a_mm[t].addmm_(h_mm[t], W_hh)
        # h = φ(a)
        phi(a[t], out=h[t])
        a[t][:] = h[t]
    return output, [h_n], []


def rnn_backward(
    steps: Steps,
    h: Tensor,
    state: State,
    weights: Weights,
    output: Tensor,
    doutput: Tensor,
    dh_n: Tensor,
    dh_all: Tensor | None = None,
    *,
    dphi: Callable[[Tensor], Tensor],
) -> Gradients:
    W_hh, dh_0 = weights["weight_hh"], copy_of(dh_n)
    dact = dphi(output)  # (N, H): first the factor, φ'(a), then da
    da_mm, dh_mm = steps.rows(dact), steps.running(dh_0)
    da, dh, dout = steps.rows(in_place(dact)), steps.running(in_place(dh_0)), steps.rows(in_place(doutput))
    dh_t = steps.rows(in_place(dh_all)) if dh_all is not None else []
    for t in steps.backward:
        # dh_t = dh (from the step after) + doutput_t
        dh[t] += dout[t]
        if dh_all is not None:
            dh_t[t][:] = dh[t]
        # da = φ'(a) * dh_t
        da[t] *= dh[t]
        # dh = W_hhᵀ da
        torch.mm(da_mm[t], W_hh, out=dh_mm[t])
    return dact, None, [dh_0], {}


def lstm_forward(steps: Steps, keep: bool, x: Tensor, state: State, weights: Weights) -> Results:
    h_n, c_n = map(copy_of, state)
    W_hh, W_hr = weights["weight_hh"].t(), weights.get("weight_hr")
    q_n = (
        h_n if W_hr is None else torch.empty_like(c_n)
    )  # (B, H): q = o * tanh(c_t), which W_hr projects to h
    gates = input_part(x, weights)  # (N, 4H): first a, then i, f, g, o
    output = x.new_empty(len(x), h_n.size(1))  # (N, H) or (N, P): h_t
    shown = output if W_hr is None else x.new_empty(len(x), c_n.size(1))  # (N, H): q
    cells = x.new_empty(len(x), c_n.size(1)) if keep else None  # (N, H): c_t
    a_mm, h_mm, q_mm = steps.rows(gates), steps.running(h_n), steps.running(q_n)
    i, f, g, o = (steps.rows(in_place(block)) for block in gates.chunk(4, dim=1))
    h, c, q, new = (steps.running(in_place(v)) for v in (h_n, c_n, q_n, torch.empty_like(c_n)))
    h_t, q_t = steps.rows(in_place(output)), steps.rows(in_place(shown))
    c_t = steps.rows(in_place(cells)) if cells is not None else []
    for t in steps.forward:
        # a = W_ih x_t + b_ih + b_hh + W_hh h
        a_mm[t].addmm_(h_mm[t], W_hh)
        # g = tanh(a_g);  i, f, o = σ(a_i), σ(a_f), σ(a_o): one call over all four blocks is quicker than two
        tanh(g[t], out=new[t])
        a_mm[t].sigmoid_()
        g[t][:] = new[t]
        # c_t = f * c + i * g
        new[t] *= i[t]
        c[t] *= f[t]
        c[t] += new[t]
        # q = o * tanh(c_t), which is h_t, or is projected to it
        tanh(c[t], out=q[t])
        q[t] *= o[t]
        q_t[t][:] = q[t]
        if W_hr is not None:
            # h_t = W_hr q
            torch.mm(q_mm[t], W_hr.t(), out=h_mm[t])
            h_t[t][:] = h[t]
        if keep:
            c_t[t][:] = c[t]
    return output, [h_n, c_n], [gates, cells, shown]


def lstm_backward(
    steps: Steps,
    h: Tensor,
    state: State,
    weights: Weights,
    output: Tensor,
    gates: Tensor,
    cells: Tensor,
    shown: Tensor,
    doutput: Tensor,
    dh_n: Tensor,
    dc_n: Tensor,
    dh_all: Tensor | None = None,
) -> Gradients:
    dh_0, dc_0, W_hh, W_hr = copy_of(dh_n), copy_of(dc_n), weights["weight_hh"], weights.get("weight_hr")
    dq_0 = dh_0 if W_hr is None else torch.empty_like(dc_0)  # (B, H)
    if W_hr is not None and dh_all is None:
        dh_all = torch.empty_like(output)  # (N, P): each step's dh_t
    da, before = (
        torch.empty_like(gates),
        steps.before(state[1], cells),
    )  # c (N, H): the c before each row's step
    to_c = torch.empty_like(cells)  # (N, H): what leads from dq to dc_t
    da_mm, dh_mm, dq_mm = steps.rows(da), steps.running(dh_0), steps.running(dq_0)
    da_ifg = steps.rows(in_place(da.unflatten(1, (4, -1))[:, :3]))  # (b_t, 3, H)
    dout, da_o, dc_dq, f = (
        steps.rows(in_place(v)) for v in (doutput, da.chunk(4, dim=1)[3], to_c, gates.chunk(4, dim=1)[1])
    )
    dh_t = steps.rows(in_place(dh_all)) if dh_all is not None else []
    dh, dc, dq, new = (steps.running(in_place(v)) for v in (dh_0, dc_0, dq_0, torch.empty_like(dc_0)))
    dc_ifg = steps.running(in_place(dc_0.unsqueeze(1)))  # dc, for three gates at once: (b_t, 1, H)
    for rows, part in steps.parts(cells.size(1)):
        lstm_factors(gates[rows], shown[rows], cells[rows], before[rows], da[rows], to_c[rows])
        for t in part:
            # dh_t = dh (from the step after) + doutput_t
            dh[t] += dout[t]
            if dh_all is not None:
                dh_t[t][:] = dh[t]
            if W_hr is not None:
                # dq = W_hrᵀ dh_t
                torch.mm(dh_mm[t], W_hr, out=dq_mm[t])
            # dc_t = dc (from the step after) + dq * o (1 - tanh²(c_t))
            multiply(dq[t], dc_dq[t], out=new[t])
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
    """The factors of many rows: those of da into da, (·, 4H), that of dq in dc_t into to_c, (·, H)."""
    (i, _, g, o), (da_i, da_f, da_g, da_o) = gates.chunk(4, dim=1), da.chunk(4, dim=1)
    # σ'(a) = σ (1 - σ), for i, f and o
    torch.addcmul(gates, gates, gates, value=-1, out=da)
    # from dc_t:  da_i = g * σ'(a_i),  da_f = c * σ'(a_f),  da_g = i * (1 - g²)
    da_i.mul_(g)
    da_f.mul_(c)
    torch.mul(i, g, out=da_g)
    torch.addcmul(i, da_g, g, value=-1, out=da_g)
    # from dq:  da_o = tanh(c_t) * σ'(a_o),  dc_t = o * (1 - tanh²(c_t)) = o - q * tanh(c_t)
    tanh(in_place(c_t), out=in_place(to_c))
    da_o.mul_(to_c)
    torch.addcmul(o, q, to_c, value=-1, out=to_c)


def gru_forward(steps: Steps, keep: bool, x: Tensor, state: State, weights: Weights) -> Results:
    h_n, W_hh, b_hh = copy_of(state[0]), weights["weight_hh"].t(), weights.get("bias_hh")
    gates = input_part(x, weights, both_biases=False)  # (N, 3H): first ih, then r, z, n
    output = x.new_empty(len(x), h_n.size(1))  # (N, H): h_t
    from_h = torch.empty_like(output) if keep else None  # (N, H): hh_n
    hh = x.new_empty(h_n.size(0), gates.size(1))  # (B, 3H): hh = W_hh h + b_hh of one step
    two_H = 2 * h_n.size(1)
    rz_mm, h_mm, hh_mm = steps.rows(gates[:, :two_H]), steps.running(h_n), steps.running(hh)
    r, z, n = (steps.rows(in_place(block)) for block in gates.chunk(3, dim=1))
    rz, h_t = steps.rows(in_place(gates[:, :two_H])), steps.rows(in_place(output))
    hh_kept = steps.rows(in_place(from_h)) if from_h is not None else []
    h, hh_rz, hh_n = (steps.running(in_place(v)) for v in (h_n, hh[:, :two_H], hh[:, two_H:]))
    for t in steps.forward:
        # hh_k = W_hk h + b_hk  for k = r, z, n
        if b_hh is None:
            torch.mm(h_mm[t], W_hh, out=hh_mm[t])
        else:
            torch.addmm(b_hh, h_mm[t], W_hh, out=hh_mm[t])
        # r, z = σ(ih_r + hh_r), σ(ih_z + hh_z)
        rz[t] += hh_rz[t]
        rz_mm[t].sigmoid_()
        # n = tanh(ih_n + r * hh_n)
        if keep:
            hh_kept[t][:] = hh_n[t]
        hh_n[t] *= r[t]
        n[t] += hh_n[t]
        tanh(n[t], out=n[t])
        # h_t = (1 - z) * n + z * h, as n + z * (h - n)
        h[t] -= n[t]
        h[t] *= z[t]
        h[t] += n[t]
        h_t[t][:] = h[t]
    return output, [h_n], [gates, from_h]


def gru_backward(
    steps: Steps,
    h: Tensor,
    state: State,
    weights: Weights,
    output: Tensor,
    gates: Tensor,
    from_h: Tensor,
    doutput: Tensor,
    dh_n: Tensor,
    dh_all: Tensor | None = None,
) -> Gradients:
    dh_0, W_hh = copy_of(dh_n), weights["weight_hh"]
    r, z, n = gates.chunk(3, dim=1)
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

    dhh_mm, dh_mm = steps.rows(dhh), steps.running(dh_0)
    dhh_rzn = steps.rows(in_place(dhh.unflatten(1, (3, -1))))  # (b_t, 3, H)
    dout, dih, zs = (steps.rows(in_place(v)) for v in (doutput, dih_n, z))
    dh, dh_rzn = steps.running(in_place(dh_0)), steps.running(in_place(dh_0.unsqueeze(1)))
    dh_t = steps.rows(in_place(dh_all)) if dh_all is not None else []
    for t in steps.backward:
        # dh_t = dh (from the step after) + doutput_t
        dh[t] += dout[t]
        if dh_all is not None:
            dh_t[t][:] = dh[t]
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
