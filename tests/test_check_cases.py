"""Cases from words: what they are called, what reaches the function, what traits they have."""

import torch

from rnncourse.checks.framework.cases import BATCH, H_ZERO
from rnncourse.checks.framework.drawn import cases


@cases(0.5, "B3 I2", "layer2 B1 I4 p=0.25 h_zero; B2 I2 kind='GRU'", dtype=torch.float32)
def drawn(numbers, B, I, layer=0, p=0.0, h_zero=False, kind=""):
    return {"x": numbers(B, I), "others": (layer, p, h_zero, kind)}, BATCH, h_zero and H_ZERO


def test_a_word_is_a_size_a_value_or_true():
    plain, second, third = drawn(0)
    assert [str(case) for case in (plain, second, third)] == ["B=3, I=2", "layer=2, B=1, I=4", "B=2, I=2"]
    assert [case.arguments["others"] for case in (plain, second, third)] == [
        (0, 0.0, False, ""),
        (2, 0.25, True, ""),
        (0, 0.0, False, "GRU"),
    ]
    assert plain.traits == {BATCH}
    assert second.traits == {BATCH, H_ZERO}


def test_the_numbers_are_drawn_in_order_from_the_seed():
    numbers = torch.Generator().manual_seed(7)
    for case in drawn(7):
        expected = 0.5 * torch.randn(case.sizes["B"], case.sizes["I"], generator=numbers)
        assert torch.equal(case.arguments["x"], expected)
