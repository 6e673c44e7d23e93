"""Exercise set 13: the true answers against torch.nn, and honest ways to each task."""

import pytest
import torch
from honest import ways
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.checks import padding_and_packing as check
from rnncourse.checks.padding_and_packing import padding, some_lengths

ORACLES = ways("""
batch_sizes: torch's
    zeros = [torch.zeros(n, 1) for n in lengths]
    return nn.utils.rnn.pack_sequence(zeros, enforce_sorted=False).batch_sizes
pack: torch's
    return tuple(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))
pack: below
    order = lengths.argsort(descending=True)
    data, sizes = torch._pack_padded_sequence(x[order], lengths[order], True)
    return data, sizes, order, order.argsort()
unpack: torch's
    order = unsorted_indices.argsort()
    packed = nn.utils.rnn.PackedSequence(data, batch_sizes, order, unsorted_indices)
    return pad_packed_sequence(packed, batch_first=True, total_length=total_length)
run_packed: torch's layer
    order = unsorted_indices.argsort()
    packed = nn.utils.rnn.PackedSequence(data, batch_sizes, order, unsorted_indices)
    output, (h_n, c_n) = torch_layer(nn.LSTM, [cell])(packed, tuple(s[None] for s in state))
    return output.data, h_n[0], c_n[0]
mean_valid: each sequence alone
    return torch.stack([row[:n].mean(0) for row, n in zip(output, lengths, strict=True)])
masked_loss: all steps of all sequences in one row
    steps = [(a[:n], b[:n]) for a, b, n in zip(logits, targets, lengths, strict=True)]
    return F.cross_entropy(*map(torch.cat, zip(*steps, strict=True)))
""")


def test_torchs_own_functions_are_no_way_round():
    for task in (check.batch_sizes, check.pack, check.unpack, check.run_packed):
        for way in ORACLES[task.name]:
            verdict = task.verdict(way)
            assert (verdict.state, verdict.points) == ("forbidden", 0), str(verdict)


@pytest.mark.parametrize("seed", range(3))
def test_the_cases_lengths_are_different_and_the_longest_is_not_in_front(seed):
    generator = torch.Generator().manual_seed(seed)
    for B in (2, 3, 5, 7):
        lengths = some_lengths(lambda n: torch.randn(n, generator=generator), B, longest=7)
        assert len(lengths) == len(set(lengths.tolist())) == B
        assert (lengths.min() >= 1, lengths.max() == 7, lengths[0] < 7) == (True, True, True)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_last_valid_is_the_state_of_torch(batch_first, bidirectional):
    layer = nn.LSTM(3, 4, batch_first=batch_first, bidirectional=bidirectional).requires_grad_(False)
    lengths = torch.tensor([3, 6, 2, 5])
    x = torch.randn(4, 6, 3) if batch_first else torch.randn(6, 4, 3)
    output, (h_n, _) = layer(pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False))
    padded, _ = pad_packed_sequence(output, batch_first, padding_value=torch.nan)
    found = check.last_valid.truth(padded, lengths, batch_first, bidirectional)
    torch.testing.assert_close(found, torch.cat(list(h_n), dim=-1), rtol=0, atol=0)


def test_poison_is_in_the_padding_and_nowhere_else():
    for task in (check.mean_valid, check.pack):
        given = [tuple(case.arguments.values()) for case in task.cases(0)]
        poisoned = [(x, lengths) for x, lengths in given if x.isnan().any()]
        assert len(poisoned) >= 2
        for x, lengths in poisoned:
            assert torch.equal(x.isnan().all(-1), padding(lengths, x.shape[1]))
            assert torch.equal(x.isnan().any(-1), x.isnan().all(-1))


def test_reading_poison_is_named_and_leaves_the_point_of_finite_padding():
    def times_mask(output, lengths):
        mask = torch.arange(output.shape[1]) < lengths[:, None]
        return (output * mask[..., None]).sum(1) / lengths[:, None]

    verdict = check.mean_valid.verdict(times_mask)
    assert (verdict.mistake, verdict.points) == ("multiplied by the mask", 1)


