"""The checks, in the order in which they run: each yields its findings."""

from types import ModuleType

from rnncourse.auditing.checks import (
    arguments,
    chance,
    cut,
    finite,
    future,
    gates,
    losses,
    memory,
    padding,
    parameters,
    recurrent,
    rows,
    softmax,
    starts,
    steps,
    targets,
)

ALL: tuple[ModuleType, ...] = (
    chance,
    memory,
    rows,
    arguments,
    steps,
    future,
    cut,
    starts,
    padding,
    recurrent,
    gates,
    softmax,
    losses,
    targets,
    parameters,
)
FIRST: ModuleType = finite
