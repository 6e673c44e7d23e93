"""Batches of different lengths: drawn, padded with numbers or poison, laid out as a staircase."""

import torch

from rnncourse.checks.framework.cases import Trait

FINITE = Trait("the padding is finite", "what you do with the padding: nan stands in it")
ONE_WAY = Trait("there is one direction", "what you do with the second half")
TWO_WAYS = Trait("there are two directions", "what you do where there is no second half")
FITTING = Trait("the longest sequence fills all steps", "what you do with more steps than any sequence has")


def some_lengths(numbers, B, longest):
    """B different lengths up to `longest`, which is among them, but not in front; random order."""
    others = numbers(longest - 1).argsort()[: B - 1] + 1
    place = 1 + int(numbers(B - 1).argmax())
    return torch.cat([others[:place], torch.tensor([longest]), others[place:]])


def padding(lengths, T):
    """True where a batch of these lengths is padded: (B, T)."""
    return torch.arange(T) >= lengths[:, None]


def padded(numbers, lengths, T, *axes, nan=False):
    """Random numbers (B, T, *axes), those of the padding too; there nan, if asked."""
    x = numbers(len(lengths), T, *axes)
    if nan:
        x[padding(lengths, T)] = torch.nan
    return x


def staircase(lengths):
    """batch_sizes (T), and the two indices (B) each."""
    order = lengths.argsort(descending=True)
    return (~padding(lengths, int(lengths.max()))).sum(0), order, order.argsort()
