"""Exercise set 16: the true answers against torch.nn and autograd, and honest ways to each task."""

import inspect
from collections import Counter

import pytest
import torch
from honest import edited, ways
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from rnncourse.checks import the_whole_layer
from rnncourse.checks.framework.answers import AnswerKey
from rnncourse.checks.framework.judge import judge
from rnncourse.checks.the_whole_layer import forward
from rnncourse.steps import lstm_step

input_part, one_way, backward_loop, after_loop = (
    check.truth for check in the_whole_layer.CHECKS if check.name not in ("counted", "MyLSTM")
)


class Matmuls(TorchDispatchMode):
    """Counts the matmuls within, the sizes of their results, and their multiply-adds."""

    def __init__(self):
        super().__init__()
        self.results, self.work = Counter(), 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function.overloadpacket.__name__ in ("mm", "addmm", "bmm"):
            self.results[tuple(result.shape)] += 1
            self.work += result.numel() * args[-1].shape[-2]  # of one number of the result: a sum of so many
        return result


def test_counted_is_what_torch_does():
    T, B, I, H = 50, 20, 30, 40
    x, h, c = torch.randn(T, B, I), torch.randn(B, H), torch.randn(B, H)
    weight_ih, weight_hh, bias_ih, bias_hh = nn.LSTM(I, H).requires_grad_(False).parameters()
    with Matmuls() as step_by_step:
        state = h, c
        for x_t in x:
            state = lstm_step(x_t, state, weight_ih, weight_hh, bias_ih, bias_hh)
    with Matmuls() as hoisted:
        a = input_part(x, weight_ih, bias_ih, bias_hh)
        gates, output, memory = forward(a, h, c, weight_hh, reverse=False)
    with Matmuls() as backward:
        da, *_ = backward_loop(output, h, c, gates, memory, c, weight_hh, False)
        after_loop(da, x, output, h, weight_ih, False)
    (first_result,) = (size for size, count in hoisted.results.items() if count == 1)
    assert the_whole_layer.counted.truth == {
        "step_by_step": step_by_step.results.total(),
        "hoisted": hoisted.results.total(),
        "first_result": first_result,
        "multiply_adds": hoisted.work,
        "share": I / (I + H),
        "backward": backward.results.total(),
    }


@pytest.mark.parametrize("reverse", [False, True])
def test_the_pieces_together_equal_torch(reverse):
    """Hoisted, looped, and back by hand: outputs and all gradients of one direction of torch.nn.LSTM."""
    T, B, I, H = 5, 3, 2, 4
    lstm = nn.LSTM(I, H).double()
    weight_ih, weight_hh, bias_ih, bias_hh = lstm.parameters()
    shapes = (T, B, I), (1, B, H), (1, B, H)
    x, h_0, c_0 = (torch.randn(shape).double().requires_grad_() for shape in shapes)
    turned = x.flip(0) if reverse else x
    theirs, (h_n, c_n) = lstm(turned, (h_0, c_0))
    theirs = theirs.flip(0) if reverse else theirs
    doutput, dh_n, dc_n = torch.randn(T, B, H).double(), *torch.randn(2, 1, B, H).double()
    wanted = [x, h_0, c_0, weight_ih, weight_hh, bias_ih, bias_hh]
    expected = torch.autograd.grad((theirs, h_n, c_n), wanted, (doutput, dh_n, dc_n))

    with torch.no_grad():
        a = input_part(x, weight_ih, bias_ih, bias_hh)
        found = one_way(a, h_0[0], c_0[0], weight_hh, reverse)
        torch.testing.assert_close(found, (theirs, h_n[0], c_n[0]))
        gates, output, c = forward(a, h_0[0], c_0[0], weight_hh, reverse)
        da, dh_0, dc_0 = backward_loop(doutput, dh_n[0], dc_n[0], gates, c, c_0[0], weight_hh, reverse)
        dx, dweight_ih, dweight_hh, dbias = after_loop(da, x, output, h_0[0], weight_ih, reverse)
    found = dx, dh_0[None], dc_0[None], dweight_ih, dweight_hh, dbias, dbias
    torch.testing.assert_close(found, expected)


def test_the_cases_of_MyLSTM_ask_for_each_option_and_for_chance():
    drawn = set()
    for seed in range(5):
        *fixed, by_chance = (case.arguments for case in inspect.unwrap(the_whole_layer.MyLSTM.cases)(seed))
        drawn.add(str(by_chance["options"]))
        names = {name for case in fixed for name in case["options"]}
        assert names == {"num_layers", "bias", "batch_first", "dropout", "bidirectional"}
    assert len(drawn) > 2


