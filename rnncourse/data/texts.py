"""Lesson 19: text, character by character; the target of each character is the next one."""

import re
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset

from rnncourse.data.sequences import Splits, Vocabulary, read


class Text(Dataset[tuple[Tensor, Tensor]]):
    """A text in windows without gaps. Item i is x and y, int64 (length); y[t] is the character after x[t].

    Args:
        text: the whole text.
        vocabulary: the numbers of its characters.
        length: the number of characters in a window.

    Raises:
        KeyError: the vocabulary lacks a character, and UNKNOWN as well.
        ValueError: there is no window of this length in the text.

    Example:
        >>> text = rnncourse.data.Text("abcabcab", rnncourse.data.Vocabulary("abc"), length=3)
        >>> len(text), text[1]
        (2, (tensor([0, 1, 2]), tensor([1, 2, 0])))
    """

    def __init__(self, text: str, vocabulary: Vocabulary, length: int) -> None:
        if not 1 <= length < len(text):  # one more character is needed, the last target
            raise ValueError(
                f"length: expected 1 to {len(text) - 1}, the text's length less one, got {length}."
            )
        self.text, self.vocabulary, self.length = text, vocabulary, length
        self._encoded = vocabulary.encode(text)

    def __len__(self) -> int:
        return (len(self.text) - 1) // self.length

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        if not 0 <= i < len(self):
            raise IndexError(i)
        start, stop = i * self.length, (i + 1) * self.length
        return self._encoded[start:stop], self._encoded[start + 1 : stop + 1]

    def streams(self, batch_size: int) -> list[list[int]]:
        """Return batches of window numbers for DataLoader's `batch_sampler`.

        Row b of a batch continues row b of the batch before it, so the state can be carried.
        Windows that do not fill all rows are left out.
        """
        steps = len(self) // batch_size
        return [[row * steps + step for row in range(batch_size)] for step in range(steps)]


def sonnets(length: int = 128) -> Splits:
    """Load Shakespeare's 154 Sonnets.

    Source: `sonnets_gut.txt` of the package shakespeare 0.6 (Project Gutenberg's text). Licence: public
    domain. Size: 94,653 characters. A blank line ends a sonnet; the numerals are left out. Split by sonnet:
    the last fifteen are the test, the fifteen before them the validation.

    Args:
        length: the number of characters in an item.

    Returns:
        Splits of Text.

    Example:
        >>> train, valid, test = rnncourse.data.sonnets(length=41)
        >>> x, y = train[0]
        >>> "".join(train.vocabulary.decode(x))
        'From fairest creatures we desire increase'
    """
    return _split(read("sonnets.txt").split("\n\n"), length)


def python_topics(length: int = 128) -> Splits:
    """Load the help texts of Python's language reference, `pydoc_data.topics`.

    Source: the Python that runs this, so no file is shipped. Licence: PSF License Version 2. Size: about
    380,000 characters. The text depends on Python's version, so no number computed from it can be stored. A
    paragraph that occurs in several topics is kept only in the first. Split by topic, in alphabetical order.

    Args:
        length: the number of characters in an item.

    Returns:
        Splits of Text.

    Example:
        >>> train, valid, test = rnncourse.data.python_topics(length=64)
        >>> x, y = train[0]
        >>> tuple(x.shape), tuple(y.shape)
        ((64,), (64,))
    """
    from pydoc_data.topics import topics

    seen: set[str] = set()
    documents = []
    for _, text in sorted(topics.items()):
        paragraphs = [
            p for p in dict.fromkeys(re.split(r"\n{2,}", text.strip())) if p.strip() and p not in seen
        ]
        seen.update(paragraphs)
        if paragraphs:
            documents.append("\n\n".join(paragraphs))
    return _split(documents, length)


def _split(documents: list[str], length: int) -> Splits:
    tenth = len(documents) // 10
    parts = documents[: -2 * tenth], documents[-2 * tenth : -tenth], documents[-tenth:]
    joined = ["\n\n".join(part) for part in parts]
    vocabulary = Vocabulary.of_inputs([joined[0]])
    texts: list[Dataset[Any]] = [Text(text, vocabulary, length) for text in joined]
    return Splits(*texts)
