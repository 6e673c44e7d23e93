"""An exercise as it was released: its cells, its checks and the cases that this run draws for it."""

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
    """An exercise as it was given out, its checks, and the cases of this grading.

    name: "06_lstm_gates". stem: of its notebook and its checks, "lstm_gates". notebook: its file, that of
    solutions/ or of exercises/. seed: of the cases.
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
        """The checks by their cells' numbers in the source."""
        found = importlib.import_module(f"rnncourse.checks.{self.stem}").CHECKS
        by_id = {f"{check.name}_check": check for check in found}
        cells = self.source.cells
        return {k: by_id[self.source.grade_id(k)] for k in range(len(cells)) if self.source.is_check(k)}

    @property
    def total(self) -> int:
        return sum(check.points for check in self.checks.values())

    @cached_property
    def version(self) -> bytes:
        """Changes with the exercise's locked cells, its points or the cases."""
        said = [self.name, self.seed, [(check.name, check.points) for check in self.checks.values()]]
        said += [cell["source"] for k, cell in enumerate(self.source.cells) if self.source.is_locked(k)]
        return repr(said).encode()

    @cached_property
    def solutions(self) -> dict[str, str]:
        """The solution's cell of each task, where the course has its solutions."""
        texts = {self.source.grade_id(k): cell["source"] for k, cell in enumerate(self.source.cells)}
        names = [check.name for check in self.checks.values()]
        return {name: texts[name] for name in names if SOLVED in texts.get(name, "")}

    @cached_property
    def likeness(self) -> str:
        """The likeness of the solution; "" where there is none."""
        cells = [Cell.of(cell["source"]) for cell in self.source.cells]
        return likeness((check.name for check in self.checks.values()), cells) if self.solutions else ""

    def key(self, k: int) -> AnswerKey:
        if k not in self.keys:
            self.keys[k] = AnswerKey(self.checks[k], self.checks[k].cases(self.seed))
        return self.keys[k]

    def inputs(self, numbers: tuple[int, ...]) -> bytes:
        """For the tasks of a group, the arguments of their cases."""
        if numbers not in self._inputs:
            given = [[case.arguments for case in self.key(k).cases] for k in numbers]
            self._inputs[numbers] = pack_inputs(given)
        return self._inputs[numbers]

    def digest(self, notebook: bytes | None, helpers: Mapping[str, bytes] = NONE) -> str:
        """Tell by what a submission was graded, and what was graded: its notebook and the files beside it."""
        found = hashlib.sha256(self.version + (b"" if notebook is None else notebook))
        for name in sorted(helpers):
            found.update(repr((name, helpers[name])).encode())
        return found.hexdigest()[:32]