def test_each_property_has_its_own_point():
    """A layer that lacks one feature loses that point, and the two for all together."""
    lacking = {
        "hx ignored": {"hx", "batch_first", "without a batch", "layers", "directions"},
        "batch_first ignored": {"batch_first"},
        "unbatched not known": {"without a batch"},
        "biases always": {"bias=False"},
        "dropout in eval": {"dropout only in training"},
        "both forward": {"directions"},
        "one gradient cut": set(),
        "zero start": {"drawn parameters"},
        "one mask for all steps": {"dropout only in training"},
        "zeros in float32": set(),
    }
    check = the_whole_layer.MyLSTM
    cases = check.cases(0)
    key = AnswerKey(check, cases)
    classes = {mistake.name: mistake.function for mistake in check.mistakes}
    for name, lost in lacking.items():
        earned = judge(key, check.evaluate(classes[name], cases)).earned
        missed = {criterion.words for criterion in check.criteria} - set(earned)
        assert missed == lost | {"all of it together, gradients too"}, name


@pytest.mark.parametrize("new", ["x", "(x, x)", "(x, (None, None))", "(x.detach(), 2 * (x.detach(),))"])
def test_what_is_no_lstm_ends_in_a_sentence(new):
    words = "no gradient flows back" if "detach" in new else "return what nn.LSTM returns"
    old = "(x.transpose(0, 1) if self.batch_first else x), (h_n, c_n)"
    Odd = edited(the_whole_layer._MyLSTM, f"    {old} => {new}")
    check = the_whole_layer.MyLSTM
    (answer,) = check.evaluate(Odd, check.cases(0)[1:2])
    assert answer.failure.kind == "problem"
    assert words in answer.failure.message


