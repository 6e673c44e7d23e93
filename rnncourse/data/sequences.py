"""Shared by the data sets: splits, vocabularies, sequences of different lengths, and the shipped files."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

PAD, UNKNOWN = "<pad>", "<unknown>"  # an input vocabulary's symbols 0 and 1
IGNORED = -100  # the target of a padded step; torch's cross_entropy skips it


class Splits(NamedTuple):
    """One data set in three parts that share no document.

    Attributes:
        train: the part to fit on.
        valid: the part to choose on.
        test: the part to report on.

    Example:
        >>> splits = rnncourse.data.digits_1d(count=100)
        >>> train, valid, test = splits.loaders(batch_size=16)
        >>> x, y = next(iter(train))
        >>> tuple(x.shape), tuple(y.shape)
        ((16, 40), (16,))
    """

    train: Dataset[Any]
    valid: Dataset[Any]
    test: Dataset[Any]

    def loaders(self, batch_size: int) -> list[DataLoader[Any]]:
        """Return a DataLoader for each part; training batches are shuffled, sequences padded by `collate`."""
        return [
            DataLoader(
                part, batch_size, shuffle=part is self.train, collate_fn=getattr(part, "collate", None)
            )
            for part in self
        ]


class Vocabulary:
    """The symbols of a data set, numbered.

    `symbols[i]` is symbol i, `index[symbol]` its number. Encoding a symbol that is not in the vocabulary
    gives the number of UNKNOWN; a vocabulary without UNKNOWN, such as that of targets, raises a KeyError.

    Args:
        symbols: strings; they are sorted, and repetitions are left out.
        reserved: strings that come first, in their order.

    Example:
        >>> vocabulary = rnncourse.data.Vocabulary.of_inputs(["abba", "cab"])
        >>> vocabulary.symbols
        ['<pad>', '<unknown>', 'a', 'b', 'c']
        >>> vocabulary.encode("bad")
        tensor([3, 2, 1])
    """

    def __init__(self, symbols: Iterable[str], reserved: Sequence[str] = ()) -> None:
        self.symbols = [*reserved, *sorted(set(symbols))]
        self.index = {symbol: number for number, symbol in enumerate(self.symbols)}

    @classmethod
    def of_inputs(cls, sequences: Iterable[Sequence[str]], at_least: int = 1) -> "Vocabulary":
        """Collect what occurs at least `at_least` times in the training sequences; PAD is 0, UNKNOWN is 1.

        With at_least=2 the words that occur once are UNKNOWN in training too, so its embedding is trained.
        """
        counts = Counter(symbol for sequence in sequences for symbol in sequence)
        return cls((symbol for symbol, n in counts.items() if n >= at_least), reserved=(PAD, UNKNOWN))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, sequence: Iterable[str]) -> Tensor:
        """Return the symbols' numbers, int64 (T)."""
        if UNKNOWN in self.index:
            unknown = self.index[UNKNOWN]
            return torch.tensor([self.index.get(symbol, unknown) for symbol in sequence], dtype=torch.long)
        return torch.tensor([self.index[symbol] for symbol in sequence], dtype=torch.long)

    def decode(self, numbers: Iterable[int] | Tensor) -> list[str]:
        """Return the symbols of these numbers."""
        return [self.symbols[int(number)] for number in numbers]


class Sequences(Dataset[tuple[Tensor, Tensor]]):
    """Pairs of an input and a target sequence. Item i is both, int64 (T), (T'); `pairs[i]` is its text.

    Args:
        pairs: the inputs and targets, sequences of symbols.
        inputs: the vocabulary of the inputs.
        targets: the vocabulary of the targets.

    Raises:
        KeyError: a vocabulary lacks a symbol, and UNKNOWN as well.

    Example:
        >>> from rnncourse.data import Sequences, Vocabulary
        >>> words, tags = Vocabulary.of_inputs([["I", "run"]]), Vocabulary(["PRON", "VERB"])
        >>> Sequences([(["I", "run"], ["PRON", "VERB"])], words, tags)[0]
        (tensor([2, 3]), tensor([0, 1]))
    """

    def __init__(
        self, pairs: Sequence[tuple[Sequence[str], Sequence[str]]], inputs: Vocabulary, targets: Vocabulary
    ) -> None:
        self.pairs, self.inputs, self.targets = list(pairs), inputs, targets
        self._encoded = [(inputs.encode(x), targets.encode(y)) for x, y in self.pairs]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self._encoded[i]

    @staticmethod
    def collate(batch: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
        """Return x (B, T) padded with 0, the lengths of x (B), and y (B, T') padded with -100."""
        xs, ys = [x for x, _ in batch], [y for _, y in batch]
        lengths = torch.tensor([len(x) for x in xs])
        x = pad_sequence(xs, batch_first=True)
        return x, lengths, pad_sequence(ys, batch_first=True, padding_value=IGNORED)


def seven_one_two(documents: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """Split documents: of every ten, seven for training, the eighth for validation, two for the test."""
    places = range(7), [7], [8, 9]
    train, valid, test = ([d for i, d in enumerate(documents) if i % 10 in place] for place in places)
    return train, valid, test


def distinct(items: Iterable[Hashable]) -> list[Any]:
    """Return the items in their order without repetitions, so that none is in two parts."""
    return list(dict.fromkeys(items))


def read(name: str) -> str:
    """Return the text of a file in `files/`. `files/files.json` has its source and licence."""
    return (files("rnncourse.data") / "files" / name).read_text(encoding="utf-8")
