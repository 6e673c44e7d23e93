"""Exercise set 12: the true answers against torch.nn, and honest ways to each task."""

import dataclasses
import random

import pytest
import torch
from honest import edited, ways
from torch import nn

from rnncourse.checks import bidirectional
from rnncourse.checks.bidirectional import faults
from rnncourse.checks.given import bidirectional as given

ORACLES = ways("""
two_ways: torch's layer
    layer = nn.LSTM(x.shape[2], ahead.hidden_size, bidirectional=True, dtype=x.dtype).requires_grad_(False)
    cells = {"_l0": ahead, "_l0_reverse": back}
    layer.load_state_dict({k + end: v for end, cell in cells.items() for k, v in cell.state_dict().items()})
    output, (h_n, c_n) = layer(x)
    return output, h_n, c_n
""")


def lstm(**options):
    return nn.LSTM(3, 4, bidirectional=True, dtype=torch.float64, **options).requires_grad_(False)


def test_seen_says_what_torch_and_autograd_say():
    layer, x = nn.LSTM(10, 20, bidirectional=True), torch.randn(7, 4, 10, requires_grad=True)
    output, _ = layer(x)

    def count(values):
        (gradient,) = torch.autograd.grad(values.sum(), x, retain_graph=True)
        return int(gradient.flatten(1).any(dim=1).sum())

    deep = nn.LSTM(10, 20, num_layers=3, bidirectional=True).requires_grad_(False)
    whole, (h_n, _) = deep(x)
    deep.weight_hh_l1_reverse += 1
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
    layer, one_way = lstm(batch_first=True), nn.LSTM(3, 4, batch_first=True).double().requires_grad_(False)
    names = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
    one_way.load_state_dict({name: getattr(layer, f"{name}_reverse") for name in names})
    x, lengths = torch.randn(4, 6, 3).double(), torch.tensor([3, 6, 2, 5])
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    theirs, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)
    turned = bidirectional.reverse_padded.truth
    ours = turned(one_way(turned(x, lengths))[0], lengths)
    for b, n in enumerate(lengths):
        torch.testing.assert_close(ours[b, :n], theirs[b, :n, 4:])
        assert torch.equal(turned(x, lengths)[b, n:], x[b, n:])


def test_the_published_class_earns_nothing_and_has_the_shapes_of_torch():
    """That is why nobody saw its faults."""
    assert bidirectional.BiLSTM.verdict(given.BiLSTM).points == 0
    output, _ = given.BiLSTM(3, 4)(torch.randn(5, 2, 3))
    assert output.shape == (5, 2, 8)


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


InPlace = edited(  # the published class, repaired where it stands
    given.BiLSTM,
    """
    width = hidden_size if => width = 2 * hidden_size if
    self.add("bias_ih" => bias and self.add("bias_ih"
    self.add("bias_hh" => bias and self.add("bias_hh"
    torch.zeros(shape) => (2 * torch.rand(shape) - 1) * self.hidden_size**-0.5
    - a = a + getattr(self, "bias_ih" + end) + getattr(self, "bias_hh" + end)  # (B, 4H)
    + if self.bias:
    +     a = a + getattr(self, "bias_ih" + end) + getattr(self, "bias_hh" + end)
    def run(self, x, end) => def run(self, x, end, h, c)
    - h = c = x.new_zeros(x.shape[1], self.hidden_size)
    - outputs = []
    + outputs = []
    - if not self.batch_first:
    -     x = x.transpose(0, 1)  # from here on time comes first
    - forward = backward = x
    + x = x.transpose(0, 1) if self.batch_first else x
    + zeros, states = x.new_zeros(2 * self.num_layers, x.shape[1], self.hidden_size), []
    + h_0, c_0 = (zeros, zeros) if hx is None else hx
    - forward, backward = F.dropout(forward, self.dropout), F.dropout(backward, self.dropout)
    + x = F.dropout(x, self.dropout, self.training)
    - forward, h_n, c_n = self.run(forward, f"_l{layer}")
    - backward, _, _ = self.run(backward.flip(0), f"_l{layer}_reverse")
    + k = 2 * layer
    + forward, *ahead = self.run(x, f"_l{layer}", h_0[k], c_0[k])
    + backward, *back = self.run(x.flip(0), f"_l{layer}_reverse", h_0[k + 1], c_0[k + 1])
    + x = torch.cat([forward, backward.flip(0)], dim=-1)
    + states += [ahead, back]
    - output = torch.cat([forward, backward], dim=-1)
    - if not self.batch_first:
    -     output = output.transpose(0, 1)
    - return output, (h_n, c_n)
    + h_n, c_n = (torch.stack(parts) for parts in zip(*states, strict=True))
    + return (x.transpose(0, 1) if self.batch_first else x), (h_n, c_n)
""",
)


HONEST = ways("""
seen: lists
    return {k: list(v) if isinstance(v, tuple) else v for k, v in bidirectional.seen.truth.items()}
seen: torch's sizes, and floats
    answers = bidirectional.seen.truth.items()
    return {k: torch.Size(v) if isinstance(v, tuple) else float(v) for k, v in answers}
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
BiLSTM(DrawnLSTM): with modules for dropout
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options, bidirectional=True)
""")
HONEST["BiLSTM"] += [InPlace]