HONEST = ways("""
counted: lists and floats
    answers = the_whole_layer.counted.truth.items()
    return {name: list(v) if isinstance(v, tuple) else float(v) for name, v in answers}
counted: rounded
    return the_whole_layer.counted.truth | {"share": 0.43, "first_result": torch.Size((1000, 160))}
input_part: linear
    return F.linear(x, weight_ih, bias_ih + bias_hh)
input_part: rows
    T, B, I = x.shape
    return torch.addmm(bias_ih + bias_hh, x.reshape(T * B, I), weight_ih.t()).view(T, B, -1)
input_part: einsum
    return torch.einsum("tbi,gi->tbg", x, weight_ih) + (bias_ih + bias_hh)
input_part: loop
    return torch.stack([F.linear(x_t, weight_ih, bias_ih) + bias_hh for x_t in x])
one_way: flipped
    if reverse:
        output, h, c = one_way_flipped(a.flip(0), h_0, c_0, weight_hh, False)
        return output.flip(0), h, c
    outputs, h, c = [], h_0, c_0
    for a_t in a:
        a_i, a_f, a_g, a_o = torch.addmm(a_t, h, weight_hh.t()).chunk(4, 1)
        c = c * a_f.sigmoid() + a_i.sigmoid() * a_g.tanh()
        h = c.tanh() * a_o.sigmoid()
        outputs.append(h)
    return torch.stack(outputs), h, c
one_way: numpy
    import numpy as np
    def sigmoid(v):
        return 1 / (1 + np.exp(-v))
    a, h, c, W = (v.numpy() for v in (a, h_0, c_0, weight_hh))
    output = np.empty((len(a), *h.shape))
    for t in range(len(a))[:: -1 if reverse else 1]:
        i, f, g, o = np.split(a[t] + h @ W.T, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = output[t] = sigmoid(o) * np.tanh(c)
    return tuple(map(torch.from_numpy, (output, h, c)))
backward_loop: by factors
    # As in the lesson: the factors for all steps at once; time backward by flips.
    if reverse:
        doutput, gates, c = doutput.flip(0), gates.flip(0), c.flip(0)
        turned = backward_loop_by_factors(doutput, dh_n, dc_n, gates, c, c_0, weight_hh, False)
        return turned[0].flip(0), *turned[1:]
    i, f, g, o = gates.chunk(4, dim=-1)
    before, shown = torch.cat([c_0.unsqueeze(0), c[:-1]]), c.tanh()
    factors = [g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), shown * o * (1 - o)]
    factors, h_to_c = torch.cat(factors, dim=-1), o * (1 - shown * shown)
    da, dh, dc = [], dh_n, dc_n
    for t in range(len(c) - 1, -1, -1):
        dh = dh + doutput[t]
        dc = dc + dh * h_to_c[t]
        da.insert(0, torch.cat([dc, dc, dc, dh], dim=1) * factors[t])
        dh, dc = da[0] @ weight_hh, dc * f[t]
    return torch.stack(da), dh, dc
backward_loop: by neighbours
    T, B, H = c.shape
    i, f, g, o = gates.view(T, B, 4, H).unbind(2)
    da = gates.new_zeros(T, B, 4, H)
    dh, dc, back = dh_n.clone(), dc_n.clone(), (1 if reverse else -1)
    for t in range(T) if reverse else range(T - 1, -1, -1):
        first = t + back in (-1, T)
        kept = c_0 if first else c[t + back]
        dh += doutput[t]
        dc += dh * o[t] / c[t].cosh() ** 2
        da[t, :, 0], da[t, :, 1] = dc * g[t] * (i[t] - i[t] ** 2), dc * kept * (f[t] - f[t] ** 2)
        da[t, :, 2], da[t, :, 3] = dc * i[t] * (1 - g[t] ** 2), dh * c[t].tanh() * (o[t] - o[t] ** 2)
        dh = torch.einsum("bg,gh->bh", da[t].flatten(1), weight_hh)
        dc = dc * f[t]
    return da.flatten(2), dh, dc
after_loop: by einsum
    before = torch.roll(output, -1 if reverse else 1, dims=0)
    before[-1 if reverse else 0] = h_0
    return (torch.einsum("tbg,gi->tbi", da, weight_ih), torch.einsum("tbg,tbi->gi", da, x),
        torch.einsum("tbg,tbh->gh", da, before), da.sum(dim=(0, 1)))
after_loop: by
    h, dx = h_0, torch.empty_like(x)
    dweight_ih, dweight_hh, dbias = 0, 0, 0
    for t in range(len(x))[:: -1 if reverse else 1]:
        dx[t] = da[t] @ weight_ih
        dweight_ih, dweight_hh = dweight_ih + da[t].T @ x[t], dweight_hh + da[t].T @ h
        dbias, h = dbias + da[t].sum(0), output[t]
    return [dx, dweight_ih, dweight_hh, dbias]
MyLSTM(DrawnLSTM): with modules for dropout
    pass
MyLSTM(DrawnLSTM): by hand
    class Sequence(torch.autograd.Function):
        # One direction with its derivative by hand, from the pieces of tasks 2 to 5.
        @staticmethod
        def forward(ctx, x, h_0, c_0, weight_ih, weight_hh, bias, reverse):
            a = F.linear(x, weight_ih, bias)
            kept = [None] * len(a)
            h, c = h_0, c_0
            for t in range(len(a))[:: -1 if reverse else 1]:
                i, f, g, o = (a[t] + h @ weight_hh.T).chunk(4, dim=-1)
                gates = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
                c = gates[1] * c + gates[0] * gates[2]
                h = gates[3] * c.tanh()
                kept[t] = torch.cat(gates, dim=-1), h, c
            gates, output, memory = (torch.stack(v) for v in zip(*kept, strict=True))
            ctx.reverse = reverse
            ctx.save_for_backward(x, h_0, c_0, weight_ih, weight_hh, gates, output, memory)
            return output, h.clone(), c.clone()
        @staticmethod
        def backward(ctx, doutput, dh_n, dc_n):
            x, h_0, c_0, weight_ih, weight_hh, gates, output, c = ctx.saved_tensors
            sent = doutput, dh_n, dc_n, gates, c, c_0, weight_hh, ctx.reverse
            da, dh_0, dc_0 = backward_loop_by_factors(*sent)
            dx, *weights = after_loop_by_einsum(da, x, output, h_0, weight_ih, ctx.reverse)
            return dx, dh_0, dc_0, *weights, None
    def one(self, x, end, state):
        _, weight_hh, bias_hh = self.parts(x, end)
        weight_ih, bias_ih = getattr(self, "weight_ih" + end), getattr(self, "bias_ih" + end, None)
        bias = weight_hh.new_zeros(4 * self.H) if bias_ih is None else bias_ih + bias_hh
        output, *state = self.Sequence.apply(x, *state, weight_ih, weight_hh, bias, False)
        return output, state
""")