HONEST = ways("""
valid: loop
    return torch.stack([torch.arange(T) < n for n in lengths])
valid: lists
    return torch.tensor([[t < n for t in range(T)] for n in lengths.tolist()])
valid: numpy
    return torch.from_numpy(np.arange(T)[None] < lengths.numpy()[:, None])
last_valid: loop
    rows = []
    for b, n in enumerate(lengths.tolist()):
        row = output[b] if batch_first else output[:, b]  # (T, D*H)
        H = row.shape[1] // 2
        rows.append(torch.cat([row[n - 1, :H], row[0, H:]]) if bidirectional else row[n - 1])
    return torch.stack(rows)
last_valid: gather
    time = 1 if batch_first else 0
    index = (lengths - 1).view(-1, 1, 1) if batch_first else (lengths - 1).view(1, -1, 1)
    shape = list(output.shape)
    shape[time] = 1
    last = output.gather(time, index.expand(shape)).squeeze(time)
    if bidirectional:
        H = output.shape[-1] // 2
        last[:, H:] = output.select(time, 0)[:, H:]
    return last
mean_valid: loop
    return torch.stack([row[:n].mean(dim=0) for row, n in zip(output, lengths, strict=True)])
mean_valid: fill
    output = output.clone()
    output[torch.arange(output.shape[1]) >= lengths.unsqueeze(1)] = 0
    return torch.einsum("bth,b->bh", output, 1 / lengths.double())
mean_valid: nan
    mask = torch.arange(output.shape[1]) < lengths[:, None]
    return output.masked_fill(~mask[..., None], torch.nan).nanmean(dim=1)
masked_loss: marked
    mask = torch.arange(logits.shape[1]) < lengths[:, None]
    return F.cross_entropy(logits.flatten(0, 1), targets.masked_fill(~mask, -100).flatten())
masked_loss: by hand
    total = 0.0
    for row, right, n in zip(logits, targets, lengths.tolist(), strict=True):
        total = total - row[:n].log_softmax(-1)[torch.arange(n), right[:n]].sum()
    return total / lengths.sum()
masked_loss: selected
    mask = torch.arange(logits.shape[1]) < lengths[:, None]
    each = nn.CrossEntropyLoss(reduction="none")(logits.transpose(1, 2), targets)
    return torch.where(mask, each, 0).sum() / mask.sum()
batch_sizes: loop
    return [int((lengths > t).sum()) for t in range(max(lengths))]
batch_sizes: counted
    ends = torch.bincount(lengths)  # how many sequences have each length
    return (len(lengths) - ends.cumsum(0))[:-1]
pack: columns
    # By selecting from the sorted batch, time first.
    ordered, order = lengths.sort(descending=True)
    mask = torch.arange(int(ordered[0]))[:, None] < ordered  # (T, B)
    data = x[order].transpose(0, 1)[: len(mask)][mask]
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    return nn.utils.rnn.PackedSequence(data, mask.sum(1), order, back)
pack: lists
    order = sorted(range(len(lengths)), key=lambda b: -int(lengths[b]))
    data, sizes = [], []
    for t in range(int(max(lengths))):
        running = [b for b in order if lengths[b] > t]
        data += [x[b, t] for b in running]
        sizes.append(len(running))
    return torch.stack(data), torch.tensor(sizes), torch.tensor(order), torch.tensor(order).argsort()
unpack: indexed
    # Straight to the place in the order given, row by row of data.
    begins = batch_sizes.cumsum(0) - batch_sizes
    lengths = (batch_sizes > unsorted_indices[:, None]).sum(1)
    padded = torch.zeros(len(unsorted_indices), total_length, data.shape[1], dtype=data.dtype)
    for b, n in enumerate(lengths.tolist()):
        padded[b, :n] = data[begins[:n] + unsorted_indices[b]]
    return padded, lengths
unpack: masked
    B = int(batch_sizes[0])
    mask = torch.arange(B) < F.pad(batch_sizes, (0, total_length - len(batch_sizes)))[:, None]  # (T, B)
    padded = data.new_zeros(total_length, B, data.shape[1])
    padded[mask] = data
    return padded.transpose(0, 1)[unsorted_indices], mask.sum(0)[unsorted_indices]
run_packed: in place
    # The states stay in the order given; each column is taken and put back by index.
    h, c = (part.clone() for part in state)
    order = unsorted_indices.argsort()
    output, start = data.new_zeros(len(data), h.shape[1]), 0
    for size in batch_sizes.tolist():
        rows = order[:size]
        h[rows], c[rows] = cell(data[start : start + size], (h[rows], c[rows]))
        output[start : start + size] = h[rows]
        start += size
    return output, h, c
run_packed: each alone
    # Each sequence by itself, its steps collected from data.
    begins = batch_sizes.cumsum(0) - batch_sizes
    output = torch.zeros(len(data), cell.hidden_size, dtype=data.dtype)
    ends = []
    for b, place in enumerate(unsorted_indices.tolist()):
        pair = state[0][b], state[1][b]
        for t in range(int((batch_sizes > place).sum())):
            row = int(begins[t]) + place
            pair = cell(data[row], pair)
            output[row] = pair[0]
        ends.append(pair)
    h, c = zip(*ends, strict=True)
    return output, torch.stack(h), torch.stack(c)
""")
