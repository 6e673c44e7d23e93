"""Exercise set 12: the true answers against torch.nn, and honest ways to each task."""

import dataclasses
import random

import pytest
import torch
import torch.nn.functional as F
from honest import ways
from torch import nn

from rnncourse.checks import bidirectional
from rnncourse.checks.bidirectional import faults
from rnncourse.checks.framework.notation import Entry
from rnncourse.checks.given import bidirectional as given
from rnncourse.checks.uses.bidirectional import load_set_and_call


def lstm(**options):
    return nn.LSTM(3, 4, bidirectional=True, **options).double().requires_grad_(False)


def test_seen_says_what_torch_and_autograd_say():
    layer, x = nn.LSTM(10, 20, bidirectional=True), torch.randn(7, 4, 10, requires_grad=True)
    output, _ = layer(x)

    def count(values):
        (gradient,) = torch.autograd.grad(values.sum(), x, retain_graph=True)
        return int(gradient.flatten(1).any(dim=1).sum())

    deep = nn.LSTM(10, 20, num_layers=3, bidirectional=True)
    whole, (h_n, _) = deep(x)
    changed = deep.weight_hh_l1_reverse.detach() + 1
    (h_n_changed,) = {k: v for k, v in deep.state_dict().items() if k == "weight_hh_l1_reverse"}
    deep.load_state_dict(deep.state_dict() | {h_n_changed: changed})
    moved = (deep(x)[1][0] != h_n).flatten(1).any(dim=1)
    assert (
        bidirectional.seen.truth
        == {
            "forward_half": count(output[2, :, :20]),
            "backward_half": count(output[2, :, 20:]),
            "last_backward": count(output[-1, :, 20:]),
            "row": int(moved.nonzero()[0]),  # the first row that layer 1's backward weights change
            "step": next(t for t in range(7) if torch.equal(whole[t, :, 20:], h_n[5])),
            "h_n": tuple(h_n.shape),
            "weight_ih_l2": tuple(deep.weight_ih_l2.shape),
            "output": tuple(whole.shape),
        }
    )


def test_both_ends_and_merged_equal_the_states_of_torch():
    output, (h_n, _) = lstm(num_layers=2)(torch.randn(5, 2, 3).double())
    ends = torch.cat([h_n[-2], h_n[-1]], dim=-1)
    assert torch.equal(bidirectional.both_ends.truth(output), ends)
    merged = bidirectional.merged.truth(h_n)
    assert torch.equal(merged[1], ends)
    assert torch.equal(merged, h_n.view(2, 2, 2, 4).transpose(1, 2).reshape(2, 2, 8))


def test_reverse_padded_is_what_torch_reads_backward():
    layer = lstm(batch_first=True)
    one_way = nn.LSTM(3, 4, batch_first=True).double().requires_grad_(False)
    names = "weight_ih", "weight_hh", "bias_ih", "bias_hh"
    one_way.load_state_dict({f"{name}_l0": getattr(layer, f"{name}_l0_reverse") for name in names})
    x, lengths = torch.randn(4, 6, 3).double(), torch.tensor([3, 6, 2, 5])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    theirs, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)
    turned = bidirectional.reverse_padded.truth
    ours = turned(one_way(turned(x, lengths))[0], lengths)
    for b, n in enumerate(lengths):
        torch.testing.assert_close(ours[b, :n], theirs[b, :n, 4:])
        assert torch.equal(turned(x, lengths)[b, n:], x[b, n:])


def test_two_ways_equals_torch():
    for case in bidirectional.two_ways.cases(0):
        x, ahead, back = case.arguments.values()
        layer = nn.LSTM(case.sizes["I"], case.sizes["H"], bidirectional=True).double().requires_grad_(False)
        names = {"_l0": ahead, "_l0_reverse": back}
        layer.load_state_dict({k + end: v for end, cell in names.items() for k, v in cell.parameters.items()})
        output, (h_n, c_n) = layer(x)
        found = bidirectional.two_ways.truth(x, ahead.build(), back.build())
        torch.testing.assert_close(found, (output, h_n, c_n))


ALONE, ALL_FROM = ([how(1 << k) for k in range(8)] for how in (int, lambda bit: 256 - bit))


