"""An exercise as it was released: its cells, its checks, and the cases that this run draws for it."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from rnncourse.checks.framework.answers import AnswerKey
from rnncourse.checks.framework.check import Check
from rnncourse.grading.intake.cells import Cell, likeness
from rnncourse.grading.intake.notebook import Source
from rnncourse.grading.sandbox.wire import pack_inputs

NONE: Mapping[str, bytes] = MappingProxyType({})  # files beside a notebook
SOLVED = "### BEGIN SOLUTION"


@dataclass
class Assignment:
    """An exercise as it was released, its checks, and the cases of this run.

    name: such as "06_lstm_gates". stem: the name of its notebook and of its checks, such as "lstm_gates".
    notebook: the contents of its file in solutions/ or exercises/. seed: the seed of the cases.
    """

    name: str
    stem: str
    notebook: bytes
    seed: int
    keys: dict[int, AnswerKey] = field(default_factory=dict, repr=False)
    _inputs: dict[tuple[int, ...], bytes] = field(default_factory=dict, repr=False)

    @cached_property
    def source(self) -> Source:
        return Source.of(self.notebook)

    @cached_property
    def checks(self) -> dict[int, Check]:
        """The checks, by the numbers of their cells in the source."""
        found = importlib.import_module(f"rnncourse.checks.{self.stem}").CHECKS
        by_id = {f"{check.name}_check": check for check in found}
        cells = self.source.cells
        return {k: by_id[self.source.grade_id(k)] for k in range(len(cells)) if self.source.is_check(k)}

    @property
    def total(self) -> int:
        return sum(check.points for check in self.checks.values())

    @cached_property
    def version(self) -> bytes:
        """Bytes that change with the exercise's locked cells, its points or the cases."""
        parts = [self.name, self.seed, [(check.name, check.points) for check in self.checks.values()]]
        parts += [cell["source"] for k, cell in enumerate(self.source.cells) if self.source.is_locked(k)]
        return repr(parts).encode()

    @cached_property
    def solutions(self) -> dict[str, str]:
        """The solution's cell for each task; empty if the course has no solutions."""
        texts = {self.source.grade_id(k): cell["source"] for k, cell in enumerate(self.source.cells)}
        names = [check.name for check in self.checks.values()]
        return {name: texts[name] for name in names if SOLVED in texts.get(name, "")}

    @cached_property
    def likeness(self) -> str:
        """The likeness of the solution; "" if the course has none."""
        cells = [Cell.of(cell["source"]) for cell in self.source.cells]
        return likeness((check.name for check in self.checks.values()), cells) if self.solutions else ""

    def key(self, k: int) -> AnswerKey:
        if k not in self.keys:
            self.keys[k] = AnswerKey(self.checks[k], self.checks[k].cases(self.seed))
        return self.keys[k]

    def inputs(self, numbers: tuple[int, ...]) -> bytes:
        """Return, packed for the sandbox, the arguments of all cases of a group's tasks."""
        if numbers not in self._inputs:
            given = [[case.arguments for case in self.key(k).cases] for k in numbers]
            self._inputs[numbers] = pack_inputs(given)
        return self._inputs[numbers]

    def digest(self, notebook: bytes | None, helpers: Mapping[str, bytes] = NONE) -> str:
        """Return a digest of what was graded (the notebook and the files beside it) and of the version."""
        found = hashlib.sha256(self.version + (b"" if notebook is None else notebook))
        for name in sorted(helpers):
            found.update(repr((name, helpers[name])).encode())
        return found.hexdigest()[:32]
