"""Packed sequences: torch's contract, and that each sequence is treated as if it were alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import (
    LAYERS,
    LENGTHS,
    VARIANTS,
    B,
    H,
    I,
    T,
    assert_same,
    by_name,
    pair,
    random,
    run,
    sequence,
    states_for,
)
from torch.nn.utils.rnn import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    unpack_sequence,
)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_each_sequence_is_as_if_alone(variant, bidirectional):
    """No oracle but the layer itself: one call on the unsorted pack against B calls on one sequence each."""
    kind, options = VARIANTS[variant]
    layer, _ = pair(kind, num_layers=2, bidirectional=bidirectional, **options)
    packed, hx = sequence("unsorted"), states_for(layer)
    output, last = layer(packed, hx)
    hx, last = (states if isinstance(states, tuple) else (states,) for states in (hx, last))
    for b, (x, wanted) in enumerate(zip(unpack_sequence(packed), unpack_sequence(output), strict=True)):
        own = tuple(state[:, b] for state in hx)
        alone, end = layer(x, own if kind == "LSTM" else own[0])
        ends = end if isinstance(end, tuple) else (end,)
        assert_same(
            {"output": alone, **dict(enumerate(ends))},
            {"output": wanted, **dict(enumerate(state[:, b] for state in last))},
        )


@pytest.mark.parametrize("kind", LAYERS)
class TestPacked:
    def test_output_is_packed_as_the_input(self, kind):
        """The same batch sizes and indices, on which pad_packed_sequence restores the caller's order."""
        mine, theirs = pair(kind, bidirectional=True)
        for form in ("sorted", "unsorted"):
            packed = sequence(form)
            output = mine(packed)[0]
            assert isinstance(output, PackedSequence)
            assert torch.equal(output.batch_sizes, packed.batch_sizes)
            assert output.sorted_indices is packed.sorted_indices
            assert output.unsorted_indices is packed.unsorted_indices
            (padded, lengths), (wanted, wanted_lengths) = map(
                pad_packed_sequence, (output, theirs(packed)[0])
            )
            assert_same({"padded": padded}, {"padded": wanted})
            assert torch.equal(lengths, wanted_lengths)

    def test_batch_first_means_nothing_to_a_pack(self, kind):
        mine, theirs = pair(kind, batch_first=True, num_layers=2)
        packed = pack_padded_sequence(random(B, T, I), LENGTHS, batch_first=True, enforce_sorted=False)
        hx = states_for(theirs)
        assert_same(run(mine, packed, hx), run(theirs, packed, hx))

    @pytest.mark.parametrize("lengths", [[5], [1, 1, 1], [4, 4], [3, 2, 1]], ids=str)
    def test_small_packs(self, kind, lengths):
        mine, theirs = pair(kind, num_layers=2, bidirectional=True)
        packed = pack_sequence([random(length, I, seed=length) for length in lengths])
        hx = states_for(theirs, len(lengths))
        assert_same(run(mine, packed, hx), run(theirs, packed, hx))

    def test_no_gradient_reaches_the_padding(self, kind):
        layer, _ = pair(kind, bidirectional=True)
        x = random(T, B, I).requires_grad_()
        output, _ = layer(pack_padded_sequence(x, LENGTHS, enforce_sorted=False))
        (gradient,) = torch.autograd.grad(output.data.sum(), x)
        padding = torch.arange(T)[:, None] >= torch.tensor(LENGTHS)  # (T, B)
        assert gradient[padding].count_nonzero() == 0
        assert gradient[~padding].count_nonzero() == sum(LENGTHS) * I

    def test_state_goes_on_from_where_it_ended(self, kind):
        """Two calls, the state carried in the caller's order, against one call on the whole."""
        layer, _ = pair(kind, num_layers=2)
        x, half = random(2 * T, B, I), T
        whole = by_name(layer, layer(pack_padded_sequence(x, [T + n for n in LENGTHS], enforce_sorted=False)))
        _, hx = layer(pack_padded_sequence(x[:half], [half] * B, enforce_sorted=False))
        parts = by_name(layer, layer(pack_padded_sequence(x[half:], LENGTHS, enforce_sorted=False), hx))
        del whole["output"], parts["output"]
        assert_same(parts, whole)

    def test_autocast(self, kind):
        """To bfloat16: torch's dtypes, and its numbers to bfloat16's precision."""
        mine, theirs = pair(kind, num_layers=2, bidirectional=True, dtype=torch.float32)
        packed = sequence("unsorted", torch.float32)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert_same(by_name(mine, mine(packed)), by_name(theirs, theirs(packed)), tolerance=0.03)

    def test_on_meta(self, kind):
        """Shapes only; the batch sizes stay on the CPU, as torch keeps them."""
        mine, theirs = (module.to("meta") for module in pair(kind, num_layers=2))
        packed = PackedSequence(
            torch.empty(6, I, device="meta", dtype=torch.float64), torch.tensor([3, 2, 1])
        )
        assert_same(by_name(mine, mine(packed)), by_name(theirs, theirs(packed)))


@settings(max_examples=30)
@given(st.data())
def test_any_lengths(data):
    lengths = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5), "lengths")
    kind, options = VARIANTS[data.draw(st.sampled_from(list(VARIANTS)), "variant")]
    bidirectional = data.draw(st.booleans(), "bidirectional")
    mine, theirs = pair(kind, 3, H, num_layers=2, bidirectional=bidirectional, **options)
    x = [random(length, 3, seed=i) for i, length in enumerate(lengths)]
    packed = pack_sequence(x, enforce_sorted=False)
    hx = states_for(theirs, len(lengths)) if data.draw(st.booleans(), "hx") else None
    assert_same(run(mine, packed, hx), run(theirs, packed, hx), tolerance=1e-11)