@pytest.mark.parametrize("left", [*ALONE, *ALL_FROM[1:-1], "drawn"])
def test_the_first_fault_that_is_left_is_told(left, run_number):
    """In the order of the lesson, whichever are repaired; what stands before it keeps its points."""
    check = bidirectional.BiLSTM
    left = random.Random(run_number).randrange(1, 255) if left == "drawn" else left
    remain = [fault for k, fault in enumerate(faults) if left >> k & 1]
    changes = [change for fault in remain for change in fault.changes]
    wrong = dataclasses.replace(remain[0], changes=changes).edited(bidirectional._BiLSTM)
    verdict = check.verdict(wrong, run_number)
    assert remain[0].hint in str(verdict), bin(left)
    first = faults.index(remain[0])
    assert set(verdict.earned).isdisjoint({check.criteria[first].words, check.criteria[-1].words})
    assert set(verdict.earned) >= {criterion.words for criterion in check.criteria[:first]}


def test_the_published_class_has_the_shapes_of_torch():
    """That is why nobody saw its faults."""
    output, _ = given.BiLSTM(3, 4)(torch.randn(5, 2, 3))
    assert output.shape == (5, 2, 8)


def test_dropout_of_torch_between_layers_is_in_the_cases():
    case = next(case for case in bidirectional.BiLSTM.cases(0) if case.arguments["train"])
    trained, _ = load_set_and_call.run(bidirectional.BiLSTM.truth, case.arguments)
    still, _ = load_set_and_call.run(bidirectional.BiLSTM.truth, case.arguments | {"train": False})
    assert not torch.allclose(trained, still)


class HoistedInput(nn.Module):
    """All steps' input products in one matmul, torch's initialisation, modules for dropout."""

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0):
        super().__init__()
        self.H, self.L, self.bias, self.batch_first = hidden_size, num_layers, bias, batch_first
        self.between = nn.Dropout(dropout)
        template = nn.LSTM(input_size, hidden_size, num_layers, bias, bidirectional=True)
        for name, parameter in template.named_parameters():
            setattr(self, name, nn.Parameter(parameter.detach().clone()))

    def one_direction(self, x, end, state, steps):
        h, c = state
        a = F.linear(x, getattr(self, f"weight_ih{end}"), getattr(self, f"bias_ih{end}", None))
        outputs = [None] * len(x)
        for t in steps:
            recurrent = F.linear(h, getattr(self, f"weight_hh{end}"), getattr(self, f"bias_hh{end}", None))
            i, f, g, o = (a[t] + recurrent).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = outputs[t] = o.sigmoid() * c.tanh()
        return torch.stack(outputs), (h, c)

    def forward(self, input, hx=None):
        x = input.transpose(0, 1) if self.batch_first else input
        T, B, _ = x.shape
        if hx is None:
            hx = [x.new_zeros(2 * self.L, B, self.H) for _ in range(2)]
        rows = list(zip(*hx, strict=True))
        ends = []
        for layer in range(self.L):
            x = self.between(x) if layer else x
            ahead, s = self.one_direction(x, f"_l{layer}", rows[2 * layer], range(T))
            back, r = self.one_direction(x, f"_l{layer}_reverse", rows[2 * layer + 1], reversed(range(T)))
            ends += [s, r]
            x = torch.cat((ahead, back), 2)
        output = x.transpose(0, 1) if self.batch_first else x
        return output, tuple(torch.stack(state) for state in zip(*ends, strict=True))


def edited(truth, *old_new):
    changes = list(zip(old_new[::2], old_new[1::2], strict=True))
    return Entry("edited", "", "", "here", changes=changes).edited(truth)


