"""The data sets of lessons 17 to 21, all offline: shipped, made here, or installed with another package.

Each loader's docstring names its source, licence and size. Each returns `Splits`, three torch Datasets,
`train, valid, test = digits()`, or as DataLoaders `digits().loaders(64)`. The batch is the first axis. A time
series is returned whole; `windows` makes Splits of it.
"""

from rnncourse.data.images import digits, digits_1d, mnist
from rnncourse.data.sequences import IGNORED, PAD, UNKNOWN, Sequences, Splits, Vocabulary
from rnncourse.data.series import Scale, Series, co2, el_nino, sunspots, windows
from rnncourse.data.tagging import CLASSES, addresses, character_classes, python_characters, sentences
from rnncourse.data.texts import Text, python_topics, sonnets
from rnncourse.data.translation import END, START, dates

__all__ = [
    "CLASSES",
    "END",
    "IGNORED",
    "PAD",
    "START",
    "UNKNOWN",
    "Scale",
    "Sequences",
    "Series",
    "Splits",
    "Text",
    "Vocabulary",
    "addresses",
    "character_classes",
    "co2",
    "dates",
    "digits",
    "digits_1d",
    "el_nino",
    "mnist",
    "python_characters",
    "python_topics",
    "sentences",
    "sonnets",
    "sunspots",
    "windows",
]
