"""The scan returns what the equation says, step by step in NumPy's float64, and its gradients are right."""

import math

import numpy as np
import pytest
import torch

from rnncourse import scan as module
from rnncourse.scan import combine, doubling, loop, scan

WAYS = [loop, doubling, scan]
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100, 257]


@pytest.fixture(params=[None, 60, 1], ids=["one part", "several parts", "a step a part"])
def parts(request, monkeypatch):
    """Cut sequences into parts as short ones never are."""
    if request.param is not None:
        monkeypatch.setattr(module, "CACHED", request.param)


def equation(a, b, h):
    """h_t = a_t h_{t-1} + b_t, in NumPy, independent of the library."""
    states = []
    for a_t, b_t in zip(a.numpy(), b.numpy(), strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.from_numpy(np.stack(states))


def draw(T, *shape, dtype=torch.float64):
    torch.manual_seed(T)
    return (
        torch.rand(T, *shape).to(dtype).requires_grad_(),
        torch.randn(T, *shape).to(dtype).requires_grad_(),
        torch.randn(*shape).to(dtype).requires_grad_(),
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("T", LENGTHS)
def test_states_are_those_of_the_equation(way, T, parts):
    a, b, h_0 = (v.detach() for v in draw(T, 2, 3))
    torch.testing.assert_close(way(a, b, h_0), equation(a, b, h_0.numpy()))
    torch.testing.assert_close(way(a, b), equation(a, b, np.zeros((2, 3))))


def error(way, a, b):
    """Return the largest error in float32, over the largest state if that is above 1."""
    h_0 = torch.randn(a.shape[1:])
    expected = equation(a.double(), b.double(), h_0.double().numpy())
    return ((way(a, b, h_0) - expected).abs().max() / expected.abs().max().clamp(min=1)).item()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("near", [0, 1])
@pytest.mark.parametrize("distance", [0.0, 1e-30, 1e-6, 1e-3, 0.1, 1.0])
def test_float32_holds_1e_6_for_factors_near_0_and_near_1(way, near, distance):
    torch.manual_seed(0)
    a = (near - distance * torch.rand(4096, 2, 3)).abs()
    # next to 1 a small b is added to a large h, 4096 times: the loop rounds each time, pairs 12 times
    assert error(way, a, (1 - a) * torch.randn(4096, 2, 3)) < (1e-4 if way is loop else 1e-6)


@pytest.mark.parametrize("factor", [0.5, 0.999, 1 - 1e-6])
def test_one_factor_for_all_steps_rounds_the_same_way_each_time(factor):
    """The rounding errors of equal products add up instead of cancelling; still no more than 1e-5."""
    torch.manual_seed(0)
    a = torch.full((4096, 2, 3), factor)
    assert error(scan, a, (1 - a) * torch.randn(4096, 2, 3)) < 1e-5


@pytest.mark.parametrize("factor", [1.0, -1.0])
def test_pairs_lose_fewer_digits_of_a_sum_than_the_loop(factor):
    """4096 numbers of the size 1 are added: in the loop each rounding error goes through all later steps."""
    torch.manual_seed(0)
    a, b = torch.full((4096, 4, 8), factor), torch.randn(4096, 4, 8)
    assert error(scan, a, b) < 1e-6
    assert error(doubling, a, b) < 1e-6
    assert error(loop, a, b) > error(scan, a, b)


def test_mixed_factors_in_float32():
    torch.manual_seed(0)
    a = torch.sigmoid(8 * torch.randn(5000, 4, 8))  # most are within 1e-3 of 0 or of 1
    b = (1 - a) * torch.randn(5000, 4, 8)
    for way in WAYS:
        assert error(way, a, b) < 1e-6


@pytest.mark.parametrize("T", [1, 2, 3, 7])
def test_gradients_and_their_gradients(T, parts):
    arguments = draw(T, 2)
    assert torch.autograd.gradcheck(scan, arguments)
    assert torch.autograd.gradgradcheck(scan, arguments)


@pytest.mark.parametrize("T", [1, 6, 9])
def test_complex_numbers(T):
    arguments = [v.detach() * (1 + 1j) for v in draw(T, 2)]
    torch.testing.assert_close(scan(*arguments), equation(*arguments[:2], arguments[2].numpy()))
    assert torch.autograd.gradcheck(scan, [v.requires_grad_() for v in arguments])


def test_gradients_are_those_of_the_loop_in_float32():
    a, b, h_0 = draw(1000, 3, 5, dtype=torch.float32)
    upstream = torch.randn(1000, 3, 5)
    found, expected = (torch.autograd.grad(way(a, b, h_0), (a, b, h_0), upstream) for way in (scan, loop))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cut", [1, 2, 5, 12])
def test_carried_state_continues_with_values_and_gradients(way, cut):
    a, b, h_0 = draw(13, 2, 3)
    whole = way(a, b, h_0)
    first = way(a[:cut], b[:cut], h_0)
    second = way(a[cut:], b[cut:], first[-1])
    both = torch.cat([first, second])
    torch.testing.assert_close(both, whole)
    upstream = torch.randn(13, 2, 3, dtype=torch.float64)
    for one, other in zip(
        torch.autograd.grad(both, (a, b, h_0), upstream),
        torch.autograd.grad(whole, (a, b, h_0), upstream),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("way", WAYS)
def test_a_sequence_without_steps(way):
    empty, h_0 = torch.empty(0, 2, 3), torch.randn(2, 3, requires_grad=True)
    h = way(empty, empty, h_0)
    assert h.shape == (0, 2, 3)
    assert scan(torch.empty(5, 0), torch.empty(5, 0)).shape == (5, 0)


@pytest.mark.parametrize("way", WAYS)
def test_arguments_stay_and_may_lie_anyhow_in_memory(way):
    a, b, h_0 = (v.detach() for v in draw(6, 4, 3))
    turned = [v.transpose(0, 1).contiguous().transpose(0, 1) for v in (a, b)]
    copies = [v.clone() for v in (*turned, h_0)]
    torch.testing.assert_close(way(*turned, h_0), way(a, b, h_0))
    for now, before in zip((*turned, h_0), copies, strict=True):
        assert torch.equal(now, before)


@pytest.mark.parametrize("way", WAYS)
def test_a_constant_factor_broadcasts_and_its_gradient_is_summed(way):
    a = torch.tensor([0.5, 0.9], dtype=torch.float64, requires_grad=True)
    b = torch.randn(4, 3, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a: way(a, b), (a,))


def test_combine_is_composition_associative_and_not_commutative():
    torch.manual_seed(0)
    steps = [(torch.rand(5).double(), torch.randn(5).double()) for _ in range(3)]
    f, g, k = steps
    h = torch.randn(5).double()
    a, b = combine(f, g)
    torch.testing.assert_close(a * h + b, g[0] * (f[0] * h + f[1]) + g[1])
    for one, other in zip(combine(combine(f, g), k), combine(f, combine(g, k)), strict=True):
        torch.testing.assert_close(one, other)
    assert not torch.allclose(combine(f, g)[1], combine(g, f)[1])


def operations(call):
    """Count torch's in-place multiply-adds in a call."""
    with torch.profiler.profile() as profile:
        call()
    return sum(event.count for event in profile.key_averages() if event.key == "aten::addcmul_")


def test_rounds_grow_with_the_logarithm():
    """4 times as long a sequence takes 4 rounds more, two up and two down."""
    counts = []
    for T in (64, 256, 1024):
        a, b = torch.rand(T, 2), torch.randn(T, 2)
        counts.append(operations(lambda a=a, b=b: scan(a, b)))
    assert counts == [2 * math.log2(T) + 2 for T in (64, 256, 1024)]


@pytest.mark.parametrize("way", WAYS)
def test_shapes_that_do_not_fit_get_a_sentence(way):
    b = torch.randn(5, 2, 3)
    with pytest.raises(ValueError, match=r"^a: expected a shape that broadcasts against b, \(5, 2, 3\), got"):
        way(torch.rand(4, 2, 3), b)
    with pytest.raises(ValueError, match=r"^h_0: expected the shape of one step, \(2, 3\), got \(1, 2, 3\)"):
        way(torch.rand(5, 2, 3), b, torch.zeros(1, 2, 3))
    with pytest.raises(ValueError, match=r"^b: expected \(T, \.\.\.\), got a single number\."):
        way(torch.tensor(1.0), torch.tensor(2.0))