InPlace = edited(  # the published class, repaired where it stands
    given.BiLSTM,
    *("width = hidden_size", "width = 2 * hidden_size"),
    *('self.add("bias_ih" + end, 4 * hidden_size)', 'bias and self.add("bias_ih" + end, 4 * hidden_size)'),
    *('self.add("bias_hh" + end, 4 * hidden_size)', 'bias and self.add("bias_hh" + end, 4 * hidden_size)'),
    *("        a = a + getattr", "        if self.bias:\n            a = a + getattr"),
    *("def run(self, x, end)", "def run(self, x, end, state)"),
    *("h = c = x.new_zeros(x.shape[1], self.hidden_size)", "h, c = state"),
    *("torch.zeros(shape)", "(2 * torch.rand(shape) - 1) * self.hidden_size**-0.5"),
    *("if not self.batch_first:\n            x =", "if self.batch_first:\n            x ="),
    *("if not self.batch_first:\n            output", "if self.batch_first:\n            output"),
    *("        forward = backward = x", "        all_h, all_c = [], []"),
    *(
        "forward, backward = F.dropout(forward, self.dropout), F.dropout(backward, self.dropout)",
        "x = F.dropout(x, self.dropout, self.training)",
    ),
    *(
        'forward, h_n, c_n = self.run(forward, f"_l{layer}")',
        """k, start = 2 * layer, x.new_zeros(x.shape[1], self.hidden_size)
            first = (start, start) if hx is None else (hx[0][k], hx[1][k])
            forward, h, c = self.run(x, f"_l{layer}", first)""",
    ),
    *(
        'backward, _, _ = self.run(backward.flip(0), f"_l{layer}_reverse")',
        """first = (start, start) if hx is None else (hx[0][k + 1], hx[1][k + 1])
            backward, h_back, c_back = self.run(x.flip(0), f"_l{layer}_reverse", first)
            x = torch.cat([forward, backward.flip(0)], dim=-1)
            all_h += [h, h_back]
            all_c += [c, c_back]""",
    ),
    *("output = torch.cat([forward, backward], dim=-1)", "output = x"),
    *("(h_n, c_n)", "(torch.stack(all_h), torch.stack(all_c))"),
)

SEEN = bidirectional.seen.truth
HONEST = ways("""
both_ends: split
    forward, backward = output.chunk(2, dim=-1)
    return torch.hstack([forward[-1], backward[0]])
both_ends: numpy
    T, B, _ = output.shape
    halves = output.numpy().reshape(T, B, 2, -1)
    return torch.from_numpy(np.concatenate([halves[-1, :, 0], halves[0, :, 1]], axis=1))
merged: view
    rows, B, H = h_n.shape
    return h_n.view(rows // 2, 2, B, H).transpose(1, 2).reshape(rows // 2, B, 2 * H)
merged: loop
    return torch.stack([torch.cat([h_n[2 * k], h_n[2 * k + 1]], -1) for k in range(len(h_n) // 2)])
merged: einops like
    return h_n.unflatten(0, (-1, 2)).permute(0, 2, 1, 3).flatten(2)
reverse_padded: gather
    t = torch.arange(x.shape[1])
    index = torch.where(t < lengths[:, None], lengths[:, None] - 1 - t, t)
    return x.gather(1, index[..., None].expand_as(x))
reverse_padded: indexed
    T = x.shape[1]
    index = [[*range(n - 1, -1, -1), *range(n, T)] for n in lengths.tolist()]
    return x[torch.arange(len(x))[:, None], torch.tensor(index)]
reverse_padded: cat
    return torch.stack([torch.cat([row[:n].flip(0), row[n:]]) for row, n in zip(x, lengths, strict=True)])
two_ways: loops
    T, B, _ = x.shape
    H = ahead.hidden_size
    output = torch.empty(T, B, 2 * H, dtype=x.dtype)
    h, c = torch.zeros(2, 2, B, H, dtype=x.dtype)
    ends_h, ends_c = [], []
    for d, (cell, steps) in enumerate(((ahead, range(T)), (back, range(T - 1, -1, -1)))):
        state = h[d], c[d]
        for t in steps:
            state = cell(x[t], state)
            output[t, :, d * H : (d + 1) * H] = state[0]
        ends_h.append(state[0])
        ends_c.append(state[1])
    return output, torch.stack(ends_h), torch.stack(ends_c)
two_ways: lists
    forward, backward, s, r = [], [], None, None
    for t in range(len(x)):
        s, r = ahead(x[t], s), back(x[-1 - t], r)
        forward.append(s[0])
        backward.insert(0, r[0])
    output = torch.cat([torch.stack(forward), torch.stack(backward)], dim=2)
    return [output, torch.stack([s[0], r[0]]), torch.stack([s[1], r[1]])]
""")
HONEST["seen"] += [
    lambda: {name: list(v) if isinstance(v, tuple) else v for name, v in SEEN.items()},
    lambda: {name: torch.Size(v) if isinstance(v, tuple) else float(v) for name, v in SEEN.items()},
]
HONEST["BiLSTM"] += [InPlace, HoistedInput]
